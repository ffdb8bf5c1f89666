"""Angles from features by the tensor as the reference work solves for them: Powell's method, one sample at a time.

The objective is 1/2 |x - W u f_yaw(yaw) f_pitch(pitch) f_roll(roll)|^2 over three angles and the identity vector u, all
started at 0 and unbounded, of the first three columns of each curve. Powell's method searches along lines and needs no
slope; from there it often ends in a minimum that is not the lowest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids

_COLUMNS = 3


def solve_by_powell(
    w: ArrayLike, curves: tuple[Sinusoids, Sinusoids, Sinusoids], features: ArrayLike
) -> NDArray[np.float64]:
    """Angles (N, 3) yaw, pitch, roll in radians, as the tensor's grid counts them, of features (N, 1404).

    ``w`` (identity, yaw, pitch, roll, 1404) is the core tensor times the feature factor. Angles may be anything:
    nothing brings them back by whole turns. NaN features give NaN.
    """
    from scipy.optimize import minimize

    tensor = np.asarray(w, dtype=np.float64)[:, :_COLUMNS, :_COLUMNS, :_COLUMNS]
    parameters = [curve.parameters[:_COLUMNS].T for curve in curves]
    # W^T = Q T: distances are the same in the coordinates of Q's columns, but for what lies outside of their span.
    q, t = np.linalg.qr(tensor.reshape(-1, tensor.shape[-1]).T)
    compressed = t.T.reshape(*tensor.shape[:4], -1)
    identities, yaws, pitches, rolls, size = compressed.shape
    flat = compressed.reshape(identities, -1)

    def cost(unknowns: NDArray[np.float64], inside: NDArray[np.float64], outside: float) -> float:
        yaw, pitch, roll = (
            # The reference work rounds these to float32, and its line searches see the steps.
            (a * np.cos(b * angle + c) + d).astype(np.float32).astype(np.float64)
            for angle, (a, b, c, d) in zip(unknowns[:3], parameters, strict=True)
        )
        there = yaw @ (unknowns[3:] @ flat).reshape(yaws, -1)
        there = roll @ (pitch @ there.reshape(pitches, -1)).reshape(rolls, size)
        away = inside - there
        return 0.5 * float(away @ away + outside)

    given = np.asarray(features, dtype=np.float32).astype(np.float64)
    angles = np.full((len(given), 3), np.nan)
    for row in np.flatnonzero(np.isfinite(given).all(axis=-1)):
        inside = given[row] @ q
        outside = float(given[row] @ given[row] - inside @ inside)
        start = np.zeros(3 + identities)
        angles[row] = minimize(cost, start, args=(inside, outside), method="Powell").x[:3]
    return angles
