"""The labels of 300W-LP and AFLW2000: Pose_Para and pt2d of a MATLAB file, in version 5 as published, 4 or 7.3."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench import DataError, SampleError, UnitError, checked_dataset, instead_of, read_regular, require_regular
from hpe_bench_plugins.datasets.mat5 import read_matrices

#: Labels go beyond half a turn in radians (AFLW2000's to 5.8), and never beyond a whole one.
_MOST_RADIANS = 2 * math.pi
_MOST_BYTES, _MOST_FILE = 2**20, 2**24
_KEYS = ("Pose_Para", "pt2d")


def read_label(path: Path) -> tuple[Any, Any]:
    """Yaw, pitch, roll (3,) in degrees and pt2d (2, K) in pixels of a 300W-LP or AFLW2000 mat file.

    ``Pose_Para`` begins with pitch, yaw, roll in radians. Raises :class:`SampleError` naming the file and the key.
    """
    content = _read(path)
    for key in _KEYS:
        if key not in content:
            raise SampleError(f"{path}: has no {key}; fetch it anew")
    _require_one_pose(path, content["Pose_Para"])
    angles = _numbers(path, "Pose_Para", content["Pose_Para"]).ravel()
    if len(angles) < 3:
        raise SampleError(f"{path}: Pose_Para has {len(angles)} numbers where pitch, yaw, roll and more belong")
    pitch, yaw, roll = angles[:3]
    euler = np.degrees([yaw, pitch, roll])
    if not np.isfinite(euler).all():
        raise SampleError(f"{path}: Pose_Para holds a number that is not finite: {euler} degrees")
    _require_radians(path, angles[:3])
    points = _numbers(path, "pt2d", content["pt2d"])
    if points.ndim == 2 and points.shape[1] == 2 != points.shape[0]:
        points = points.T
    if points.ndim != 2 or points.shape[0] != 2 or not points.size or not np.isfinite(points).all():
        raise SampleError(f"{path}: pt2d is not (2, points) of finite numbers but {points.shape}")
    if (points <= 0).all():
        raise SampleError(f"{path}: pt2d has no point in the image, all are {points.max():g} or less")
    return euler, points


def _require_one_pose(path: Path, value: NDArray[Any]) -> None:
    if value.size > max(value.shape, default=0):
        raise SampleError(f"{path}: Pose_Para is {value.shape} where one row, or one column, belongs")
    if value.dtype.kind in "iu" and value.any():
        raise SampleError(f"{path}: Pose_Para is {value.dtype}, whole numbers, where radians belong; fetch it anew")


def _require_radians(path: Path, angles: NDArray[np.float64]) -> None:
    largest = float(np.abs(angles).max())
    if largest > _MOST_RADIANS + 1e-6:
        shown = ", ".join(f"{angle:.4g}" for angle in angles)
        guess = "they look like degrees; convert them" if largest <= 360 else "no angles are so large; fetch it anew"
        raise UnitError(f"{path}: Pose_Para begins with {shown}, where radians belong: {guess}")


def _numbers(path: Path, key: str, value: Any) -> NDArray[np.float64]:
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise SampleError(f"{path}: {key} is {array.dtype} where real numbers belong")
    return array.astype(np.float64)


def _read(path: Path) -> dict[str, Any]:
    """The two arrays, as far as the file has them, as MATLAB shows them."""
    try:
        require_regular(path)
        with open(path, "rb") as file:
            head = file.read(8)
        return _read_hdf5(path) if head in (b"MATLAB 7", b"\x89HDF\r\n\x1a\n") else _read_5(path)
    except OSError as error:
        raise SampleError(f"{path}: cannot be read ({error.strerror or error})") from error


def _read_5(path: Path) -> dict[str, Any]:
    try:
        return dict(read_matrices(read_regular(path, _MOST_FILE), _KEYS))
    except ValueError as error:
        why = instead_of(path, "mat") or f"{error}; fetch it anew"
        raise SampleError(f"{path}: not a readable label file: {why}") from error


def _read_hdf5(path: Path) -> dict[str, Any]:
    """MATLAB writes arrays into HDF5 with their axes in reverse."""
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            return {key: checked_dataset(file, key, "fiu", _MOST_BYTES).T for key in _KEYS if key in set(file.keys())}
    except DataError as error:
        raise SampleError(str(error)) from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise SampleError(f"{path}: not a readable MATLAB 7.3 file ({reason}); fetch it anew") from error
