"""Rotations in torch are those of the harness."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import metrics, pose

torch = pytest.importorskip("torch")

from hpe_bench_plugins.estimators.nlml import rotations  # noqa: E402

CONVENTIONS = ("pitch-yaw-roll", "yaw-pitch-roll")


@pytest.fixture
def angles():
    return np.random.default_rng(0).uniform(-80, 80, (200, 3))


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_angles_and_rotations_are_the_harness_s(angles, convention):
    made = rotations.rotation_from_angles(torch.from_numpy(np.radians(angles)), convention)
    np.testing.assert_allclose(made.numpy(), pose.rotation_from_grid(angles, convention), atol=1e-12)
    back = rotations.angles_from_rotation(made, convention)
    np.testing.assert_allclose(np.degrees(back.numpy()), angles, atol=1e-9)


def test_a_rotation_vector_turns_by_its_length():
    vectors = np.random.default_rng(0).normal(size=(50, 3))
    made = rotations.rotation_from_vector(torch.from_numpy(vectors)).numpy()
    lengths = metrics.geodesic_error(np.broadcast_to(np.eye(3), made.shape), made)
    expected = np.degrees(np.linalg.norm(vectors, axis=1))
    np.testing.assert_allclose(lengths, np.minimum(expected, 360 - expected), atol=1e-6)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", made, vectors), vectors, atol=1e-9)


def test_the_geodesic_is_the_metric_and_has_a_gradient_everywhere(angles):
    a = torch.from_numpy(pose.rotation_from_euler(angles)).requires_grad_()
    b = torch.from_numpy(pose.rotation_from_euler(np.roll(angles, 1, axis=0)))
    expected = metrics.geodesic_error(a.detach().numpy(), b.numpy())
    np.testing.assert_allclose(np.degrees(rotations.geodesic(a, b).detach().numpy()), expected, atol=1e-3)
    rotations.geodesic(a, a.detach()).sum().backward()
    assert torch.isfinite(a.grad).all()
