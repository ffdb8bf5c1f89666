"""Landmarks that were found a moment ago: a file that its writer appends to, so that a kill costs next to nothing.

A record is a key, landmarks and a checksum over both, all of one size. The writer holds a lock that ends with its
process. Whoever finds a journal whose writer is gone takes it over, with what is in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import struct
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import DamagedError
from hpe_bench.landmarks.shards import CHECKSUM_BYTES, KEY_BYTES, checksum, is_file
from hpe_bench.locks import stands, system, try_lock
from hpe_bench.storage import make_folder, storage_errors

Array = NDArray[np.float32]

SUFFIX = ".journal"
_MAGIC = b"hpe-bench landmark journal 1\n"
#: Before the records: what it is, the points of a record, the machine of its writer.
_HEAD = struct.Struct("<32sI12x16s")
_MOST_RECORDS = 2**16
#: Seconds without a record after which a writer is taken for gone: where locks may not reach its machine, and where
#: there are no locks.
_FOREIGN, _UNLOCKED = 3600.0, 86400.0


class Journal:
    """One open journal. ``own``: this process may append to it, and remove it. ``keys``: of its records, by place."""

    def __init__(self, path: Path, points: int, file: io.FileIO, own: bool) -> None:
        self.path, self.points, self.own = path, points, own
        self._file = file
        self._record = KEY_BYTES + 12 * points + CHECKSUM_BYTES
        self.keys: list[bytes | None] = []

    def append(self, keys: Sequence[bytes], landmarks: Array) -> None:
        """Keep landmarks (N, points, 3) under N keys: they outlive this process from now on."""
        content = np.ascontiguousarray(landmarks, dtype="<f4")
        parts = []
        for key, points in zip(keys, content, strict=True):
            data = points.tobytes()
            parts += [key, data, checksum(key, data)]
        with storage_errors(self.path):
            _write_at(self._file.fileno(), b"".join(parts), self._place(len(self.keys)))
        self.keys += keys

    def read(self, rows: Sequence[int]) -> Array:
        """The landmarks (N, points, 3) of records. :class:`DamagedError` where one is no longer what was written."""
        out = np.empty((len(rows), self.points, 3), dtype=np.float32)
        for place, row in enumerate(rows):
            key, landmarks = self._read(row)
            if key is None or key != self.keys[row]:
                raise DamagedError(f"{self.path}: landmarks that are not what was written")
            out[place] = np.frombuffer(landmarks, dtype="<f4").reshape(self.points, 3)
        return out

    def reread(self) -> None:
        """Look anew at which records are whole."""
        size = os.fstat(self._file.fileno()).st_size - _HEAD.size
        rows = min(max(size, 0) // self._record, _MOST_RECORDS)
        self.keys = [self._read(row)[0] for row in range(rows)]

    def remove(self) -> None:
        """Delete the file and what was begun in its name, while it is locked."""
        with contextlib.suppress(OSError):
            _sweep(self.path)
            self.path.unlink(missing_ok=True)
        self._file.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _place(self, row: int) -> int:
        return _HEAD.size + row * self._record

    def _read(self, row: int) -> tuple[bytes | None, bytes]:
        """The key of a record and its landmarks; no key where it is damaged, or not whole yet."""
        try:
            content = os.pread(self._file.fileno(), self._record, self._place(row))
        except OSError:
            return None, b""
        key, landmarks = content[:KEY_BYTES], content[KEY_BYTES:-CHECKSUM_BYTES]
        good = len(content) == self._record and content[-CHECKSUM_BYTES:] == checksum(key, landmarks)
        return (key, landmarks) if good else (None, b"")


def new_journal(folder: Path, points: int) -> Journal:
    """A journal of this process alone."""
    make_folder(folder)
    while True:
        path = folder / f"{uuid.uuid4().hex}{SUFFIX}"
        with storage_errors(path):
            file = io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), "r+")
            try_lock(file.fileno())
            if stands(file.fileno(), path):  # nobody took it over before it was locked
                _write_at(file.fileno(), _HEAD.pack(_MAGIC, points, system()), 0)
                return Journal(path, points, file, own=True)
        file.close()


def open_journal(path: Path, points: int) -> Journal | None:
    """The journal at a path, taken over where its writer is gone; None where there is none that can be read now."""
    if not is_file(path):
        return None
    try:
        return _open(path, points)
    except OSError:
        return None


def _open(path: Path, points: int) -> Journal | None:
    writable = os.access(path, os.W_OK)
    file = io.FileIO(path, "r+" if writable else "r")
    locked = try_lock(file.fileno()) if writable else False
    idle = time.time() - os.fstat(file.fileno()).st_mtime
    if locked and not stands(file.fileno(), path):
        file.close()
        return None
    head = os.pread(file.fileno(), _HEAD.size, 0)
    magic, stated, machine = _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", 0, b"")
    here = machine == system()
    whole = magic.rstrip(b"\0") == _MAGIC and stated == points
    # A writer makes its file, locks it and writes the head in no time: a file without one was left so.
    gone = idle > _UNLOCKED if locked is None else locked and (here or idle > _FOREIGN or not whole)
    if not gone:
        if locked:
            fcntl.flock(file, fcntl.LOCK_UN)
        if not whole:
            file.close()
            return None
    journal = Journal(path, points, file, own=bool(gone))
    if not whole:
        journal.remove()
        return None
    journal.reread()
    if gone:
        with contextlib.suppress(OSError):
            _sweep(path)
    return journal


def _write_at(descriptor: int, content: bytes, place: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, place)
        content, place = content[written:], place + written


def _sweep(path: Path) -> None:
    """Remove what a writer that was killed had begun in the journal's name."""
    for leftover in path.parent.glob(f".{path.stem}*"):
        leftover.unlink(missing_ok=True)
