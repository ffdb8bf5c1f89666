"""Landmarks that were found once, kept in HDF5 by image content, crop and extractor.

The cache of an extractor is a folder of shards. A shard is written once, whole, and never changed; so a killed writer
leaves no damage, and any number of processes may write at the same time.
"""

from __future__ import annotations

import hashlib
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import DataError
from hpe_bench.storage import checked_dataset, hdf5_bytes, write_atomically

Array = NDArray[np.float32]

SHARD_ROWS = 4096
_SHARD_BYTES = 512 * 2**20


class LandmarkCache:
    """Landmarks (points, 3) float32 by key; all NaN where the extractor found no face."""

    def __init__(self, folder: Path, identity: str, points: int) -> None:
        self.identity, self.points = identity, points
        self.folder = folder / "landmarks" / hashlib.sha256(f"{identity}\0{points}".encode()).hexdigest()[:12]
        self._rows: dict[bytes, tuple[Path, int]] = {}
        self._own: list[Path] = []
        self._index_all()

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def get(self, keys: Sequence[bytes]) -> Array:
        """The landmarks (N, points, 3) of keys that the cache contains.

        :class:`DataError` where a shard cannot be read any more; its keys are forgotten then, to be found anew.
        """
        out = np.empty((len(keys), self.points, 3), dtype=np.float32)
        by_shard: dict[Path, list[tuple[int, int]]] = {}
        for place, key in enumerate(keys):
            shard, row = self._rows[key]
            by_shard.setdefault(shard, []).append((row, place))
        for shard, pairs in by_shard.items():
            rows = sorted({row for row, _ in pairs})
            where = {row: index for index, row in enumerate(rows)}
            found = self._read(shard, rows)
            for row, place in pairs:
                out[place] = found[where[row]]
        return out

    def put(self, keys: Sequence[bytes], landmarks: Array) -> None:
        """Store landmarks (N, points, 3) under N keys, in one new shard."""
        shard = self.folder / f"{uuid.uuid4().hex}.h5"
        write_atomically(shard, hdf5_bytes(lambda file: self._fill(file, keys, landmarks)))
        self._own.append(shard)
        self._rows.update({key: (shard, row) for row, key in enumerate(keys)})

    def tidy(self) -> None:
        """Join the small shards that this object wrote, so that the folder stays short."""
        small, self._own = self._own, []
        if len(small) < 2:
            return
        mine = {key: place for key, place in self._rows.items() if place[0] in set(small)}
        keys = list(mine)
        for start in range(0, len(keys), SHARD_ROWS):
            part = keys[start : start + SHARD_ROWS]
            self.put(part, self.get(part))
        self._own = []
        for shard in small:
            shard.unlink(missing_ok=True)

    def _fill(self, file: Any, keys: Sequence[bytes], landmarks: Array) -> None:
        rows = min(len(keys), 64)
        file["identity"] = self.identity
        joined = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 32)
        file.create_dataset("keys", data=joined, fletcher32=True, chunks=True)
        file.create_dataset(
            "landmarks",
            data=landmarks,
            chunks=(rows, self.points, 3),
            compression="gzip",
            shuffle=True,
            fletcher32=True,
        )

    def _read(self, shard: Path, rows: list[int]) -> Array:
        import h5py

        try:
            with h5py.File(shard, "r") as file:
                return np.asarray(file["landmarks"][rows], dtype=np.float32)
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            if shard.exists():
                print(f"{shard}: damaged, removed from the landmark cache ({error})", file=sys.stderr)
                shard.unlink(missing_ok=True)
            self._rows = {key: place for key, place in self._rows.items() if place[0] != shard}
            self._index_all()
            raise DataError(f"{shard}: cannot be read any more") from error

    def _index_all(self) -> None:
        known = {place[0] for place in self._rows.values()}
        for shard in sorted(self.folder.glob("*.h5")):
            if shard not in known:
                self._index(shard)

    def _index(self, shard: Path) -> None:
        import h5py

        try:
            with h5py.File(shard, "r") as file:
                keys = checked_dataset(file, "keys", "u", _SHARD_BYTES)
                if keys.ndim != 2 or keys.shape[1] != 32 or file["landmarks"].shape != (len(keys), self.points, 3):
                    raise DataError(f"{shard}: not a landmark shard")
        except FileNotFoundError:
            return  # another process has just joined it with others
        except (OSError, KeyError, DataError) as error:
            print(f"{shard}: damaged, and left out of the landmark cache ({error})", file=sys.stderr)
            return
        self._rows.update({key.tobytes(): (shard, row) for row, key in enumerate(keys)})
