"""Following faces: how often they are looked for, and which number is whose. The finder is scripted."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench.inference.tracking import Follower

SEEN = np.zeros((200, 300, 3), np.uint8)


class Scripted:
    """A finder that knows where the faces of each frame are; ``sure`` of them or not."""

    def __init__(self, face_at, frames):
        self.face_at, self.frames, self.now = face_at, frames, 0
        self.detections = 0
        self.sure = True

    def detect(self, image, detector):
        self.detections += 1
        return [self.face_at(x, y).square for x, y in self.frames[self.now]]

    def detect_all(self, image):
        return self.detect(image, 0)

    def settle(self, image, square):
        return self.face_at(square.x, square.y, landmarks=self.sure, presence=float(self.sure))

    def follow(self, image, face):
        near = [(x, y) for x, y in self.frames[self.now] if np.hypot(x - face.square.x, y - face.square.y) < 15]
        return self.face_at(*near[0], landmarks=True) if near and face.sure else None


@pytest.fixture
def walk(face_at):
    """A function of frames: the x of each face by its number, frame by frame, and the finder."""

    def go(frames, most=2, redetect=10, sure=True):
        finder = Scripted(face_at, frames)
        finder.sure = sure
        follower, seen = Follower(finder, most, redetect), []
        for number in range(len(frames)):
            finder.now = number
            seen.append({id: face.square.x for id, face in follower.follow(SEEN)})
        return seen, finder, follower

    return go


def test_one_face_is_detected_once_and_then_followed(walk):
    seen, finder, _ = walk([[(50 + 5 * step, 80)] for step in range(30)], most=1)
    assert seen == [{1: 50 + 5 * step} for step in range(30)] and finder.detections == 1


def test_faces_keep_their_numbers_while_they_cross(walk):
    frames = [[(60 + 6 * step, 60), (200 - 6 * step, 120)] for step in range(20)]
    seen, _, _ = walk(frames)
    assert all(one == {1: 60 + 6 * step, 2: 200 - 6 * step} for step, one in enumerate(seen))


def test_a_new_face_is_found_at_the_next_look(walk):
    seen, finder, _ = walk([[(50, 80)]] * 5 + [[(50, 80), (200, 80)]] * 20, redetect=10)
    assert [len(one) for one in seen] == [1] * 10 + [2] * 15 and finder.detections == 2


def test_a_lost_face_is_looked_for_at_once_and_keeps_its_number(walk):
    frames = [[(50, 80)], [(80, 80)], [], [], [(82, 80)], [(82, 80)]]
    seen, finder, _ = walk(frames, most=1)
    assert seen == [{1: 50}, {1: 80}, {}, {}, {1: 82}, {1: 82}]
    assert finder.detections == 5  # never twice in a frame, and not while it is followed


def test_one_that_comes_back_elsewhere_or_much_later_is_a_new_one(walk):
    assert [list(one) for one in walk([[(50, 80)], [], [(250, 80)]], most=1)[0]] == [[1], [], [2]]
    assert list(walk([[(50, 80)], *[[]] * 40, [(50, 80)]], most=1)[0][-1]) == [2]


def test_a_face_that_cannot_be_followed_is_detected_in_every_frame(walk):
    seen, finder, _ = walk([[(50 + step, 80)] for step in range(6)], most=1, sure=False)
    assert all(list(one) == [1] for one in seen) and finder.detections == 6


def test_more_faces_than_asked_for_are_counted_and_left(walk):
    seen, _, follower = walk([[(40, 80), (140, 80), (240, 80)]] * 3, most=2)
    assert all(len(one) == 2 for one in seen) and follower.spare == 1


def test_two_numbers_never_stay_on_one_face(walk):
    meet = [[(60 + 4 * min(step, 10), 80), (140 - 4 * min(step, 10), 80)] for step in range(12)]
    seen, _, _ = walk(meet + [[(100, 80)]] * 3)
    assert list(seen[-1]) == [1]
