"""A third party's network, trained on rendered heads by hpe-bench's engine, on people whom it has not seen."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import hpe_bench
from hpe_bench import pose

pytest.importorskip("lightning_fabric", reason="needs the 'training' extra")

PLUGIN = Path(__file__).parents[1] / "third_party" / "head_net.py"
DOCS = Path(__file__).parents[2] / "docs" / "plugins.md"
ICT = Path(__file__).resolve().parents[3] / "shared" / "data" / "ict-facekit" / "ict_facekit.npz"
PEOPLE = 12


@pytest.fixture(scope="module")
def renders(tmp_path_factory):
    """The root of a small grid of renders: a few people in 12 poses each."""
    import cv2

    from hpe_bench_plugins.datasets.facescape.rendering.appearance import Look
    from hpe_bench_plugins.datasets.facescape.rendering.heads import open_models
    from hpe_bench_plugins.datasets.facescape.rendering.scene import Renderer

    if not ICT.is_file():
        pytest.skip("no heads that look like people are here")
    root, models = tmp_path_factory.mktemp("renders"), open_models(ICT)
    try:
        renderer = Renderer(64, smooth=1, threads=1).__enter__()
    except hpe_bench.MissingError as error:
        pytest.skip(str(error))
    for person in range(PEOPLE):
        head, folder = models.head(person), root / f"{person}"
        folder.mkdir()
        for yaw, pitch, roll in itertools.product((-45, 0, 45), (-25, 25), (-15, 15)):
            image = renderer.render(head, pose.rotation_from_euler((yaw, pitch, roll)), Look())
            cv2.imwrite(str(folder / f"ID{person}_({yaw}_{pitch}_{roll}).png"), image[..., ::-1])
    renderer.close()
    return root


def test_it_beats_knowing_nothing_by_far_on_people_whom_it_has_not_seen(renders):
    settings = {"dataset": "facescape", "root": renders, "plugins": [PLUGIN]}
    options = {"epochs": 15, "batch": 16, "workers": 0, "tensorboard": False}
    trained = hpe_bench.train("head-net", options=options, **settings)
    figures = trained.stages["training"]
    assert figures["samples"] == 9 * 12 and figures["validation_samples"] == 12
    frame = hpe_bench.evaluate(["head-net:weights=quick-facescape", "zero"], **settings)
    network, zero = frame.set_index("estimator").ge_mean
    assert frame.protocol.eq("facescape/holdout").all() and frame.n.eq(2 * 12).all()
    assert network < zero / 2


def test_the_documents_show_the_very_plugin():
    shown = re.search(r"```python\n# head_net\.py[^\n]*\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert shown is not None and shown[1] == PLUGIN.read_text()


def test_what_concerns_the_training_is_about_thirty_lines():
    lines = [line for line in PLUGIN.read_text().splitlines() if line.strip()]
    first = next(place for place, line in enumerate(lines) if line.startswith("def network"))
    last = next(place for place, line in enumerate(lines) if "def find_weights" in line)
    assert last - first <= 35


def test_nobody_is_in_two_parts(renders):
    from hpe_bench_plugins.datasets.facescape.dataset import FaceScape

    dataset = FaceScape(renders)
    parts = [set(dataset.part(part).labels().person) for part in ("train", "validation")]
    held = set(FaceScape(renders, FaceScape.Options(part="holdout")).labels().person)
    assert [len(part) for part in (*parts, held)] == [9, 1, 2]
    assert len(parts[0] | parts[1] | held) == PEOPLE
    assert np.isfinite(dataset.part("train").labels().rotation).all()
