"""Labels checked against themselves: the angles that a dataset states have to be those of its rotations.

Both are used: MAE compares with the angles, VMAE and GE with the rotation. Where the two tell of different poses, no
estimator can be right in both, and the truth itself would not score 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hpe_bench import pose
from hpe_bench.metrics import geodesic_error

Array = NDArray[np.float64]

#: How far the stated angles of a sample may be from its rotation, degrees: a twentieth is what rounding to one decimal
#: takes, of each of three angles.
LABEL_TOLERANCE = 0.1
#: Beyond it no dataset counts an angle.
LARGEST_ANGLE = 360.0

_READINGS: tuple[tuple[str, Callable[[Array, Array], tuple[Array, Array]]], ...] = (
    ("the angles are in radians, and degrees belong there", lambda r, e: (r, np.degrees(e))),
    ("the rotation is in convention G (6DRepNet), and R belongs there", lambda r, e: (pose.from_convention(r, "G"), e)),
    ("the rotation is in convention A (3DDFA), and R belongs there", lambda r, e: (pose.from_convention(r, "A"), e)),
    ("the rotation is in convention V (TriNet), and R belongs there", lambda r, e: (pose.from_convention(r, "V"), e)),
    ("the rotation is transposed", lambda r, e: (np.swapaxes(r, -1, -2), e)),
)


def faulty_labels(rotation: Array, euler: Array) -> NDArray[np.bool_]:
    """Of which samples (N,) the stated angles (N, 3), yaw, pitch, roll in degrees, are not those of the rotation
    (N, 3, 3), by more than :data:`LABEL_TOLERANCE`, or beyond 360 degrees."""
    apart = geodesic_error(rotation, pose.rotation_from_euler(euler))
    return np.asarray((apart > LABEL_TOLERANCE) | (np.abs(euler).max(axis=-1, initial=0.0) > LARGEST_ANGLE))


def describe_faults(ids: Sequence[str], rotation: Array, euler: Array, faulty: NDArray[np.bool_]) -> str:
    """What is wrong with labels of which some are ``faulty`` (N,): the first of them, and what would explain them."""
    first = int(np.flatnonzero(faulty)[0])
    stated = ", ".join(f"{angle:.4g}" for angle in euler[first])
    own = ", ".join(f"{angle:.4g}" for angle in pose.euler_from_rotation(rotation[first]))
    text = (
        f"the stated angles are not those of the rotation in {int(faulty.sum()):,} of {len(faulty):,} samples, such as "
        f"{ids[first]}: yaw, pitch, roll {stated} stated, {own} of the rotation, degrees"
    )
    explained = next((reason for reason, reading in _READINGS if _explains(reading, rotation, euler, faulty)), None)
    if explained is None and np.abs(euler[faulty]).max() > LARGEST_ANGLE:
        explained = "they look like degrees that were taken for radians"
    return f"{text}; {explained}" if explained else text


def _explains(
    reading: Callable[[Array, Array], tuple[Array, Array]], rotation: Array, euler: Array, faulty: NDArray[np.bool_]
) -> bool:
    return not faulty_labels(*reading(rotation[faulty], euler[faulty])).any()
