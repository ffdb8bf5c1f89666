"""What is drawn: that lines end where the rotation says, and that text is in the picture."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import pose
from hpe_bench.inference.drawing import DOWN, FRONT, LEFT, axis_ends, cube_corners, draw
from hpe_bench.inference.estimating import Answer, Answered

ORIGIN = np.array([200.0, 150.0])


def drawn(frame_of, face_at, euler, how="axes", size=(300, 400), at=(200, 150), side=100):
    answer = Answer(1, face_at(*at, side), pose.rotation_from_euler(euler), np.nan)
    before = np.full((*size, 3), 128, np.uint8)
    return before, draw(Answered(frame_of(before), [answer]), how, numbered=False)


def places(image, colour):
    """Rows of x, y of the pixels that have nearly a colour."""
    return np.argwhere((np.abs(image.astype(int) - colour) <= 12).all(axis=-1))[:, ::-1]


@pytest.mark.parametrize(
    ("euler", "left", "down", "front"),
    [
        ((0, 0, 0), (1, 0), (0, 1), (0, 0)),
        ((90, 0, 0), (0, 0), (0, 1), (-1, 0)),  # towards the picture's left, with a positive yaw
        ((-30, 0, 0), (np.sqrt(3) / 2, 0), (0, 1), (0.5, 0)),
        ((0, 30, 0), (1, 0), (0, np.sqrt(3) / 2), (0, -0.5)),  # up, with a positive pitch
        ((0, 0, 90), (0, 1), (-1, 0), (0, 0)),
    ],
)
def test_axes_end_where_the_head_turns_them(euler, left, down, front):
    ends = axis_ends(pose.rotation_from_euler(euler), ORIGIN, 10.0)
    np.testing.assert_allclose(ends, ORIGIN + 10 * np.array([left, down, front]), atol=1e-9)


def test_the_pixels_of_the_axes_reach_from_the_origin_to_their_ends(frame_of, face_at):
    face = face_at(200, 150, 100)
    _, image = drawn(frame_of, face_at, (-35, 20, 15))
    origin = (face.box[:2] + face.box[2:]) / 2
    ends = axis_ends(pose.rotation_from_euler((-35, 20, 15)), origin, 0.6 * 100)
    for colour, end in zip((LEFT, DOWN, FRONT), ends, strict=True):
        found = places(image, colour)
        along = (found - origin) @ (end - origin) / np.linalg.norm(end - origin)
        across = np.abs(np.cross(found - origin, (end - origin) / np.linalg.norm(end - origin)))
        assert along.max() == pytest.approx(np.linalg.norm(end - origin), abs=2) and across.max() < 3


def test_a_cube_has_the_face_on_its_front():
    turned = pose.rotation_from_euler([40, 0, 0])  # looks to the picture's left
    back, front = cube_corners(turned, ORIGIN, 50.0)
    assert front[:, 0].mean() < ORIGIN[0] < back[:, 0].mean()
    edges = [np.linalg.norm(front[1] - front[0]), np.linalg.norm(front[2] - front[1])]
    np.testing.assert_allclose(edges, [50 * np.cos(np.radians(40)), 50])
    np.testing.assert_allclose((back + front[[0, 1, 2, 3]]).mean(axis=0) / 2, ORIGIN)


@pytest.mark.parametrize("how", ["axes", "cube"])
def test_the_frame_itself_is_not_drawn_on(frame_of, face_at, how):
    before, image = drawn(frame_of, face_at, (10, 20, 30), how)
    assert (before == 128).all() and (image != 128).any()


@pytest.mark.parametrize("size", [(60, 50), (120, 900), (900, 120), (1200, 1600)])
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_text_is_never_cut(frame_of, face_at, size, place):
    """Near a border there is plate, darkened evenly, and no letter."""
    at = (place[0] * size[1], place[1] * size[0])
    _, image = drawn(frame_of, face_at, (-10, -20, -30), size=size, at=at, side=1)
    letters = places(image, (255, 255, 255))
    assert len(letters) and letters.min() >= 1
    assert letters[:, 0].max() < size[1] - 1 and letters[:, 1].max() < size[0] - 1


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (2, 3000), (3000, 2), (40, 20)])
@pytest.mark.parametrize("how", ["axes", "cube", "none"])
def test_a_picture_too_small_for_text_is_drawn_on_all_the_same(frame_of, face_at, size, how):
    before, image = drawn(frame_of, face_at, (10, 20, 30), how, size=size, at=(1, 1), side=2)
    nobody = draw(Answered(frame_of(before), []), how, numbered=False)
    assert image.shape == nobody.shape == before.shape


def test_where_nothing_is_to_be_drawn_there_are_only_the_angles(frame_of, face_at):
    _, image = drawn(frame_of, face_at, (-35, 20, 15), "none")
    assert len(places(image, (255, 255, 255))) and not any(len(places(image, own)) for own in (LEFT, DOWN, FRONT))


def test_a_frame_without_a_face_and_a_face_without_an_answer_are_marked(frame_of, face_at):
    blank = np.full((200, 300, 3), 128, np.uint8)
    nobody = draw(Answered(frame_of(blank), []), "axes", numbered=False)
    unanswered = Answer(1, face_at(150, 100, 60), np.full((3, 3), np.nan), np.nan)
    outlined = draw(Answered(frame_of(blank), [unanswered]), "axes", numbered=False)
    assert (nobody != blank).any() and not len(places(nobody, LEFT))
    assert len(places(outlined, (255, 190, 60))) > 100 and not len(places(outlined, LEFT))


@pytest.mark.parametrize("brightness", [0, 128, 255])
def test_angles_are_legible_on_dark_and_on_bright_pictures_at_every_of_several_faces(frame_of, face_at, brightness):
    """White letters on a plate that is darker than they are, whatever is behind it; at the borders too."""
    image = np.full((480, 640, 3), brightness, np.uint8)
    places_of = [(60, 60), (320, 240), (600, 440), (620, 40)]
    answers = [
        Answer(number, face_at(*at, 70), pose.rotation_from_euler((-10, 5, 20)), np.nan)
        for number, at in enumerate(places_of, start=1)
    ]
    found = draw(Answered(frame_of(image), answers), "angles", numbered=True, corner="FPS 24.9")
    assert not any(len(places(found, own)) for own in (LEFT, DOWN, FRONT))
    plate = round(0.4 * brightness + 0.6 * 20)
    for x, y in places_of:
        near = found[max(y - 30, 0) : y + 160, max(x - 110, 0) : x + 110].astype(int)
        assert (near >= 245).all(axis=-1).any() and (abs(near - plate) <= 2).all(axis=-1).any()
    if brightness < 255:
        letters = places(found, (255, 255, 255))
        assert letters.min() >= 1 and letters[:, 0].max() < 639 and letters[:, 1].max() < 479


def test_words_in_the_corner_stand_at_the_upper_left(frame_of, face_at):
    blank = np.full((300, 400, 3), 128, np.uint8)
    answer = Answer(1, face_at(300, 200, 60), pose.rotation_from_euler((0, 0, 0)), np.nan)
    without, there = (draw(Answered(frame_of(blank), [answer]), "axes", False, corner) for corner in ("", "FPS 25.0"))
    changed = np.argwhere((without != there).any(axis=-1))
    assert len(changed) and changed[:, 0].max() < 60 and changed[:, 1].max() < 200
