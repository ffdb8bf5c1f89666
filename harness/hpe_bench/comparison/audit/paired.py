"""Differences of two sets of errors on the same samples, with clusters of samples that hang together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """A mean difference over ``n`` samples, its standard error, and the clusters that it rests on."""

    mean: float
    error: float
    n: int
    clusters: int

    @property
    def p(self) -> float:
        """How likely a mean as large as this, or larger, is by chance: one-sided, by Student's t over clusters."""
        from scipy.special import stdtr

        if self.clusters < 2 or self.error == 0.0:
            return 0.0 if self.mean > 0 and self.clusters > 1 else 1.0
        return float(stdtr(self.clusters - 1, -self.mean / self.error))

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The confidence interval of the mean; infinite where it rests on one cluster."""
        from scipy.special import stdtrit

        if self.clusters < 2:
            return -math.inf, math.inf
        half = float(stdtrit(self.clusters - 1, 0.5 + confidence / 2)) * self.error
        return self.mean - half, self.mean + half


def paired(differences: Array, clusters: NDArray[np.int64]) -> Paired:
    """The mean of differences (n,) and its standard error, robust to whatever samples of one cluster share.

    The variance is that of the sums over clusters (Liang and Zeger 1986), with C / (C - 1) for C clusters.
    """
    n, count = len(differences), len(np.unique(clusters))
    if n == 0:
        return Paired(math.nan, math.nan, 0, 0)
    mean = float(differences.mean())
    sums = np.bincount(clusters, weights=differences - mean)
    factor = count / (count - 1) if count > 1 else 1.0
    return Paired(mean, math.sqrt(factor * float((sums**2).sum())) / n, n, count)
