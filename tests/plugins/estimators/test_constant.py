"""The sanity rows: what no knowledge of the image scores."""

from __future__ import annotations

import numpy as np

from hpe_bench import Batch
from hpe_bench_plugins.estimators.constant import Random, Zero


def test_zero_is_the_identity():
    assert (Zero().predict(Batch(seeds=np.zeros(3, np.uint64))) == np.eye(3)).all()


def test_random_depends_on_the_seed_of_the_sample_alone():
    seeds = np.arange(6, dtype=np.uint64)
    together = Random().predict(Batch(seeds=seeds))
    apart = np.concatenate([Random().predict(Batch(seeds=seeds[i : i + 1])) for i in range(6)])
    np.testing.assert_array_equal(together, apart)


def test_random_rotations_are_uniform():
    """The angle of a uniformly random rotation has the density (1 - cos t) / pi, and its mean is 90 + 360 / pi^2."""
    found = Random().predict(Batch(seeds=np.arange(20_000, dtype=np.uint64)))
    angle = np.degrees(np.arccos(np.clip((np.trace(found, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert abs(angle.mean() - (90 + 360 / np.pi**2)) < 1.0
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.02)
