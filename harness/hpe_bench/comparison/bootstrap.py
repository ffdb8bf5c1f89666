"""Cluster bootstrap: how far a mean or a percentile of errors, or a difference of two, can be trusted.

Samples of one cluster (frames of a sequence, renders of a person) hang together, so whole clusters are drawn, with
replacement, as many as there are. What is drawn is kept as a matrix of counts (resamples, clusters): every resampled
mean is then a matrix product. A mean is studentised in every resample by its own standard error (bootstrap-t: Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapter 12), because a test set has as few as eight sequences, where
percentiles of the means alone give intervals that are too short. Limits are symmetric around the mean (Hall, Journal of
the Royal Statistical Society B 50, 1988), so that an interval of a difference holds 0 just where its p-value says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

RESAMPLES = 10_000
#: Of percentiles, whose every resample costs a pass over all samples.
PERCENTILE_RESAMPLES = 1_000
LEVEL = 0.95
#: Fewer clusters say nothing of the spread between clusters.
MIN_CLUSTERS = 3
#: Counts held in memory at once.
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Estimates:
    """Estimates (M,), their standard errors (M,), and from each of B resamples how far the resampled estimate is from
    the estimate, in standard errors (B, M). Of fewer than three clusters B is 0, and nothing is known but the value."""

    value: Array
    error: Array
    t: Array

    def interval(self, level: float = LEVEL) -> Array:
        """The limits (2, M) between which the truth is with the probability ``level``; NaN where nothing is known."""
        reach = self._quantile(np.abs(self.t), level) * self.error
        return np.stack([self.value - reach, self.value + reach])

    def lower_bound(self, level: float = LEVEL) -> Array:
        """What the truth (M,) is above, with the probability ``level``; NaN where nothing is known."""
        return self.value - self._quantile(self.t, level) * self.error

    def p_values(self) -> Array:
        """The probability (M,) of an estimate as far from 0 as this, to either side, where the truth is 0."""
        if not len(self.t):
            return np.full(len(self.value), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.where(self.value == 0, 0.0, np.abs(self.value) / self.error)
        return np.asarray(((np.abs(self.t) >= distance).sum(axis=0) + 1) / (len(self.t) + 1))

    def _quantile(self, t: Array, level: float) -> Array:
        return np.asarray(np.quantile(t, level, axis=0)) if len(t) else np.full(len(self.value), np.nan)


def bootstrap_means(values: ArrayLike, clusters: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Estimates:
    """The means of the columns of ``values`` (N, M), whose rows belong to ``clusters`` (N,), of any names.

    A column may be an error, or the difference of the errors of two estimators on the same samples: then the bootstrap
    is paired. The mean is over samples, so a longer sequence counts for more; its standard error is that of a ratio of
    two sums over clusters, linearised. The same seed gives the same resamples.
    """
    table = np.asarray(values, dtype=np.float64)
    index, sizes = cluster_index(clusters)
    count, width, total = len(sizes), table.shape[1], sizes.sum()
    sums = np.zeros((count, width))
    np.add.at(sums, index, table)
    mean = sums.sum(axis=0) / total if total else np.full(width, np.nan)
    if count < MIN_CLUSTERS:
        return _unknown(mean)
    # Differences from the mean, so that no digits are lost where a sum of squares is taken apart.
    rest = sums - mean * sizes[:, None]
    scale = count / (count - 1.0)
    error = np.sqrt(scale * (rest**2).sum(axis=0)) / total
    same = bool((sizes == sizes[0]).all())
    columns = [rest, rest**2] if same else [rest, rest**2, rest * sizes[:, None]]
    products = np.concatenate([*columns, sizes[:, None], sizes[:, None] ** 2], axis=1)
    t = np.empty((resamples, width))
    for place, counts in draw_counts(count, resamples, seed):
        drawn = counts @ products
        size, squared_size = drawn[:, -2:-1], drawn[:, -1:]
        mixed = drawn[:, :width] * sizes[0] if same else drawn[:, 2 * width : 3 * width]
        off = drawn[:, :width] / size
        spread = drawn[:, width : 2 * width] - 2.0 * off * mixed + off**2 * squared_size
        own = np.sqrt(scale * np.maximum(spread, 0.0)) / size
        with np.errstate(divide="ignore", invalid="ignore"):
            t[place] = np.where(off == 0, 0.0, off / own)
    return Estimates(mean, error, t)


def bootstrap_percentiles(
    values: ArrayLike,
    clusters: ArrayLike,
    percentiles: Sequence[float],
    resamples: int = PERCENTILE_RESAMPLES,
    seed: int = 0,
) -> tuple[Array, Array]:
    """The percentiles (M, Q) of the columns of ``values`` (N, M), and those of each resample (B, M, Q)."""
    table = np.asarray(values, dtype=np.float64)
    index, sizes = cluster_index(clusters)
    found = np.moveaxis(np.percentile(table, percentiles, axis=0), 0, -1)
    drawn = np.empty((resamples, table.shape[1], len(percentiles)))
    orders = np.argsort(table, axis=0, kind="stable")
    shares = np.asarray(percentiles) / 100.0
    for place, counts in draw_counts(len(sizes), resamples, seed, at_once=max(1, _AT_ONCE * len(sizes) // len(index))):
        for column, order in enumerate(orders.T):
            sorted_values = table[order, column]
            running = counts[:, index[order]].cumsum(axis=1)
            for row, own in enumerate(running, place.start):
                drawn[row, column] = _weighted_percentiles(sorted_values, own, shares)
    return found, drawn


def draw_counts(clusters: int, resamples: int, seed: int, at_once: int = _AT_ONCE) -> Iterator[tuple[slice, Array]]:
    """How often each cluster was drawn in each resample, in pieces (b, clusters), with the place of each piece."""
    generator = np.random.default_rng(seed)
    step = max(1, at_once // clusters)
    for start in range(0, resamples, step):
        counts = np.empty((min(step, resamples - start), clusters))
        for row in counts:  # one by one, because a row stays in the processor's cache
            row[:] = np.bincount(generator.integers(0, clusters, clusters), minlength=clusters)
        yield slice(start, start + len(counts)), counts


def cluster_index(clusters: ArrayLike) -> tuple[NDArray[np.intp], Array]:
    """To which of K clusters each sample (N,) belongs, by their names (N,), and how many samples each has (K,)."""
    _, index, sizes = np.unique(np.asarray(clusters), return_inverse=True, return_counts=True)
    return index.reshape(-1), sizes.astype(np.float64)


def holm(p_values: ArrayLike) -> Array:
    """P-values (M,) corrected for there being M of them (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return corrected


def _weighted_percentiles(sorted_values: Array, running: Array, shares: Array) -> Array:
    """Percentiles of values that stand as often as they were drawn, as :func:`numpy.percentile` interpolates them."""
    place = shares * (running[-1] - 1.0)
    below = np.floor(place)
    low, high = (sorted_values[np.searchsorted(running, at, side="right").clip(max=len(running) - 1)] for at in (below, np.ceil(place)))
    return np.asarray(low + (place - below) * (high - low))


def _unknown(value: Array) -> Estimates:
    return Estimates(value, np.full(len(value), np.nan), np.empty((0, len(value))))
