"""Whether the statistics of a table hold, on made-up errors whose truth is known, and how long they take.

    python benchmarks/bootstrap.py [repetitions]

Errors are log-normal, as those of estimators are roughly: a mean of 5 degrees, a long tail, and where they are
clustered a level that every cluster has of its own. Two estimators share most of the difficulty of each sample.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from numpy.typing import NDArray

from hpe_bench.comparison.statistics.bootstrap import bootstrap_means, paired_p_values
from hpe_bench.comparison.statistics.percentiles import percentile_limits, shares_below

MEAN, OWN = 5.0, 0.4
#: Clusters, samples of each on average, spread of the clusters' levels, spread of samples; spreads of logarithms.
CASES = {
    "8 sequences": (8, 60, 0.25, 0.6),
    "24 sequences": (24, 60, 0.3, 0.6),
    "100 people": (100, 10, 0.3, 0.8),
    "500 samples": (500, 1, 0.0, 0.9),
    "2,000 samples": (2000, 1, 0.0, 0.9),
}
Array = NDArray[np.float64]


def two_estimators(seed: int, clusters: int, size: int, between: float, within: float) -> tuple[Array, Array]:
    """Errors (N, 2) of two estimators that are equally good, and the cluster of each sample (N,)."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(size // 2, size * 3 // 2 + 1, clusters) if size > 1 else np.ones(clusters, dtype=int)
    names = np.repeat(np.arange(clusters), sizes)
    shared = rng.normal(0, between, clusters)[names] + rng.normal(0, within, len(names))
    own = OWN * between * rng.normal(size=(clusters, 2))[names] + OWN * within * rng.normal(size=(len(names), 2))
    variance = (1 + OWN**2) * (between**2 + within**2)
    return MEAN * np.exp(shared[:, None] + own - variance / 2), names


def measure(case: tuple[int, int, float, float], repetitions: int, resamples: int = 1_000) -> tuple[float, ...]:
    """Shares: of intervals that hold the true mean, the true median, the true p95; of tests that see a difference."""
    _, _, between, within = case
    deviation = np.sqrt((1 + OWN**2) * (between**2 + within**2))
    quantiles = {50.0: 0.0, 95.0: 1.6448536}
    true = [MEAN, *(MEAN * np.exp(deviation * z - deviation**2 / 2) for z in quantiles.values())]
    held = np.zeros(3)
    seen = 0
    for seed in range(repetitions):
        errors, names = two_estimators(seed, *case)
        first = errors[:, :1]
        table = np.concatenate([first, *(shares_below(first, percentile) for percentile in quantiles)], axis=1)
        limits = bootstrap_means(table, names, resamples, seed).interval()
        limits = [
            limits[:, 0],
            *(percentile_limits(first, p, limits[:, i : i + 1])[:, 0] for i, p in enumerate(quantiles, 1)),
        ]
        held += [low <= value <= high for (low, high), value in zip(limits, true, strict=True)]
    # The test is cheap, and its share small: six times the repetitions.
    for seed in range(10_000, 10_000 + 6 * repetitions):
        errors, names = two_estimators(seed, *case)
        seen += paired_p_values(errors[:, :1] - errors[:, 1:], names, resamples, seed)[0] < 0.05
    return (*(held / repetitions), seen / (6 * repetitions))


def timing() -> None:
    """10,000 resamples of 15,678 samples of ten runs: intervals of their mean error, and tests against one of them."""
    errors = np.random.default_rng(0).gamma(2, 3, (15_678, 10))
    for what, names in (("samples", np.arange(15_678)), ("24 sequences", np.arange(15_678) // 654)):
        wall, processor = time.perf_counter(), time.process_time()
        bootstrap_means(errors, names).interval()
        paired_p_values(errors[:, 1:] - errors[:, :1], names)
        spent = time.perf_counter() - wall, time.process_time() - processor
        print(f"clusters are {what}: {spent[0]:.2f} s, of processors {spent[1]:.2f} s")


if __name__ == "__main__":
    timing()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(f"{count} repetitions; % of 95% intervals that hold the truth, and of tests at 5% that see what is not there")
    print(f"{'':15}{'mean':>7}{'median':>8}{'p95':>7}{'test':>7}")
    for name, case in CASES.items():
        mean, median, p95, test = (100 * share for share in measure(case, count))
        print(f"{name:15}{mean:7.1f}{median:8.1f}{p95:7.1f}{test:7.1f}", flush=True)
