"""NLML-HPE's features: what they keep of a face, and what they do not."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import canonical_face
from hpe_bench_plugins.estimators.nlml.features import landmark_features


@pytest.fixture
def face():
    return canonical_face().points


def test_they_do_not_depend_on_place_and_size(face):
    here, there = landmark_features(np.stack([face, 7.5 * face + (100, -20, 3)]))
    np.testing.assert_allclose(here, there, atol=1e-12)


def test_the_nose_tip_is_the_origin_and_the_eye_corners_are_one_apart(face):
    points = landmark_features(face[None]).reshape(468, 3)
    assert (points[1] == 0).all()
    assert np.linalg.norm(points[33] - points[263]) == pytest.approx(1.0)


def test_points_beyond_the_468_are_left_out(face):
    more = np.concatenate([face, np.full((10, 3), 9.0)])
    np.testing.assert_array_equal(landmark_features(more[None]), landmark_features(face[None]))


def test_no_face_and_a_face_without_size_are_nan(face):
    features = landmark_features(np.stack([face, np.full_like(face, np.nan), np.zeros_like(face)]))
    assert np.isfinite(features[0]).all() and np.isnan(features[1:]).all()


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match="468"):
        landmark_features(np.zeros((2, 68, 3)))
