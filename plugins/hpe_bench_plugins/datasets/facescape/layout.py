"""The layout of a grid of renders: <root>/<id>/ID<id>_(<yaw>_<pitch>_<roll>).jpg or .png, integers, degrees.

The reference work lays its renders of FaceScape out like this. A ``grid.json`` beside the folders, as this program
writes it where it renders, declares the bins and what made the images; without it the bins are those of the files.
Where ``angles.csv`` lies in an identity's folder, its images have the angles that it states (yaw, pitch, roll of the
cell, then the angles of the image in degrees, as the grid counts them), and the names only tell them apart.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hpe_bench import DataError, GridAxes, instead_of, pose, read_regular

Cell = tuple[int, int, int]
Angles = tuple[float, float, float]

MANIFEST = "grid.json"
ANGLES = "angles.csv"
_FORMAT = "hpe-bench grid of renders, 1"
_COLUMNS = "yaw_cell,pitch_cell,roll_cell,yaw,pitch,roll"
_MOST_BYTES = 2**24
#: What Windows puts into folders.
_BY_WINDOWS = ("thumbs.db", "desktop.ini")
#: Cells as far from the front as this have angles that no radians reach.
_BEYOND_RADIANS = 20
_NAME = re.compile(r"ID(.+)_\((-?\d{1,4})_(-?\d{1,4})_(-?\d{1,4})\)\.(jpe?g|png)", re.IGNORECASE)


@dataclass(frozen=True)
class Manifest:
    """What ``grid.json`` declares: the axes of the grid, and what made its images."""

    axes: GridAxes
    generator: Mapping[str, Any]

    def text(self) -> bytes:
        """The content of the file."""
        return json.dumps(
            {"format": _FORMAT, "axes": asdict(self.axes), "generator": self.generator}, indent=1
        ).encode()


@dataclass(frozen=True)
class Layout:
    """The images below a root: by identity and cell, their file names and sizes in bytes.

    ``strange`` are the files that are not of the form, each with the reason, relative to the root. ``scattered`` has
    the angles of images that do not have those of their cells, by identity.
    """

    root: Path
    axes: GridAxes
    images: Mapping[str, Mapping[Cell, tuple[str, int]]]
    strange: Sequence[tuple[str, str]]
    manifest: Manifest | None
    scattered: Mapping[str, Mapping[Cell, Angles]] = field(default_factory=dict)

    @property
    def identities(self) -> tuple[str, ...]:
        """By number where they are numbers, else by name."""
        return tuple(self.images)

    @functools.cached_property
    def cells(self) -> dict[Cell, int]:
        """The place of every cell of the grid, in the order of its axes."""
        yaw, pitch, roll = (map(int, bins) for bins in (self.axes.yaw, self.axes.pitch, self.axes.roll))
        return {cell: place for place, cell in enumerate(itertools.product(yaw, pitch, roll))}

    def image(self, identity: str, cell: Cell) -> Path | None:
        """The file of a cell; None where there is none."""
        found = self.images.get(identity, {}).get(cell)
        return None if found is None else self.root / identity / found[0]

    def angles(self, identity: str) -> NDArray[np.float64]:
        """Yaw, pitch, roll (C, 3) in degrees of an identity's cells in their order, as the grid counts them."""
        own = self.scattered.get(identity, {})
        return np.array([own.get(cell, cell) for cell in self.cells], dtype=np.float64)

    def missing(self) -> int:
        """The number of cells without an image, over all identities."""
        return sum(len(self.cells) - len(cells) for cells in self.images.values())

    def digest(self) -> str:
        """SHA-256 over the axes, every image's name and size, and the angles that images have of their own."""
        digest = hashlib.sha256(json.dumps(asdict(self.axes)).encode())
        for identity in sorted(self.images):
            for name, size in sorted(self.images[identity].values()):
                digest.update(f"{identity}/{name}\0{size}\n".encode())
        for identity in sorted(self.scattered):
            digest.update(f"{identity}\0".encode() + self.angles(identity).tobytes())
        return digest.hexdigest()


def image_name(identity: str, cell: Cell, suffix: str) -> str:
    """The file name of a cell's image; ``suffix`` without the dot."""
    yaw, pitch, roll = cell
    return f"ID{identity}_({yaw}_{pitch}_{roll}).{suffix}"


def angles_text(angles: Mapping[Cell, Angles]) -> bytes:
    """The content of an ``angles.csv``; numbers are read back as they were."""
    lines = [",".join(map(repr, (*cell, *stated))) for cell, stated in angles.items()]
    return "\n".join([_COLUMNS, *lines, ""]).encode()


def read_layout(root: Path, convention: pose.GridConvention | None = None) -> Layout:
    """The images below a root.

    ``convention`` None is that of the manifest, else pitch-yaw-roll. :class:`DataError` where a cell has two images,
    the manifest is damaged, or another convention is asked for than it declares.
    """
    manifest = read_manifest(root)
    declared = None if manifest is None else manifest.axes
    if declared is not None and convention not in (None, declared.convention):
        raise DataError(f"{root / MANIFEST} declares the convention {declared.convention}, not {convention}")
    images: dict[str, dict[Cell, tuple[str, int]]] = {}
    strange: list[tuple[str, str]] = []
    scattered: dict[str, dict[Cell, Angles]] = {}
    for folder in _entries(root):
        if _shown(folder.name) != folder.name:
            strange.append((_shown(folder.name), "its name is not UTF-8; rename it"))
        elif folder.is_dir():
            found = _read_identity(folder, declared, strange)
            if found:
                images[folder.name] = found
                own = _read_angles(Path(folder.path), found)
                if own is not None:
                    scattered[folder.name] = own
        elif re.search(r"\.(jpe?g|png)$", folder.name, re.IGNORECASE):
            strange.append((folder.name, "an image outside of any identity's folder"))
    images = {identity: images[identity] for identity in sorted(images, key=_by_number)}
    axes = declared or _axes_of(images, convention or "pitch-yaw-roll")
    return Layout(root, axes, images, tuple(strange), manifest, scattered)


def read_manifest(root: Path) -> Manifest | None:
    """What ``grid.json`` declares; None where there is none, :class:`DataError` where it is damaged."""
    path = _named(root, MANIFEST)
    if path is None:
        return None
    try:
        content = json.loads(read_regular(path, _MOST_BYTES).decode("utf-8-sig"))
        if content["format"] != _FORMAT:
            raise ValueError(f"its format is '{content['format']}', not '{_FORMAT}'")
        declared = content["axes"]
        bins = {name: tuple(declared[name]) for name in pose.ANGLES}
        if not all(isinstance(angle, (int, float)) and angle == int(angle) for part in bins.values() for angle in part):
            raise ValueError("its bins are not whole numbers")
        axes = GridAxes(**bins, convention=declared["convention"])
        return Manifest(axes, dict(content["generator"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        why = instead_of(path, "json", "text") or f"{type(error).__name__}: {error}"
        raise DataError(f"{path}: not a readable manifest ({why}); render anew") from error


def _named(folder: Path, name: str) -> Path | None:
    """What has a name in a folder, whatever its case; None where nothing has."""
    if os.path.lexists(folder / name):
        return folder / name
    there = _entries(folder) if folder.is_dir() else []
    return next((Path(entry.path) for entry in there if entry.name.lower() == name), None)


def _shown(name: str) -> str:
    """A name as it can be written anywhere: another one, where it is not UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _entries(folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    """What lies in a folder, by name, but for what is hidden."""
    try:
        with os.scandir(folder) as found:
            return sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{os.fspath(folder)}: cannot be read ({error.strerror or error})") from error


def _read_identity(
    folder: os.DirEntry[str], declared: GridAxes | None, strange: list[tuple[str, str]]
) -> dict[Cell, tuple[str, int]]:
    found: dict[Cell, tuple[str, int]] = {}
    for entry in _entries(folder):
        if entry.name.lower() in (ANGLES, *_BY_WINDOWS):
            continue
        match = _NAME.fullmatch(entry.name)
        cell = cast(Cell, tuple(int(angle) for angle in match.group(2, 3, 4))) if match else (0, 0, 0)
        reason = ""
        if match is None or not entry.is_file():
            reason = f"not of the form ID{folder.name}_(<yaw>_<pitch>_<roll>).jpg or .png"
        elif match.group(1) != folder.name:
            reason = f"an image of ID{match.group(1)} in the folder of {folder.name}"
        elif declared is not None and not _within(cell, declared):
            reason = f"not a cell that {MANIFEST} declares"
        if reason:
            strange.append((_shown(f"{folder.name}/{entry.name}"), _shown(reason)))
            continue
        if cell in found:
            raise DataError(f"{folder.path}: {found[cell][0]} and {entry.name} are of one cell; remove one of them")
        found[cell] = (entry.name, entry.stat().st_size)
    return found


def _read_angles(folder: Path, images: Mapping[Cell, Any]) -> dict[Cell, Angles] | None:
    """What an ``angles.csv`` states, None where there is none; :class:`DataError` where it lacks an image."""
    path = _named(folder, ANGLES)
    if path is None:
        return None
    found: dict[Cell, Angles] = {}
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8-sig")
        head, *lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
        if head != _COLUMNS:
            raise ValueError(instead_of(path, "text") or f"its first line is not {_COLUMNS}")
        for line in lines:
            fields = line.split(",")
            stated = tuple(map(float, fields[3:]))
            if len(fields) != 6 or not all(map(math.isfinite, stated)):
                raise ValueError(f"'{line}' is not six numbers")
            cell = cast(Cell, tuple(map(int, fields[:3])))
            if cell in found:
                raise ValueError(f"it has two lines for the cell {','.join(fields[:3])}")
            found[cell] = cast(Angles, stated)
        absent = [cell for cell in images if cell not in found]
        if absent:
            raise ValueError(f"it has no line for {images[absent[0]][0]}")
        named, largest = max(abs(angle) for one in found for angle in one), max(map(abs, _flat(found.values())))
        if largest <= math.pi and named >= _BEYOND_RADIANS:
            raise ValueError(f"no angle is beyond {largest:.3g}, in cells up to {named}: they look like radians")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no readable angles ({error}); mend it, or remove it: names count then") from error
    return found


def _flat(stated: Iterable[Angles]) -> list[float]:
    return [angle for angles in stated for angle in angles]


def _within(cell: Cell, axes: GridAxes) -> bool:
    return all(angle in bins for angle, bins in zip(cell, (axes.yaw, axes.pitch, axes.roll), strict=True))


def _axes_of(images: Mapping[str, Mapping[Cell, Any]], convention: pose.GridConvention) -> GridAxes:
    """The bins that the images have, all crossed with each other; one cell where there is no image."""
    cells = {cell for found in images.values() for cell in found} or {(0, 0, 0)}
    yaw, pitch, roll = (tuple(float(angle) for angle in sorted(set(angles))) for angles in zip(*cells, strict=True))
    return GridAxes(yaw, pitch, roll, convention)


def _by_number(name: str) -> tuple[int, int, str]:
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)
