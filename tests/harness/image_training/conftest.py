"""What the tests of the training of image networks share."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import hpe_bench

pytest.importorskip("torch", reason="needs the 'training' extra")
pytest.importorskip("lightning_fabric", reason="needs the 'training' extra")


@pytest.fixture
def cards(tmp_path, monkeypatch):
    """The path of a copy of the plugin image_learner.py, which all commands of the test load; it logs to "log"."""
    path = tmp_path / "image_learner.py"
    shutil.copy(Path(__file__).parents[1] / "image_learner.py", path)
    monkeypatch.setenv("HPE_BENCH_PLUGINS", str(path))
    monkeypatch.setenv("CARDS_LOG", str(tmp_path / "log"))
    return path


@pytest.fixture
def train(cards):
    """A function that trains the reader on the cards, however little it learns."""

    def start(*, options=None, keep_anyway=True, **more):
        options = {"tensorboard": False, **(options or {})}
        return hpe_bench.train("reader", options=options, keep_anyway=keep_anyway, **more)

    return start


@pytest.fixture
def weights():
    """A function of a trained set: its numbers."""
    return lambda trained: np.load(trained.weights / "reader.npy")
