"""What the tests of image networks share."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

REFERENCE = Path(__file__).resolve().parents[4] / "shared" / "reference"


class Golden(NamedTuple):
    """An official implementation on weights and images made by formula.

    ``keys`` are (key, shape, type) in order; ``state()`` lacks what the network computes itself.
    """

    keys: list[tuple[str, tuple[int, ...], str]]
    state: Callable[[], dict[str, Any]]
    images: np.ndarray
    outputs: list[np.ndarray]


@pytest.fixture(scope="session")
def golden():
    """A function of a network's name; the test skips where ../shared/reference is absent."""
    if not REFERENCE.exists():
        pytest.skip("../shared/reference is not here")
    torch = pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location("golden_checkpoint", REFERENCE / "golden_checkpoint.py")
    formulas = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(formulas)

    def read(name: str) -> Golden:
        with np.load(REFERENCE / f"golden_{name}.npz") as file:
            keys = [(key, tuple(shape), kind) for key, shape, kind in json.loads(str(file["state_dict"]))]
            computed = json.loads(str(file["not_filled"]))
            outputs = [file[output] for output in sorted(file.files) if output.startswith("output")]

        def state() -> dict[str, Any]:
            tensors = {key: formulas.tensor(key, shape) for key, shape, _ in keys if key not in computed}
            return {key: torch.from_numpy(np.asarray(tensor)) for key, tensor in tensors.items()}

        return Golden(keys, state, formulas.images(), outputs)

    return read


@pytest.fixture(scope="session")
def scramble():
    """A function that fills a network with random numbers, batch norms' statistics too, such that its output lives."""
    torch = pytest.importorskip("torch")

    def fill(network):
        generator = torch.Generator().manual_seed(5)
        for key, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator)
                if tensor.ndim > 1:
                    noise /= tensor[0].numel() ** 0.5
                elif key.endswith(("weight", "running_var")):
                    noise = 1 + 0.2 * noise.abs()
                tensor.copy_(noise)
        return network.eval()

    return fill


@pytest.fixture
def big(tmp_path):
    """A folder for files of hundreds of megabytes, which are not left lying about."""
    import shutil

    folder = tmp_path / "weights"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)
