"""A shard of the landmark cache: an HDF5 file of many landmarks, each with a checksum over its key and itself."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import DamagedError, DataError
from hpe_bench.storage import checked_dataset, hdf5_bytes

Array = NDArray[np.float32]
T = TypeVar("T")

KEY_BYTES, CHECKSUM_BYTES = 32, 16
_MOST_ROWS = 2**20
#: What stops a file from being read without a word about its content.
_PASSING = {errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOENT}


def checksum(key: bytes, landmarks: bytes) -> bytes:
    """What tells landmarks, float32 in little-endian order, that are a key's from others and from damaged ones."""
    return hashlib.blake2b(key + landmarks, digest_size=CHECKSUM_BYTES).digest()


def shard_bytes(identity: str, keys: Sequence[bytes], landmarks: Array) -> bytes:
    """A shard of landmarks (N, points, 3) under N keys. Text is fixed bytes: HDF5 reads strings without any check."""
    content = np.ascontiguousarray(landmarks, dtype="<f4")
    sums = b"".join(checksum(key, points.tobytes()) for key, points in zip(keys, content, strict=True))

    def build(file: Any) -> None:
        text = np.frombuffer(identity.encode() or b"-", dtype=np.uint8)
        table = {"keys": b"".join(keys), "checksums": sums}
        columns = {name: np.frombuffer(joined, np.uint8).reshape(len(keys), -1) for name, joined in table.items()}
        for name, values in {"identity": text, **columns}.items():
            file.create_dataset(name, data=values, fletcher32=True, chunks=True)
        chunks = (min(len(keys), 64), *content.shape[1:])
        stored = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        file.create_dataset("landmarks", data=content, chunks=chunks, **stored)

    return hdf5_bytes(build)


def is_file(path: Path) -> bool:
    """Whether there is a regular file: nothing else is opened, which may have no end, or wait for a writer."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def read_keys(path: Path, points: int) -> list[bytes]:
    """The keys of a shard, in the order of its rows. :class:`DamagedError`; OSError where it cannot be read now."""

    def read(file: Any) -> list[bytes]:
        keys, _ = _keys_and_landmarks(file, points)
        return [key.tobytes() for key in keys]

    return _reading(path, read)


def read_rows(path: Path, points: int, rows: Sequence[int], keys: Sequence[bytes]) -> Array:
    """Landmarks (N, points, 3) of N ascending rows, which are those of the keys. Errors as of :func:`read_keys`.

    A shard of earlier versions has no checksums beside those of HDF5.
    """

    def read(file: Any) -> Array:
        _, stored = _keys_and_landmarks(file, points)
        found = np.asarray(stored[list(rows)], dtype="<f4")
        if "checksums" in file:
            sums = checked_dataset(file, "checksums", "u", _MOST_ROWS * CHECKSUM_BYTES)
            for key, row, landmarks in zip(keys, rows, found, strict=True):
                if sums[row].tobytes() != checksum(key, landmarks.tobytes()):
                    raise DamagedError(f"{path}: landmarks that are not what was written")
        return found.astype(np.float32, copy=False)

    return _reading(path, read)


def _reading(path: Path, read: Callable[[Any], T]) -> T:
    import h5py

    try:
        if not is_file(path):
            raise FileNotFoundError(errno.ENOENT, "no file", str(path))
        # Never changed once it is there: no lock is needed, which some network file systems refuse.
        with h5py.File(path, "r", locking=False) as file:
            return read(file)
    except OSError as error:
        if error.errno in _PASSING or not is_file(path):
            raise
        raise DamagedError(f"{path}: not a whole HDF5 file") from error
    except DataError as error:
        raise DamagedError(str(error)) from error
    except Exception as error:  # whatever HDF5 and h5py make of damage
        raise DamagedError(f"{path}: {error}") from error


def _keys_and_landmarks(file: Any, points: int) -> tuple[NDArray[np.uint8], Any]:
    """The keys (N, 32), and the landmarks' dataset, which is of such a size and held in the file itself."""
    import h5py

    keys = checked_dataset(file, "keys", "u", _MOST_ROWS * KEY_BYTES)
    link = file.get("landmarks", getlink=True)
    stored = file["landmarks"] if isinstance(link, h5py.HardLink) else None
    if not isinstance(stored, h5py.Dataset) or stored.external or stored.is_virtual or stored.dtype != np.float32:
        raise DamagedError(f"{file.filename}: no landmarks are in it")
    if keys.ndim != 2 or keys.shape[1] != KEY_BYTES or stored.shape != (len(keys), points, 3):
        raise DamagedError(f"{file.filename}: not a shard of {points} landmarks")
    if stored.compression not in (None, "gzip") or stored.scaleoffset is not None or not stored.fletcher32:
        raise DamagedError(f"{file.filename}: landmarks that are stored in an unexpected way")
    return keys, stored
