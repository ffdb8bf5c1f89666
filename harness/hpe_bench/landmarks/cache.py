"""Landmarks that were found once, kept by image content, crop and extractor.

The cache of an extractor is a folder of shards, in HDF5. A shard is written once, whole, and never changed; so a killed
writer leaves no damage, and any number of processes may write at the same time. What was found since a process wrote
its last shard is in a journal beside them. Whatever is read is checked first; what is damaged is removed, and found
anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpe_bench import interrupts
from hpe_bench.errors import DamagedError, DataError, StorageError
from hpe_bench.landmarks.journal import SUFFIX, Journal, new_journal, open_journal
from hpe_bench.landmarks.shards import is_file, read_keys, read_rows, shard_bytes
from hpe_bench.storage import sweep_folder, write_atomically

Array = NDArray[np.float32]

SHARD_ROWS = 4096
#: Records after which a journal becomes a shard.
JOURNAL_ROWS = 512


class LandmarkCache:
    """Landmarks (points, 3) float32 by key; all NaN where the extractor found no face."""

    def __init__(self, folder: Path, identity: str, points: int) -> None:
        self.identity, self.points = identity, points
        self.folder = folder / "landmarks" / hashlib.sha256(f"{identity}\0{points}".encode()).hexdigest()[:12]
        self._rows: dict[bytes, tuple[Path, int]] = {}
        self._own: list[Path] = []
        self._journals: dict[Path, Journal] = {}
        self._left_out: set[Path] = set()
        sweep_folder(self.folder)
        self._index_all()

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def get(self, keys: Sequence[bytes]) -> Array:
        """The landmarks (N, points, 3) of keys that the cache contains.

        :class:`DataError` where some cannot be read any more; their keys are forgotten then, to be found anew.
        """
        out = np.empty((len(keys), self.points, 3), dtype=np.float32)
        by_file: dict[Path, dict[int, list[int]]] = {}
        for place, key in enumerate(keys):
            path, row = self._rows[key]
            by_file.setdefault(path, {}).setdefault(row, []).append(place)
        lost = []
        for path, places in by_file.items():
            rows = sorted(places)
            try:
                if path in self._journals:
                    found = self._journals[path].read(rows)
                else:
                    found = read_rows(path, self.points, rows, [keys[places[row][0]] for row in rows])
            except (OSError, DamagedError) as error:
                self._forget(path, error)
                lost.append(path)
                continue
            for row, landmarks in zip(rows, found, strict=True):
                out[places[row]] = landmarks
        if lost:
            self._index_all()
            raise DataError(f"{', '.join(map(str, lost))}: cannot be read any more")
        return out

    def keep(self, keys: Sequence[bytes], landmarks: Array) -> None:
        """Keep landmarks (N, points, 3) under N keys from this moment on; those that are known stay as they are."""
        new: dict[bytes, int] = {}
        for place, key in enumerate(keys):
            if key not in self._rows:
                new.setdefault(key, place)
        if not new:
            return
        journal = self._journal()
        start = len(journal.keys)
        journal.append(list(new), landmarks[list(new.values())])
        self._rows.update({key: (journal.path, start + row) for row, key in enumerate(new)})
        if len(journal.keys) >= JOURNAL_ROWS:
            self._fold(journal)

    def put(self, keys: Sequence[bytes], landmarks: Array, stem: str = "") -> None:
        """Store landmarks (N, points, 3) under N keys, in one new shard, whose name begins with ``stem``."""
        shard = self.folder / f"{stem}{'-' if stem else ''}{uuid.uuid4().hex[: 12 if stem else 32]}.h5"
        write_atomically(shard, shard_bytes(self.identity, keys, landmarks))
        self._own.append(shard)
        self._rows.update({key: (shard, row) for row, key in enumerate(keys)})

    def tidy(self) -> None:
        """Join the small shards that this object wrote, and the journals that are its own: the folder stays short.

        Where there is no room or no time for that, all stays as it is: nothing is lost by it.
        """
        if interrupts.received():
            return
        own = [journal for journal in self._journals.values() if journal.own]
        small = set(self._own)
        if len(small) > 1 or any(map(len, (journal.keys for journal in own))):
            with contextlib.suppress(StorageError):
                holder = self._journal()  # what is unfinished is in its name
                own += [] if holder in own else [holder]
                joined = small | {journal.path for journal in own}
                for keys, landmarks in self._read_all([key for key, place in self._rows.items() if place[0] in joined]):
                    self.put(keys, landmarks, holder.path.stem)
                for shard in small:
                    shard.unlink(missing_ok=True)
                self._own = []
                self._remove(own)
        else:
            self._remove(own)

    def _journal(self) -> Journal:
        """The journal that is written to: one that was left, or a new one."""
        for journal in self._journals.values():
            if journal.own:
                return journal
        journal = new_journal(self.folder, self.points)
        self._journals[journal.path] = journal
        return journal

    def _fold(self, journal: Journal) -> None:
        """Make a shard of a journal."""
        for keys, landmarks in self._read_all([key for key, place in self._rows.items() if place[0] == journal.path]):
            self.put(keys, landmarks, journal.path.stem)
        self._remove([journal])

    def _remove(self, journals: Sequence[Journal]) -> None:
        for journal in journals:
            journal.remove()
            del self._journals[journal.path]

    def _read_all(self, keys: Sequence[bytes]) -> Iterator[tuple[list[bytes], Array]]:
        """What of the keys can be read, in parts of a shard's size."""
        for start in range(0, len(keys), SHARD_ROWS):
            part = list(keys[start : start + SHARD_ROWS])
            while part:
                try:
                    yield part, self.get(part)
                    break
                except DataError:
                    part = [key for key in part if key in self]

    def _forget(self, path: Path, error: Exception) -> None:
        """Forget what is in a file; it is removed where it is damaged."""
        self._rows = {key: place for key, place in self._rows.items() if place[0] != path}
        if path in self._journals:
            self._journals[path].reread()
            self._take(self._journals[path])
            return
        self._left_out.add(path)
        why = str(error).removeprefix(f"{path}: ")
        if isinstance(error, DamagedError):
            with contextlib.suppress(OSError):
                path.unlink()
            print(f"{path}: damaged, and removed from the landmark cache ({why})", file=sys.stderr)
        elif is_file(path):
            print(f"{path}: cannot be read, and is left out of the landmark cache ({why})", file=sys.stderr)

    def _index_all(self) -> None:
        known = {place[0] for place in self._rows.values()} | self._left_out
        for shard in sorted(self.folder.glob("*.h5")):
            if shard not in known and is_file(shard):
                try:
                    keys = read_keys(shard, self.points)
                except (OSError, DamagedError) as error:
                    self._forget(shard, error)
                else:
                    self._rows.update({key: (shard, row) for row, key in enumerate(keys)})
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path not in self._journals and (journal := open_journal(path, self.points)) is not None:
                self._journals[path] = journal
                self._take(journal)

    def _take(self, journal: Journal) -> None:
        for row, key in enumerate(journal.keys):
            if key is not None:
                self._rows.setdefault(key, (journal.path, row))
