"""The curves on which an angle's factor vectors lie: one sinusoid a column, fitted over the bins of the grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sinusoids:
    """f(w) = a cos(b w + c) + d for each column of a factor; ``parameters`` (rank, 4) are a, b, c, d, w in radians."""

    parameters: Array

    def __call__(self, angles: Any) -> Array:
        """The factor vectors (..., rank) of angles (...) in radians."""
        a, b, c, d = self.parameters.T
        return np.asarray(a * np.cos(b * np.asarray(angles)[..., None] + c) + d)


def fit_sinusoids(factor: Array, angles: Array) -> tuple[Sinusoids, float]:
    """Sinusoids through the rows of a factor (bins, rank) at angles (bins,) in radians; and the fit's RMS residual.

    For a given frequency b the fit is linear in a cos c, a sin c and d, so b alone is searched: first over a grid that
    reaches from far below one period in the range to half the bins' sampling rate, then by a bounded minimisation.
    Fewer than five bins do not determine it, and b is 1 then, as in the rotation of a rigid body.
    """
    from scipy.optimize import minimize_scalar

    angles = np.asarray(angles, dtype=np.float64)
    span, step = np.ptp(angles), np.diff(np.sort(angles)).min()
    frequencies = np.geomspace(0.05 * 2 * np.pi / span, np.pi / step, 400) if len(angles) > 4 else np.ones(1)
    parameters, squares = [], 0.0
    for column in np.asarray(factor, dtype=np.float64).T:
        errors = [_linear_fit(column, angles, b)[1] for b in frequencies]
        best = int(np.argmin(errors))
        b = float(frequencies[best])
        if len(frequencies) > 1:
            found = minimize_scalar(
                lambda b, column=column: _linear_fit(column, angles, b)[1],
                bounds=(frequencies[max(best - 1, 0)], frequencies[min(best + 1, len(frequencies) - 1)]),
                method="bounded",
                options={"xatol": 1e-10},
            )
            b = float(found.x) if found.fun <= errors[best] else b
        (cosine, sine, d), error = _linear_fit(column, angles, b)
        parameters.append((np.hypot(cosine, sine), b, np.arctan2(-sine, cosine), d))
        squares += error
    return Sinusoids(np.array(parameters)), float(np.sqrt(squares / np.size(factor)))


def _linear_fit(column: Array, angles: Array, b: float) -> tuple[Array, float]:
    basis = np.stack([np.cos(b * angles), np.sin(b * angles), np.ones_like(angles)], axis=-1)
    solution, *_ = np.linalg.lstsq(basis, column, rcond=None)
    return solution, float(((basis @ solution - column) ** 2).sum())
