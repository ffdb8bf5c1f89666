"""MediaPipe's face detector with its thresholds and its anchors laid open."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mediapipe")

from hpe_bench.landmarks.blazeface import BlazeFace


@pytest.fixture
def found(profile):
    """A function of a detector's arguments: what it finds in a profile."""

    def find(*arguments, **more):
        detector = BlazeFace(*arguments, **more)
        try:
            return detector.find(profile)
        finally:
            detector.close()

    return find


@pytest.mark.parametrize("reach", ["near", "far"])
def test_the_least_score_is_heeded(found, reach):
    faces = {least: found(reach, least, merged=False) for least in (0.1, 0.3, 0.95)}
    assert len(faces[0.95].scores) == 0 < len(faces[0.1].scores)
    assert (faces[0.1].scores >= 0.1).all() and faces[0.1].scores.min() < 0.3 <= faces[0.3].scores.min(initial=1.0)


def test_each_anchor_stands_for_itself_where_they_are_not_merged(found):
    merged, apart = (found("near", 0.1, merged=together) for together in (True, False))
    assert len(apart.scores) > 5 * len(merged.scores)
    assert (np.diff(apart.scores) <= 0).all() and apart.scores[0] == merged.scores[0]


def test_places_are_in_pixels_of_the_image(found, profile):
    faces = found("near", 0.5)
    (left, top, right, bottom), (height, width) = faces.boxes[0], profile.shape[:2]
    assert 0 < left < right < width and 0 < top < bottom < height and min(right - left, bottom - top) > 40
    inside = (faces.key_points[0] > (left - 20, top - 20)) & (faces.key_points[0] < (right + 20, bottom + 20))
    assert inside.all()
    assert faces.key_points.shape == (1, 6, 2)


def test_where_nothing_is_found_there_are_no_rows():
    detector = BlazeFace("near", 0.5)
    faces = detector.find(np.zeros((50, 70, 3), np.uint8))
    detector.close()
    assert (faces.scores.shape, faces.boxes.shape, faces.key_points.shape) == ((0,), (0, 4), (0, 6, 2))
