"""MediaPipe's canonical face model: 468 points of a neutral, frontal face."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.landmarks.expressions import movements, strengths

_SMOOTH_LENGTH = 4.0
_SMOOTH_COMPONENTS = 40


@dataclass(frozen=True)
class CanonicalFace:
    """``points`` (468, 3) in cm in camera axes (x right, y down, z forward) with R = identity, centred on the origin of
    MediaPipe's model; ``triangles`` (898, 3); ``weights`` (468,) of the points that MediaPipe aligns by, else 0."""

    points: NDArray[np.float64]
    triangles: NDArray[np.int64]
    weights: NDArray[np.float64]

    @functools.cached_property
    def mirror(self) -> NDArray[np.int64]:
        """For each point (468,) the one that takes its place in a mirrored face."""
        return np.asarray(_squared_distances(self.points, self.points * (-1.0, 1.0, 1.0)).argmin(axis=0))

    @functools.cached_property
    def smooth_basis(self) -> NDArray[np.float64]:
        """A basis (468, 40) whose standard normal combinations vary smoothly over the face: samples of a Gaussian
        process with a squared-exponential kernel of 4 cm and a variance near 1."""
        squared = _squared_distances(self.points, self.points)
        values, vectors = np.linalg.eigh(np.exp(-squared / (2.0 * _SMOOTH_LENGTH**2)))
        return np.asarray(vectors[:, -_SMOOTH_COMPONENTS:] * np.sqrt(values[-_SMOOTH_COMPONENTS:]))

    def expressions(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Random expressions: displacements (count, 468, 3) of the points in cm, in the head's own axes."""
        drawn = strengths(rng, count)
        return np.asarray((drawn @ self._movements.reshape(drawn.shape[1], -1)).reshape(count, *self.points.shape))

    @functools.cached_property
    def _movements(self) -> NDArray[np.float64]:
        return movements(self.points)


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


def _squared_distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(((a[:, None] - b[None]) ** 2).sum(axis=-1))
