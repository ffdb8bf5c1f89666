"""Writing a video, H.264 in MP4: every frame at its own time, and at its final name only when it is whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import MissingError, StorageError
from hpe_bench.inference.pyav import pyav
from hpe_bench.storage import storage_errors, written_whole
from hpe_bench.text import printable

#: Ticks a second, of which all usual rates are whole numbers, those of NTSC too.
_TICKS = 720_000
#: The quickest that x264 has, at a quality that nobody tells from the original.
_CODEC, _HOW = "libx264", {"preset": "ultrafast", "crf": "22"}

Pixels = NDArray[np.uint8]


class FilmWriter:
    """A video that is being written; its size is that of its first frame, made even by a line that is repeated."""

    def __init__(self, path: Path, rate: float) -> None:
        self.path, self.rate, self.count = path, rate, 0
        #: When the last frame is over, in seconds; None for one frame at the rate after it began.
        self.end: float | None = None
        self._container: Any = None
        self._stream: Any = None
        self._last: Any = None
        self._size = (0, 0)
        self._ticks = -1

    def add(self, image: Pixels, seconds: float | None = None) -> None:
        """One more frame (H, W, 3), RGB, to be seen from a time on, which rises; None for the next at the rate."""
        av = pyav()
        with self._errors():
            if self._container is None:
                self._open((image.shape[1], image.shape[0]))
            frame = av.VideoFrame.from_ndarray(self._fitted(image), format="yuv420p")
            due = round((self.count / self.rate if seconds is None else seconds) * _TICKS)
            self._ticks = max(due, self._ticks + 1)
            frame.pts, frame.time_base = self._ticks, Fraction(1, _TICKS)
            self._put(frame)
        self.count += 1

    def finish(self) -> None:
        """Close the file, and see that it can be read."""
        if self._container is None:
            raise StorageError(f"{self.path}: no frame to write")
        av = pyav()
        with self._errors():
            self._put(None)
            if self._last is not None:
                due = (self._ticks if self.end is None else round(self.end * _TICKS)) - self._ticks
                self._last.duration = due if due > 0 else round(_TICKS / self.rate)
                self._container.mux(self._last)
            container, self._container = self._container, None
            container.close()
        try:
            with av.open(str(self.path)) as written:
                count = written.streams.video[0].frames
                readable = count == self.count and next(written.decode(video=0), None) is not None
        except av.FFmpegError:
            count, readable = 0, False
        if not readable:
            raise StorageError(f"the video has {count} of {self.count} frames when it is read back: is the disk full?")

    def abandon(self) -> None:
        """Close the file without looking at it."""
        if self._container is not None:
            container, self._container = self._container, None
            with contextlib.suppress(Exception):  # what was wrong has been told
                container.close()

    def _open(self, size: tuple[int, int]) -> None:
        av = pyav()
        if _CODEC not in av.codecs_available:
            raise MissingError(f"this PyAV ({av.__version__}) cannot write H.264: pip install --force-reinstall av")
        self._size = size
        self._container = av.open(str(self.path), "w", format="mp4", options={"video_track_timescale": str(_TICKS)})
        stream = self._container.add_stream(_CODEC, rate=Fraction(self.rate).limit_denominator(1001), options=_HOW)
        stream.width, stream.height = (side + side % 2 for side in size)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        stream.codec_context.thread_count = 1  # the other steps have the other cores
        self._stream = stream

    def _put(self, frame: Any) -> None:
        """Encode a frame, or what is left where it is None. The last one waits: when it is over is known at the end."""
        for packet in self._stream.encode(frame):
            if self._last is not None:
                self._container.mux(self._last)
            self._last = packet

    @contextmanager
    def _errors(self) -> Iterator[None]:
        av = pyav()
        try:
            with storage_errors(self.path):
                yield
        except av.FFmpegError as error:
            raise StorageError(f"no video can be written there ({error.strerror or error})") from error

    def _fitted(self, image: Pixels) -> Pixels:
        """A frame at the size of the first, its proportions kept, with even sides, in the encoder's colours.

        OpenCV makes these in a quarter of the time that FFmpeg takes.
        """
        import cv2

        width, height = self._size
        if (image.shape[1], image.shape[0]) != self._size:
            scale = min(width / image.shape[1], height / image.shape[0])
            inner = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
            fitted = np.zeros((height, width, 3), np.uint8)
            left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
            fitted[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner)
            image = fitted
        if width % 2 or height % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)


@contextmanager
def film_at(path: Path, rate: float) -> Iterator[FilmWriter]:
    """A video that stands at ``path`` when the block ends well and it can be read back, else not at all."""
    with written_whole(path, ".mp4") as temporary:
        film = FilmWriter(temporary, rate)
        try:
            yield film
            film.finish()
        except StorageError as error:
            raise StorageError(f"{printable(path)}: {error}") from error
        finally:
            film.abandon()
