"""What a label has to be, checked: one by one as they are read, against itself, and all of a dataset together.

A label states angles and a rotation, and both are used: MAE compares with the angles, VMAE and GE with the rotation.
Where the two tell of different poses, no estimator can be right in both, and the truth itself would not score 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hpe_bench import pose
from hpe_bench.errors import DataError, SampleError, UnitError
from hpe_bench.metrics import geodesic_error
from hpe_bench.orders import DEFAULT_ORDER, EULER_ORDERS, EulerOrder

if TYPE_CHECKING:
    from hpe_bench.datasets import Labels, Sample

Array = NDArray[np.float64]

#: How far the stated angles of a sample may be from its rotation, degrees. Rounding to one decimal takes a twentieth of
#: each angle, which may add up: in profile yaw and roll turn about nearly one axis.
LABEL_TOLERANCE = 0.16
#: Beyond it no dataset counts an angle, degrees: a whole turn, and what rounding may add.
LARGEST_ANGLE = 360.001
#: A whole turn in radians: a dataset of more than a few samples that all are nearer to the front is no usual one.
_RADIANS, _FEW = 2 * np.pi, 10


def _read_in(order: EulerOrder, rotation: Array, euler: Array) -> tuple[Array, Array]:
    return rotation, pose.euler_from_rotation(pose.rotation_in_order(euler, order))


_READINGS: tuple[tuple[str, Callable[[Array, Array], tuple[Array, Array]]], ...] = (
    ("the angles are in radians, and degrees belong there", lambda r, e: (r, np.degrees(e))),
    ("the rotation is in convention G (6DRepNet), and R belongs there", lambda r, e: (pose.from_convention(r, "G"), e)),
    ("the rotation is in convention A (3DDFA), and R belongs there", lambda r, e: (pose.from_convention(r, "A"), e)),
    ("the rotation is in convention V (TriNet), and R belongs there", lambda r, e: (pose.from_convention(r, "V"), e)),
    ("the rotation is transposed", lambda r, e: (np.swapaxes(r, -1, -2), e)),
    *(
        (
            f"the angles make the rotation in the order {order}: leave euler out of Sample, or state them in the order "
            f"{DEFAULT_ORDER}",
            partial(_read_in, order),
        )
        for order in EULER_ORDERS
        if order != DEFAULT_ORDER
    ),
)


def checked_label(sample: Sample) -> tuple[Array, Array]:
    """A sample's rotation (3, 3) and stated angles (3,); :class:`SampleError` where they are not what they must be."""
    where = str(sample.files[-1]) if sample.files else f"sample {sample.id}"
    rotation = np.asarray(sample.rotation, dtype=np.float64)
    if rotation.shape != (3, 3) or not np.isfinite(rotation).all():
        raise SampleError(f"{where}: the label is not a finite 3 x 3 rotation (shape {rotation.shape})")
    if pose.rotation_defect(rotation) > 1e-3:
        raise SampleError(
            f"{where}: the label is not a rotation: max |R^T R - 1| = {pose.rotation_defect(rotation):.3g}"
        )
    euler = pose.euler_from_rotation(rotation) if sample.euler is None else np.asarray(sample.euler, dtype=np.float64)
    if euler.shape != (3,) or not np.isfinite(euler).all():
        raise SampleError(f"{where}: the stated angles are not three finite numbers: {euler}")
    if np.abs(euler).max() > LARGEST_ANGLE:
        raise UnitError(f"{where}: the stated angles {euler} are more than a whole turn: not degrees")
    points = None if sample.points is None else np.shape(sample.points)
    if points is not None and (len(points) != 2 or points[0] != 2):
        raise SampleError(f"{where}: the points are of shape {points}, not (2, K): a row of x and one of y")
    return rotation, euler


def faulty_labels(rotation: Array, euler: Array) -> NDArray[np.bool_]:
    """Of which samples (N,) the stated angles (N, 3), yaw, pitch, roll in degrees, are not those of the rotation
    (N, 3, 3), by more than :data:`LABEL_TOLERANCE`, or beyond a whole turn."""
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
    if explained is None:
        explained = "where they are rounded, or in an order of their own, leave euler out of Sample: the rotation tells"
    return f"{text}; {explained}"


def suspicions(labels: Labels) -> list[str]:
    """What is odd about all labels together, a line each."""
    if len(labels) < _FEW or not (largest := float(np.abs(labels.euler).max())) < _RADIANS:
        return []
    said = f"no angle of the {len(labels):,} labels is above {largest:.2f} degrees"
    return [f"{said}: are they radians, or were they converted twice?"]


def require_one_unit(labels: Labels) -> None:
    """:class:`DataError` where most samples are left out since their angles are in another unit.

    The others have it too, and nothing in them tells.
    """
    strange, total = [fault for fault in labels.faults if fault.unit], len(labels) + len(labels.faults)
    if 2 * len(strange) > total:
        many = f"{len(strange):,} of {total:,} labels are like this"
        raise DataError(f"{strange[0].reason}. {many}: mend the dataset, and leave out none")


def _explains(
    reading: Callable[[Array, Array], tuple[Array, Array]], rotation: Array, euler: Array, faulty: NDArray[np.bool_]
) -> bool:
    return not faulty_labels(*reading(rotation[faulty], euler[faulty])).any()
