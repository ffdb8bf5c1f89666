"""Rotations and Euler angles: the one pose type, and the conventions that peers use instead.

A pose is a rotation matrix ``R`` (3 x 3, head to camera) in camera axes x right, y down, z forward. Its columns are
the head's left, down and front as the camera sees them. With X, Y, Z the right-handed elementary rotations and
p, y, r pitch, yaw and roll in the sense of the ``Pose_Para`` field of 300W-LP and AFLW2000::

    R = X(-p) Y(y) Z(r)     this project, and the 3 x 3 block of BIWI's pose.txt
    G = Z(r) Y(y) X(p)      6DRepNet, TokenHPE
    A = X(-p) Y(-y) Z(-r)   3DDFA; A = G^T = F R F, F = diag(1, -1, -1)
    V = X(p) Y(-y) Z(r)     TriNet, NLML-HPE's test script; V = E R E, E = diag(1, 1, -1)

Angles are in degrees, in the order yaw, pitch, roll. In which order they make the rotation is as above, but for the
functions of an order (:mod:`hpe_bench.orders`). Every function takes any number of leading batch axes, computes in
float64 and carries NaN through.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.orders import DEFAULT_ORDER, EulerOrder, names_in_order

Array = NDArray[np.float64]
Convention = Literal["R", "G", "A", "V"]
#: In which order the angles of a grid of renders make the rotation; see :func:`rotation_from_grid`.
GridConvention = Literal["pitch-yaw-roll", "yaw-pitch-roll"]

ANGLES = ("yaw", "pitch", "roll")
AXES = ("left", "down", "front")

_F = np.diag([1.0, -1.0, -1.0])
_E = np.diag([1.0, 1.0, -1.0])


def rotation_about(axis: Literal["x", "y", "z"], degrees: ArrayLike) -> Array:
    """The right-handed elementary rotation (..., 3, 3) about an axis by angles (...) in degrees."""
    angle = np.radians(np.asarray(degrees, dtype=np.float64))
    matrix = np.zeros((*angle.shape, 3, 3))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    fixed = 3 - first - second
    matrix[..., fixed, fixed] = 1.0
    matrix[..., first, first] = matrix[..., second, second] = np.cos(angle)
    matrix[..., second, first] = np.sin(angle)
    matrix[..., first, second] = -np.sin(angle)
    return matrix


def rotation_from_euler(euler: ArrayLike) -> Array:
    """``R`` (..., 3, 3) of yaw, pitch, roll (..., 3) in degrees: X(-pitch) Y(yaw) Z(roll)."""
    yaw, pitch, roll = np.moveaxis(np.asarray(euler, dtype=np.float64), -1, 0)
    return rotation_about("x", -pitch) @ rotation_about("y", yaw) @ rotation_about("z", roll)


def euler_from_rotation(rotation: ArrayLike) -> Array:
    """Yaw, pitch, roll (..., 3) in degrees of ``R`` (..., 3, 3), yaw within [-90, 90].

    Where the head looks along the x axis (gimbal lock, cos(yaw) < 1e-6) only pitch and roll together are defined:
    roll is 0 there, and pitch takes the whole.
    """
    r = np.asarray(rotation, dtype=np.float64)
    cosine = np.hypot(r[..., 1, 2], r[..., 2, 2])
    locked = cosine < 1e-6
    yaw = np.arctan2(r[..., 0, 2], cosine)
    pitch = np.where(locked, np.arctan2(-r[..., 2, 1], r[..., 1, 1]), np.arctan2(r[..., 1, 2], r[..., 2, 2]))
    roll = np.where(locked, 0.0, np.arctan2(-r[..., 0, 1], r[..., 0, 0]))
    return np.asarray(np.degrees(np.stack([yaw, pitch, roll], axis=-1)))


def euler_twin(euler: ArrayLike) -> Array:
    """The other yaw, pitch, roll (..., 3) within [-180, 180] that describe the same rotation, degrees."""
    yaw, pitch, roll = np.moveaxis(np.asarray(euler, dtype=np.float64), -1, 0)
    twin = np.stack([180.0 - yaw, pitch + 180.0, roll + 180.0], axis=-1)
    return np.asarray(180.0 - np.mod(180.0 - twin, 360.0))


def rotation_in_order(euler: ArrayLike, order: EulerOrder) -> Array:
    """``R`` (..., 3, 3) of yaw, pitch, roll (..., 3) in degrees, which make it in an order.

    ``roll-yaw-pitch`` is that of BIWI's ``*_pose.bin``, and of what headposeplus calls pyr.
    """
    angles = np.asarray(euler, dtype=np.float64)
    yaw, pitch, roll = np.moveaxis(angles, -1, 0)
    turns = {"yaw": rotation_about("y", yaw), "pitch": rotation_about("x", -pitch), "roll": rotation_about("z", roll)}
    first, middle, last = (turns[name] for name in names_in_order(order))
    return first @ middle @ last


def euler_in_order(rotation: ArrayLike, order: EulerOrder) -> Array:
    """Yaw, pitch, roll (..., 3) in degrees that make ``R`` (..., 3, 3) in an order, its middle angle within [-90, 90].

    In gimbal lock (:func:`in_gimbal_lock`) the last angle of the order is 0, and the first takes the whole.
    """
    if order == DEFAULT_ORDER:
        return euler_from_rotation(rotation)
    r = np.asarray(rotation, dtype=np.float64)
    i, j, k = _axes(order)
    parity = 1.0 if (j - i) % 3 == 1 else -1.0
    locked = in_gimbal_lock(r, order)
    middle = np.arctan2(parity * r[..., i, k], np.hypot(r[..., j, k], r[..., k, k]))
    loose = np.arctan2(-parity * r[..., j, k], r[..., k, k])
    first = np.where(locked, np.arctan2(parity * r[..., k, j], r[..., j, j]), loose)
    last = np.where(locked, 0.0, np.arctan2(-parity * r[..., i, j], r[..., i, i]))
    about = {i: first, j: middle, k: last}
    return np.asarray(np.degrees(np.stack([about[1], 0.0 - about[0], about[2]], axis=-1)))


def in_gimbal_lock(rotation: ArrayLike, order: EulerOrder = DEFAULT_ORDER) -> NDArray[np.bool_]:
    """Where (...) the middle angle of an order is a quarter turn (to a cosine of 1e-6), so that only the first and the
    last together are defined, of ``R`` (..., 3, 3)."""
    r = np.asarray(rotation, dtype=np.float64)
    _, j, k = _axes(order)
    return np.asarray(np.hypot(r[..., j, k], r[..., k, k]) < 1e-6)


def twin_in_order(euler: ArrayLike, order: EulerOrder) -> Array:
    """The other yaw, pitch, roll (..., 3) within [-180, 180] that make the same rotation in an order, degrees."""
    twin = np.asarray(euler, dtype=np.float64) + 180.0
    middle = ANGLES.index(names_in_order(order)[1])
    twin[..., middle] = 360.0 - twin[..., middle]
    return np.asarray(180.0 - np.mod(180.0 - twin, 360.0))


def _axes(order: EulerOrder) -> tuple[int, int, int]:
    """About which axes of the camera, x 0, y 1, z 2, the angles of an order turn."""
    first, middle, last = ({"pitch": 0, "yaw": 1, "roll": 2}[name] for name in names_in_order(order))
    return first, middle, last


def rotation_from_grid(angles: ArrayLike, convention: GridConvention) -> Array:
    """``R`` (..., 3, 3) of a grid's yaw, pitch, roll (..., 3) in degrees.

    "pitch-yaw-roll" is X(-pitch) Y(yaw) Z(roll), as everywhere here. "yaw-pitch-roll" is Y(yaw) X(-pitch) Z(-roll): the
    convention of the renders behind NLML-HPE's released tensor, and one without gimbal lock in profile.
    """
    if convention == "pitch-yaw-roll":
        return rotation_from_euler(angles)
    yaw, pitch, roll = np.moveaxis(np.asarray(angles, dtype=np.float64), -1, 0)
    return rotation_about("y", yaw) @ rotation_about("x", -pitch) @ rotation_about("z", -roll)


def grid_from_rotation(rotation: ArrayLike, convention: GridConvention) -> Array:
    """Yaw, pitch, roll (..., 3) in degrees, as a grid of that convention counts them, of ``R`` (..., 3, 3)."""
    if convention == "pitch-yaw-roll":
        return euler_from_rotation(rotation)
    r = np.asarray(rotation, dtype=np.float64)
    yaw = np.arctan2(r[..., 0, 2], r[..., 2, 2])
    pitch = np.arctan2(r[..., 1, 2], np.hypot(r[..., 1, 0], r[..., 1, 1]))
    roll = np.arctan2(-r[..., 1, 0], r[..., 1, 1])
    return np.asarray(np.degrees(np.stack([yaw, pitch, roll], axis=-1)))


def to_convention(rotation: ArrayLike, convention: Convention) -> Array:
    """``R`` (..., 3, 3) as the matrix of another convention: "R", "G", "A" or "V"."""
    r = np.asarray(rotation, dtype=np.float64)
    if convention == "R":
        return r
    if convention == "V":
        return np.asarray(_E @ r @ _E)
    flipped = np.asarray(_F @ r @ _F)
    if convention == "A":
        return flipped
    if convention == "G":
        return np.swapaxes(flipped, -1, -2)
    raise ValueError(f"no convention '{convention}'; there is R, G, A, V")


def from_convention(matrix: ArrayLike, convention: Convention) -> Array:
    """``R`` (..., 3, 3) of a matrix that stands in another convention: "R", "G", "A" or "V"."""
    # Each of them leads back by the way it came: (F R F)^T is R again when done twice.
    return to_convention(matrix, convention)


def nearest_rotation(matrix: ArrayLike) -> Array:
    """The rotation (..., 3, 3) nearest to a matrix in the Frobenius norm; NaN where an entry is not finite.

    Orthogonal Procrustes with a determinant of +1 (Kabsch 1976, Umeyama 1991).
    """
    m = np.asarray(matrix, dtype=np.float64)
    finite = np.isfinite(m).all(axis=(-2, -1))
    u, _, vt = np.linalg.svd(np.where(finite[..., None, None], m, np.eye(3)))
    u[..., :, 2] *= np.linalg.det(u @ vt)[..., None]
    return np.where(finite[..., None, None], u @ vt, np.nan)


def rotation_defect(matrix: ArrayLike) -> Array:
    """How far matrices (..., 3, 3) are from being rotations: max |M^T M - 1|, infinite for a mirrored one."""
    m = np.asarray(matrix, dtype=np.float64)
    defect = np.abs(np.swapaxes(m, -1, -2) @ m - np.eye(3)).max(axis=(-2, -1))
    # The determinant, written out: its sign is exact enough, and nothing is faster for one matrix.
    (a, b, c), (d, e, f), (g, h, i) = ([m[..., row, column] for column in range(3)] for row in range(3))
    mirrored = a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g) < 0
    return np.where(mirrored, np.inf, defect)
