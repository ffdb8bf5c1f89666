"""Errors of predicted rotations: per sample first, then averaged over samples, then over components.

Pure functions of arrays with one leading batch axis, float64, degrees. A prediction of NaN stays NaN in every
per-sample error; :func:`summarise` decides what becomes of it, by view, and counts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.orders import DEFAULT_ORDER, EulerOrder, names_in_order
from hpe_bench.pose import ANGLES, AXES, euler_in_order, in_gimbal_lock, rotation_in_order, twin_in_order

Array = NDArray[np.float64]
Wrap = Literal["wrap360", "plain", "fold180"]
View = Literal["all", "detected", "common"]

WRAPS: tuple[Wrap, ...] = get_args(Wrap)
VIEWS: tuple[View, ...] = get_args(View)
THRESHOLDS = (5, 10, 15, 30)
#: What lies beyond a bound by no more than this, in degrees, is at it: computed angles are right to about 1e-13, which
#: no processor rounds as another does, and labels to far less.
BOUND_TOLERANCE = 1e-9


def angle_between(a: ArrayLike, b: ArrayLike) -> Array:
    """Angle (...) in degrees between vectors (..., 3), to full precision near 0 and near 180.

    atan2 of the cross and the dot product; the arc cosine of the dot product would lose half its digits.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    sine = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.asarray(np.degrees(np.arctan2(sine, (a * b).sum(axis=-1))))


def geodesic_error(truth: ArrayLike, prediction: ArrayLike) -> Array:
    """GE (N,): the angle in degrees of the rotation that carries one ``R`` (N, 3, 3) onto the other.

    Equal to acos((tr(T P^T) - 1) / 2), computed as atan2(sine, cosine): the sine is half the length of the sum of
    the cross products of corresponding rows, so that equal matrices give exactly 0 and small angles keep all digits.
    """
    t, p = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    sine = np.linalg.norm(np.cross(t, p).sum(axis=-2), axis=-1) / 2.0
    cosine = ((t * p).sum(axis=(-2, -1)) - 1.0) / 2.0
    return np.asarray(np.degrees(np.arctan2(sine, cosine)))


def vector_errors(truth: ArrayLike, prediction: ArrayLike) -> Array:
    """Angles (N, 3) in degrees between the left, down and front vectors: the columns of two ``R`` (N, 3, 3).

    Their mean is VMAE, also called MAEV (Cao et al., TriNet, WACV 2021).
    """
    t, p = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    return angle_between(np.swapaxes(t, -1, -2), np.swapaxes(p, -1, -2))


def angle_difference(a: ArrayLike, b: ArrayLike, wrap: Wrap = "wrap360") -> Array:
    """|a - b| in degrees: "plain" as it stands, "wrap360" around the circle, "fold180" with a half turn as none."""
    difference: Array = np.abs(np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64))
    if wrap == "plain":
        return difference
    if wrap == "wrap360":
        return np.asarray(np.minimum(difference, np.abs(difference - 360.0)))
    if wrap == "fold180":
        return np.asarray(np.minimum.reduce([difference, np.abs(difference - 180.0), np.abs(difference - 360.0)]))
    raise ValueError(f"no wrap mode '{wrap}'; there is {', '.join(WRAPS)}")


def nearest_euler(rotation: ArrayLike, truth: ArrayLike, order: EulerOrder = DEFAULT_ORDER) -> Array:
    """Of the two triples of angles that make ``R`` (N, 3, 3) in an order, the one nearer to the true angles (N, 3),
    degrees.

    A rotation has a yaw of y and of 180 - y. A network that says yaw 92 and a label that says yaw 95 would be torn
    apart by angles that always keep yaw within 90, so the distance (around the circle, summed) decides. In gimbal lock
    only the first and the last angle of the order together are defined: the label's last is taken, and the first that
    is left.
    """
    r = np.asarray(rotation, dtype=np.float64)
    euler = _at_lock(r, euler_in_order(r, order), np.asarray(truth), order)
    twin = twin_in_order(euler, order)
    nearer = angle_difference(twin, truth).sum(axis=-1) < angle_difference(euler, truth).sum(axis=-1)
    return np.where(nearer[..., None], twin, euler)


def _at_lock(rotation: Array, euler: Array, truth: Array, order: EulerOrder) -> Array:
    locked = in_gimbal_lock(rotation, order)
    if not locked.any():
        return euler
    first, _, last = map(ANGLES.index, names_in_order(order))
    inner = euler[locked]
    inner[:, first], inner[:, last] = 0.0, truth[locked, last]
    rest = rotation[locked] @ np.swapaxes(rotation_in_order(inner, order), -1, -2)
    out = euler.copy()
    out[locked, first], out[locked, last] = euler_in_order(rest, order)[:, first], inner[:, last]
    return out


def euler_errors(
    truth: ArrayLike, rotation: ArrayLike, wrap: Wrap = "wrap360", order: EulerOrder = DEFAULT_ORDER
) -> Array:
    """Absolute errors (N, 3) of yaw, pitch, roll: true angles (N, 3) in degrees, of an order, against predicted ``R``
    (N, 3, 3).

    Of the nearer triple of angles. The scripts that count with "fold180" keep the middle angle of the order, a yaw,
    within 90, and so does this wrap where the label's is.
    """
    predicted = nearest_euler(rotation, truth, order)
    if wrap == "fold180":
        middle = ANGLES.index(names_in_order(order)[1])
        beyond = np.abs(predicted[..., middle]) > 90.0
        beyond &= np.abs(np.asarray(truth, dtype=np.float64)[..., middle]) <= 90.0
        predicted = np.where(beyond[..., None], twin_in_order(predicted, order), predicted)
    return angle_difference(predicted, truth, wrap)


def true_angles(rotation: ArrayLike, stated: Array, order: EulerOrder) -> Array:
    """The true yaw, pitch, roll (N, 3) that MAE compares with, degrees: those that the dataset states (N, 3), which are
    in the default order; in another those of the true ``R`` (N, 3, 3)."""
    return stated if order == DEFAULT_ORDER else euler_in_order(rotation, order)


def accuracy(geodesic: Array) -> dict[int, float]:
    """The shares of geodesic errors (N,) in degrees :func:`within` each of :data:`THRESHOLDS`, NaN where N is 0."""
    return {limit: float(within(geodesic, limit).mean()) if len(geodesic) else float("nan") for limit in THRESHOLDS}


def deviations(euler: Array, geodesic: Array) -> dict[str, float]:
    """The standard deviations, n - 1 in the denominator, of the errors (N, 3) of yaw, pitch, roll and of the geodesic
    ones (N,), in their unit; NaN of fewer than two samples."""
    columns = {**dict(zip(ANGLES, euler.T, strict=True)), "ge": geodesic}
    return {name: float(np.std(own, ddof=1)) if len(own) > 1 else float("nan") for name, own in columns.items()}


def within(degrees: ArrayLike, limit: float) -> NDArray[np.bool_]:
    """Whether angles or errors (...) in degrees are at most ``limit``, to :data:`BOUND_TOLERANCE`."""
    return np.asarray(np.asarray(degrees, dtype=np.float64) <= limit + BOUND_TOLERANCE)


def below(degrees: ArrayLike, limit: float) -> NDArray[np.bool_]:
    """Whether angles (...) in degrees are less than ``limit``: by more than :data:`BOUND_TOLERANCE`, so that each is on
    one side of a bound alone."""
    return np.asarray(np.asarray(degrees, dtype=np.float64) < limit - BOUND_TOLERANCE)


@dataclass(frozen=True)
class Summary:
    """The figures of one run in one view, degrees; every mean is over ``n`` samples, NaN where ``n`` is 0.

    ``deviation`` are the standard deviations of the errors of yaw, pitch, roll and of GE, as of :func:`deviations`.
    """

    view: View
    wrap: Wrap
    n: int
    n_total: int
    coverage: float
    mae: dict[str, float]
    vmae: dict[str, float]
    ge: dict[str, float]
    accuracy: dict[int, float]
    deviation: dict[str, float]


def summarise(
    truth: Array,
    truth_euler: Array,
    prediction: Array,
    *,
    view: View = "all",
    wrap: Wrap = "wrap360",
    common: NDArray[np.bool_] | None = None,
    order: EulerOrder = DEFAULT_ORDER,
) -> Summary:
    """Score predictions (N, 3, 3) against true rotations (N, 3, 3) and the true angles (N, 3), of an order: those that
    the dataset states, where the order is theirs.

    View "all" takes a missing prediction (NaN) as the zero pose, "detected" leaves it out, "common" scores the samples
    where the mask ``common`` (N,) holds, which the caller makes from every compared run
    (without one the run stands alone, and "common" is "detected"). Coverage is the share of the
    N samples with a prediction, whatever the view.
    """
    if not (np.isfinite(truth).all() and np.isfinite(truth_euler).all()):
        raise ValueError("a true rotation is not finite: a sample without a label cannot be scored")
    found = np.isfinite(prediction).all(axis=(-2, -1))
    scored = scored_samples(found, view, common)
    filled = np.where(found[:, None, None], prediction, np.eye(3))[scored]
    geodesic = geodesic_error(truth[scored], filled)
    euler = euler_errors(truth_euler[scored], filled, wrap, order)
    n = int(scored.sum())
    return Summary(
        view=view,
        wrap=wrap,
        n=n,
        n_total=len(found),
        coverage=float(found.mean()) if len(found) else float("nan"),
        mae=_by_component(ANGLES, euler),
        vmae=_by_component(AXES, vector_errors(truth[scored], filled)),
        ge={
            "mean": float(geodesic.mean()) if n else float("nan"),
            "median": float(np.median(geodesic)) if n else float("nan"),
            "p95": float(np.percentile(geodesic, 95)) if n else float("nan"),
        },
        accuracy=accuracy(geodesic),
        deviation=deviations(euler, geodesic),
    )


def scored_samples(found: NDArray[np.bool_], view: View, common: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """The mask (N,) of the samples that a view scores, of the mask (N,) of those with a prediction."""
    if view == "all":
        return np.ones_like(found)
    if view == "detected":
        return found
    if view == "common":
        return found if common is None else found & common
    raise ValueError(f"no view '{view}'; there is {', '.join(VIEWS)}")


def _by_component(names: Sequence[str], errors: Array) -> dict[str, float]:
    means = errors.mean(axis=0) if len(errors) else np.full(len(names), np.nan)
    return {
        **{name: float(value) for name, value in zip(names, means, strict=True)},
        "mean": float(means.mean()),
    }
