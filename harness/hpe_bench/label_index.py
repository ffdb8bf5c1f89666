"""Labels that were read once, kept in one HDF5 file a dataset: only what has changed on disk is read again.

A dataset that says what its labels follow from (:meth:`~hpe_bench.datasets.Dataset.labels_follow_from`) has an index
in the cache. A sample's label is taken from it where its files have the sizes and times that they had.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hpe_bench.datasets import Dataset, Fault, Labels, Sample, read_labels
from hpe_bench.errors import DataError
from hpe_bench.provenance.depends import digest, labels_depend_on
from hpe_bench.reading import require_regular
from hpe_bench.storage import checked_dataset, hdf5_bytes, write_atomically

_FORMAT = "hpe-bench label index, 2"
_MAX_BYTES = 2**30
#: Labels that are read before they are written: the most that a kill costs.
SAVE_EVERY = 8192

Progress = Callable[[int, int], None]


@dataclass
class _Rows:
    """Labels with the files that each was read from, relative to the root, and their sizes and times (ns)."""

    labels: Labels
    files: list[list[str]] = field(default_factory=list)
    stamps: list[list[tuple[int, int, int]]] = field(default_factory=list)


def indexed_labels(dataset: Dataset, cache: Path, skip_bad: bool = False, progress: Progress | None = None) -> Labels:
    """What ``dataset.labels`` gives, from the index below ``cache``, which is made, completed and mended on the way.

    It is written after every few thousand labels that had to be read: the same call after a kill reads only the rest.
    """
    follow = dataset.labels_follow_from()
    if follow is None:
        return dataset.labels(skip_bad, progress)
    ids = dataset.ids()
    path, key = index_path(dataset, cache), _key(dataset, follow)
    rows = _load(path, key)
    stale = _stale(rows, dataset.root, set(ids))
    rows = _keep(rows, [id for id in rows.labels.ids if id not in stale])
    known = set(rows.labels.ids)
    missing = [id for id in ids if id not in known]
    faults: list[Fault] = []
    done = len(ids) - len(missing)
    if progress is not None and done:
        progress(done, len(ids))
    for start in range(0, len(missing), SAVE_EVERY):
        part = missing[start : start + SAVE_EVERY]
        told = None if progress is None else _shifted(progress, done, len(ids))
        read, found = _read(dataset, part, skip_bad, told)
        faults += found
        rows = _joined(rows, read)
        write_atomically(path, hdf5_bytes(lambda file, rows=rows: _fill(file, rows, key)))  # type: ignore[misc]
        done += len(part)
    read_by_now = set(rows.labels.ids)
    whole = _keep(rows, [id for id in ids if id in read_by_now]).labels
    return Labels(**{**vars(whole), "faults": tuple(faults)})


def index_path(dataset: Dataset, cache: Path) -> Path:
    """Where the index of a dataset lies: one file for each class and root."""
    kind = type(dataset)
    place = f"{kind.__module__}.{kind.__qualname__}\0{dataset.root.resolve()}"
    return cache / "labels" / f"{kind.__name__.lower()}-{hashlib.sha256(os.fsencode(place)).hexdigest()[:12]}.h5"


def _key(dataset: Dataset, follow: Any) -> str:
    """SHA-256 over all but the files that a label follows from: the code, and what the dataset says."""
    return digest([_FORMAT, labels_depend_on(type(dataset)), follow])


def _shifted(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _: progress(before + done, total)


def _read(
    dataset: Dataset, ids: Sequence[str], skip_bad: bool, progress: Progress | None
) -> tuple[_Rows, tuple[Fault, ...]]:
    files: list[list[str]] = []
    stamps: list[list[tuple[int, int, int]]] = []

    def note(sample: Sample) -> None:
        files.append([os.path.relpath(path, dataset.root) for path in sample.files])
        stamps.append([_stamp(path) for path in sample.files])

    labels = read_labels(dataset, ids, skip_bad, progress, note)
    return _Rows(labels, files, stamps), labels.faults


def _stamp(path: Path | str) -> tuple[int, int, int]:
    """Size, time of the content, and time of any change (ns): the last follows a write whose time was set back."""
    stat = os.stat(path)
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _stale(rows: _Rows, root: Path, ids: set[str]) -> set[str]:
    """Those of the ids whose files are not as they were."""
    stale = set()
    for id, files, stamps in zip(rows.labels.ids, rows.files, rows.stamps, strict=True):
        if id in ids:
            try:
                same = [_stamp(os.path.join(root, file)) for file in files] == stamps
            except OSError:
                same = False
            if not (same and files):
                stale.add(id)
    return stale


def _keep(rows: _Rows, ids: Sequence[str]) -> _Rows:
    """The rows of the ids, in their order."""
    if tuple(ids) == rows.labels.ids:
        return rows
    place = {id: row for row, id in enumerate(rows.labels.ids)}
    chosen = [place[id] for id in ids]
    return _Rows(rows.labels.take(chosen), [rows.files[i] for i in chosen], [rows.stamps[i] for i in chosen])


def _joined(first: _Rows, second: _Rows) -> _Rows:
    a, b = first.labels, second.labels
    labels = Labels(
        ids=a.ids + b.ids,
        rotation=np.concatenate([a.rotation, b.rotation]),
        euler=np.concatenate([a.euler, b.euler]),
        person=a.person + b.person,
        sequence=a.sequence + b.sequence,
        digests=a.digests + b.digests,
        with_points=np.concatenate([a.with_points, b.with_points]),
    )
    return _Rows(labels, first.files + second.files, first.stamps + second.stamps)


def _fill(file: Any, rows: _Rows, key: str) -> None:
    labels = rows.labels
    text = {"ids": labels.ids, "person": labels.person, "sequence": labels.sequence, "files": rows.files}
    flat = [stamp for stamps in rows.stamps for stamp in stamps]
    columns = {
        "text": np.frombuffer(json.dumps(text).encode(), dtype=np.uint8),
        "rotation": labels.rotation,
        "euler": labels.euler,
        "digests": np.frombuffer(b"".join(labels.digests), dtype=np.uint8).reshape(-1, 32),
        "with_points": labels.with_points,
        "stamps": np.array(flat, dtype=np.int64).reshape(-1, 3),
    }
    file["key"] = np.bytes_(key)
    for name, column in columns.items():
        file.create_dataset(name, data=column, chunks=True, compression="gzip", shuffle=True, fletcher32=True)


def _load(path: Path, key: str) -> _Rows:
    """What the index holds; nothing where there is none, it follows from something else, or it is damaged."""
    import h5py

    empty = _Rows(Labels((), np.zeros((0, 3, 3)), np.zeros((0, 3)), (), (), (), np.zeros(0, np.bool_)))
    if not os.path.lexists(path):
        return empty
    try:
        require_regular(path)
        with h5py.File(path, "r", locking=False) as file:
            if bytes(checked_dataset(file, "key", "S", 2**10)).decode() != key:
                return empty
            text = json.loads(checked_dataset(file, "text", "u", _MAX_BYTES).tobytes())
            columns = {
                name: checked_dataset(file, name, kinds, _MAX_BYTES)
                for name, kinds in {
                    "rotation": "f",
                    "euler": "f",
                    "digests": "u",
                    "with_points": "b",
                    "stamps": "i",
                }.items()
            }
        return _checked(text, columns)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, DataError, RecursionError) as error:
        print(f"{path}: damaged, and made anew ({error})", file=sys.stderr)
        return empty


def _checked(text: Any, columns: dict[str, Any]) -> _Rows:
    """The rows of what was read; ValueError where its parts do not fit together."""
    ids, files = tuple(map(str, text["ids"])), [list(map(str, own)) for own in text["files"]]
    n, m = len(ids), sum(map(len, files))
    shapes = {"rotation": (n, 3, 3), "euler": (n, 3), "digests": (n, 32), "with_points": (n,), "stamps": (m, 3)}
    if any(columns[name].shape != shape for name, shape in shapes.items()) or len(set(ids)) != n or len(files) != n:
        raise ValueError("its parts do not fit together")
    flat = iter(zip(*columns["stamps"].T.tolist(), strict=True) if m else ())
    labels = Labels(
        ids=ids,
        rotation=columns["rotation"].astype(np.float64),
        euler=columns["euler"].astype(np.float64),
        person=tuple(map(str, text["person"])),
        sequence=tuple(map(str, text["sequence"])),
        digests=tuple(row.tobytes() for row in columns["digests"]),
        with_points=columns["with_points"],
    )
    if len(labels.person) != n or len(labels.sequence) != n:
        raise ValueError("its parts do not fit together")
    return _Rows(labels, files, [[next(flat) for _ in own] for own in files])
