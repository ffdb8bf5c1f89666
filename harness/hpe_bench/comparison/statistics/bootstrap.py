"""Cluster bootstrap: how far a mean of errors, or a difference of two, can be trusted.

Samples of one cluster (frames of a sequence, renders of a person) hang together, so whole clusters are drawn, with
replacement, as many as there are. What is drawn is kept as a matrix of counts (resamples, clusters): every resampled
mean is then a matrix product. A mean is studentised in every resample by its own standard error (bootstrap-t: Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapter 12), because a test set has as few as eight sequences, where
percentiles of the means alone give intervals that are too short. Limits are symmetric around the mean (Hall, Journal of
the Royal Statistical Society B 50, 1988), which is wrong less often where errors have a long tail.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

RESAMPLES = 10_000
LEVEL = 0.95
#: Fewer clusters say nothing of the spread between clusters.
MIN_CLUSTERS = 3
#: Signs of K clusters give no p-value below 2 / 2^K: of fewer than these no difference is told from chance.
MIN_COMPARED = math.floor(1.0 - math.log2(1.0 - LEVEL)) + 1
#: Counts held in memory at once.
_AT_ONCE = 4_000_000
#: Columns resampled at once, and numbers of a drawing that stay in the processor's cache.
_COLUMNS, _IN_CACHE = 128, 500_000


@dataclass(frozen=True)
class Estimates:
    """Estimates (M,), their standard errors (M,), and from each of B resamples how far the resampled estimate is from
    the estimate, in standard errors (B, M). Of fewer than three clusters B is 0, and nothing is known but the value."""

    value: Array
    error: Array
    t: Array

    def interval(self, level: float = LEVEL) -> Array:
        """The limits (2, M) between which the truth is with the probability ``level``; NaN where nothing is known."""
        if not len(self.t):
            return np.full((2, len(self.value)), np.nan)
        # One of the resamples, and not between two: some of few clusters are infinitely far off.
        place = min(math.ceil(level * len(self.t)), len(self.t)) - 1
        sizes = np.abs(self.t.T)
        sizes.partition(place, axis=-1)
        with np.errstate(invalid="ignore"):
            reach = sizes[:, place] * self.error
        return np.stack([self.value - reach, self.value + reach])


def bootstrap_means(values: ArrayLike, clusters: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Estimates:
    """The means of the columns of ``values`` (N, M), whose rows belong to ``clusters`` (N,), of any names.

    A column may be an error, or the difference of the errors of two estimators on the same samples: then the bootstrap
    is paired. The mean is over samples, so a longer sequence counts for more; its standard error is that of a ratio of
    two sums over clusters, linearised. The same seed gives the same resamples.
    """
    table = np.asarray(values, dtype=np.float64)
    index, sizes = cluster_index(clusters)
    count, width, total = len(sizes), table.shape[1], sizes.sum()
    sums = cluster_sums(table, index, count)
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
    t = np.empty((width, resamples)).T  # the resamples of a column lie together, which intervals are taken of
    for place, counts in _pieces(drawn_counts(count, resamples, seed), max(1, _IN_CACHE // 4 // max(width, 1))):
        drawn = counts @ products
        size, squared_size = drawn[:, -2:-1], drawn[:, -1:]
        mixed = drawn[:, :width] * sizes[0] if same else drawn[:, 2 * width : 3 * width]
        off = drawn[:, :width] / size
        spread = drawn[:, width : 2 * width] - 2.0 * off * mixed + off**2 * squared_size
        # What rounding leaves of a resample of one cluster alone is no spread.
        spread = np.where(spread > 1e-12 * drawn[:, width : 2 * width], spread, 0.0)
        own = np.sqrt(scale * spread) / size
        with np.errstate(divide="ignore", invalid="ignore"):
            t[place] = np.where(off == 0, 0.0, off / own)
    return Estimates(mean, error, t)


def mean_intervals(values: ArrayLike, clusters: ArrayLike, level: float = LEVEL) -> Array:
    """The limits (2, M) of the means of the columns of ``values`` (N, M), as :func:`bootstrap_means` gives them, of any
    number of columns: a few at once, so that what is held in memory does not grow with them."""
    table = np.asarray(values, dtype=np.float64)
    parts = [table[:, start : start + _COLUMNS] for start in range(0, table.shape[1], _COLUMNS)]
    limits = [bootstrap_means(part, clusters).interval(level) for part in parts]
    return np.concatenate([np.empty((2, 0)), *limits], axis=1)


def paired_p_values(differences: ArrayLike, clusters: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Array:
    """The two-sided p-values (..., M) of the means of ``differences`` (N, ..., M), corrected for there being M of them.

    Where neither of two estimators is better, a cluster may as well have had its differences with the other sign. So
    the signs of whole clusters are drawn (the wild cluster bootstrap with the null imposed: Cameron, Gelbach and
    Miller, Review of Economics and Statistics 90, 2008), all of them where there are no more than ``resamples``.

    One drawing of signs serves all columns, and the largest |t| of the M is what a |t| is held against, step by step
    from the largest down (Westfall and Young, Resampling-Based Multiple Testing, 1993). So the least that can be found
    of K clusters is 2 / 2^K however many columns there are; NaN of so few clusters that this is no evidence.
    """
    table = np.asarray(differences, dtype=np.float64)
    shape = table.shape[1:]
    index, sizes = cluster_index(clusters)
    count = len(sizes)
    if count < MIN_COMPARED:
        return np.full(shape, np.nan)
    sums = cluster_sums(table.reshape(len(table), -1), index, count)
    # The sum of squares is the same whatever the signs, and of one number of clusters Student's t grows with this.
    scale = np.sqrt((sums**2).sum(axis=0))
    sums = sums / np.where(scale > 0, scale, 1.0)
    # Rounding must not tell sums apart that are equal but for the order of adding.
    observed = np.abs(sums.sum(axis=0)).reshape(shape) * (1.0 - 1e-9)
    falling = np.argsort(-observed, axis=-1)
    # In the order in which they are held against each other.
    sums = np.take_along_axis(sums.reshape(count, *shape), falling[None], axis=-1).reshape(count, -1)
    ordered = np.take_along_axis(observed, falling, axis=-1)
    step = max(1, _IN_CACHE // max(observed.size, 1))
    every = count < 31 and 2**count <= resamples
    beyond = np.zeros(shape)
    for signs in _every_sign(count) if every else _draw_signs(count, resamples, seed):
        for start in range(0, len(signs), step):
            drawn = np.abs(signs[start : start + step] @ sums).reshape(-1, *shape)
            largest = np.maximum.accumulate(drawn[..., ::-1], axis=-1)[..., ::-1]
            beyond += np.count_nonzero(largest >= ordered, axis=0)
    stepped = np.maximum.accumulate(beyond / 2**count if every else (beyond + 1) / (resamples + 1), axis=-1)
    p_values = np.empty(shape)
    np.put_along_axis(p_values, falling, stepped, axis=-1)
    return p_values


def draw_counts(clusters: int, resamples: int, seed: int) -> Iterator[tuple[slice, Array]]:
    """How often each cluster was drawn in each resample, in pieces (b, clusters), with the place of each piece."""
    generator = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // clusters)
    for start in range(0, resamples, step):
        counts = np.empty((min(step, resamples - start), clusters))
        for row in counts:  # one by one, because a row stays in the processor's cache
            row[:] = np.bincount(generator.integers(0, clusters, clusters), minlength=clusters)
        yield slice(start, start + len(counts)), counts


def drawn_counts(clusters: int, resamples: int, seed: int) -> Iterable[tuple[slice, Array]]:
    """As :func:`draw_counts`; what is small is drawn once."""
    small = clusters * resamples <= _AT_ONCE
    return _kept_counts(clusters, resamples, seed) if small else draw_counts(clusters, resamples, seed)


def _pieces(drawn: Iterable[tuple[slice, Array]], rows: int) -> Iterator[tuple[slice, Array]]:
    """The same in smaller pieces."""
    for place, counts in drawn:
        for start in range(0, len(counts), rows):
            part = counts[start : start + rows]
            yield slice(place.start + start, place.start + start + len(part)), part


@lru_cache(maxsize=2)
def _kept_counts(clusters: int, resamples: int, seed: int) -> tuple[tuple[slice, Array], ...]:
    return tuple(draw_counts(clusters, resamples, seed))


def cluster_index(clusters: ArrayLike) -> tuple[NDArray[np.intp], Array]:
    """To which of K clusters each sample (N,) belongs, by their names (N,), and how many samples each has (K,)."""
    _, index, sizes = np.unique(np.asarray(clusters), return_inverse=True, return_counts=True)
    return index.reshape(-1), sizes.astype(np.float64)


def cluster_sums(values: Array, index: NDArray[np.intp], count: int) -> Array:
    """The sums (K, M) over each cluster of the columns of ``values`` (N, M)."""
    columns = [np.bincount(index, column, count) for column in values.T]
    return np.stack(columns, axis=1) if columns else np.zeros((count, 0))


def holm(p_values: ArrayLike) -> Array:
    """P-values (M,) corrected for there being M of them (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return corrected


def _every_sign(clusters: int) -> Iterator[Array]:
    bits = np.arange(2**clusters)[:, None] >> np.arange(clusters)
    yield 1.0 - 2.0 * (bits & 1)


def _draw_signs(clusters: int, resamples: int, seed: int) -> Iterator[Array]:
    generator = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // clusters)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        bits = np.unpackbits(generator.integers(0, 256, (rows, -(-clusters // 8)), dtype=np.uint8), axis=1)
        yield 1.0 - 2.0 * bits[:, :clusters]


def _unknown(value: Array) -> Estimates:
    return Estimates(value, np.full(len(value), np.nan), np.empty((0, len(value))))
