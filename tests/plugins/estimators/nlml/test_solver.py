"""The tensor solver: angles found again, bounds kept, and no worse a minimum than a general optimiser's."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids

pytest.importorskip("torch")
from hpe_bench_plugins.estimators.nlml.solver import TensorSolver

BOUNDS = np.radians([60.0, 50.0, 40.0])


@pytest.fixture(scope="module")
def model():
    """A tensor W (5, 3, 3, 3, 1404) and three curves, such as a decomposition gives."""
    rng = np.random.default_rng(3)
    w = rng.normal(size=(5, 3, 3, 3, 1404))
    curves = tuple(
        Sinusoids(
            np.stack([rng.uniform(0.3, 1, 3), rng.uniform(0.7, 1.8, 3), rng.uniform(-3, 3, 3), [0.1, 0, 0.3]], -1)
        )
        for _ in range(3)
    )
    return w, curves, TensorSolver(w, curves, BOUNDS)


def features(model, angles, identity):
    w, (yaw, pitch, roll), _ = model
    return np.einsum(
        "iypre,ni,ny,np,nr->ne", w, identity, yaw(angles[:, 0]), pitch(angles[:, 1]), roll(angles[:, 2]), optimize=True
    )


@pytest.fixture(scope="module")
def heads(model):
    rng = np.random.default_rng(4)
    angles, identity = rng.uniform(-0.95, 0.95, (60, 3)) * BOUNDS, rng.normal(size=(60, 5))
    return angles, identity, features(model, angles, identity)


def test_angles_and_identity_are_found_again(model, heads):
    angles, _, x = heads
    found = model[2].solve(x)
    assert found.converged.all() and found.residual.max() < 1e-4
    np.testing.assert_allclose(features(model, found.angles, found.identity), x, atol=1e-4)
    assert np.median(np.abs(found.angles - angles)) < 1e-6


def test_the_residual_is_that_of_the_whole_feature_vector(model, heads):
    x = heads[2] + np.random.default_rng(5).normal(size=heads[2].shape)
    found = model[2].solve(x)
    left = np.linalg.norm(x - features(model, found.angles, found.identity), axis=1)
    np.testing.assert_allclose(found.residual, left, rtol=1e-6)


def test_no_general_optimiser_finds_less_on_the_reference_objective(model, heads):
    from scipy.optimize import minimize

    x = heads[2][:8] + np.random.default_rng(6).normal(size=(8, 1404)) * 3.0
    ours = model[2].solve(x).residual ** 2
    w = model[0]

    def objective(unknowns, target):
        made = features(model, unknowns[None, :3], unknowns[None, 3:])
        return float(((target - made[0]) ** 2).sum())

    assert w.shape == (5, 3, 3, 3, 1404)
    for target, least in zip(x, ours, strict=True):
        start = np.concatenate([np.zeros(3), np.ones(5)])
        limits = [(-b, b) for b in BOUNDS] + [(None, None)] * 5
        theirs = minimize(objective, start, args=(target,), method="L-BFGS-B", bounds=limits, options={"maxiter": 500})
        assert least <= theirs.fun * (1 + 1e-6)


def test_angles_stay_within_their_bounds(model):
    outside = np.tile(1.4 * BOUNDS, (4, 1)) * np.array([[1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    found = model[2].solve(features(model, outside, np.ones((4, 5))))
    assert (np.abs(found.angles) <= BOUNDS + 1e-12).all() and np.isfinite(found.angles).all()


def test_nan_features_are_no_answer_and_touch_no_other_sample(model, heads):
    x = heads[2][:5].copy()
    x[2, 100] = np.nan
    found, alone = model[2].solve(x), model[2].solve(heads[2][[0, 1, 3, 4]])
    assert np.isnan(found.angles[2]).all() and not found.converged[2] and np.isnan(found.residual[2])
    np.testing.assert_allclose(found.angles[[0, 1, 3, 4]], alone.angles, atol=1e-9)


def test_nothing_to_solve_is_solved(model):
    assert model[2].solve(np.zeros((0, 1404))).angles.shape == (0, 3)
    assert np.isnan(model[2].solve(np.full((2, 1404), np.nan)).angles).all()


def test_on_cuda_it_finds_what_it_finds_on_the_cpu(model, heads):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    found = TensorSolver(model[0], model[1], BOUNDS, device="cuda").solve(heads[2])
    np.testing.assert_allclose(found.angles, model[2].solve(heads[2]).angles, rtol=1e-4, atol=1e-6)
