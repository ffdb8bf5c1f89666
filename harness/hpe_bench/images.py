"""Images of samples: read when asked for, RGB uint8, and known by their content."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from hpe_bench.decoding import Pixels as Pixels
from hpe_bench.decoding import decode
from hpe_bench.errors import SampleError
from hpe_bench.opencv import opencv

_MOST_BYTES = 2**31
Interpolation = Literal["linear", "area", "cubic", "antialias"]


class ImageSource(Protocol):
    """Where a sample's pixels come from; small and picklable, so that a worker process can read it."""

    def digest(self) -> bytes:
        """SHA-256 of the content: equal for equal images, wherever they lie."""

    def pixels(self) -> Pixels:
        """The image (H, W, 3), RGB uint8; :class:`SampleError` naming the file where it cannot be read."""


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; of a pipe nobody may ever write to the other end."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@dataclass(frozen=True)
class ImageFile:
    """An image file, known by its content; its EXIF orientation is applied where ``oriented`` says so.

    :mod:`hpe_bench.decoding` says which kinds are read, and what their colours become.
    """

    path: Path | str
    oriented: bool = False

    def digest(self) -> bytes:
        return hashlib.sha256(self._content() + b"\0oriented" * self.oriented).digest()

    def pixels(self) -> Pixels:
        return decode(self._content(), str(self.path), self.oriented)

    def _content(self) -> bytes:
        try:
            with open(self.path, "rb", buffering=0, opener=_without_waiting) as file:
                about = os.fstat(file.fileno())
                if not stat.S_ISREG(about.st_mode) or about.st_size > _MOST_BYTES:
                    raise SampleError(f"{self.path}: no image: not a file, or one of more than 2 GiB")
                return file.readall()
        except OSError as error:
            raise SampleError(f"{self.path}: cannot be read ({error.strerror or error})") from error


@dataclass(frozen=True, eq=False)
class ImageArray:
    """An image that is in memory already: (H, W, 3), RGB uint8."""

    array: Pixels

    def digest(self) -> bytes:
        head = f"{self.array.shape}".encode()
        return hashlib.sha256(head + np.ascontiguousarray(self.array).tobytes()).digest()

    def pixels(self) -> Pixels:
        return self.array


def as_source(image: ImageSource | Path | str | Pixels) -> ImageSource:
    """A path or an array (H, W, 3) as an image source; a source as it is."""
    if isinstance(image, (str, Path)):
        return ImageFile(Path(image))
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"an image is (H, W, 3) uint8, RGB; this one is {image.shape} {image.dtype}")
        return ImageArray(image)
    return image


def resize(image: Pixels, size: tuple[int, int], method: Interpolation = "linear") -> Pixels:
    """An image (H, W, 3) at another size (width, height), without keeping its aspect."""
    if method == "antialias":
        from PIL import Image

        # Pillow takes an array with gaps, as a cut-out has them, value by value: longer than it takes to resize it.
        whole = Image.fromarray(np.ascontiguousarray(image))
        return np.array(whole.resize(size, Image.Resampling.BILINEAR))
    cv2 = opencv()
    flag = {"linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC}[method]
    return np.asarray(cv2.resize(image, size, interpolation=flag), dtype=np.uint8)


def resize_shorter_side(image: Pixels, side: int, method: Interpolation = "linear") -> Pixels:
    """An image (H, W, 3) whose shorter side has ``side`` pixels, the longer one rounded down, as torchvision does."""
    return resize(image, size_by_shorter_side(image, side), method)


def size_by_shorter_side(image: Pixels, side: int) -> tuple[int, int]:
    """The width and height of an image (H, W, 3) whose shorter side is given ``side`` pixels."""
    height, width = image.shape[:2]
    longer = side * max(width, height) // min(width, height)
    return (side, longer) if width <= height else (longer, side)


def cut_centre(image: Pixels, size: tuple[int, int]) -> Pixels:
    """The centre (height, width, 3) of an image that is at least as large; ``size`` is (width, height).

    Where a side has an odd number of pixels too many, the even one of both places is taken, as torchvision does.
    """
    width, height = size
    top, left = round((image.shape[0] - height) / 2), round((image.shape[1] - width) / 2)
    return image[top : top + height, left : left + width]
