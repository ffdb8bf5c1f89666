"""What plots show, as numbers: pure functions of runs, in degrees, that know nothing of matplotlib or HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.comparison.bootstrap import bootstrap_means
from hpe_bench.comparison.scores import common_masks
from hpe_bench.errors import UsageError
from hpe_bench.metrics import View, Wrap, angle_difference, geodesic_error, nearest_euler, scored_samples, vector_errors
from hpe_bench.runs.runfile import Run

Array = NDArray[np.float64]
Axis = Literal["abs-yaw", "yaw", "pitch", "roll"]
Measure = Literal["ge", "mae", "vmae"]

AXES: tuple[Axis, ...] = get_args(Axis)
MEASURES: tuple[Measure, ...] = get_args(Measure)
#: Beyond it pitch and roll begin to trade with each other: a small turn of the head moves both by much.
LOCK = 60.0
#: Where |yaw| is cut for a comparison by range; the last range ends with the data.
RANGES = (0.0, 30.0, 60.0)
#: A mean over fewer samples says little, and is not drawn.
FEW = 20
#: Of one bin or range; a figure needs no more.
_RESAMPLES = 2_000


@dataclass(frozen=True)
class Scored:
    """The samples of a run that a view scores, n of them: ``truth`` and ``predicted`` (n, 3) are yaw, pitch, roll, as
    the dataset states them and the nearer of the predicted two; a sample without a prediction has the zero pose, and
    ``found`` (n,) is False. ``errors`` (n,) by measure. ``clusters`` (n,) are what the protocol resamples."""

    label: str
    estimator: str
    ids: NDArray[np.str_]
    truth: Array
    predicted: Array
    found: NDArray[np.bool_]
    errors: dict[Measure, Array]
    clusters: NDArray[np.str_]
    confidence: Array

    def __len__(self) -> int:
        return len(self.ids)


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


@dataclass(frozen=True)
class Risk:
    """The mean error (k,) of the ``coverage`` (k,) of samples that the estimator is surest of, rising; ``area`` is the
    mean of it over all coverages."""

    coverage: Array
    error: Array
    area: float


def scored_runs(runs: Sequence[Run], view: View = "all", wrap: Wrap = "wrap360") -> list[Scored]:
    """The samples of each run that a view scores; in view "common" those that all of ``runs`` hold and predicted."""
    masks = common_masks(runs) if view == "common" else [None] * len(runs)
    return [_scored(run, scored_samples(run.found, view, mask), wrap) for run, mask in zip(runs, masks, strict=True)]


def along(samples: Scored, axis: Axis) -> Array:
    """The true angle (n,) of an axis."""
    if axis == "abs-yaw":
        return np.abs(samples.truth[:, 0])
    return samples.truth[:, ("yaw", "pitch", "roll").index(axis)]


def bin_edges(values: Iterable[ArrayLike], step: float) -> Array:
    """Multiples of a step that enclose all values, which are there."""
    if not (math.isfinite(step) and step > 0):
        raise UsageError(f"a step of {step:g} degrees: it has to be more than 0")
    together = np.concatenate([np.ravel(np.asarray(part, dtype=np.float64)) for part in values])
    if not len(together):
        raise UsageError("no sample is scored in this view")
    first, last = math.floor(together.min() / step), max(math.ceil(together.max() / step), 1)
    if last - first > 1000:
        raise UsageError(f"a step of {step:g} degrees makes {last - first:,} bins: take a larger one")
    return np.arange(first, last + (first == last) + 1) * float(step)


def range_edges(values: Iterable[ArrayLike], cuts: Sequence[float] = RANGES) -> Array:
    """Cuts, and behind them the end of the data, rounded up to a whole degree; no range is without a sample."""
    largest = max((float(np.max(part)) for part in values if np.size(part)), default=math.nan)
    if math.isnan(largest):
        raise UsageError("no sample is scored in this view")
    kept = [cut for cut in cuts if cut < largest] or [float(cuts[0])]
    return np.array([*kept, max(math.ceil(largest), kept[-1] + 1)], dtype=np.float64)


def binned_errors(runs: Sequence[Scored], axis: Axis, edges: Array, measure: Measure) -> list[Binned]:
    """The mean error of each run between edges, the last edge included, with intervals from a bootstrap over clusters.

    Runs over the same samples are resampled together.
    """
    out = [_empty(edges) for _ in runs]
    for places in _by_samples(runs):
        first = runs[places[0]]
        values = along(first, axis)
        bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
        inside = (values >= edges[0]) & (values <= edges[-1])
        table = np.stack([runs[place].errors[measure] for place in places], axis=1)
        for number in range(len(edges) - 1):
            own = inside & (bins == number)
            if not own.any():
                continue
            found = bootstrap_means(table[own], first.clusters[own], _RESAMPLES)
            with np.errstate(invalid="ignore"):  # of a few clusters some resamples have no spread
                low, high = (np.where(np.isfinite(limit), limit, np.nan) for limit in found.interval())
            for column, place in enumerate(places):
                binned = out[place]
                binned.count[number] = own.sum()
                binned.mean[number] = found.value[column]
                binned.low[number], binned.high[number] = np.maximum(low[column], 0.0), high[column]
    return out


def cumulative(errors: ArrayLike, points: int | None = None) -> tuple[Array, Array]:
    """Errors, rising, and the share of samples that err by no more; of very many samples, at so many ``points``."""
    rising = np.sort(np.asarray(errors, dtype=np.float64))
    share = np.arange(1, len(rising) + 1) / max(len(rising), 1)
    if points is not None and len(rising) > points:
        kept = np.unique(np.linspace(0, len(rising) - 1, points).round().astype(np.int64))
        rising, share = rising[kept], share[kept]
    return rising, share


def risk_coverage(errors: ArrayLike, confidence: ArrayLike) -> Risk | None:
    """How the mean error falls where an estimator may decline its least certain samples; None without a confidence.

    Samples of one confidence cannot be told apart, and come in together (El-Yaniv and Wiener, JMLR 11, 2010). One
    without a confidence (NaN) comes last.
    """
    sure = np.asarray(confidence, dtype=np.float64)
    if not np.isfinite(sure).any():
        return None
    sure = np.where(np.isfinite(sure), sure, -np.inf)
    order = np.argsort(-sure, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(sure[order]) != 0), len(order) - 1)
    means = np.cumsum(np.asarray(errors, dtype=np.float64)[order])[ends] / (ends + 1)
    weights = np.diff(ends, prepend=-1) / len(order)
    return Risk((ends + 1) / len(order), means, float((means * weights).sum()))


def worst_samples(samples: Scored, count: int, measure: Measure = "ge") -> NDArray[np.int64]:
    """The places of the samples with the largest errors, the worst first; of equal ones the first."""
    return np.argsort(-samples.errors[measure], kind="stable")[:count]


def _scored(run: Run, mask: NDArray[np.bool_], wrap: Wrap) -> Scored:
    found, truth = run.found[mask], run.euler[mask]
    filled = np.where(run.found[:, None, None], run.prediction, np.eye(3))[mask]
    predicted = nearest_euler(filled, truth)
    cluster = run.manifest["protocol"].get("cluster", "sample")
    names = {"person": run.person, "sequence": run.sequence}.get(cluster, run.ids)
    return Scored(
        label=run.label,
        estimator=str(run.manifest["estimator"]),
        ids=run.ids[mask],
        truth=truth,
        predicted=predicted,
        found=found,
        errors={
            "ge": geodesic_error(run.truth[mask], filled),
            "mae": angle_difference(predicted, truth, wrap).mean(axis=-1),
            "vmae": vector_errors(run.truth[mask], filled).mean(axis=-1),
        },
        clusters=names[mask],
        confidence=run.confidence[mask],
    )


def _by_samples(runs: Sequence[Scored]) -> list[list[int]]:
    """The places of runs, those over the same samples in the same order together."""
    groups: dict[bytes, list[int]] = {}
    for place, run in enumerate(runs):
        groups.setdefault("\n".join(run.ids.tolist()).encode(), []).append(place)
    return list(groups.values())


def _empty(edges: Array) -> Binned:
    width = len(edges) - 1
    nan = np.full(width, np.nan)
    return Binned(edges, np.zeros(width, dtype=np.int64), nan, nan.copy(), nan.copy())
