"""What finds facial landmarks in an image: the interface, for FaceMesh and for whatever a user brings."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray


class Extractor:
    """Finds one face's landmarks in an image. Made, opened, used and closed within one worker process.

    ``identity`` names model, version and settings: it keys the cache and is hashed into every run. ``points`` is how
    many landmarks come back.
    """

    identity: ClassVar[str] = ""
    points: ClassVar[int] = 468
    requires: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""

    def open(self) -> None:
        """Load the model."""

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """Landmarks (points, 3) in pixels of an image (H, W, 3) RGB uint8, z on the scale of x; None for no face."""
        raise TypeError(f"{type(self).__name__} has no find()")

    def close(self) -> None:
        """Let go of the model."""
