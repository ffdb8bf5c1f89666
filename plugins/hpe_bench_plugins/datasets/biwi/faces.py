"""The faces of a tree, cut out once: one HDF5 file with every frame's label, box and confidence, or why it has none."""

from __future__ import annotations

import collections
import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench import DataError, Preparation, checked_dataset, create_hdf5, crops, usable_cpus
from hpe_bench_plugins.datasets.biwi.rules import Choice
from hpe_bench_plugins.datasets.biwi.tree import Frame

FILE = "faces.h5"
_FORMAT = "hpe-bench faces of BIWI, 1"
_MOST_BYTES = 2**28
_AHEAD = 64
_MEND = "hpe-bench prepare biwi makes it anew"


@dataclass(frozen=True)
class FrameLabel:
    """What is known of a frame: its image, person, sequence and R (3, 3)."""

    id: str
    image: Path
    person: str
    sequence: str
    rotation: NDArray[np.float64]


@dataclass(frozen=True)
class CroppedFace:
    """One crop of a file."""

    path: Path
    row: int

    def digest(self) -> bytes:
        return hashlib.sha256(self.pixels().tobytes()).digest()

    def pixels(self) -> NDArray[np.uint8]:
        try:
            return np.asarray(_opened(self.path)["crops"][self.row], dtype=np.uint8)
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise DataError(f"{self.path}: a crop cannot be read ({error}); {_MEND}") from error


def write_faces(
    path: Path,
    frames: Sequence[FrameLabel],
    choices: Sequence[Choice],
    size: int,
    about: Mapping[str, Any],
    work: Preparation,
) -> None:
    """Cut the faces out of the frames and write them with all that is known of every frame; whole or not at all."""
    found = [(frame, choice.box) for frame, choice in zip(frames, choices, strict=True) if choice.box is not None]
    rows = np.full(len(frames), -1, dtype=np.int64)
    rows[[choice.box is not None for choice in choices]] = np.arange(len(found))
    columns = {
        "id": _text(frame.id for frame in frames),
        "person": _text(frame.person for frame in frames),
        "sequence": _text(frame.sequence for frame in frames),
        "rotation": np.array([frame.rotation for frame in frames], dtype=np.float64).reshape(-1, 3, 3),
        "box": np.array([choice.box or [np.nan] * 4 for choice in choices], dtype=np.float64).reshape(-1, 4),
        "confidence": np.array([choice.confidence for choice in choices], dtype=np.float64),
        "dropped": _text(choice.dropped for choice in choices),
        "row": rows,
    }
    with create_hdf5(path) as file, work.progress("crops", len(found)) as advance:
        for name, column in columns.items():
            file.create_dataset(name, data=column, chunks=True, compression="gzip", fletcher32=True)
        kept = file.create_dataset(
            "crops",
            (len(found), size, size, 3),
            "u1",
            chunks=(1, size, size, 3),
            compression="gzip",
            compression_opts=1,
            fletcher32=True,
        )
        for row, crop in enumerate(_cut_all(found, size)):
            kept[row] = crop
            advance(1)
        file["about"] = np.bytes_(json.dumps({**about, "format": _FORMAT, "size": size}).encode())


class Faces:
    """A file of faces, its columns in memory, its crops on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            file = _opened(path)
            about = json.loads(bytes(checked_dataset(file, "about", "S", _MOST_BYTES)))
            if about["format"] != _FORMAT:
                raise DataError(f"{path}: not faces of this program ({about['format']})")
            text = {name: _decoded(file, name) for name in ("id", "person", "sequence", "dropped")}
            self.ids: list[str] = text["id"]
            self.person, self.sequence, self.dropped = text["person"], text["sequence"], text["dropped"]
            self.rotation = checked_dataset(file, "rotation", "f", _MOST_BYTES)
            self.box = checked_dataset(file, "box", "f", _MOST_BYTES)
            self.confidence = checked_dataset(file, "confidence", "f", _MOST_BYTES)
            self.row = checked_dataset(file, "row", "i", _MOST_BYTES)
            self.about: Mapping[str, Any] = about
            self._check(file)
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: not a readable file of faces ({error}); {_MEND}") from error

    @functools.cached_property
    def place(self) -> Mapping[str, int]:
        """The place of every frame, by id."""
        return {id: place for place, id in enumerate(self.ids)}

    def found(self, id: str) -> bool:
        """Whether there is a crop of a frame."""
        return bool(self.row[self.place[id]] >= 0)

    def digest(self) -> str:
        """SHA-256 over what the crops were cut from and by."""
        told = hashlib.sha256(json.dumps(self.about, sort_keys=True).encode())
        told.update(self.box.tobytes())
        return told.hexdigest()

    def _check(self, file: Any) -> None:
        import h5py

        n, size = len(self.ids), int(self.about["size"])
        shapes = {"rotation": (n, 3, 3), "box": (n, 4), "confidence": (n,), "row": (n,)}
        fit = all(getattr(self, name).shape == shape for name, shape in shapes.items())
        fit = fit and all(len(column) == n for column in (self.person, self.sequence, self.dropped))
        crops_there: Any = file.get("crops") if isinstance(file.get("crops", getlink=True), h5py.HardLink) else None
        inside = isinstance(crops_there, h5py.Dataset) and not crops_there.external and not crops_there.is_virtual
        if not fit or not inside or crops_there.dtype != np.uint8 or crops_there.compression not in (None, "gzip"):
            raise ValueError("its parts do not fit together")
        rows = sorted(self.row[self.row >= 0].tolist())
        if crops_there.shape != (len(rows), size, size, 3) or rows != list(range(len(rows))) or len(self.place) != n:
            raise ValueError("its parts do not fit together")


@functools.lru_cache(maxsize=2)
def _opened_as(path: Path, stamp: tuple[int, int, int]) -> Any:
    import h5py

    return h5py.File(path, "r", locking=False)


def _opened(path: Path) -> Any:
    """The file, open, and opened anew where another has taken its place."""
    stat = path.stat()
    return _opened_as(path, (stat.st_ino, stat.st_size, stat.st_mtime_ns))


def _cut_all(found: Sequence[tuple[FrameLabel, Any]], size: int) -> Iterator[NDArray[np.uint8]]:
    """The crops in order; threads decode, some frames ahead."""
    import cv2

    def cut(frame: FrameLabel, box: Any) -> NDArray[np.uint8]:
        return np.asarray(cv2.resize(crops.cut(Frame(frame.image).pixels(), box), (size, size)), dtype=np.uint8)

    waiting: collections.deque[Future[NDArray[np.uint8]]] = collections.deque()
    with ThreadPoolExecutor(usable_cpus()) as threads:
        try:
            for frame, box in found:
                waiting.append(threads.submit(cut, frame, box))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _text(values: Iterable[str]) -> NDArray[np.bytes_]:
    encoded = [value.encode() for value in values]
    return np.array(encoded, dtype=f"S{max(map(len, encoded), default=1) or 1}")


def _decoded(file: Any, name: str) -> list[str]:
    return [value.decode() for value in checked_dataset(file, name, "S", _MOST_BYTES).tolist()]
