"""From 468 facial landmarks to the 1,404 numbers that NLML-HPE works on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

POINTS = 468
SIZE = 3 * POINTS
NOSE_TIP = 1
EYE_CORNERS = (33, 263)


def landmark_features(landmarks: ArrayLike) -> NDArray[Any]:
    """Features (N, 1404) of landmarks (N, >=468, 3): relative to the nose tip, over the distance of the eye corners.

    The landmarks need one scale for x, y and z, such as pixels; the features keep their float type. A face that was
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
