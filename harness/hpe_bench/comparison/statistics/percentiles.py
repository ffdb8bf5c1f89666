"""Intervals of percentiles, and of their differences, by clusters.

An interval of a percentile comes from one of a share (Woodruff, Journal of the American Statistical Association 47,
1952): the share of samples below the estimate is a mean, whose bootstrap says how far it may be off; the limits are the
percentiles at the share's limits. The difference of two percentiles has no such shortcut: its standard error is the
spread of the differences over resamples, and Student's t with one less than the number of clusters its distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.comparison.statistics.bootstrap import (
    LEVEL,
    MIN_CLUSTERS,
    Array,
    cluster_index,
    drawn_counts,
)

#: Every resample of a difference costs a pass over all samples, and a standard error needs no more.
DIFFERENCE_RESAMPLES = 1_000
#: Rows of resamples times samples held in memory at once.
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Percentiles:
    """A percentile of columns (M,), and of each of B resamples of K clusters (B, M)."""

    value: Array
    drawn: Array
    clusters: int

    def differences(self, reference: int) -> Differences:
        """How much larger the percentile of each column is than that of the column ``reference``, paired."""
        value = self.value - self.value[reference]
        if self.clusters < MIN_CLUSTERS:
            return Differences(value, np.full(len(value), np.nan), 1)
        spread = (self.drawn - self.drawn[:, reference, None]).std(axis=0, ddof=1)
        return Differences(value, spread * np.sqrt(self.clusters / (self.clusters - 1.0)), self.clusters - 1)


@dataclass(frozen=True)
class Differences:
    """Differences (M,), their standard errors (M,), and degrees of freedom; the errors are NaN of too few clusters."""

    value: Array
    error: Array
    freedom: int

    def interval(self, level: float = LEVEL) -> Array:
        """The limits (2, M) between which the true difference is with the probability ``level``."""
        from scipy.special import stdtrit

        reach = stdtrit(self.freedom, (1.0 + level) / 2.0) * self.error
        return np.stack([self.value - reach, self.value + reach])

    def p_values(self) -> Array:
        """The two-sided p-values (M,) of no difference."""
        from scipy.special import stdtr

        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(self.value == 0, 0.0, np.abs(self.value) / self.error)
        return np.asarray(2.0 * stdtr(self.freedom, -t))


def shares_below(values: ArrayLike, percentile: float) -> Array:
    """Whether each of the columns of ``values`` (N, M) is at most its percentile, as 0 or 1: its mean is a share, whose
    interval :func:`percentile_limits` takes."""
    table = np.asarray(values, dtype=np.float64)
    return np.asarray(table <= np.percentile(table, percentile, axis=0), dtype=np.float64)


def percentile_limits(values: ArrayLike, percentile: float, shares: ArrayLike) -> Array:
    """The limits (2, M) of a percentile of the columns of ``values`` (N, M), from those of :func:`shares_below`.

    Where so few clusters leave the tail open, the upper limit is the largest value. NaN of too few clusters.
    """
    table = np.asarray(values, dtype=np.float64)
    low, high = np.asarray(shares, dtype=np.float64)
    # An infinite reach, where many resamples have one share, is the whole range.
    reach = np.where(np.isinf(low), 100.0, 0.0)
    reach[~np.isinf(low)] = 50.0 * (high - low)[~np.isinf(low)]
    limits = np.clip(percentile + np.stack([-reach, reach]), 0.0, 100.0)
    found = np.full((2, table.shape[1]), np.nan)
    for column in np.flatnonzero(np.isfinite(limits).all(axis=0)):
        found[:, column] = np.percentile(table[:, column], limits[:, column])
    return found


def bootstrap_percentiles(
    values: ArrayLike,
    clusters: ArrayLike,
    percentiles: Sequence[float],
    resamples: int = DIFFERENCE_RESAMPLES,
    seed: int = 0,
) -> list[Percentiles]:
    """Each of the percentiles of the columns of ``values`` (N, M), resampled by ``clusters`` (N,)."""
    table = np.asarray(values, dtype=np.float64)
    index, sizes = cluster_index(clusters)
    drawn = np.empty((resamples, table.shape[1], len(percentiles)))
    orders = np.argsort(table, axis=0, kind="stable")
    shares = np.asarray(percentiles) / 100.0
    step = max(1, _AT_ONCE // max(len(index), 1))
    for place, counts in drawn_counts(len(sizes), resamples, seed):
        for start in range(0, len(counts), step):
            part = counts[start : start + step].astype(np.int32)  # a half of the memory, and no less exact
            for column, order in enumerate(orders.T):
                running = part.take(index[order], axis=1).cumsum(axis=1, dtype=np.int32)
                rows = slice(place.start + start, place.start + start + len(part))
                for q, share in enumerate(shares):
                    drawn[rows, column, q] = _repeated_percentile(table[order, column], running, share)
    estimates = np.percentile(table, percentiles, axis=0)
    return [Percentiles(estimates[place], drawn[:, :, place], len(sizes)) for place in range(len(percentiles))]


def _repeated_percentile(ordered: Array, running: NDArray[np.int32], share: float) -> Array:
    """A percentile (b,) of ordered values (N,) that each stand as often as they were drawn, ``running`` (b, N) being
    the sums of how often; interpolated as :func:`numpy.percentile` does."""
    place = share * (running[:, -1] - 1.0)
    below = np.floor(place)
    ends = (at.astype(np.int32)[:, None] for at in (below, np.ceil(place)))
    low, high = (ordered[np.count_nonzero(running <= at, axis=1)] for at in ends)
    return np.asarray(low + (place - below) * (high - low))
