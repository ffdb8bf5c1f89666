"""Frames as they are to be seen: a video may say that its pixels are not square, or that the camera was turned."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

#: How far the entries of a display matrix may be from those of quarter turns and mirrorings, in shares of its scale.
_EXACT = 0.02
#: Pixels that are nearer to squares than this are squares; and what no camera has.
_SQUARE, _ODDEST = 0.01, Fraction(4)


def orientation(matrix: NDArray[np.int32] | None) -> NDArray[np.int_] | None:
    """What maps directions in a stored frame to directions in the frame as it is seen: (2, 2), of 0, 1 and -1.

    ``matrix`` holds the 9 numbers of a display matrix (ISO/IEC 14496-12, 8.3.2), None for none. None where it does
    anything but turn by quarters and mirror.
    """
    if matrix is None:
        return np.eye(2, dtype=int)
    a, b, _, c, d = matrix[:5].astype(float)
    turn = np.array([[a, c], [b, d]])
    scale = np.abs(turn).max()
    if not scale:
        return None
    rounded = np.round(turn / scale).astype(int)
    exact = np.abs(turn / scale - rounded).max() <= _EXACT and abs(round(np.linalg.det(rounded))) == 1
    return rounded if exact else None


def turned(image: Pixels, turn: NDArray[np.int_]) -> Pixels:
    """A frame (H, W, 3) as it is to be seen, by what :func:`orientation` gives."""
    if turn[0, 0] == 0:
        image = image.transpose(1, 0, 2)
    return np.ascontiguousarray(image[:: int(turn[1].sum()), :: int(turn[0].sum())])


def is_oddly_shaped(aspect: Fraction) -> bool:
    """Whether a pixel that is so many times as wide as it is high cannot be meant."""
    return not 1 / _ODDEST <= aspect <= _ODDEST


def squared(image: Pixels, aspect: Fraction) -> Pixels:
    """A frame (H, W, 3) whose pixels are ``aspect`` times as wide as high, with square ones: one side is stretched."""
    if abs(aspect - 1) <= _SQUARE:
        return image
    import cv2

    height, width = image.shape[:2]
    size = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
