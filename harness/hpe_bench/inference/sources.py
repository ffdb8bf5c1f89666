"""Where pictures come from: images, folders, globs, videos, a camera; all of them as frames."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hpe_bench.errors import DataError, HpeBenchError, MissingError, UsageError
from hpe_bench.images import ImageFile, Pixels, as_source

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
FILMS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv")
_RATE = 30.0


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


def find_inputs(given: Sequence[str | Path | Pixels], camera: int | None = None) -> list[Input]:
    """The inputs that are meant: files, what folders hold, what globs match, arrays (H, W, 3) RGB uint8, a camera.

    Raises :class:`MissingError` where nothing is there, :class:`UsageError` where nothing was given.
    """
    if not given and camera is None:
        raise UsageError("nothing to predict on: give images, a folder, a video, or --camera 0")
    found: list[Input] = []
    for number, one in enumerate(given):
        if isinstance(one, np.ndarray):
            try:
                pixels = as_source(one).pixels()
            except ValueError as error:
                raise UsageError(str(error)) from None
            found.append(Input("image", f"image {number}", Path(f"image-{number:05d}.png"), pixels=pixels))
        else:
            found += _found_at(Path(one))
    if camera is not None:
        found.append(Input("camera", f"camera {camera}", Path(f"camera-{camera}.mp4"), number=camera))
    return found


def read_images(inputs: Sequence[Input], fault: Callable[[HpeBenchError], None]) -> Iterator[Frame]:
    """A frame for each image; ``fault`` takes the error of one that cannot be read."""
    for one in inputs:
        try:
            if one.pixels is not None:
                yield Frame(one, 0, None, one.pixels)
            elif one.path is not None:
                yield Frame(one, 0, None, ImageFile(one.path, oriented=True).pixels())
        except HpeBenchError as error:
            fault(error)


class Reel:
    """An open video or camera: its frames a second, and how many there are, None where that is not known."""

    def __init__(self, source: Input) -> None:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # a broken video is told of here, not by the decoder
        import cv2

        self.source = source
        if source.kind == "camera":
            _require_camera(source.number)
        self._capture: Any = cv2.VideoCapture(source.number if source.kind == "camera" else str(source.path))
        self._first = self._capture.read()[1] if self._capture.isOpened() else None
        if self._first is None:
            self._capture.release()
            if source.kind == "camera":
                raise MissingError(f"camera {source.number} gives no picture: another program may use it")
            raise DataError(f"{source.path}: cannot be decoded as a video, nor is it an image that can be read")
        rate, count = self._capture.get(cv2.CAP_PROP_FPS), self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.rate = float(rate) if 0.1 < rate < 1000 else _RATE
        self.count = int(count) if source.kind == "video" and 0 < count < 1e9 else None
        self.frame_bytes = int(self._first.nbytes)

    def frames(self, limit: int | None, every: int) -> Iterator[Frame]:
        """Every so-manieth frame, up to ``limit`` of them."""
        import cv2

        started, index, given = time.monotonic(), 0, 0
        pixels, stamp = self._first, 0.0
        while limit is None or given < limit:
            if pixels is not None:
                seen = time.monotonic() - started if self.source.kind == "camera" else stamp
                yield Frame(
                    self.source, index, seen, np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)
                )
                given += 1
            index += 1
            if not self._capture.grab():
                return
            pixels = None
            if index % every == 0:
                # Containers without times say 0 for every frame.
                stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 or index / self.rate
                pixels = self._capture.retrieve()[1]

    def close(self) -> None:
        """Let go of it."""
        self._capture.release()


def _found_at(path: Path) -> list[Input]:
    if path.is_dir():
        inside = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
        files = [file for file in inside if file.suffix.lower() in PICTURES + FILMS]
        if not files:
            known = ", ".join(suffix[1:] for suffix in PICTURES + FILMS)
            raise MissingError(
                f"no image and no video in {path} ({known}); a glob such as '{path}/**/*.jpg' looks into its folders"
            )
        return [_of_file(file) for file in files]
    if path.exists():
        return [_of_file(path)]
    matches = sorted(Path(match) for match in glob.glob(str(path), recursive=True) if Path(match).is_file())
    if not matches:
        raise MissingError(f"no {path}: neither a file, nor a folder, nor a glob that matches any file")
    return [_of_file(match) for match in matches]


def _of_file(path: Path) -> Input:
    if path.suffix.lower() in PICTURES:
        return Input("image", str(path), Path(path.name), path)
    if path.suffix.lower() in FILMS:
        return Input("video", str(path), Path(path.name), path)
    import cv2

    return Input("image" if cv2.haveImageReader(str(path)) else "video", str(path), Path(path.name), path)


def _require_camera(number: int) -> None:
    """On Linux a camera is a device file; elsewhere opening it tells."""
    devices = Path("/dev")
    if devices.is_dir() and os.uname().sysname == "Linux" and not (devices / f"video{number}").exists():
        there = sorted(device.name.removeprefix("video") for device in devices.glob("video[0-9]*"))
        raise MissingError(f"no camera {number} here; there is {', '.join(there) if there else 'none'}")
