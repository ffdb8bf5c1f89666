"""Procrustes: the weighted Kabsch alignment against an independent one, and on real faces."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hpe_bench import Batch, canonical_face, evaluate
from hpe_bench_plugins.estimators.procrustes import Procrustes, weighted_kabsch


def test_it_agrees_with_scipys_alignment(rotations):
    rng = np.random.default_rng(0)
    source, weights = rng.normal(size=(30, 3)), rng.uniform(0, 1, 30)
    for rotation in rotations(5):
        target = 3.0 * source @ rotation.T + rng.normal(size=(30, 3)) * 0.3 + (5, 6, 7)
        share = weights / weights.sum()
        expected, _ = Rotation.align_vectors(target - share @ target, source - share @ source, weights)
        found = weighted_kabsch(source, target[None], weights)[0]
        np.testing.assert_allclose(found, expected.as_matrix(), atol=1e-9)


@pytest.mark.parametrize("weights", ["mediapipe", "uniform"])
def test_a_turned_canonical_face_gives_the_turn(rotations, weights):
    truth = rotations(20)
    turned = np.einsum("nij,kj->nki", truth, canonical_face().points) * 7.0 + (100, 50, 0)
    estimator = Procrustes(Procrustes.Options(weights=weights))
    batch = Batch(seeds=np.zeros(20, np.uint64), landmarks=turned)
    np.testing.assert_allclose(estimator.predict(batch), truth, atol=1e-9)


def test_no_face_is_no_answer(rotations):
    turned = np.einsum("nij,kj->nki", rotations(2), canonical_face().points)
    turned[1] = np.nan
    found = Procrustes().predict(Batch(seeds=np.zeros(2, np.uint64), landmarks=turned))
    assert np.isfinite(found[0]).all() and np.isnan(found[1]).all()


def test_on_the_dev_images_in_the_nlml_selection_mae_is_at_most_2_9_where_a_face_is_found(shared):
    pytest.importorskip("mediapipe")
    root = shared("data/aflw2000-dev")
    row = evaluate("procrustes", protocol="aflw2000/nlml", view="detected", root=root).iloc[0]
    assert row.mae_mean <= 2.9
    assert row.coverage == pytest.approx(row.n / row.n_total) and row.n_total == 360 and row.coverage > 0.98
