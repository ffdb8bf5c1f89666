"""What networks learn from besides the images themselves: mirrored and blurred ones, as pure functions.

Random crops are in :mod:`hpe_bench.crops`. Whether an image is mirrored or blurred is for the training to draw.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.images import Pixels

_MIRROR = np.diag([-1.0, 1.0, 1.0])
#: How often 6DRepNet and TokenHPE mirror, and how often they blur.
MIRRORED, BLURRED = 0.5, 0.05


def mirror_image(image: Pixels) -> Pixels:
    """An image (H, W, 3), its left and right exchanged."""
    return np.ascontiguousarray(image[:, ::-1])


def mirror_points(points: ArrayLike, width: int) -> NDArray[np.float64]:
    """Points (2, K) in pixels of an image of that width, where they are in the mirrored image; in the same order."""
    x, y = np.asarray(points, dtype=np.float64)
    return np.stack([width - 1.0 - x, y])


def mirror_rotation(rotation: ArrayLike) -> NDArray[np.float64]:
    """The rotations (..., 3, 3) of mirrored heads: yaw and roll change their signs, pitch stays."""
    return np.asarray(_MIRROR @ np.asarray(rotation, dtype=np.float64) @ _MIRROR)


def blur(image: Pixels) -> Pixels:
    """An image (H, W, 3) under Pillow's filter BLUR: the mean of the 16 pixels around the inner 3 x 3 of 5 x 5."""
    from PIL import Image, ImageFilter

    blurred: Any = Image.fromarray(image).filter(ImageFilter.BLUR)
    return np.array(blurred, dtype=np.uint8)
