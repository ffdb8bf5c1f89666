"""The landmark model on its own, and the extractor that has an answer for every image."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mediapipe")

from hpe_bench.landmarks.facemesh import FaceMesh, FaceMeshAlways
from hpe_bench.landmarks.landmark_model import LandmarkModel, Square, square_around


@pytest.fixture(scope="module")
def extractors():
    opened = FaceMesh(), FaceMeshAlways()
    for extractor in opened:
        extractor.open()
    yield opened
    for extractor in opened:
        extractor.close()


@pytest.fixture(scope="module")
def model():
    opened = LandmarkModel()
    yield opened
    opened.close()


def test_a_detected_face_is_settled_where_it_was_detected(extractors, frontal):
    detected, followed = (extractor.find(frontal) for extractor in extractors)
    apart = np.linalg.norm(followed - detected, axis=1)
    width = np.ptp(detected[:, 0])
    assert followed.shape == (468, 3) and 0 < apart.mean() < 0.02 * width


def test_where_none_is_detected_there_is_an_answer_all_the_same(extractors, profile):
    assert extractors[0].find(profile) is None
    answer = extractors[1].find(profile)
    assert answer.shape == (468, 3) and np.isfinite(answer).all()


def test_an_answer_does_not_depend_on_what_came_before(extractors, frontal, profile):
    first = [extractors[1].find(image) for image in (frontal, profile)]
    again = [extractors[1].find(image) for image in (profile, frontal)][::-1]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_image_without_a_face_has_an_answer_too(extractors):
    assert np.isfinite(extractors[1].find(np.zeros((40, 60, 3), np.uint8))).all()


def test_the_model_is_as_sure_as_the_face_is_clear(model, extractors, frontal):
    square = square_around(extractors[0].find(frontal))
    assert model.find(frontal, square)[1] > 0.95
    assert model.find(np.zeros_like(frontal), square)[1] < 0.5


@pytest.mark.parametrize("turn", [-0.6, 0.4])
def test_a_turned_square_finds_the_turned_face(model, extractors, frontal, turn):
    """The image turned about its centre, and the square with it: the landmarks turn likewise, z stays."""
    import cv2

    upright = square_around(extractors[0].find(frontal))
    points = model.find(frontal, upright)[0]
    middle = (frontal.shape[1] / 2, frontal.shape[0] / 2)
    matrix = cv2.getRotationMatrix2D(middle, -np.degrees(turn), 1.0)
    turned = cv2.warpAffine(frontal, matrix, (frontal.shape[1], frontal.shape[0]))
    centre = matrix @ (upright.x, upright.y, 1.0)
    found = model.find(turned, Square(*centre, upright.side, upright.turn + turn))[0]
    expected = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(found[:, :2] - expected).mean() < 0.01 * upright.side
    assert np.abs(found[:, 2] - points[:, 2]).mean() < 0.01 * upright.side
