"""Where pictures come from: images, folders, globs, videos, a camera. What is passed over is told of."""

from __future__ import annotations

import contextlib
import glob
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from hpe_bench.content import content_at
from hpe_bench.decoding import KINDS
from hpe_bench.errors import DataError, HpeBenchError, MissingError, SampleError, UsageError
from hpe_bench.images import ImageFile, Pixels, as_source
from hpe_bench.inference.frames import Frame, Input
from hpe_bench.inference.reels import holds_frames
from hpe_bench.text import printable

#: What pictures and videos are called. One that cannot be read after all is told of.
PICTURES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"),
    *(".pnm", ".jp2", ".j2k", ".jxl", ".heic", ".heif", ".hif", ".avif", ".exr", ".hdr", ".psd", ".tga"),
)
FILMS = (
    *(".mp4", ".m4v", ".mov", ".qt", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".m2v", ".vob", ".wmv", ".asf", ".flv"),
    *(".f4v", ".3gp", ".3g2", ".ts", ".mts", ".m2ts", ".ogv", ".mxf", ".divx", ".mjpeg", ".y4m", ".gif", ".apng"),
    *(".h264", ".264", ".hevc", ".h265", ".m1v", ".mjpg", ".nut", ".ivf", ".dv"),
)
#: Pictures as a camera's sensor gave them. OpenCV takes some of them for TIFF, and would give a small preview.
_RAW = (
    *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2", ".raf", ".pef", ".srw"),
    *(".x3f", ".3fr", ".iiq", ".erf", ".kdc", ".dcr", ".mrw", ".rwl", ".raw"),
)
#: The best known of them, for a message.
_USUAL = "jpg, png, webp, tif, heic ..., mp4, mov, mkv, avi, gif ..."

Fault = Callable[[HpeBenchError], None]


def find_inputs(
    given: Sequence[str | Path | Pixels], camera: int | None = None, fault: Fault | None = None
) -> list[Input]:
    """The inputs that are meant: files, what folders hold, what globs match, arrays (H, W, 3) RGB uint8, a camera.

    ``fault`` takes the error of a file that looks like a picture or a video and cannot be read as one; without it, it
    is raised. Raises :class:`MissingError` where nothing is there, :class:`UsageError` where nothing was given.
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
            found += _found_at(Path(one), fault or _raise)
    if camera is not None:
        found.append(Input("camera", f"camera {camera}", Path(f"camera-{camera}.mp4"), number=camera))
    return found


def read_images(inputs: Sequence[Input], fault: Fault) -> Iterator[Frame]:
    """A frame for each image; ``fault`` takes the error of one that cannot be read."""
    for one in inputs:
        try:
            if one.pixels is not None:
                yield Frame(one, 0, None, one.pixels)
            elif one.path is not None:
                yield Frame(one, 0, None, ImageFile(one.path, oriented=True).pixels())
        except HpeBenchError as error:
            fault(error)
        except MemoryError:
            fault(SampleError(f"{one.name}: too large for the memory of this machine"))


def is_animated(path: Path) -> bool:
    """Whether a PNG or WebP has more than the one picture that is read of it."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        head = file.read(1 << 16)
        if head.startswith(b"\x89PNG"):
            return b"acTL" in head.partition(b"IDAT")[0]
        return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20] & 2)
    return False


def _raise(error: HpeBenchError) -> None:
    raise error


def _found_at(path: Path, fault: Fault) -> list[Input]:
    try:
        if path.is_dir():
            return _of_folder(path, fault)
        if os.path.lexists(path):
            files = [path]
        else:
            files = sorted(Path(match) for match in glob.glob(str(path), recursive=True) if not Path(match).is_dir())
    except (OSError, ValueError) as error:  # no permission, a name too long or with a zero byte
        raise MissingError(f"{printable(path)}: cannot be looked at ({_reason(error)})") from error
    if not files:
        raise MissingError(f"no {printable(path)}: neither a file, nor a folder, nor a glob that matches any file")
    return _of_files(files, fault)


def _of_folder(folder: Path, fault: Fault) -> list[Input]:
    """The pictures and videos of a folder, but for hidden files: by name, and pictures by content as well."""
    known = {*PICTURES, *FILMS, *_RAW}
    files = sorted(
        file
        for file in folder.iterdir()
        if not file.name.startswith(".") and not file.is_dir() and (file.suffix.lower() in known or _is_picture(file))
    )
    if not files:
        name = printable(folder)
        raise MissingError(
            f"no image and no video in {name} ({_USUAL}); a glob such as '{name}/**/*.jpg' looks into its folders"
        )
    return _of_files(files, fault)


def _is_picture(file: Path) -> bool:
    content = content_at(file)
    return content is not None and content.kind in KINDS


def _of_files(files: Sequence[Path], fault: Fault) -> list[Input]:
    found = []
    for file in files:
        try:
            found.append(_of_file(file))
        except HpeBenchError as error:
            fault(error)
    return found


def _of_file(path: Path) -> Input:
    """A file by its name, else by its content; :class:`DataError` where it is none that can be read."""
    name, suffix = printable(path), path.suffix.lower()
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{name}: a pipe or a device, not a file")
    except FileNotFoundError as error:
        raise DataError(f"{name}: a link to what is not there") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({_reason(error)})") from error
    if suffix in _RAW:
        raise DataError(f"{name}: a camera's raw picture, which is not read: convert it to JPEG or PNG first")
    if suffix in PICTURES:
        return Input("image", name, Path(path.name), path)
    return Input("video" if suffix in FILMS or holds_frames(path) else "image", name, Path(path.name), path)


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
