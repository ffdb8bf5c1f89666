"""Risk and coverage: the error that is left where the samples are dropped of which an estimator is least sure.

El-Yaniv and Wiener, On the foundations of noise-free selective classification, JMLR 11, 2010; the area under the curve
(AURC) is Geifman, Uziel and El-Yaniv's, Bias-reduced uncertainty estimation, ICLR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.metrics import geodesic_error
from hpe_bench.runs.runfile import Run

Array = NDArray[np.float64]
_DIGITS = 6
#: Of the surest samples the shares that are looked at, and the least number.
SHARES, FEWEST = (0.01, 0.05, 0.1, 0.25, 0.5), 5
#: In standard errors: once in 30,000 for one share, were the errors normal, and their tails are longer.
BEYOND_CHANCE = 4.0


@dataclass(frozen=True)
class RiskCoverage:
    """Of the k surest samples, k = 1 ... n: their share ``coverage`` (n,) and their mean error ``risk`` (n,)."""

    coverage: Array
    risk: Array

    @property
    def area(self) -> float:
        """AURC: the mean risk over all coverages, in the unit of the errors."""
        return float(self.risk.mean())


def risk_coverage(errors: ArrayLike, confidence: ArrayLike) -> RiskCoverage:
    """The curve of errors (n,) with confidences (n,), larger being surer.

    Samples of equal confidence come in no order: each has the mean error of all of them, so the curve does not depend
    on how the samples are sorted.
    """
    error, sure = np.asarray(errors, dtype=np.float64), np.asarray(confidence, dtype=np.float64)
    if error.shape != sure.shape or error.ndim != 1 or not len(error):
        raise ValueError(f"errors {error.shape} and confidences {sure.shape} are not of one row of samples")
    if not (np.isfinite(error).all() and np.isfinite(sure).all()):
        raise ValueError("an error or a confidence is not finite")
    levels, index, sizes = np.unique(-sure, return_inverse=True, return_counts=True)
    means = np.bincount(index.reshape(-1), error, len(levels)) / sizes
    counts = np.arange(1, len(error) + 1)
    return RiskCoverage(counts / len(error), np.cumsum(np.repeat(means, sizes)) / counts)


def run_risk_coverage(run: Run) -> RiskCoverage | None:
    """The curve of a run, by GE in degrees, over the samples that it predicted with a confidence; None without any."""
    known = run.found & np.isfinite(run.confidence)
    if not known.any():
        return None
    return risk_coverage(geodesic_error(run.truth[known], run.prediction[known]), run.confidence[known])


def risk_record(run: Run) -> dict[str, Any] | None:
    """The area under a run's curve, JSON-ready; beside it the least there could be, of a confidence that sorts the
    samples by their errors, and that of one which knows nothing: the mean error. ``defect`` says where the confidence
    is worse than that, else it is None."""
    curve = run_risk_coverage(run)
    if curve is None:
        return None
    known = run.found & np.isfinite(run.confidence)
    errors = np.asarray(geodesic_error(run.truth[known], run.prediction[known]))
    areas = {
        "aurc": curve.area,
        "aurc_best": risk_coverage(errors, -errors).area,
        "aurc_none": float(errors.mean()),
    }
    rounded = {name: round(area, _DIGITS) for name, area in areas.items()}
    return {"error": "ge", "n": int(known.sum()), **rounded, "defect": defect(curve, errors)}


def defect(curve: RiskCoverage, errors: ArrayLike) -> str | None:
    """Where the surest samples err more than all, beyond chance: a sentence of the smallest such share; else None.

    A confidence that knows nothing draws k of the n samples at random: the mean error of these is off that of all by
    the standard error of such a drawing, and :data:`BEYOND_CHANCE` times that is taken for no chance.
    """
    error = np.asarray(errors, dtype=np.float64)
    n, mean, spread = len(error), float(error.mean()), float(error.std())
    for share in SHARES:
        k = max(round(share * n), FEWEST)
        if k >= n:
            return None
        by_chance = spread / np.sqrt(k) * np.sqrt((n - k) / (n - 1))
        risk = float(curve.risk[k - 1])
        if risk - mean > BEYOND_CHANCE * by_chance + 1e-9:
            return (
                f"its confidence ranks worse than chance, a defect: the {k:,} surest of {n:,} samples have a mean GE "
                f"of {risk:.2f} degrees, all of them {mean:.2f}"
            )
    return None
