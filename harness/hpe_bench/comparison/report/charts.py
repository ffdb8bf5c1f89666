"""What the charts of a report are drawn from, JSON-ready: degrees, rounded to what can be seen."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.comparison.curves import (
    AXES,
    FEW,
    MEASURES,
    Array,
    Axis,
    Binned,
    Scored,
    along,
    bin_edges,
    binned_errors,
    cumulative,
    handy_step,
    range_edges,
)
from hpe_bench.metrics import View

#: Of a curve; the screen has no room for more.
_POINTS = 201
#: Angles and errors are kept as whole hundredths of a degree.
_HUNDREDTHS = 100
_NO_PREDICTION = -32768


def charts(views: Mapping[View, Sequence[Scored]]) -> dict[str, Any]:
    """The curves of each view, by chart, estimators in the order given; and every sample of the view "all".

    An estimator without samples in a view has a curve without points.
    """
    return {
        "few": FEW,
        "error": {view: _by_angle(runs) for view, runs in views.items()},
        "ranges": {view: _by_range(runs) for view, runs in views.items()},
        "cumulative": {view: [_rising(run) for run in runs] for view, runs in views.items()},
        "risk": [_risk(run) for run in views["all"]],
        **_every_sample(views["all"]),
    }


def _by_angle(runs: Sequence[Scored]) -> dict[str, Any]:
    """By axis: edges of the bins, the number of samples in each, and by measure mean, low and high of each run."""
    found: dict[str, Any] = {}
    for axis in AXES:
        values = [along(run, axis) for run in runs]
        if not any(len(value) for value in values):
            return {}
        found[axis] = _figures(runs, axis, bin_edges(values, handy_step(values)), FEW)
    return found


def _by_range(runs: Sequence[Scored]) -> dict[str, Any]:
    values = [along(run, "abs-yaw") for run in runs]
    if not any(len(value) for value in values):
        return {}
    return _figures(runs, "abs-yaw", range_edges(values))


def _figures(runs: Sequence[Scored], axis: Axis, edges: Array, least: int = 1) -> dict[str, Any]:
    binned = binned_errors(runs, axis, edges, MEASURES, least)
    counts = [own.count.tolist() for own in binned["ge"]]
    curves: dict[str, Any] = {measure: [_curve(own) for own in found] for measure, found in binned.items()}
    return {"edges": edges.tolist(), "count": counts, **curves}


def _curve(binned: Binned) -> dict[str, list[float | None]]:
    return {name: _numbers(getattr(binned, name)) for name in ("mean", "low", "high")}


def _rising(run: Scored) -> list[list[float | None]]:
    error, share = cumulative(run.error("ge"), _POINTS)
    return [_numbers(error), _numbers(100 * share)]


def _risk(run: Scored) -> dict[str, Any] | None:
    if run.risk is None:
        return None
    kept = np.unique(np.linspace(0, len(run.risk.risk) - 1, _POINTS).round().astype(np.int64))
    return {
        "coverage": _numbers(100 * run.risk.coverage[kept]),
        "risk": _numbers(run.risk.risk[kept]),
        "area": round(run.risk.area, 3),
    }


def _every_sample(runs: Sequence[Scored]) -> dict[str, Any]:
    """Labels and predictions of every sample; labels of runs over the same samples are there once."""
    sets: list[dict[str, Any]] = []
    known: dict[bytes, int] = {}
    estimators = []
    for run in runs:
        ids = run.samples.ids.tolist()
        key = "\n".join(ids).encode(errors="surrogateescape") + run.truth.tobytes()
        if key not in known:
            known[key] = len(sets)
            sets.append({"ids": ids, "truth": _packed(run.truth)})
        predicted = np.where(run.samples.found[:, None], run.predicted, np.nan)
        estimators.append({"set": known[key], "predicted": _packed(predicted), "ge": _packed(run.error("ge"))})
    return {"sets": sets, "samples": estimators}


def _packed(values: ArrayLike) -> str:
    """Hundredths of a degree as 16-bit integers, little-endian, in base 64; of NaN the least."""
    table = np.asarray(values, dtype=np.float64)
    hundredths = np.clip(np.round(np.nan_to_num(table) * _HUNDREDTHS), _NO_PREDICTION + 1, 32767)
    small: NDArray[np.int16] = np.where(np.isfinite(table), hundredths, _NO_PREDICTION).astype("<i2")
    return base64.b64encode(small.tobytes()).decode()


def _numbers(values: Array) -> list[float | None]:
    return [round(value, 3) if math.isfinite(value) else None for value in values.tolist()]
