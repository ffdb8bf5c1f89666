"""What plots show, as numbers: pure functions of runs, in degrees, that know nothing of matplotlib or HTML."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.comparison.confidence import RiskCoverage, run_risk_coverage
from hpe_bench.comparison.ranges import DOUBTFUL_ANGLE
from hpe_bench.comparison.scores import view_masks
from hpe_bench.comparison.statistics.errors import Errors, Path, run_errors
from hpe_bench.comparison.statistics.significance import intervals
from hpe_bench.errors import UsageError
from hpe_bench.metrics import View, Wrap, below, nearest_euler, within
from hpe_bench.orders import DEFAULT_ORDER, EulerOrder
from hpe_bench.pose import ANGLES, euler_in_order, rotation_from_euler
from hpe_bench.runs.runfile import Run

Array = NDArray[np.float64]
Axis = Literal["abs-yaw", "yaw", "pitch", "roll"]
Measure = Literal["ge", "mae", "vmae"]

AXES: tuple[Axis, ...] = get_args(Axis)
MEASURES: tuple[Measure, ...] = get_args(Measure)
#: Beyond it, in the middle angle of their order, which is yaw as a rule, the other two trade with each other: a small
#: turn of the head moves both by much.
LOCK = DOUBTFUL_ANGLE
#: Where |yaw| is cut for a comparison by range; the last range ends with the data.
RANGES = (0.0, 30.0, 60.0)
#: A mean over fewer samples says little, and is not drawn.
FEW = 20


@dataclass(frozen=True)
class Scored:
    """A run with the errors of the n samples that a view scores. ``predicted`` (n, 3) are yaw, pitch, roll: of the
    triples that describe the predicted rotation, turns of 360 degrees among them, the nearest to ``truth``; of a sample
    without a prediction, those of the zero pose. ``risk`` is None where the estimator gives no confidence. These angles
    are in the default order, as the dataset states the true ones, and MAE is counted in ``order``."""

    label: str
    estimator: str
    samples: Errors
    predicted: Array
    risk: RiskCoverage | None
    order: EulerOrder = DEFAULT_ORDER

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def truth(self) -> Array:
        """The true yaw, pitch, roll (n, 3), from -180 to below 180; a dataset may state some beyond."""
        return _wrapped(self.samples.angles)

    def error(self, measure: Measure) -> Array:
        """The error (n,) of each sample."""
        return np.asarray(self.samples.column((measure, "mean")))


@dataclass(frozen=True)
class Binned:
    """Means (k,) of an error between ``edges`` (k + 1,), with the limits of their 95% intervals, and the number of
    samples in each; NaN where there is none, or where nothing is known of the spread."""

    edges: Array
    count: NDArray[np.int64]
    mean: Array
    low: Array
    high: Array

    @property
    def centres(self) -> Array:
        return np.asarray((self.edges[:-1] + self.edges[1:]) / 2)


def scored_runs(runs: Sequence[Run], view: View = "all", wrap: Wrap = "wrap360") -> list[Scored]:
    """The samples of each run that a view scores; in view "common" those that all of ``runs`` hold and predicted."""
    return [_scored(run, view, wrap, mask) for run, mask in zip(runs, view_masks(runs, view), strict=True)]


def in_own_order(run: Scored) -> tuple[Array, Array]:
    """The true and the predicted yaw, pitch, roll (n, 3) each, in the order that MAE is counted in."""
    if run.order == DEFAULT_ORDER:
        return run.truth, run.predicted
    truth = euler_in_order(run.samples.truth, run.order)
    return truth, _nearest(rotation_from_euler(run.predicted), truth, run.order)


def along(run: Scored, axis: Axis) -> Array:
    """The true angle (n,) of an axis."""
    if axis == "abs-yaw":
        return np.asarray(np.abs(run.truth[:, 0]))
    return np.asarray(run.truth[:, ANGLES.index(axis)])


def bin_edges(values: Iterable[ArrayLike], step: float) -> Array:
    """Multiples of a step that enclose all values; where all values are such multiples, as on a grid, the middles
    between them, so that none stands on an edge. :class:`UsageError` of no values."""
    if not (math.isfinite(step) and step > 0):
        raise UsageError(f"a step of {step:g} degrees: it has to be more than 0")
    together = np.concatenate([np.ravel(np.asarray(part, dtype=np.float64)) for part in values])
    if not len(together):
        raise UsageError("no sample is scored in this view")
    first, last = math.floor(together.min() / step), max(math.ceil(together.max() / step), 1)
    if last - first > 1000:
        raise UsageError(f"a step of {step:g} degrees makes {last - first:,} bins: take a larger one")
    if last > first and np.abs(together / step - np.round(together / step)).max() < 1e-6:
        return (np.arange(first, round(together.max() / step) + 2) - 0.5) * float(step)
    return np.arange(first, last + (first == last) + 1) * float(step)


def handy_step(values: Sequence[ArrayLike]) -> float:
    """A round width of bins, of which there are then about ten; of few samples fewer, so that most bins have enough."""
    parts = [np.ravel(np.asarray(part, dtype=np.float64)) for part in values]
    together = np.concatenate(parts)
    extent = float(together.max() - together.min()) if len(together) else 0.0
    bins = min(max(max(map(len, parts)) / (1.5 * FEW), 3.0), 10.5)
    return next((step for step in (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0) if extent <= bins * step), 90.0)


def range_edges(values: Iterable[ArrayLike], cuts: Sequence[float] = RANGES) -> Array:
    """Cuts, and behind them the end of the data, rounded up to a whole degree; no range is without a sample."""
    largest = max((float(np.max(part)) for part in values if np.size(part)), default=math.nan)
    if math.isnan(largest):
        raise UsageError("no sample is scored in this view")
    kept = [cut for cut in cuts if cut < largest] or [float(cuts[0])]
    return np.array([*kept, max(math.ceil(largest), kept[-1] + 1)], dtype=np.float64)


def binned_errors(
    runs: Sequence[Scored], axis: Axis, edges: Array, measures: Sequence[Measure], least: int = 1
) -> dict[Measure, list[Binned]]:
    """By measure the mean error of each run between edges, the last edge included, with intervals from a bootstrap over
    clusters. Where no run has ``least`` samples only the number is known.

    Runs over the same samples are resampled together.
    """
    figures: list[Path] = [(measure, "mean") for measure in measures]
    out = {measure: [_empty(edges) for _ in runs] for measure in measures}
    values = [along(run, axis) for run in runs]
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        last = number == len(edges) - 2
        masks = [~below(value, low) & (within(value, high) if last else below(value, high)) for value in values]
        parts = [run.samples.part(mask) for run, mask in zip(runs, masks, strict=True)]
        enough = any(len(part) >= least for part in parts)
        limits = intervals(parts, figures) if enough else [{} for _ in parts]
        for place, (part, own) in enumerate(zip(parts, limits, strict=True)):
            for measure, figure in zip(measures, figures, strict=True):
                binned = out[measure][place]
                binned.count[number] = len(part)
                if own:
                    binned.mean[number] = part.figure(figure)
                    binned.low[number], binned.high[number] = own[figure]
    return out


def cumulative(errors: ArrayLike, points: int | None = None) -> tuple[Array, Array]:
    """Errors, rising, and the share of samples that err by no more; of very many samples, at so many ``points``."""
    rising = np.sort(np.asarray(errors, dtype=np.float64))
    share = np.arange(1, len(rising) + 1) / max(len(rising), 1)
    if points is not None and len(rising) > points:
        kept = np.unique(np.linspace(0, len(rising) - 1, points).round().astype(np.int64))
        rising, share = rising[kept], share[kept]
    return rising, share


def worst_samples(run: Scored, count: int, measure: Measure = "ge") -> NDArray[np.int64]:
    """The places of the samples with the largest errors, the worst first; of equal ones the first."""
    return np.argsort(-run.error(measure), kind="stable")[:count]


def _scored(run: Run, view: View, wrap: Wrap, mask: NDArray[np.bool_] | None) -> Scored:
    samples = run_errors(run, view, wrap, mask)
    places = {id: place for place, id in enumerate(run.ids.tolist())}
    chosen = np.array([places[id] for id in samples.ids.tolist()], dtype=np.int64)
    filled = np.where(samples.found[:, None, None], run.prediction[chosen], np.eye(3))
    truth = _wrapped(samples.angles)
    predicted = _nearest(filled, truth)
    name = str(run.manifest["estimator"])
    return Scored(run.marked_label, name, samples, predicted, run_risk_coverage(run), run.order)


def _nearest(rotation: Array, truth: Array, order: EulerOrder = DEFAULT_ORDER) -> Array:
    """The angles (n, 3) of rotations that are the nearest to the true ones, turns of 360 degrees among them."""
    predicted = nearest_euler(rotation, truth, order)
    return np.asarray(predicted + 360 * np.round((truth - predicted) / 360))


def _wrapped(angles: Array) -> Array:
    return np.asarray(angles - 360 * np.floor((angles + 180) / 360))


def _empty(edges: Array) -> Binned:
    width = len(edges) - 1
    nan = np.full(width, np.nan)
    return Binned(edges, np.zeros(width, dtype=np.int64), nan, nan.copy(), nan.copy())
