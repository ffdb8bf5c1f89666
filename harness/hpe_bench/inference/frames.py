"""What there is to look at, and a picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hpe_bench.images import Pixels


@dataclass(frozen=True, eq=False)
class Input:
    """Something to look at: an image file, an image in memory, a video file or a camera.

    ``place`` is the name of its output, before the suffix is one that can be written.
    """

    kind: Literal["image", "video", "camera"]
    name: str
    place: Path
    path: Path | None = None
    pixels: Pixels | None = None
    number: int = 0


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture (H, W, 3), RGB uint8: the n-th of its input, and when it was seen in seconds, None for an image."""

    source: Input
    index: int
    time: float | None
    image: Pixels
