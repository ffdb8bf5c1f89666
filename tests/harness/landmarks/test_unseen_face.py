"""The detector's six key points, and the canonical face laid over them."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import canonical_face, pose
from hpe_bench.landmarks.unseen_face import _PLACES, UnseenFace, _overlap, face_over


def seen(rotation, scale=7.0, shift=(100.0, 50.0)):
    """The key points of the canonical face in scaled orthography."""
    return scale * (_PLACES @ rotation.T)[:, :2] + shift


@pytest.mark.parametrize("angles", [(0, 0, 0), (40, -20, 10), (-85, 15, -30), (100, 0, 0)])
def test_the_face_is_laid_where_its_key_points_say(angles):
    rotation = pose.rotation_from_euler(np.array(angles, dtype=float))
    face = face_over(seen(rotation))
    expected = 7.0 * canonical_face().points @ rotation.T
    np.testing.assert_allclose(face[:, :2], expected[:, :2] + (100.0, 50.0), atol=1e-9)
    np.testing.assert_allclose(face - face.mean(axis=0), expected - expected.mean(axis=0), atol=1e-9)


def test_key_points_that_no_head_has_still_give_a_head():
    """A face may be bent; what is laid over it is turned, scaled and shifted alone."""
    points = seen(np.eye(3)) + np.random.default_rng(0).normal(0, 5, (6, 2))
    face, canonical = (p - p.mean(axis=0) for p in (face_over(points), canonical_face().points))
    scale = np.linalg.norm(face) / np.linalg.norm(canonical)
    turn = pose.nearest_rotation(face.T @ canonical)
    np.testing.assert_allclose(face, scale * canonical @ turn.T, atol=1e-8)


@pytest.fixture(scope="module")
def finder():
    pytest.importorskip("mediapipe")
    opened = UnseenFace()
    yield opened
    opened.close()


def test_a_profile_shows_its_side_and_its_mirror_image_the_other(finder, profile):
    yaws = []
    for image in (profile, np.ascontiguousarray(profile[:, ::-1])):
        face = face_over(finder.key_points(image))
        turn = pose.nearest_rotation((face - face.mean(axis=0)).T @ canonical_face().points)
        yaws.append(pose.euler_from_rotation(turn)[0])
    assert yaws[0] < -30 and yaws[1] > 30


def test_they_are_those_of_the_surest_face_alone(finder, frontal, profile):
    alone, beside = (finder.key_points(image) for image in (frontal, np.hstack([frontal, profile])))
    assert np.linalg.norm(beside - alone, axis=1).mean() < 0.15 * np.ptp(alone[:, 1])


def test_boxes_overlap_by_their_intersection_over_union():
    box = np.array([0.0, 0.0, 4.0, 2.0])
    others = np.array([[0, 0, 4, 2], [2, 0, 6, 2], [1, 0.5, 2, 1.5], [4, 0, 5, 2], [7, 7, 9, 9]], dtype=float)
    np.testing.assert_allclose(_overlap(box, others), [1, 1 / 3, 1 / 8, 0, 0])


def test_they_are_found_in_the_dark_too(finder, profile):
    lit, dark = (finder.key_points(image) for image in (profile, profile // 16))
    assert np.linalg.norm(lit - dark, axis=1).mean() < 0.25 * np.ptp(lit[:, 1])


def test_a_crop_without_anything_like_a_face_is_one_that_looks_at_the_camera(finder):
    crop = np.zeros((90, 120, 3), np.uint8)
    assert finder.key_points(crop) is None
    face = finder.landmarks(crop)
    turn = pose.nearest_rotation((face - face.mean(axis=0)).T @ canonical_face().points)
    np.testing.assert_allclose(turn, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(face.mean(axis=0)[:2], (60, 45))
    assert np.ptp(face[:, 1]) == pytest.approx(45)


def test_they_stay_on_the_face_whatever_lies_around_it(finder, profile):
    points = finder.key_points(profile)
    framed = np.pad(profile, ((40, 0), (30, 0), (0, 0)))
    moved = np.linalg.norm(finder.key_points(framed) - (30, 40) - points, axis=1)
    assert moved.mean() < 0.15 * np.ptp(points[:, 1])
