"""From 468 facial landmarks to the 1,404 numbers that NLML-HPE works on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench import canonical_face

POINTS = 468
SIZE = 3 * POINTS
NOSE_TIP = 1
EYE_CORNERS = (33, 263)


def landmark_features(landmarks: ArrayLike) -> NDArray[Any]:
    """Features (N, 1404) of landmarks (N, >=468, 3): relative to the nose tip, over the distance of the eye corners.

    Landmarks in pixels have one scale for x, y and z; those in image units give features as the reference work has
    them, whose y has another scale where the image is not square. The features keep their float type. A face that was
    not found (NaN), or whose eye corners coincide, gives NaN.
    """
    points = np.asarray(landmarks)[:, :POINTS]
    if points.ndim != 3 or points.shape[1:] != (POINTS, 3):
        raise ValueError(f"landmarks are (N, {POINTS}, 3); these are {np.shape(landmarks)}")
    left, right = (points[:, corner] for corner in EYE_CORNERS)
    distance = np.linalg.norm(left - right, axis=-1)
    distance = np.where(distance > 0, distance, np.nan)
    features: NDArray[Any] = (points - points[:, NOSE_TIP, None]) / distance[:, None, None]
    return features.reshape(len(points), SIZE)


def with_one_scale(points: ArrayLike) -> NDArray[np.float64]:
    """Points (N, 468, 3) in image units with y on the scale of x and z, as far as they tell what the image's sides are.

    Of all scales of y the one is taken by which the distances from the middle are most like the canonical face's, in
    the sense of least squares. For that face itself, turned, it is the right one.
    """
    given = np.asarray(points, dtype=np.float64)
    x, y, z = np.moveaxis(np.square(given - given.mean(axis=1, keepdims=True)), -1, 0)
    face = canonical_face().points
    own = np.broadcast_to(np.square(face - face.mean(axis=0)).sum(axis=-1), x.shape)
    # x + z + scale y = size own, of the squares: linear in scale and size.
    products = [(y * y).sum(-1), (y * own).sum(-1), (own * own).sum(-1), (y * (x + z)).sum(-1), (own * (x + z)).sum(-1)]
    yy, yo, oo, yr, own_r = products
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = (yo * own_r - yr * oo) / (yy * oo - yo * yo)
        scale = np.where(scale > 0, np.sqrt(np.maximum(scale, 0.0)), 1.0)
    return np.asarray(given * np.stack([np.ones_like(scale), scale, np.ones_like(scale)], axis=-1)[:, None])
