"""HeadPose+'s files of BIWI, such as Biwi_plus.npz: rotations and a box of the face for each frame that they name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench import DataError, MissingError, instead_of, pose, read_arrays
from hpe_bench_plugins.datasets.biwi.boxes import Boxes, Corners
from hpe_bench_plugins.datasets.biwi.tree import SUBJECTS

FILE = "Biwi_plus.npz"
_KEYS = ("images", "pyr", "ypr", "bbox")
_MOST_BYTES = 2**28
_NAME = re.compile(r"(\d\d)/(frame_\d{5})_rgb\.png", re.ASCII)
#: Of the entries of R: both sets of angles have as many digits as float64 holds.
_ALIKE = 1e-6


@dataclass(frozen=True)
class Plus:
    """R (3, 3) of frames, by id, and the boxes of their faces."""

    path: Path
    rotation: Mapping[str, NDArray[np.float64]]
    boxes: Boxes


def read_plus(path: Path) -> Plus:
    """The frames of a file with ``images``, ``pyr``, ``ypr`` and ``bbox``; ``ids`` may be fewer, and are not looked at.

    ``ypr`` are yaw, pitch, roll in degrees of X(-pitch) Y(yaw) Z(roll). ``pyr`` are pitch, yaw, roll of the same
    rotation as Z(-roll) Y(-yaw) X(pitch), every sign turned. ``bbox`` is x, y, width, height; HeadPose+'s own
    evaluation cuts one column and one row less than that, and so do the boxes here. :class:`DataError` naming the file;
    nothing is unpickled.
    """
    try:
        arrays = read_arrays(path, _KEYS, _MOST_BYTES)
    except FileNotFoundError as error:
        raise MissingError(
            f"no file {path}; put it there, or point to it: HeadPose+'s files, such as {FILE}, are in the folder data "
            "of https://github.com/kuhnkeF/headposeplus"
        ) from error
    except (OSError, ValueError, KeyError) as error:
        why = instead_of(path, "zip") or f"{error}; fetch it anew"
        raise DataError(f"{path}: no labels of HeadPose+: {why}") from error
    ids = _ids(path, arrays["images"])
    for name, columns in (("pyr", 3), ("ypr", 3), ("bbox", 4)):
        _require_numbers(path, name, arrays[name], (len(ids), columns))
    rotation = pose.rotation_from_euler(arrays["ypr"])
    other = pose.rotation_in_order(-np.asarray(arrays["pyr"], dtype=np.float64)[:, [1, 0, 2]], "roll-yaw-pitch")
    apart = np.abs(rotation - other).max(axis=(1, 2), initial=0)
    if (apart > _ALIKE).any():
        first = ids[int(np.argmax(apart > _ALIKE))]
        raise DataError(f"{path}: ypr and pyr of {first} are not the same rotation; fetch the file anew")
    corners: dict[str, Corners | None] = {}
    for id, (x, y, width, height) in zip(ids, arrays["bbox"].tolist(), strict=True):
        if width < 2 or height < 2:
            raise DataError(f"{path}: {id} has a box of {width:g} x {height:g} pixels")
        corners[id] = (x, y, x + width - 1, y + height - 1)
    return Plus(path, dict(zip(ids, rotation, strict=True)), Boxes(path, corners, {}))


def _ids(path: Path, images: NDArray[Any]) -> list[str]:
    if images.dtype.kind != "U" or images.ndim != 1:
        raise DataError(f"{path}: images is {images.dtype} {images.shape} where names of files belong")
    names = images.tolist()
    found = [match for match in map(_NAME.fullmatch, names) if match and match[1] in SUBJECTS]
    if len(found) != len(names):
        strange = next(name for name in names if not (match := _NAME.fullmatch(name)) or match[1] not in SUBJECTS)
        raise DataError(f"{path}: '{strange[:100]}' names no frame such as 01/frame_00003_rgb.png")
    ids = [f"{match[1]}/{match[2]}" for match in found]
    if len(set(ids)) != len(ids):
        twice = next(id for id in ids if ids.count(id) > 1)
        raise DataError(f"{path}: names {twice} twice; fetch it anew")
    return ids


def _require_numbers(path: Path, name: str, array: NDArray[Any], shape: tuple[int, int]) -> None:
    if array.dtype.kind not in "fiu" or array.shape != shape:
        raise DataError(f"{path}: {name} is {array.dtype} {array.shape} where numbers {shape} belong")
    if not np.isfinite(array).all():
        raise DataError(f"{path}: {name} holds a number that is not finite")
