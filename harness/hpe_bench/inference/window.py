"""A window on the screen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ENDS = (ord("q"), 27)  # q, Esc


def shown(image: NDArray[np.uint8], title: str, wait: bool = False) -> bool:
    """Show an image (H, W, 3), RGB, until a key is pressed where ``wait`` says so; False once q or Esc was."""
    import cv2

    cv2.imshow(title, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return (cv2.waitKey(0 if wait else 1) & 0xFF) not in _ENDS
