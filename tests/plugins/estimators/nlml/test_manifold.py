"""The sinusoids: those that a factor was made of are found again."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids, fit_sinusoids

ANGLES = np.radians(np.arange(-50, 51, 10))


@pytest.mark.parametrize("b", [0.3, 0.7, 1.0, 2.9, 6.0])
def test_a_sinusoid_is_found_again_whatever_its_frequency(b):
    truth = Sinusoids(np.array([[0.5, b, 0.4, -0.2], [-2.0, 1.1 * b, -2.5, 0.1]]))
    found, residual = fit_sinusoids(truth(ANGLES), ANGLES)
    assert residual < 1e-6
    between = np.radians(np.linspace(-50, 50, 333))
    np.testing.assert_allclose(found(between), truth(between), atol=1e-4)


def test_the_residual_is_the_root_mean_square_of_what_is_left():
    rng = np.random.default_rng(0)
    angles = np.linspace(-1, 1, 400)
    truth = Sinusoids(np.array([[1.0, 2.0, 0.3, 0.0]]))
    _, residual = fit_sinusoids(truth(angles) + rng.normal(0, 0.01, (400, 1)), angles)
    assert residual == pytest.approx(0.01, rel=0.15)


def test_the_fit_is_at_least_as_good_as_that_of_a_general_optimiser():
    from scipy.optimize import curve_fit

    column = np.cos(1.3 * ANGLES + 0.2) ** 3
    _, ours = fit_sinusoids(column[:, None], ANGLES)
    best = np.inf
    for start in np.linspace(0.3, 6, 20):
        try:
            p, _ = curve_fit(lambda w, a, b, c, d: a * np.cos(b * w + c) + d, ANGLES, column, p0=(1, start, 0, 0))
        except RuntimeError:
            continue
        best = min(best, np.sqrt(np.mean((p[0] * np.cos(p[1] * ANGLES + p[2]) + p[3] - column) ** 2)))
    assert ours <= best * 1.001 < np.inf
