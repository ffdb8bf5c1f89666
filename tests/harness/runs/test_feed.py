"""What an estimator sees of images: cropped, in the size and order of colours that it asked for."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hpe_bench import evaluate, open_run

LOOKING = """
import numpy as np
from hpe_bench import Dataset, Estimator, Images, Sample, hookimpl

class Looking(Estimator):
    inputs = {inputs}

    def predict(self, batch):
        np.savez("seen.npz", *batch.images)
        return np.broadcast_to(np.eye(3), (len(batch), 3, 3))

class Photos(Dataset):
    def ids(self):
        return ["landscape", "portrait"]

    def sample(self, id):
        shape = (60, 91, 3) if id == "landscape" else (91, 60, 3)
        image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        return Sample(id=id, rotation=np.eye(3), image=image)

@hookimpl
def register_estimators(register):
    register("looking", Looking)

@hookimpl
def register_datasets(register):
    register("photos", Photos)
"""


@pytest.fixture
def look(tmp_path):
    """A function of Images(...) as text: what was seen of the two photos, and the inputs that the run states."""

    def run(inputs: str) -> tuple[list[np.ndarray], dict]:
        plugin = tmp_path / "looking.py"
        plugin.write_text(LOOKING.format(inputs=inputs))
        row = evaluate("looking", dataset="photos", plugins=[plugin]).iloc[0]
        with np.load(tmp_path / "seen.npz") as seen:
            return list(seen.values()), open_run(row.run).manifest["inputs"]

    return run


def photo(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_a_centre_is_cut_out_of_the_photo_with_its_aspect_kept(look):
    (landscape, portrait), stated = look('Images("whole", size=(24, 20), interpolation="antialias", shorter_side=40)')
    # 91 / 60 of 40 is 60.7: 60 pixels
    expected = photo(91, 60).resize((60, 40), Image.Resampling.BILINEAR).crop((18, 10, 42, 30))
    np.testing.assert_array_equal(landscape, np.asarray(expected))
    expected = photo(60, 91).resize((40, 60), Image.Resampling.BILINEAR).crop((8, 20, 32, 40))
    np.testing.assert_array_equal(portrait, np.asarray(expected))
    assert stated["shorter_side"] == 40 and stated["size"] == [24, 20] and stated["interpolation"] == "antialias"


def test_without_a_shorter_side_the_whole_is_squeezed_into_the_size(look):
    (landscape, _), stated = look('Images("whole", size=(24, 20), order="BGR", interpolation="antialias")')
    squeezed = photo(91, 60).resize((24, 20), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(landscape, np.asarray(squeezed)[..., ::-1])
    assert stated["shorter_side"] is None


def test_without_a_size_photos_come_as_they_are(look):
    (landscape, portrait), _ = look('Images("whole")')
    np.testing.assert_array_equal(landscape, np.asarray(photo(91, 60)))
    np.testing.assert_array_equal(portrait, np.asarray(photo(60, 91)))
