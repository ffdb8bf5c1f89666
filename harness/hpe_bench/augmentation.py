"""What networks learn from besides the images themselves: mirrored and blurred ones, as pure functions.

Random crops of faces are in :mod:`hpe_bench.crops`; here are those of a face that is cut out already. Whether an image
is mirrored or blurred is for the training to draw.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.crops import Box
from hpe_bench.images import Pixels
from hpe_bench.opencv import opencv

_MIRROR = np.array([[1.0, -1.0, -1.0], [-1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]])
#: How often 6DRepNet and TokenHPE mirror, and how often they blur.
MIRRORED, BLURRED = 0.5, 0.05


def mirror_image(image: Pixels) -> Pixels:
    """An image (H, W, 3), its left and right exchanged."""
    cv2 = opencv()
    return np.asarray(cv2.flip(image, 1), dtype=np.uint8)  # several times as fast as a copy of NumPy's reversed view


def mirror_points(points: ArrayLike, width: int) -> NDArray[np.float64]:
    """Points (2, K) in pixels of an image of that width, where they are in the mirrored image; in the same order."""
    x, y = np.asarray(points, dtype=np.float64)
    return np.stack([width - 1.0 - x, y])


def mirror_rotation(rotation: ArrayLike) -> NDArray[np.float64]:
    """The rotations (..., 3, 3) of mirrored heads, M R M with M = diag(-1, 1, 1): yaw and roll change their signs."""
    return np.asarray(np.asarray(rotation, dtype=np.float64) * _MIRROR)


def blur(image: Pixels) -> Pixels:
    """An image (H, W, 3) under Pillow's filter BLUR: Pillow's pixels exactly, in a tenth of the time.

    Each pixel is the mean of the 16 around the inner 3 x 3 of 5 x 5, halves rounded up; the two outer rows and columns
    stay, and so does an image that is smaller than 5 x 5.
    """
    cv2 = opencv()
    if min(image.shape[:2]) < 5:
        return image.copy()
    ring = np.full((5, 5), 1 / 16, np.float32)
    ring[1:4, 1:4] = 0
    # OpenCV rounds halves to even numbers; means are sixteenths, so that half a sixteenth more rounds them up.
    blurred = np.asarray(cv2.filter2D(image, -1, ring, delta=1 / 32), dtype=np.uint8)
    for edge in np.s_[:2], np.s_[-2:], np.s_[:, :2], np.s_[:, -2:]:
        blurred[edge] = image[edge]
    return blurred


def random_place(width: int, height: int, size: tuple[int, int], random: np.random.Generator) -> Box:
    """A box of ``size`` (width, height) anywhere within an image that is at least as large."""
    left = int(random.integers(width - size[0] + 1))
    top = int(random.integers(height - size[1] + 1))
    return left, top, left + size[0], top + size[1]


def random_resized_box(width: int, height: int, least: float, random: np.random.Generator) -> Box:
    """A box within an image that holds a random share of its area, of ``least`` to all, to be resized.

    Its aspect is between 3:4 and 4:3, evenly on a logarithmic scale, as Szegedy et al. (Going deeper with convolutions,
    CVPR 2015) draw it and torchvision does. An image that no such box fits into in ten tries is cut to the nearest
    aspect around its centre.
    """
    for _ in range(10):
        area = random.uniform(least, 1.0) * width * height
        aspect = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        size = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < size[0] <= width and 0 < size[1] <= height:
            return random_place(width, height, size, random)
    wide = min(max(width / height, 3 / 4), 4 / 3)
    size = min(width, round(height * wide)), min(height, round(width / wide))
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    return left, top, left + size[0], top + size[1]
