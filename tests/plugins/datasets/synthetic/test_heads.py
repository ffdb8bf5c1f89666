"""Made-up heads: faces, each its own, and a pinhole camera."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import canonical_face
from hpe_bench_plugins.datasets.synthetic.heads import identities, project


def test_a_head_follows_from_its_number_and_not_from_its_company():
    together = identities(3, [5, 9, 7], 0.25)
    np.testing.assert_array_equal(together[2], identities(3, [7], 0.25)[0])
    assert identities(3, [], 0.25).shape == (0, 468, 3)


def test_a_face_is_almost_left_right_symmetric_and_near_the_canonical_one():
    face = canonical_face().points
    mirror = ((face[:, None] - face[None] * (-1, 1, 1)) ** 2).sum(axis=-1).argmin(axis=0)
    heads = identities(0, range(50), 0.25)
    skew = (heads[:, mirror] * (-1, 1, 1) - heads)[:, :, 0] / 2
    assert 0.02 < skew.std() < 0.08
    assert np.abs(heads - face).mean(axis=(1, 2)).min() > 0.05 and np.abs(heads - face).mean() < 1.0


def test_the_deformation_has_the_size_that_is_asked_for():
    heads = identities(0, range(400), 0.4)
    field = heads - heads.mean(axis=0)
    face = canonical_face().points
    expected = np.sqrt(0.4**2 * 1.02 + (0.04 * face) ** 2)
    assert field.std(axis=0).mean() == pytest.approx(expected.mean(), rel=0.1)
    np.testing.assert_array_equal(identities(0, [1], 0.0)[0], face)


def test_the_basis_is_that_of_a_squared_exponential_kernel_of_4_cm():
    points = canonical_face().points
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    basis = canonical_face().smooth_basis
    np.testing.assert_allclose(basis @ basis.T, np.exp(-squared / 32), atol=0.05)


def test_perspective_is_that_of_a_pinhole_camera():
    point = np.array([[3.0, -2.0, 5.0]])
    x, y, z = project(point, distance=60.0)[0]
    assert (x - 128) / (y - 128) == pytest.approx(3 / -2)
    assert x - 128 == pytest.approx(0.6 * 256 / 16 * 60 * 3 / 65) and z == pytest.approx(0.6 * 256 / 16 * 5)
    nearer = project(point - (0, 0, 10), distance=60.0)[0]
    assert abs(nearer[0] - 128) > abs(x - 128)


def test_each_of_a_batch_has_its_own_distance():
    points = np.random.default_rng(0).normal(size=(2, 7, 3)).astype(np.float32)
    both = project(points, np.array([40.0, 80.0]))
    assert both.dtype == np.float32
    np.testing.assert_array_equal(both[1], project(points[1], 80.0))
