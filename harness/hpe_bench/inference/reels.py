"""Videos and cameras: open, and giving their frames as they are to be seen, each with its own time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hpe_bench.content import instead_of
from hpe_bench.errors import DataError, MissingError
from hpe_bench.inference.cameras import Camera
from hpe_bench.inference.frames import Frame, Input
from hpe_bench.inference.pyav import pyav
from hpe_bench.inference.upright import is_oddly_shaped, orientation, squared, turned
from hpe_bench.text import printable

#: Containers that are one file and hold frames. Playlists and the like, which name other files, are not among them.
_CONTAINERS = (
    "mov,matroska,avi,gif,apng,mpegts,mpeg,mpegvideo,asf,flv,ogg,mxf,nut,ivf,rm,dv,yuv4mpegpipe,mjpeg,m4v,h264,hevc"
)
#: Brands of pictures in a container of videos, of which FFmpeg would give a tile.
_STILL = ("heic", "heix", "heim", "heis", "mif1", "avif")
#: What a video may be by its first bytes (:attr:`hpe_bench.content.Content.kind`); most kinds have no such name.
_MOVING = ("mp4", "matroska", "avi", "gif", "png", "jpeg", "riff")
#: Pixels of a frame that are decoded; a 12K camera has 80 million.
MOST_PIXELS = 120_000_000
_RATE = 30.0
_THREADS = 4
#: A video in which less than this share of its stated length is there was cut short.
_WHOLE = 0.95
#: Seconds after which a next frame is none of the same time, but of a broken clock.
_LEAP = 3600.0


class Reel(Protocol):
    """An open video or camera.

    ``rate`` is the frames a second that it states, ``count`` how many frames there will be, None where that is not
    known. ``end`` is when the last frame that was read is over, in seconds; ``notes`` is what a person must know.
    """

    source: Input
    rate: float
    count: int | None
    frame_bytes: int
    end: float
    notes: list[str]

    def frames(self, limit: int | None, every: int) -> Iterator[Frame]:
        """Every so-manieth frame, up to ``limit`` of them."""

    def close(self) -> None:
        """Let go of it."""


def open_reel(source: Input) -> Reel:
    """The video or the camera; :class:`DataError` or :class:`MissingError` where it gives no picture."""
    return Camera(source) if source.kind == "camera" else Film(source)


def holds_frames(path: Path) -> bool:
    """Whether a file is a video, whatever it is called."""
    try:
        with _opened(path) as container:
            return container.streams.best("video") is not None
    except (DataError, MissingError):
        return False


class Film:
    """An open video file.

    Times count from the first frame. Where the file's clock is broken (it runs back, leaps by an hour, or gives none),
    a frame follows the last one at the stated rate.
    """

    def __init__(self, source: Input) -> None:
        assert source.path is not None
        self.source, self.end = source, 0.0
        self.notes: list[str] = []
        self._container = _opened(source.path)
        from av.video.reformatter import VideoReformatter

        try:
            self._stream = self._chosen()
            self._aspect = self._pixel_aspect()
            rate = float(self._stream.guessed_rate or self._stream.average_rate or 0)
            self.rate = rate if 0.1 < rate < 1000 else _RATE
            self.count = self._counted()
            self._converter = VideoReformatter()
            self._turn: NDArray[np.int_] | None = None
            self._matrix: bytes | None = b""
            self._damaged = self._guessed = 0
            self._reached = 0.0
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise DataError(f"{source.name}: no frame of it can be decoded as a video; fetch it anew")
            self._first = first
            self.frame_bytes = int(self._seen(first).nbytes)
        except BaseException:
            self._container.close()
            raise

    def frames(self, limit: int | None, every: int) -> Iterator[Frame]:
        given, clock = 0, _Clock(self.rate)
        decoded: Any = self._first
        for index in range(1 << 62):
            seconds = clock.read(decoded)
            self._guessed += bool(decoded.is_corrupt)
            self.end = seconds + clock.lasting(decoded)
            if index % every == 0:
                yield Frame(self.source, index, seconds, self._seen(decoded))
                given += 1
                if given == limit:
                    return
            decoded = next(self._decoded, None)
            if decoded is None:
                self._judge(clock.broken, index + 1)
                return

    def close(self) -> None:
        self._container.close()

    def _chosen(self) -> Any:
        """The stream of frames; a cover of a piece of music is none."""
        import av

        stream = self._container.streams.best("video")
        if stream is None or stream.disposition & av.stream.Disposition.attached_pic:
            sound = " (it has sound only)" if self._container.streams.audio else ""
            raise DataError(f"{self.source.name}: there is no video in it{sound}")
        if stream.codec_context is None:
            raise DataError(f"{self.source.name}: its frames are in a form that FFmpeg does not know; convert it")
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = min(len(os.sched_getaffinity(0)), _THREADS)
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MOST_PIXELS:
            raise DataError(
                f"{self.source.name}: it says that its frames are {width:,} x {height:,}; at most {MOST_PIXELS:,} "
                "pixels are decoded"
            )
        stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        return stream

    def _pixel_aspect(self) -> Fraction:
        aspect = self._stream.sample_aspect_ratio or self._stream.codec_context.sample_aspect_ratio or Fraction(1)
        if is_oddly_shaped(aspect):
            raise DataError(
                f"{self.source.name}: it says that its pixels are {float(aspect):.3g} times as wide as high, which no "
                "camera's are; correct it, as with ffmpeg's -aspect"
            )
        return Fraction(aspect)

    def _counted(self) -> int | None:
        if self._stream.frames > 0:
            return int(self._stream.frames)
        seconds = (self._container.duration or 0) / 1e6
        return round(seconds * self.rate) or None

    def _decode(self) -> Iterator[Any]:
        """All frames that can be decoded; what is damaged is passed over, and counted."""
        import av

        packets = self._container.demux()
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:  # the container itself is broken from here on
                self._damaged += 1
                return
            if packet.pts is not None and packet.time_base is not None:
                self._reached = max(self._reached, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream is not self._stream:
                continue
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                self._damaged += 1
                continue
            yield from decoded

    def _seen(self, frame: Any) -> NDArray[np.uint8]:
        from av.sidedata.sidedata import Type

        said = frame.side_data.get(Type.DISPLAYMATRIX)
        matrix = None if said is None else bytes(said)
        if matrix != self._matrix:
            self._matrix, self._turn = matrix, self._orientation(matrix)
        # One converter for all frames, in this thread: by itself, PyAV makes one with its threads for each.
        pixels = np.asarray(self._converter.reformat(frame, format="rgb24", threads=1).to_ndarray(), dtype=np.uint8)
        pixels = squared(pixels, self._aspect)
        return pixels if self._turn is None else turned(pixels, self._turn)

    def _orientation(self, said: bytes | None) -> NDArray[np.int_] | None:
        """How the frames are turned; None where they are as they stand."""
        turn = orientation(None if said is None else np.frombuffer(said, np.int32))
        if turn is None:
            self.notes.append("its display matrix does more than quarter turns, and is not heeded: angles may be wrong")
        elif np.linalg.det(turn) < 0:
            self.notes.append("its display matrix mirrors it: the angles are those of the mirrored picture")
        return None if turn is None or (turn == np.eye(2)).all() else turn

    def _judge(self, broken: int, frames: int) -> None:
        """Note what is wrong with a file that was read to its end."""
        # Matroska states when it ends, and others for how long they last.
        begun = 0.0 if "matroska" in self._container.format.name else (self._container.start_time or 0) / 1e6
        stated, reached = (self._container.duration or 0) / 1e6, self._reached - begun
        if frames < _WHOLE * self._stream.frames:
            self.notes.append(f"{frames:,} of the {self._stream.frames:,} frames it should have; is it whole?")
        elif reached < _WHOLE * stated - 1 / self.rate:
            self.notes.append(f"{frames:,} frames, {reached:.1f} of the {stated:.1f} s it should have; is it whole?")
        if self._damaged:
            self.notes.append(f"what cannot be decoded is left out ({_times(self._damaged)})")
        if self._guessed:
            self.notes.append(f"damaged frames, parts of which are guessed ({_times(self._guessed)}); is it whole?")
        if 0 < broken < frames - 1:  # a stream that has no clock at all is of a constant rate
            self.notes.append(f"its clock leaps ({_times(broken)}); there a frame follows at {self.rate:g} a second")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


class _Clock:
    """Reads when frames are to be seen, in seconds since the first; see :class:`Film`."""

    def __init__(self, rate: float) -> None:
        self._step = 1 / rate
        self._last: float | None = None
        self._zero = 0.0
        self.broken = 0

    def read(self, frame: Any) -> float:
        said = None if frame.pts is None or not frame.time_base else float(frame.pts * frame.time_base)
        if self._last is None:
            self._zero, seconds = said or 0.0, 0.0
        else:
            seconds = -1.0 if said is None else said - self._zero
            if not self._last < seconds <= self._last + _LEAP:
                self.broken += 1
                seconds = self._last + self._step
                self._zero = self._zero if said is None else said - seconds
        self._last = seconds
        return seconds

    def lasting(self, frame: Any) -> float:
        """For how many seconds a frame is to be seen."""
        said = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
        return said if 0 < said <= _LEAP else self._step


def _opened(path: Path) -> Any:
    """A container, by FFmpeg; the name is a file's and no address, and other files are not opened by it."""
    av = pyav()
    options = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
    try:
        container = av.open("file:" + str(path), options=options, metadata_errors="replace")
        if container.metadata.get("major_brand", "") in _STILL:
            container.close()
            raise DataError(f"{printable(path)}: a HEIC or AVIF picture, and no video: call it .heic or .avif")
        return container
    except OSError as error:
        if isinstance(error, av.FFmpegError) and error.errno and error.errno > 0 and error.strerror:
            raise DataError(f"{printable(path)}: cannot be read ({error.strerror})") from error
        raise DataError(f"{printable(path)}: cannot be read") from error
    except av.FFmpegError as error:
        why = instead_of(path, *_MOVING) or "fetch it anew"
        raise DataError(f"{printable(path)}: cannot be decoded as a video; {why}") from error
