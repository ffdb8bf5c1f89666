"""The weights that come with the project: found at once, and as good as is said of them."""

from __future__ import annotations

import json

import pytest

from hpe_bench import evaluate, file_digest, open_estimator
from hpe_bench.settings import resolve_folders

pytest.importorskip("torch")
pytest.importorskip("safetensors")


@pytest.fixture
def folder():
    return resolve_folders().weight_folders("nlml")[-1] / "default"


def test_they_are_the_files_of_their_card(folder):
    card = json.loads((folder / "card.json").read_text())
    assert card["shipped"] is True and set(card["files"]) == {"network.safetensors", "tensor.safetensors"}
    for name, digest in card["files"].items():
        assert file_digest(folder / name) == digest


def test_a_fresh_clone_estimates_held_out_heads_within_a_degree():
    rows = evaluate(["nlml", "nlml-tensor"], dataset="synthetic", limit=1000, device="cpu")
    assert (rows.n == 1000).all() and (rows.mae_mean < 1).all()


def test_they_open_from_python():
    import numpy as np

    for name in ("nlml", "nlml-tensor"):
        estimator = open_estimator(name, device="cpu")
        assert estimator.inputs.extractor == "facemesh-always"
        assert np.isnan(estimator.predict_landmarks(np.full((2, 468, 3), np.nan)).rotations).all()


def test_on_the_dev_images_in_the_nlml_selection(shared):
    """Measured once they had been trained, on made-up heads alone; held within what another machine may change."""
    pytest.importorskip("mediapipe")
    rows = evaluate(
        ["nlml", "nlml-tensor"],
        protocol="aflw2000/nlml",
        view="detected",
        root=shared("data/aflw2000-dev"),
        device="cpu",
    )
    assert (rows.n == 360).all() and rows.mae_mean.tolist() == pytest.approx([2.59, 2.59], abs=0.03)
