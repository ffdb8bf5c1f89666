"""FSA-Net's files of crops: BGR uint8, and yaw, pitch, roll in degrees, without names of people or frames."""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench import DataError, MissingError, Sample, instead_of, pose, require_regular

_KEYS = ("image", "pose")
#: Of what stays on disk, and of what is unpacked into memory: BIWI at 64 x 64 pixels takes 2**27.6.
_MOST_BYTES, _MOST_UNPACKED = 2**34, 2**30
#: So many frames of people who turn their heads are not all within 3 degrees.
_MANY = 50


@dataclass(frozen=True)
class NpzImage:
    """One image of a file."""

    path: Path
    row: int

    def digest(self) -> bytes:
        image = self.pixels()
        return hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).digest()

    def pixels(self) -> NDArray[np.uint8]:
        return np.ascontiguousarray(read_npz(self.path)[0][self.row, ..., ::-1])


def read_npz(path: Path) -> tuple[Any, NDArray[np.float64]]:
    """Images (N, H, W, 3), BGR uint8, and yaw, pitch, roll (N, 3) in degrees. :class:`DataError` naming the file.

    Images that are stored without compression, as FSA-Net's scripts do, stay on disk. Nothing is unpickled.
    """
    try:
        stat = require_regular(path)
    except OSError as error:
        raise MissingError(f"no file {path}; give one with -d npz=FILE") from error
    return _read(path, (stat.st_ino, stat.st_size, stat.st_mtime_ns))


def npz_ids(path: Path) -> list[str]:
    """The samples of a file: its name, and the row."""
    return [f"{path.stem}/{row:05d}" for row in range(len(read_npz(path)[0]))]


def npz_sample(path: Path, id: str) -> Sample:
    """One of the samples of :func:`npz_ids`; there is nothing to crop by, and nobody knows who it is."""
    row = int(id.rpartition("/")[2])
    euler = read_npz(path)[1][row]
    return Sample(id, pose.rotation_from_euler(euler), euler, NpzImage(path, row))


@functools.lru_cache(maxsize=2)
def _read(path: Path, stamp: tuple[int, int, int]) -> tuple[Any, NDArray[np.float64]]:
    """The content of a file, read anew where another has taken its place."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {Path(name).stem: name for name in archive.namelist()}
            if not set(_KEYS) <= set(names):
                raise DataError(f"{path} has the keys {', '.join(names) or 'none'}; FSA-Net's have image and pose")
            images = _member(path, archive, names["image"])
            _member(path, archive, names["pose"])  # its size
            content = io.BytesIO(archive.read(names["pose"]))
            angles: Any = np.lib.format.read_array(content, allow_pickle=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        why = instead_of(path, "zip") or f"{error}; fetch it anew"
        raise DataError(f"{path}: not a readable npz: {why}") from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise DataError(f"{path}: image is {images.dtype} {images.shape} where uint8 (N, H, W, 3) belongs")
    if angles.dtype.kind not in "fiu" or angles.shape != (len(images), 3):
        raise DataError(f"{path}: pose is {angles.dtype} {angles.shape} where numbers ({len(images)}, 3) belong")
    _require_degrees(path, angles)
    return images, np.asarray(angles, dtype=np.float64)


def _require_degrees(path: Path, angles: NDArray[Any]) -> None:
    """:class:`DataError` where not even one of many frames is beyond what is 180 degrees in radians."""
    if len(angles) >= _MANY and np.abs(angles).max() <= np.pi:
        raise DataError(
            f"{path}: no angle of {len(angles):,} is beyond {np.abs(angles).max():.3g}: pose looks like radians, where "
            "degrees belong; convert it"
        )


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> Any:
    """An array of an npz, mapped where it is stored as it is."""
    info = archive.getinfo(name)
    with archive.open(name) as file:
        form: Any = np.lib.format  # whose functions NumPy has not typed
        read = form.read_array_header_1_0 if form.read_magic(file) == (1, 0) else form.read_array_header_2_0
        shape, fortran, dtype = read(file)
        header = file.tell()
        if dtype.hasobject:
            raise DataError(f"{path}: {name} holds pickled objects, which are not loaded; save it as numbers")
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        unpacked = info.compress_type != zipfile.ZIP_STORED or fortran or not size
        if size > (_MOST_UNPACKED if unpacked else _MOST_BYTES):
            raise DataError(f"{path}: {name} takes {size:,} bytes unpacked; store it without compression, or in parts")
        if header + size != info.file_size:
            raise ValueError(f"{name} has {info.file_size:,} bytes where {dtype} {shape} belongs")
        if unpacked:
            file.seek(0)
            return form.read_array(file, allow_pickle=False)
    with open(path, "rb") as raw:
        raw.seek(info.header_offset + 26)
        lengths = np.frombuffer(raw.read(4), dtype="<u2").astype(int)
    start = info.header_offset + 30 + int(lengths.sum()) + header
    return np.memmap(path, dtype=dtype, mode="r", offset=start, shape=shape)
