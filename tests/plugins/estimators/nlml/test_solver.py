"""The tensor solver: angles found again, bounds kept, and no worse a minimum than a general optimiser's."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids

pytest.importorskip("torch")
from hpe_bench_plugins.estimators.nlml import solver
from hpe_bench_plugins.estimators.nlml.solver import START_GRID, STARTS, TensorSolver

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


@pytest.fixture(scope="module")
def small():
    """A model of 30 features, few enough for every degree of freedom to count; noisy features, of heads that are partly
    beyond the bounds, large and small."""
    rng = np.random.default_rng(21)
    w = rng.normal(size=(4, 3, 3, 3, 30))
    curves = tuple(
        Sinusoids(np.stack([rng.uniform(0.5, 1, 3), rng.uniform(0.7, 1.8, 3), rng.uniform(-3, 3, 3), [0.1, 0, 0.3]], 1))
        for _ in range(3)
    )
    model = w, curves, TensorSolver(w, curves, BOUNDS)
    x = features(model, rng.uniform(-1.3, 1.3, (24, 3)) * BOUNDS, rng.normal(size=(24, 4)))
    return model, (x + rng.normal(size=x.shape)) * np.repeat([1.0, 0.05], 12)[:, None]


def basis(model, angles):
    """The vectors (4, features) that the identity combines at angles (3,)."""
    return features(model, np.tile(angles, (4, 1)), np.eye(4))


def projected(model, x, angles):
    """What of x (features,) no identity explains at angles (3,), and minus the slopes of what the best one makes,
    numerically, freed of what another identity makes up for."""
    rows = basis(model, angles)
    identity = np.linalg.lstsq(rows.T, x, rcond=None)[0]
    steps = 1e-5 * np.eye(3)
    slopes = np.stack([identity @ (basis(model, angles + h) - basis(model, angles - h)) / 2e-5 for h in steps], axis=1)
    free = slopes - rows.T @ np.linalg.lstsq(rows.T, slopes, rcond=None)[0]
    return x - identity @ rows, -free


def descend(model, x, angles, iterations, tolerance):
    """Marquardt's method by the book, for one sample from one start: angles, cost and whether it has converged."""
    angles, damping = angles.copy(), 1e-3
    residual, jacobian = projected(model, x, angles)
    for _ in range(iterations):
        gradient, hessian = jacobian.T @ residual, jacobian.T @ jacobian
        outwards = ((angles == BOUNDS) & (gradient < 0)) | ((angles == -BOUNDS) & (gradient > 0))
        free = np.flatnonzero(~outwards)
        part = hessian[np.ix_(free, free)]
        step = np.zeros(3)
        step[free] = np.linalg.solve(part + damping * np.diag(np.diag(part)), gradient[free])
        there = np.clip(angles - step, -BOUNDS, BOUNDS)
        moved = np.abs(there - angles).max()
        new, new_jacobian = projected(model, x, there)
        if new @ new <= residual @ residual:
            angles, residual, jacobian, damping = there, new, new_jacobian, damping * 0.2
        else:
            damping *= 8.0
        if moved < tolerance:
            return angles, residual @ residual, True
    return angles, residual @ residual, False


@pytest.fixture(scope="module")
def best_cells(small):
    """For every sample the cells of the start grid (STARTS, 3) where an identity explains the most."""
    model, x = small
    axes = [np.linspace(-b, b, n) for b, n in zip(BOUNDS, START_GRID, strict=True)]
    cells = np.array([(yaw, pitch, roll) for yaw in axes[0] for pitch in axes[1] for roll in axes[2]])
    explained = np.stack([((x @ np.linalg.qr(basis(model, cell).T)[0]) ** 2).sum(axis=1) for cell in cells], axis=1)
    return cells[np.argsort(-explained, axis=1)[:, :STARTS]]


@pytest.mark.parametrize("iterations", [1, 2, 4])
def test_it_goes_down_from_the_best_cells_by_marquardts_steps(small, best_cells, iterations):
    model, x = small
    expected = [
        min((descend(model, own, start, iterations, 1e-2) for start in starts), key=lambda end: end[1])
        for own, starts in zip(x, best_cells, strict=True)
    ]
    found = model[2].solve(x, iterations=iterations, tolerance=1e-2)
    np.testing.assert_allclose(found.residual**2, [cost for _, cost, _ in expected], rtol=1e-6)
    np.testing.assert_allclose(found.angles, [angles for angles, _, _ in expected], atol=1e-5)
    assert found.converged.tolist() == [done for _, _, done in expected]


def test_the_standard_error_is_that_of_least_squares_in_all_unknowns(small):
    model, x = small
    found = model[2].solve(x)
    assert found.error.shape == (len(x),)
    for own, angles, identity, error in zip(x, found.angles, found.identity, found.error, strict=True):
        rows = basis(model, angles)
        slopes = [identity @ (basis(model, angles + h) - basis(model, angles - h)) / 2e-5 for h in 1e-5 * np.eye(3)]
        jacobian = np.concatenate([slopes, rows]).T
        left = own - identity @ rows
        covariance = np.linalg.inv(jacobian.T @ jacobian) * (left @ left) / (30 - 3 - 4)
        assert error == pytest.approx(np.sqrt(np.trace(covariance[:3, :3])), rel=1e-4)


def test_an_angle_that_changes_nothing_is_told_by_its_error(small):
    (w, (yaw, pitch, _), _), _ = small
    still = Sinusoids(np.array([[1.0, 0.0, 0.0, 0.5]] * 3))
    model = w, (yaw, pitch, still), TensorSolver(w, (yaw, pitch, still), BOUNDS)
    rng = np.random.default_rng(9)
    angles = rng.uniform(-0.1, 0.1, (6, 3)) * BOUNDS
    x = features(model, angles, rng.normal(size=(6, 4)))
    found = model[2].solve(x + 0.01 * rng.normal(size=x.shape))
    np.testing.assert_allclose(found.error, found.residual * np.sqrt(1e9 / (30 - 3 - 4)), rtol=1e-4)


def test_identities_that_are_alike_are_solved_for_all_the_same(small):
    (w, curves, _), _ = small
    alike = 1e4 * w[[0, 1, 1, 1]]
    model = alike, curves, TensorSolver(alike, curves, BOUNDS)
    angles = np.random.default_rng(10).uniform(-0.8, 0.8, (6, 3)) * BOUNDS
    x = features(model, angles, np.ones((6, 4)))
    found = model[2].solve(x)
    np.testing.assert_allclose(found.residual / np.linalg.norm(x, axis=1), 0.0, atol=1e-4)
    assert np.isfinite(found.angles).all() and np.isfinite(found.identity).all()


def test_a_tensor_in_single_precision_is_reckoned_with_in_double(small):
    (w, curves, _), x = small
    single = w.astype(np.float32)
    found = TensorSolver(single, curves, BOUNDS).solve(x.astype(np.float32))
    same = TensorSolver(single.astype(np.float64), curves, BOUNDS).solve(x.astype(np.float32).astype(np.float64))
    assert found.angles.dtype == found.error.dtype == np.float64
    np.testing.assert_allclose(found.residual, same.residual, rtol=1e-11)


def test_no_more_are_worked_on_at_once_than_a_chunk_holds(small, monkeypatch):
    model, x = small
    whole, sizes, solve = model[2].solve(x[:5]), [], TensorSolver._solve
    monkeypatch.setattr(solver, "_CHUNK", 2)
    monkeypatch.setattr(TensorSolver, "_solve", lambda self, y, *rest: sizes.append(len(y)) or solve(self, y, *rest))
    parts = model[2].solve(x[:5])
    assert sum(sizes) == 5 and max(sizes) <= 2
    np.testing.assert_allclose(parts.angles, whole.angles, atol=1e-6)
    np.testing.assert_allclose(parts.error, whole.error, rtol=1e-6)


def test_on_cuda_it_finds_what_it_finds_on_the_cpu(model, heads):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    found = TensorSolver(model[0], model[1], BOUNDS, device="cuda").solve(heads[2])
    np.testing.assert_allclose(found.angles, model[2].solve(heads[2]).angles, rtol=1e-4, atol=1e-6)
