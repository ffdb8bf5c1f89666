"""The official tree: hpdb/NN/frame_NNNNN_rgb.png, _pose.txt or _pose.bin, rgb.cal and depth.cal in every sequence."""

from __future__ import annotations

import codecs
import functools
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench import DataError, ImageFile, SampleError, instead_of, pose, read_regular

#: Who is in which sequence, as the readme of the database lists it.
SUBJECTS = {
    "01": "F01", "02": "F02", "03": "F03", "04": "F04", "05": "F05", "06": "F06", "07": "M01", "08": "M02",
    "09": "M03", "10": "M04", "11": "M05", "12": "M06", "13": "M07", "14": "M08", "15": "F03", "16": "M09",
    "17": "M10", "18": "F05", "19": "M11", "20": "M12", "21": "F02", "22": "M01", "23": "M13", "24": "M14",
}  # fmt: skip
WIDTH, HEIGHT = 640, 480
#: Of a text of a few numbers.
_MOST_BYTES = 2**16
#: Folders below the root in which the sequences may lie.
_INSIDE = ("hpdb", "faces_0", "")
_NAME = re.compile(r"(frame_\d{5})_(rgb\.png|pose\.txt|pose\.bin)")


@dataclass(frozen=True)
class Frame(ImageFile):
    """The colour image of a frame; :class:`SampleError` where it has not 640 x 480 pixels."""

    def pixels(self) -> NDArray[np.uint8]:
        image = super().pixels()
        if image.shape[:2] != (HEIGHT, WIDTH):
            size = f"{image.shape[1]} x {image.shape[0]}"
            raise SampleError(f"{self.path}: {size} pixels where {WIDTH} x {HEIGHT} belong; fetch it anew")
        return image


@dataclass(frozen=True)
class Tree:
    """The frames below a folder of sequences: which of their files there are, by id such as 01/frame_00003."""

    folder: Path
    files: Mapping[str, frozenset[str]]

    def image(self, id: str) -> Path:
        """The colour image of a frame; :class:`SampleError` where it is missing."""
        path = self.folder / f"{id}_rgb.png"
        if "rgb.png" not in self.files[id]:
            raise SampleError(f"{path} is missing, the frame that a pose beside it is of")
        return path

    def pose(self, id: str) -> Path:
        """The pose of a frame, its text where there are both; :class:`SampleError` where it is missing."""
        name = next((name for name in ("pose.txt", "pose.bin") if name in self.files[id]), None)
        if name is None:
            raise SampleError(f"{self.folder / id}_pose.txt is missing, and so is _pose.bin; fetch them anew")
        return self.folder / f"{id}_{name}"

    def digest(self) -> str:
        """SHA-256 over the names and sizes of images and poses."""
        digest = hashlib.sha256()
        for id in self.files:
            for path in (self.image(id), self.pose(id)):
                digest.update(f"{id}\0{path.name}\0{path.stat().st_size}\n".encode())
        return digest.hexdigest()


def read_tree(root: Path) -> Tree:
    """The frames below a root, in hpdb, in faces_0 or in the root itself; none where no sequence is there."""
    for inside in _INSIDE:
        folder = root / inside
        if any((folder / sequence).is_dir() for sequence in SUBJECTS):
            return Tree(folder, dict(sorted(_frames(folder).items())))
    return Tree(root, {})


def _frames(folder: Path) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for sequence in SUBJECTS:
        if not (folder / sequence).is_dir():
            continue
        try:
            with os.scandir(folder / sequence) as entries:
                for entry in entries:
                    if match := _NAME.fullmatch(entry.name):
                        found.setdefault(f"{sequence}/{match[1]}", set()).add(match[2])
        except OSError as error:
            raise DataError(f"{folder / sequence}: cannot be read ({error.strerror or error})") from error
    return {id: frozenset(names) for id, names in found.items()}


def read_pose(path: Path) -> NDArray[np.float64]:
    """R (3, 3) of a pose file, in the frame of the depth camera. Raises :class:`SampleError` naming the file.

    A text holds the rotation row by row, then the centre of the head in mm. A bin file holds six float32: the centre,
    then pitch, yaw, roll in degrees of Z(roll) Y(yaw) X(pitch), which is the same rotation.
    """
    try:
        content = read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise SampleError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not content.strip():
        raise SampleError(f"{path}: the file is empty; fetch it anew")
    if path.suffix == ".bin":
        if len(content) != 24:
            raise SampleError(f"{path}: {len(content)} bytes where six float32 belong; fetch it anew")
        numbers = np.frombuffer(content, dtype="<f4").astype(np.float64)
        pitch, yaw, roll = _finite(path, numbers)[3:]
        if max(abs(pitch), abs(yaw), abs(roll)) > 360:
            raise SampleError(f"{path}: angles of {pitch:g}, {yaw:g}, {roll:g} degrees; fetch it anew")
        return pose.rotation_about("z", roll) @ pose.rotation_about("y", yaw) @ pose.rotation_about("x", pitch)
    numbers = _finite(path, _numbers(path, content))
    if len(numbers) != 12:
        raise SampleError(f"{path}: {len(numbers)} numbers where a rotation and a centre, 12, belong; fetch it anew")
    return _rotation(path, numbers[:9].reshape(3, 3))


@functools.lru_cache(maxsize=64)
def read_calibration(path: Path) -> NDArray[np.float64]:
    """The rotation (3, 3) from the depth camera to the camera of a cal file; :class:`DataError` naming the file.

    Blocks apart by blank lines: the camera matrix, the distortion, the rotation, the translation in mm, the size.
    """
    try:
        text = read_regular(path, _MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); fetch it anew, or leave out -d calibrated") from error
    blocks = [_numbers(path, block.encode()) for block in re.split(r"\n\s*\n", text.strip())]
    square = [block for block in blocks if len(block) == 9]
    if len(square) != 2:
        raise DataError(f"{path}: {len(square)} blocks of 3 x 3 numbers where camera matrix and rotation belong")
    return _rotation(path, _finite(path, square[1]).reshape(3, 3))


def _numbers(path: Path, text: bytes) -> NDArray[np.float64]:
    try:
        return np.array([float(word) for word in text.removeprefix(codecs.BOM_UTF8).split()], dtype=np.float64)
    except ValueError as error:
        why = instead_of(path, "text", "json") or f"{error}; fetch it anew"
        raise SampleError(f"{path}: not a file of numbers: {why}") from error


def _finite(path: Path, numbers: NDArray[np.float64]) -> Any:
    if not np.isfinite(numbers).all():
        raise SampleError(f"{path}: holds a number that is not finite")
    return numbers


def _rotation(path: Path, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation that the digits of a file round."""
    if pose.rotation_defect(matrix) > 1e-3:
        raise SampleError(f"{path}: not a rotation: max |R^T R - 1| = {pose.rotation_defect(matrix):.3g}")
    return pose.nearest_rotation(matrix)
