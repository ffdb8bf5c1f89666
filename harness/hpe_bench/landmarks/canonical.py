"""MediaPipe's canonical face model: 468 points of a neutral, frontal face."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CanonicalFace:
    """``points`` (468, 3) in cm in camera axes (x right, y down, z forward) with R = identity, centred on the origin of
    MediaPipe's model; ``triangles`` (898, 3); ``weights`` (468,) of the points that MediaPipe aligns by, else 0."""

    points: NDArray[np.float64]
    triangles: NDArray[np.int64]
    weights: NDArray[np.float64]


@functools.cache
def canonical_face() -> CanonicalFace:
    """The face, read from the package. From MediaPipe (Apache-2.0, see NOTICE beside the file)."""
    with resources.files("hpe_bench.landmarks").joinpath("canonical_face.npz").open("rb") as file:
        data: Any = np.load(file, allow_pickle=False)
        weights = np.zeros(len(data["vertices"]))
        weights[data["procrustes_landmarks"]] = data["procrustes_weights"]
        # The model's axes are x right, y up, z towards the camera.
        points = data["vertices"].astype(np.float64) * (1.0, -1.0, -1.0)
        return CanonicalFace(points, data["triangles"].astype(np.int64), weights)
