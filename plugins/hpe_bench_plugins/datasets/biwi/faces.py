"""The faces of a tree, cut out once: one HDF5 file with every frame's label and, by each rule, its box, and why that is
not of a face of its own. What two rules cut alike is in it once."""

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
from hpe_bench_plugins.datasets.biwi.rules import Box, Choice, Rule
from hpe_bench_plugins.datasets.biwi.tree import SUBJECTS, Frame

FILE = "faces.h5"
_FORMAT = "hpe-bench faces of BIWI, 2"
_EARLIER = "hpe-bench faces of BIWI, 1"
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
    choices: Mapping[Rule, Sequence[Choice]],
    size: int,
    about: Mapping[str, Any],
    work: Preparation,
) -> None:
    """Cut the faces out of the frames and write them with all that is known of every frame; whole or not at all."""
    boxes = [[choice.box for choice in own] for own in choices.values()]
    wanted = [(n, box) for n, own in enumerate(zip(*boxes, strict=True)) for box in dict.fromkeys(own) if box]
    rows = {cut: row for row, cut in enumerate(wanted)}
    columns: dict[str, Any] = {
        "id": _text(frame.id for frame in frames),
        "person": _text(frame.person for frame in frames),
        "sequence": _text(frame.sequence for frame in frames),
        "rotation": np.array([frame.rotation for frame in frames], dtype=np.float64).reshape(-1, 3, 3),
    }
    for rule, own in choices.items():
        columns[f"{rule}/box"] = np.array([choice.box or [np.nan] * 4 for choice in own]).reshape(-1, 4).astype("f8")
        columns[f"{rule}/confidence"] = np.array([choice.confidence for choice in own], dtype=np.float64)
        columns[f"{rule}/why"] = _text(choice.why for choice in own)
        columns[f"{rule}/row"] = np.array([rows.get((n, choice.box), -1) for n, choice in enumerate(own)], dtype="i8")
    with create_hdf5(path) as file, work.progress("crops", len(wanted)) as advance:
        for name, column in columns.items():
            file.create_dataset(name, data=column, chunks=True, compression="gzip", fletcher32=True)
        kept = file.create_dataset(
            "crops",
            (len(wanted), size, size, 3),
            "u1",
            chunks=(1, size, size, 3),
            compression="gzip",
            compression_opts=1,
            fletcher32=True,
        )
        for row, crop in enumerate(_cut_all([(frames[n], box) for n, box in wanted], size)):
            kept[row] = crop
            advance(1)
        file["about"] = np.bytes_(json.dumps({**about, "format": _FORMAT, "size": size}).encode())


class Faces:
    """A file of faces by one of its rules, its columns in memory, its crops on disk."""

    def __init__(self, path: Path, rule: Rule) -> None:
        self.path = path
        try:
            file = _opened(path)
            about = json.loads(bytes(checked_dataset(file, "about", "S", _MOST_BYTES)))
            self._require(about, rule)
            text = {name: _decoded(file, name) for name in ("id", "person", "sequence", f"{rule}/why")}
            self.ids: list[str] = text["id"]
            self.person, self.sequence, self.why = text["person"], text["sequence"], text[f"{rule}/why"]
            self.rotation = checked_dataset(file, "rotation", "f", _MOST_BYTES)
            self.box = checked_dataset(file, f"{rule}/box", "f", _MOST_BYTES)
            self.confidence = checked_dataset(file, f"{rule}/confidence", "f", _MOST_BYTES)
            self.row = checked_dataset(file, f"{rule}/row", "i", _MOST_BYTES)
            #: What the boxes came about by, this rule's alone.
            told = {name: value for name, value in about.items() if name != "rules"}
            self.about: Mapping[str, Any] = {**told, "rule": rule, **about["rules"][rule]}
            self._check(file)
            self._choices = self._read_choices()
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise DataError(f"{path}: not a readable file of faces ({error}); {_MEND}") from error

    @functools.cached_property
    def place(self) -> Mapping[str, int]:
        """The place of every frame, by id."""
        return {id: place for place, id in enumerate(self.ids)}

    def choices(self) -> Mapping[str, Choice]:
        """The choice for every frame, by id."""
        return self._choices

    def _read_choices(self) -> Mapping[str, Choice]:
        told = zip(self.ids, self.row.tolist(), self.box.tolist(), self.confidence.tolist(), self.why, strict=True)
        return {
            id: Choice((int(box[0]), int(box[1]), int(box[2]), int(box[3])) if row >= 0 else None, sure, why)
            for id, row, box, sure, why in told
        }

    def digest(self) -> str:
        """SHA-256 over what the crops were cut from and by."""
        told = hashlib.sha256(json.dumps(self.about, sort_keys=True).encode())
        told.update(self.box.tobytes())
        return told.hexdigest()

    def _require(self, about: Mapping[str, Any], rule: Rule) -> None:
        """:class:`DataError` where a file is of an earlier version, of another program, or of other rules."""
        if about["format"] == _EARLIER:
            raise DataError(f"{self.path} is of an earlier version, whose rule is none of today's; {_MEND}")
        if about["format"] != _FORMAT:
            raise DataError(f"{self.path}: not faces of this program ({about['format']})")
        if rule not in about["rules"]:
            there = ", ".join(map(str, about["rules"]))
            raise DataError(f"{self.path} holds boxes by the rule {there}, none by {rule}; {_MEND}, by both")

    def _check(self, file: Any) -> None:
        import h5py

        n, size = len(self.ids), int(self.about["size"])
        shapes = {"rotation": (n, 3, 3), "box": (n, 4), "confidence": (n,), "row": (n,)}
        fit = all(getattr(self, name).shape == shape for name, shape in shapes.items())
        fit = fit and all(len(column) == n for column in (self.person, self.sequence, self.why))
        crops_there: Any = file.get("crops") if isinstance(file.get("crops", getlink=True), h5py.HardLink) else None
        inside = isinstance(crops_there, h5py.Dataset) and not crops_there.external and not crops_there.is_virtual
        if not fit or not inside or crops_there.dtype != np.uint8 or crops_there.compression not in (None, "gzip"):
            raise ValueError("its parts do not fit together")
        if not {id[:2] for id in self.ids} <= set(SUBJECTS):
            raise ValueError("its frames are of no sequence")
        told = {"detector": str, "colours": str, "confidence": float} if "detector" in self.about else {}
        if strange := [name for name, kind in told.items() if not isinstance(self.about.get(name), kind)]:
            raise ValueError(f"it does not say {', '.join(strange)}")
        rows = self.row[self.row >= 0].tolist()
        if crops_there.shape[1:] != (size, size, 3) or len(set(rows)) != len(rows) or len(self.place) != n:
            raise ValueError("its parts do not fit together")
        if rows and max(rows) >= len(crops_there):
            raise ValueError("its parts do not fit together")


@functools.lru_cache(maxsize=2)
def _opened_as(path: Path, stamp: tuple[int, int, int]) -> Any:
    import h5py

    return h5py.File(path, "r", locking=False)


def _opened(path: Path) -> Any:
    """The file, open, and opened anew where another has taken its place."""
    stat = path.stat()
    return _opened_as(path, (stat.st_ino, stat.st_size, stat.st_mtime_ns))


def _cut_all(found: Sequence[tuple[FrameLabel, Box]], size: int) -> Iterator[NDArray[np.uint8]]:
    """The crops in order; threads decode, some frames ahead."""
    import cv2

    def cut(frame: FrameLabel, box: Box) -> NDArray[np.uint8]:
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
