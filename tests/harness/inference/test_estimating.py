"""What an estimator is shown of a face, and what becomes of its answers."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from hpe_bench import Estimator, Images, Landmarks, Nothing, Prediction, UsageError, pose
from hpe_bench.errors import RunFailed
from hpe_bench.inference.estimating import Answer, Answered, Asker, Seen, find_rule
from hpe_bench.inference.faces import _FACIAL, Face
from hpe_bench.inference.records import COLUMNS, csv_bytes, json_bytes, records_of, to_frame
from hpe_bench.landmarks.extractor import Extractor
from hpe_bench.landmarks.landmark_model import Square

TURNED = pose.rotation_from_euler([30, 20, 10])


class Spy(Estimator):
    """Keeps what it is shown, and answers alike for all."""

    def __init__(self, inputs, answer=TURNED):
        super().__init__()
        self.inputs, self.answer, self.batches = inputs, answer, []

    def predict(self, batch):
        self.batches.append(batch)
        return Prediction(np.stack([self.answer] * len(batch)), np.arange(len(batch)) / 4)


@pytest.fixture
def ask(frame_of):
    """A function of an estimator and of faces of one frame: the answers."""

    def go(spy, *faces, image=None, crop=None, extractor=None):
        frame = frame_of(np.zeros((300, 400, 3), np.uint8) if image is None else image)
        asker = Asker("spy", spy, find_rule(spy.inputs, crop), extractor)
        (answered,) = asker.ask([Seen(frame, list(enumerate(faces, start=1)))], at_once=16)
        return answered.answers

    return go


def outlined(left, top, right, bottom):
    """A face whose facial points enclose a box, and whose forehead is far above it."""
    points = np.full((468, 3), (left + 1.0, top + 1.0, 0.0))
    points[list(_FACIAL)[:2], :2] = [(left, bottom), (right, top)]
    points[10] = (left + 1, top - 50, 0)
    return Face(Square(0, 0, 1, 0), points, 1.0)


def test_an_image_network_sees_crops_in_its_size_and_colour_order(ask):
    image = np.full((300, 400, 3), (250, 100, 50), np.uint8)
    spy = Spy(Images(crop="fsanet", size=(64, 48), order="BGR"))
    ask(spy, outlined(100, 100, 150, 130), image=image)
    assert spy.batches[0].images.shape == (1, 48, 64, 3)
    assert (spy.batches[0].images == (50, 100, 250)).all()


def test_crops_are_where_the_rules_say(ask):
    """6DRepNet: .4 w left, .4 h above, .56 w right, .168 h below; FSA-Net: .6 on every side."""
    image = np.zeros((300, 400, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(400) % 256, np.arange(300)[:, None] % 256
    for crop, (left, top, right, bottom) in (("6drepnet", (80, 88, 178, 137)), ("fsanet", (70, 82, 180, 148))):
        spy = Spy(Images(crop=crop))
        ask(spy, outlined(100, 100, 150, 130), image=image)
        (shown,) = spy.batches[0].images
        assert tuple(shown[0, 0, :2]) == (left, top)
        assert shown.shape[:2] == pytest.approx((bottom - top, right - left), abs=2)


def test_landmarks_are_in_pixels_of_the_crop(ask):
    spy, face = Spy(Landmarks(crop="face")), outlined(100, 120, 150, 160)
    ask(spy, face)
    np.testing.assert_allclose(spy.batches[0].landmarks, face.landmarks[None] - (100, 120, 0))


def test_landmarks_in_image_units_are_shares_of_the_crops_width_and_height(ask):
    spy, face = Spy(Landmarks(crop="face", units="image")), outlined(100, 120, 150, 160)
    ask(spy, face)
    np.testing.assert_allclose(spy.batches[0].landmarks, (face.landmarks[None] - (100, 120, 0)) / (50, 40, 50))


def test_another_extractor_is_given_the_crop(ask):
    class Corner(Extractor):
        points = 3

        def find(self, image):
            return None if image.shape[0] < 35 else np.full((3, 3), image.shape[0])

    spy = Spy(Landmarks(crop="face"))
    ask(spy, outlined(100, 120, 150, 160), outlined(10, 20, 30, 40), extractor=Corner())
    assert (spy.batches[0].landmarks[0] == 40).all() and np.isnan(spy.batches[0].landmarks[1]).all()


def test_one_that_asks_for_nothing_has_a_seed_of_its_own_for_each_face(ask, face_at):
    spy = Spy(Nothing())
    ask(spy, face_at(50, 60), face_at(150, 60))
    seeds = spy.batches[0].seeds
    assert len(spy.batches[0]) == 2 and seeds[0] != seeds[1]


def test_a_face_without_sure_landmarks_is_cropped_by_where_it_was_detected(face_at):
    points = face_at(100, 100, 40, presence=0.1).points
    np.testing.assert_allclose(points, [[80, 120], [84, 124]])


def test_a_face_outside_of_the_picture_has_no_answer(ask, face_at):
    answers = ask(Spy(Images(crop="face")), face_at(900, 60), face_at(100, 100))
    assert np.isnan(answers[0].rotation).all() and (answers[1].rotation == TURNED).all()


@pytest.mark.parametrize("wrong", [np.eye(2), np.diag([1.0, 1.0, -1.0])])
def test_what_is_no_rotation_is_the_estimators_fault(ask, face_at, wrong):
    with pytest.raises(RunFailed, match="spy returned"):
        ask(Spy(Nothing(), wrong), face_at(50, 60))


def test_an_estimator_that_raises_is_named(ask, face_at):
    class Broken(Spy):
        def predict(self, batch):
            raise ZeroDivisionError("oh")

    with pytest.raises(RunFailed, match="spy failed: ZeroDivisionError: oh"):
        ask(Broken(Nothing()), face_at(50, 60))


def test_a_crop_rule_that_is_unknown_has_a_suggestion():
    with pytest.raises(UsageError, match="did you mean fsanet"):
        find_rule(Images(crop="6drepnet"), "fsa-net")


def test_frames_are_gathered_and_come_back_in_their_order(frame_of, face_at):
    spy = Spy(Nothing())
    asker = Asker("spy", spy, find_rule(spy.inputs, None))
    image = np.zeros((9, 9, 3), np.uint8)
    seen = [Seen(frame_of(image, index=n), [(1, face_at(4, 4))] * (n % 3)) for n in range(7)]
    answered = list(asker.ask(seen, at_once=4))
    assert [(one.frame.index, len(one.answers)) for one in answered] == [(n, n % 3) for n in range(7)]
    assert [len(batch) for batch in spy.batches] == [3, 3]


@pytest.fixture
def answered(frame_of, face_at):
    """A frame with a face, one without an answer, and a frame without a face."""
    image = np.zeros((99, 99, 3), np.uint8)
    known = Answer(1, face_at(50, 40, 20), TURNED, 0.75)
    unknown = Answer(2, face_at(20, 40, 20), np.full((3, 3), np.nan), np.nan)
    return [Answered(frame_of(image, 3, 0.12), [known, unknown]), Answered(frame_of(image, 4, 0.16), [])]


def test_records_hold_the_harness_own_rotation_and_its_angles(answered):
    records = [record for one in answered for record in records_of(one)]
    first, second, third = json.loads(json_bytes(records))
    np.testing.assert_allclose(first["rotation"], TURNED, atol=1e-8)
    assert [first[key] for key in ("frame", "time", "face", "yaw", "pitch", "roll", "confidence")] == [
        3,
        0.12,
        1,
        *(30, 20, 10),
        0.75,
    ]
    assert first["box"] == [40, 32, 60, 52]
    assert second["face"] == 2 and second["rotation"] is None and second["yaw"] is None and second["box"]
    assert third["frame"] == 4 and third["face"] is None and third["box"] is None


def test_the_csv_has_a_row_a_face_and_empty_cells_for_what_is_not_known(answered):
    records = [record for one in answered for record in records_of(one)]
    rows = list(csv.DictReader(io.StringIO(csv_bytes(records).decode())))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 3
    assert float(rows[0]["r02"]) == pytest.approx(TURNED[0, 2]) and float(rows[0]["right"]) == 60
    assert rows[1]["yaw"] == rows[2]["face"] == rows[2]["left"] == ""
    assert list(to_frame(records).columns) == list(COLUMNS) and len(to_frame([])) == 0
