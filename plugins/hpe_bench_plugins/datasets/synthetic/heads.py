"""Made-up heads: MediaPipe's canonical face under random smooth deformations, seen in perspective."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench import canonical_face

Array = NDArray[Any]

#: Width and height of the image that landmarks are in, pixels.
SIZE = 256.0
#: Standard deviation of a head's stretch along each axis.
STRETCH = 0.04
#: Standard deviation of the asymmetric part of a deformation, as a share of the symmetric one.
ASYMMETRY = 0.15


def identities(seed: int, numbers: Iterable[int], deformation: float) -> NDArray[np.float64]:
    """The heads (n, 468, 3) of those numbers in cm, camera axes, at R = identity: the canonical face deformed.

    The deformation is a Gaussian process with a squared-exponential kernel of 4 cm, made left-right symmetric, plus a
    small part that is not; ``deformation`` is its standard deviation in cm. The head is stretched by some 4% along
    each axis as well. A head follows from ``seed`` and its number alone.
    """
    drawn = [_draw(seed, number) for number in numbers]
    if not drawn:
        return np.zeros((0, len(canonical_face().points), 3))
    symmetric, stretch, asymmetric = (np.stack(parts) for parts in zip(*drawn, strict=True))
    face, basis, mirror = canonical_face().points, canonical_face().smooth_basis, canonical_face().mirror
    even, odd = basis @ symmetric, basis @ asymmetric
    flip = np.array([-1.0, 1.0, 1.0])
    field = even + even[:, mirror] * flip + ASYMMETRY * (odd - odd[:, mirror] * flip)
    return np.asarray(
        face * (1.0 + STRETCH * (deformation > 0) * stretch[:, None]) + deformation * field / np.sqrt(2.0)
    )


def project(points: Array, distance: float | Array) -> Array:
    """Points (..., K, 3) in cm, the head at ``distance`` (...) cm, as FaceMesh gives them: pixels of 256 x 256.

    x and y are in perspective, the face 60% of the image wide at any distance. z is relative to the head, on the scale
    of x. The float type is kept.
    """
    away = np.asarray(distance, dtype=points.dtype)[..., None]
    at_head = points.dtype.type(focal_length(1.0))
    scale = at_head * away / (points[..., 2] + away)
    x, y = (points[..., axis] * scale + points.dtype.type(SIZE / 2) for axis in (0, 1))
    return np.stack([x, y, points[..., 2] * at_head], axis=-1)


def focal_length(distance: float) -> float:
    """Of a camera at a distance in cm that sees a face 16 cm wide as 60% of the image; pixels."""
    return 0.6 * SIZE * distance / 16.0


def _draw(seed: int, number: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng([seed, 7919, number])
    components = canonical_face().smooth_basis.shape[1]
    return rng.normal(size=(components, 3)), rng.normal(size=3), rng.normal(size=(components, 3))
