"""How sure the shipped weights are of an answer: surer of better ones, and least of faces that were laid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from hpe_bench import canonical_face, open_estimator, pose
from hpe_bench.metrics import geodesic_error
from hpe_bench_plugins.datasets.synthetic.dataset import Synthetic

SHIPPED = ["nlml-tensor", "nlml-tensor:weights=full", "nlml", "nlml:weights=full"]


@pytest.fixture(scope="module")
def heads():
    """Landmarks and rotations of made-up heads that nothing was learned from, with less and more noise, in mixed
    order; a few of them beyond the range of the grid that the tensors are of."""
    landmarks, rotations = [], []
    for noise, wobble in ((0.0, 0.5), (2.0, 2.0), (5.0, 5.0)):
        options = Synthetic.Options(validation=2, noise=noise, wobble=wobble, yaw=75, step=25)
        grid = Synthetic(Path(), options).grid("validation")
        landmarks.append(grid.read(0, 2).reshape(-1, 468, 3).astype(np.float64))
        rotations.append(grid.rotations(0, 2).reshape(-1, 3, 3))
    order = np.random.default_rng(0).permutation(sum(map(len, landmarks)))
    return np.concatenate(landmarks)[order], np.concatenate(rotations)[order]


@pytest.fixture(scope="module", params=SHIPPED)
def estimator(request):
    return open_estimator(request.param, device="cpu")


def test_surer_answers_are_better_ones(estimator, heads):
    landmarks, rotations = heads
    found = estimator.predict_landmarks(landmarks)
    errors = geodesic_error(rotations, found.rotations)
    assert len(errors) >= 300 and spearmanr(found.confidence, -errors)[0] > 0.25
    surest = np.argsort(-found.confidence)[: len(errors) // 10]
    assert errors[surest].mean() < errors.mean()


def test_the_network_alone_is_not_surest_of_its_worst_within_the_poses_that_it_learned():
    grid = Synthetic(Path(), Synthetic.Options(validation=8, step=20)).grid("validation")
    found = open_estimator("nlml", device="cpu").predict_landmarks(
        grid.read(0, 8).reshape(-1, 468, 3).astype(np.float64)
    )
    errors = geodesic_error(grid.rotations(0, 8).reshape(-1, 3, 3), found.rotations)
    surest = np.argsort(-found.confidence)[: len(errors) // 4]
    assert errors[surest].mean() < errors.mean()


def test_of_a_face_that_was_laid_and_not_seen_it_is_the_least_there_is(estimator, heads):
    turns = pose.rotation_from_euler([(0.0, 0.0, 0.0), (40.0, 10.0, -5.0)])
    laid = np.einsum("kj,nij->nki", canonical_face().points, turns) * 12 + 100
    confidence = estimator.predict_landmarks(np.concatenate([laid, heads[0]])).confidence
    np.testing.assert_array_equal(confidence[:2], -180.0)
    assert (confidence[2:] > -180.0).all() and (confidence <= 0).all()


def test_where_no_face_was_found_there_is_none(estimator, heads):
    found = estimator.predict_landmarks(np.concatenate([np.full((1, 468, 3), np.nan), heads[0][:1]]))
    assert np.isnan(found.confidence[0]) and np.isfinite(found.confidence[1])


def test_it_does_not_depend_on_the_other_samples(estimator, heads):
    alone = np.concatenate([estimator.predict_landmarks(heads[0][i : i + 1]).confidence for i in range(5)])
    np.testing.assert_allclose(estimator.predict_landmarks(heads[0][:50]).confidence[:5], alone, atol=0.05)
