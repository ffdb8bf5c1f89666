"""Where pictures and videos go: planned before anything is read, written whole or not at all, never over an input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import StorageError, UsageError
from hpe_bench.inference.sources import FILMS, PICTURES, Input
from hpe_bench.storage import write_atomically, written_whole

_KEPT = (".jpg", ".jpeg", ".png")
#: What a file is called, and no folder; not all of these can be written.
_FILES = (*PICTURES, *FILMS, ".gif", ".avif", ".heic", ".jp2", ".svg", ".pdf")
_QUALITY = 95


def plan_targets(inputs: Sequence[Input], output: Path) -> list[Path]:
    """Where the picture or video of each input goes: into a folder, or, of a single input, to a file.

    :class:`UsageError` where one would stand in an input's place, or the file's kind does not fit.
    """
    if output.suffix.lower() in _FILES and not output.is_dir():
        if len(inputs) != 1:
            raise UsageError(f"--output {output} is one file, and there are {len(inputs)} inputs: name a folder")
        fitting = _KEPT if inputs[0].kind == "image" else (".mp4",)
        if output.suffix.lower() not in fitting:
            raise UsageError(f"--output {output}: {inputs[0].kind} output is written as {' or '.join(fitting)}")
        targets = [output]
    else:
        targets = _distinct([output / _named(one) for one in inputs])
    protect_inputs(inputs, targets)
    return targets


def protect_inputs(inputs: Sequence[Input], targets: Sequence[Path]) -> None:
    """:class:`UsageError` where one of the targets is an input."""
    taken = {one.path.resolve() for one in inputs if one.path is not None}
    for target in targets:
        if target.resolve() in taken:
            raise UsageError(f"{target} is an input, and is not written over: choose another place")


def require_distinct(targets: Sequence[Path]) -> None:
    """:class:`UsageError` where two of the targets are one file."""
    taken: set[Path] = set()
    for target in targets:
        if target.resolve() in taken:
            raise UsageError(f"{target} would be written twice: give every output a place of its own")
        taken.add(target.resolve())


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """An image (H, W, 3), RGB, as PNG or JPEG by its suffix."""
    import cv2

    parameters = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if path.suffix.lower() != ".png" else []
    done, content = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), parameters)
    if not done:
        raise StorageError(f"{path}: the picture of {image.shape[1]} x {image.shape[0]} pixels cannot be encoded")
    write_atomically(path, content.tobytes())


class Film:
    """A video that is being written, MPEG-4; its size is that of its first frame."""

    def __init__(self, path: Path, rate: float) -> None:
        self.path, self.rate, self.count = path, rate, 0
        self._writer: Any = None
        self._size = (0, 0)

    def add(self, image: NDArray[np.uint8]) -> None:
        """One more frame (H, W, 3), RGB."""
        import cv2

        if self._writer is None:
            self._size = (image.shape[1], image.shape[0])
            self._writer = cv2.VideoWriter(str(self.path), cv2.VideoWriter.fourcc(*"mp4v"), self.rate, self._size)
            if not self._writer.isOpened():
                raise StorageError(f"{self.path}: no video can be written there")
        if (image.shape[1], image.shape[0]) != self._size:
            image = np.asarray(cv2.resize(image, self._size), dtype=np.uint8)
        self._writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        self.count += 1

    def finish(self) -> None:
        """Close the file, and see that it can be read."""
        import cv2

        if self._writer is None:
            raise StorageError(f"{self.path}: no frame to write")
        self._writer.release()
        self._writer = None
        written = cv2.VideoCapture(str(self.path))
        try:
            count = int(written.get(cv2.CAP_PROP_FRAME_COUNT)) if written.isOpened() else 0
            readable = count == self.count and written.read()[0]
        finally:
            written.release()
        if not readable:
            raise StorageError(f"the video has {count} of {self.count} frames when it is read back: is the disk full?")

    def abandon(self) -> None:
        """Close the file without looking at it."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None


@contextmanager
def film_at(path: Path, rate: float) -> Iterator[Film]:
    """A video that stands at ``path`` when the block ends well and it can be read back, else not at all."""
    with written_whole(path, ".mp4") as temporary:
        film = Film(temporary, rate)
        try:
            yield film
            film.finish()
        except StorageError as error:
            raise StorageError(f"{path}: {error}") from error
        finally:
            film.abandon()


def _named(one: Input) -> Path:
    if one.kind != "image":
        return one.place.with_suffix(".mp4")
    return one.place if one.place.suffix.lower() in _KEPT else one.place.with_suffix(".png")


def _distinct(targets: Sequence[Path]) -> list[Path]:
    """The targets, a number added to a name that was there before."""
    taken: set[Path] = set()
    out = []
    for target in targets:
        name, number = target, 1
        while name in taken:
            number += 1
            name = target.with_stem(f"{target.stem}-{number}")
        taken.add(name)
        out.append(name)
    return out
