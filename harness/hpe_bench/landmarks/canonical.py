"""MediaPipe's canonical face model: 468 points of a neutral, frontal face."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.errors import DataError
from hpe_bench.landmarks.expressions import movements, strengths
from hpe_bench.reading import read_arrays

_MOST_BYTES = 2**20
_SMOOTH_LENGTH = 4.0
_SMOOTH_COMPONENTS = 40
#: Those of the components that fall along the order of the points; the others rise. Eigenvectors have no sign of their
#: own, and linear algebra libraries give them this or that one, even with the number of threads.
_FALLING = [0, 1, 3, 8, 12, 14, 15, 16, 18, 22, 23, 24, 27, 28, 30, 31, 35]
#: The largest difference of two points' distances from the middle, in shares of the mean, that is rounding.
_SAME_SHAPE = 1e-3


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
        basis = vectors[:, -_SMOOTH_COMPONENTS:] * np.sqrt(values[-_SMOOTH_COMPONENTS:])
        signs = np.sign(np.arange(len(basis)) @ basis)
        signs[_FALLING] *= -1
        return np.asarray(basis * signs)

    def fits(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Whether points (..., 468, 3) are this very face, turned, scaled and shifted.

        It is one that was laid over others then, and not one that was seen. False where they are NaN.
        """

        def shape(points: NDArray[np.float64]) -> NDArray[np.float64]:
            apart = np.linalg.norm(points - points.mean(axis=-2, keepdims=True), axis=-1)
            return np.asarray(apart / apart.mean(axis=-1, keepdims=True))

        return np.asarray(np.abs(shape(np.asarray(points, np.float64)) - shape(self.points)).max(axis=-1) < _SAME_SHAPE)

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
    path = str(resources.files("hpe_bench.landmarks").joinpath("canonical_face.npz"))
    names = ("vertices", "triangles", "procrustes_landmarks", "procrustes_weights")
    try:
        data = read_arrays(path, names, _MOST_BYTES)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: damaged ({error}); install hpe-bench anew") from error
    weights = np.zeros(len(data["vertices"]))
    weights[data["procrustes_landmarks"]] = data["procrustes_weights"]
    # The model's axes are x right, y up, z towards the camera.
    points = data["vertices"].astype(np.float64) * (1.0, -1.0, -1.0)
    return CanonicalFace(points, data["triangles"].astype(np.int64), weights)


def _squared_distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(((a[:, None] - b[None]) ** 2).sum(axis=-1))
