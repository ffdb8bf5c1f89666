"""Image networks as estimators, by a small one: imported, found, and turned into the harness's frame."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hpe_bench import Batch, Images, MissingError, UsageError, evaluate, open_estimator, open_run, pose

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.image_network import ImageNetwork, normalise  # noqa: E402

SMALL = """
import torch
from hpe_bench import Images, hookimpl
from hpe_bench_plugins.estimators.image_network import ImageNetwork

class Colour(torch.nn.Module):
    '''A rotation about x by the mean of red.'''

    def __init__(self):
        super().__init__()
        self.degrees = torch.nn.Parameter(torch.zeros(()))

    def forward(self, images):
        angle = torch.deg2rad(self.degrees * images[:, 0].mean((1, 2)))
        zero, one, c, s = torch.zeros_like(angle), torch.ones_like(angle), angle.cos(), angle.sin()
        return torch.stack([one, zero, zero, zero, c, -s, zero, s, c], -1).view(-1, 3, 3)

class Small(ImageNetwork):
    name, title, source, licence = "small", "Small", "https://example.org", "MIT"
    inputs = Images(crop="6drepnet", size=(8, 8), shorter_side=9, interpolation="antialias")

    @classmethod
    def forms(cls):
        return {"only form": Colour}

@hookimpl
def register_estimators(register):
    register("small", Small)
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The plugin above, known to every command of the test."""
    path = tmp_path / "small.py"
    path.write_text(SMALL)
    monkeypatch.setenv("HPE_BENCH_PLUGINS", str(path))
    torch.save({"module.degrees": torch.tensor(10.0)}, tmp_path / "official.tar")
    return path


def test_images_are_normalised_as_those_of_imagenet():
    image = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), dtype=np.uint8)
    found = normalise(torch.from_numpy(image)).numpy()
    for channel, (mean, deviation) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]):
        np.testing.assert_allclose(found[:, channel], (image[..., channel] / 255 - mean) / deviation, atol=1e-5)


def test_an_official_file_is_imported_with_a_card_and_evaluated_in_the_harness_frame(hpe_bench, small, aflw2000):
    aflw2000([(0, 0, 10), (0, 0, 0)])
    done = hpe_bench("weights", "import", "small", "official.tar", "--as", "300W_LP")
    assert done.returncode == 0, done.stderr
    assert "official.tar is Small (only form), 1 parameters" in done.stdout
    card = json.loads((small.parent / "weights" / "small" / "300W_LP" / "card.json").read_text())
    assert card["estimator"] == "small" and card["source"] == "https://example.org" and card["licence"] == "MIT"
    assert len(card["files"]["network.safetensors"]) == len(card["origin"]["official.tar"]) == 64

    (row,) = evaluate("small", dataset="aflw2000").to_dict("records")
    run = open_run(row["run"])
    assert row["n"] == 2 and run.manifest["inputs"]["shorter_side"] == 9

    images = np.zeros((2, 8, 8, 3), np.uint8)
    images[1, ..., 0] = 255
    prediction = open_estimator("small").predict(Batch(seeds=np.zeros(2, np.uint64), images=images))
    # A turn about x is pitch in the convention G, and the opposite turn in the harness's frame.
    pitch = 10 * (np.array([0, 1]) - 0.485) / 0.229
    np.testing.assert_allclose(pose.euler_from_rotation(prediction), [(0, p, 0) for p in pitch], atol=1e-4)
    np.testing.assert_allclose(prediction, pose.rotation_about("x", -pitch), atol=1e-6)


def test_missing_weights_say_where_to_fetch_them_and_the_command_that_imports_them(small, tmp_path):
    class Absent(ImageNetwork):
        name, title, source, licence = "absent", "Absent", "https://example.org", "MIT"
        inputs = Images(size=(8, 8))

    with pytest.raises(MissingError) as error:
        Absent().find_weights(tmp_path / "weights" / "absent")
    for words in ("weights/absent/300W_LP/network.safetensors", "https://example.org", "weights import absent FILE"):
        assert words in str(error.value)


def test_a_set_is_made_of_one_file_and_has_a_name(tmp_path):
    with pytest.raises(UsageError, match="one checkpoint file"):
        ImageNetworkOfNobody.import_weights([tmp_path], tmp_path, "x", print)
    with pytest.raises(UsageError, match="--as 300W_LP"):
        ImageNetworkOfNobody.import_weights([tmp_path / "x.pth"], tmp_path, None, print)


class ImageNetworkOfNobody(ImageNetwork):
    name, title, source, licence = "nobody", "Nobody", "nowhere", "none"
