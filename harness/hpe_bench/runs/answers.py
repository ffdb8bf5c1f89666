"""What an estimator gave, looked at before it is believed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import RunFailed
from hpe_bench.estimators import Estimator, Prediction
from hpe_bench.pose import nearest_rotation, rotation_defect

#: A prediction further than this from being a rotation (max |R^T R - 1|) is a fault of the estimator, not rounding.
MAX_DEFECT = 1e-3


def answers_of(predicted: Any, count: int, label: str) -> list[NDArray[np.float64]]:
    """Rotations (count, 3, 3) and, where there is one, the confidence (count,) of what the estimator gave."""
    if not isinstance(predicted, Prediction):
        predicted = Prediction(predicted)
    answers = [checked_rotations(predicted.rotations, count, label)]
    if predicted.confidence is not None:
        answers.append(checked_confidence(predicted.confidence, count, label))
    return answers


def checked_rotations(rotations: Any, count: int, label: str) -> NDArray[np.float64]:
    """Rotations (count, 3, 3), or NaN, of what the estimator ``label`` gave; :class:`RunFailed` for anything else."""
    if rotations is None:
        raise RunFailed(f"{label} returned None where rotations ({count}, 3, 3) belong")
    given = _unmasked(rotations)
    if given.shape != (count, 3, 3) or given.dtype.kind not in "fiu":
        what = f"{given.dtype} of shape {given.shape}"
        raise RunFailed(f"{label} returned {what} where real rotations ({count}, 3, 3) belong")
    given = given.astype(np.float64)
    found = np.isfinite(given).all(axis=(-2, -1))
    given[~found] = np.nan
    with np.errstate(over="ignore", invalid="ignore"):  # whose squares are no numbers: said below
        defect = rotation_defect(np.where(found[:, None, None], given, np.eye(3)))
    if defect.max(initial=0.0) > MAX_DEFECT:
        what = "mirrored (determinant -1)" if np.isinf(defect.max()) else f"off by {defect.max():.2g}"
        raise RunFailed(f"{label} returned a matrix that is not a rotation ({what}); NaN stands for no answer")
    rounded = defect > 1e-12
    given[rounded] = nearest_rotation(given[rounded])
    return given


def checked_confidence(confidence: Any, count: int, label: str) -> NDArray[np.float64]:
    """Confidences (count,) of what the estimator ``label`` gave; :class:`RunFailed` for anything else."""
    given = _unmasked(confidence)
    if given.shape != (count,) or given.dtype.kind not in "fiub":
        what = f"{given.dtype} of shape {given.shape}"
        raise RunFailed(f"{label} returned a confidence of {what} where ({count},) belongs")
    return given.astype(np.float64)


def parameters_of(estimator: Estimator, label: str) -> int | None:
    """How many numbers an estimator learned, where it says so; :class:`RunFailed` for what is no count."""
    given = estimator.parameters()
    if given is None:
        return None
    try:
        count = int(given) if float(given) == int(given) else -1
    except (TypeError, ValueError, OverflowError):
        count = -1
    if not 0 <= count < 2**63:
        raise RunFailed(f"{label}: parameters() returned {type(given).__name__} that is no count, nor None")
    return count


def _unmasked(values: Any) -> NDArray[Any]:
    """An array whose masked values, if it has such, are NaN: there is no answer there."""
    if isinstance(values, np.ma.MaskedArray) and values.dtype.kind in "fiu":
        return np.ma.filled(values.astype(np.float64), np.nan)  # type: ignore[no-any-return,no-untyped-call]
    return np.asarray(values)
