"""Six numbers to a rotation."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import pose

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.rotation6d import gram_schmidt  # noqa: E402


def test_two_columns_of_a_rotation_whatever_their_lengths_give_it_back(rotations):
    given = rotations(50)
    lengths = np.random.default_rng(2).uniform(0.1, 9, (2, 50, 1))
    vectors = np.concatenate([given[..., 0] * lengths[0], given[..., 1] * lengths[1]], axis=-1)
    np.testing.assert_allclose(gram_schmidt(torch.from_numpy(vectors)).numpy(), given, atol=1e-12)


def test_the_first_vector_keeps_its_direction_and_the_second_its_side():
    vectors = torch.randn(4, 9, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = gram_schmidt(vectors).numpy()
    assert found.shape == (4, 9, 3, 3) and pose.rotation_defect(found).max() < 1e-12
    first, second = vectors[..., :3].numpy(), vectors[..., 3:].numpy()
    np.testing.assert_allclose(np.cross(found[..., 0], first), 0, atol=1e-12)
    assert (np.einsum("...i,...i", found[..., 0], first) > 0).all()
    assert (np.einsum("...i,...i", found[..., 1], second) > 0).all()
    np.testing.assert_allclose(np.einsum("...i,...i", found[..., 2], second), 0, atol=1e-12)
