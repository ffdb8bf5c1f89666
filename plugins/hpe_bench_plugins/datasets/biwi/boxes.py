"""Box files: the face of every frame as a table, so that two studies can use the very same crops."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hpe_bench import DataError, MissingError, instead_of, read_regular
from hpe_bench_plugins.datasets.biwi.tree import SUBJECTS

#: Left, top, right, bottom in pixels.
Corners = tuple[float, float, float, float]

_SIDES = ("x", "y", "w", "h")
_MOST_BYTES = 2**27


@dataclass(frozen=True)
class Boxes:
    """The boxes of frames, by id; None where the file says that no face was found."""

    path: Path
    corners: Mapping[str, Corners | None]
    confidence: Mapping[str, float]

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over the boxes."""
        content = "\n".join(f"{id} {self.corners[id]}" for id in sorted(self.corners))
        return hashlib.sha256(content.encode()).hexdigest()


def read_boxes(path: Path) -> Boxes:
    """The boxes of a CSV file with the columns sequence, frame, x, y, w, h, in any order, and any others.

    x, y, w, h may have a prefix, such as fsanet_x, and are all empty where there is no face; ``confidence`` is read
    where it is there. :class:`DataError` names the line that is at fault.
    """
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise MissingError(f"no box file {path}; give one with -d boxes=FILE") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    try:
        return _read(path, csv.DictReader(io.StringIO(text, newline=None), strict=True))
    except csv.Error as error:
        raise DataError(f"{path}: not a readable table ({error}); save it as CSV anew") from error


def _read(path: Path, table: csv.DictReader[str]) -> Boxes:
    prefix = _prefix(path, table.fieldnames or ())
    corners: dict[str, Corners | None] = {}
    confidence: dict[str, float] = {}
    for row in table:
        where = f"{path}, line {table.line_num}"
        id = _id(where, row.get("sequence"), row.get("frame"))
        if id in corners:
            raise DataError(f"{where}: a second box of {id}; remove one of them")
        corners[id] = _corners(where, [(row[f"{prefix}{side}"] or "").strip() for side in _SIDES])
        if row.get("confidence"):
            confidence[id] = _number(where, row["confidence"])
    return Boxes(path, corners, confidence)


def _prefix(path: Path, columns: object) -> str:
    names = [str(name) for name in columns] if isinstance(columns, (list, tuple)) else []
    prefixes = [name[:-1] for name in names if name.endswith("x") and all(name[:-1] + side in names for side in _SIDES)]
    if not {"sequence", "frame"} <= set(names) or len(prefixes) != 1:
        if wrong := instead_of(path, "text", "empty"):
            raise DataError(f"{path}: no box file: {wrong}")
        raise DataError(
            f"{path}: its columns are {', '.join(names) or 'none'}; a box file has sequence, frame, x, y, w, h"
        )
    return prefixes[0]


def _id(where: str, sequence: str | None, frame: str | None) -> str:
    sequence, frame = (sequence or "").strip(), (frame or "").strip()
    if re.search(r"[/\\]|\.\.", f"{sequence} {frame}"):
        raise DataError(f"{where}: '{sequence}', '{frame}' leaves the folder of the dataset")
    if sequence.zfill(2) not in SUBJECTS or not re.fullmatch(r"\d{1,5}", frame, re.ASCII):
        raise DataError(f"{where}: no frame '{frame}' of a sequence '{sequence}': 01 to 24, and a number")
    return f"{sequence.zfill(2)}/frame_{int(frame):05d}"


def _corners(where: str, sides: list[str]) -> Corners | None:
    if not any(sides):
        return None
    x, y, w, h = (_number(where, side) for side in sides)
    if w <= 0 or h <= 0:
        raise DataError(f"{where}: a box of {w:g} x {h:g} pixels")
    return x, y, x + w, y + h


def _number(where: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{where}: '{text}' is not a number")
    return number
