"""What a run has predicted so far: an append-only file that a kill at any moment leaves readable.

A header line names the job; then come records of one batch each: length, CRC-32, payload. A record that a kill tore is
cut off when the journal is opened again. The file is locked while it is open: a second process with the same job waits.
"""

from __future__ import annotations

import io
import json
import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import StorageError
from hpe_bench.storage import open_locked, storage_errors

RECORD = np.dtype(
    [
        ("index", "<i8"),
        ("rotation", "<f8", (3, 3)),
        ("confidence", "<f8"),
        ("seconds", "<f8", (3,)),
    ]
)
_HEAD = struct.Struct("<II")
_SCHEMA = 1


class Journal:
    """The open, locked journal of one job of ``total`` samples. Use as a context manager."""

    def __init__(self, path: Path, job: str, total: int, on_wait: Callable[[], None] | None = None) -> None:
        self.path, self._synced = path, 0.0
        self._file = open_locked(path, on_wait)
        self.records = np.zeros(total, dtype=RECORD)
        self.done = np.zeros(total, dtype=np.bool_)
        self._header = json.dumps({"journal": _SCHEMA, "job": job, "total": total}).encode() + b"\n"
        self._recover()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def clear(self) -> None:
        """Forget every batch."""
        with storage_errors(self.path):
            self._file.truncate(0)
            self._recover()
        self.done[:] = False

    def append(self, records: NDArray[np.void]) -> None:
        """Add a finished batch; once this returns, a kill of the process cannot take it away."""
        payload = records.tobytes()
        end = self._file.tell()
        try:
            with storage_errors(self.path):
                _write(self._file, _HEAD.pack(len(payload), zlib.crc32(payload)) + payload)
                if time.monotonic() - self._synced > 1.0:
                    os.fsync(self._file.fileno())
                    self._synced = time.monotonic()
        except StorageError:
            os.truncate(self.path, end)
            raise
        self._take(records)

    def remove(self) -> None:
        """Delete the journal, while its lock is held: its run is stored, or was given up."""
        self.path.unlink(missing_ok=True)

    def _take(self, records: NDArray[np.void]) -> None:
        self.records[records["index"]] = records
        self.done[records["index"]] = True

    def _recover(self) -> None:
        with storage_errors(self.path):
            self._file.seek(0)
            if self._file.readline(len(self._header)) != self._header:
                self._file.truncate(0)
                self._file.seek(0)
                _write(self._file, self._header)
                return
            end = self._file.tell()
            while len(head := self._file.read(_HEAD.size)) == _HEAD.size:
                length, checksum = _HEAD.unpack(head)
                if length > len(self.done) * RECORD.itemsize:
                    break
                payload = self._file.read(length)
                if len(payload) < length or zlib.crc32(payload) != checksum or length % RECORD.itemsize:
                    break
                records = np.frombuffer(payload, dtype=RECORD)
                if len(records) and not (records["index"].min() >= 0 and records["index"].max() < len(self.done)):
                    break
                self._take(records)
                end = self._file.tell()
            self._file.truncate(end)
            self._file.seek(end)


def _write(file: io.FileIO, content: bytes) -> None:
    """Write all of it. The file is unbuffered: a buffer that a full disk refused would be written again at the end."""
    view = memoryview(content)
    while view:
        view = view[file.write(view) or 0 :]
