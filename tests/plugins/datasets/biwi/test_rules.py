"""FSA-Net's rules for the face of a frame, on faces placed by hand and by chance; and the division of the sequences."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
from biwi_oracle import Lookback
from hypothesis import given, settings
from hypothesis import strategies as st

from hpe_bench_plugins.datasets.biwi.boxes import Boxes
from hpe_bench_plugins.datasets.biwi.rules import PIXEL, Rules, choose, choose_given, widen
from hpe_bench_plugins.datasets.biwi.split import split
from hpe_bench_plugins.datasets.biwi.tree import SUBJECTS

NONE: list = []
SURE, UNSURE = 0.97, 0.5


def face(left, top=200, confidence=SURE, width=80, height=100):
    return [left, top, left + width, top + height, confidence]


def chosen(*sequences, **rules):
    """The choices for sequences of frames, each a list of faces."""
    frames = [
        (f"{number:02d}", np.array(frame, dtype=float).reshape(-1, 5))
        for number, frames in enumerate(sequences, start=1)
        for frame in frames
    ]
    return list(choose(frames, Rules(**rules)))


def lefts(choices):
    """The left sides of the boxes, which are those of the faces less 32; None where there is none."""
    return [None if choice.box is None else choice.box[0] for choice in choices]


def test_a_face_is_widened_by_the_margin_and_the_last_pixel_is_in():
    # 80 x 100 with .4: 32 and 40 on every side; rows and columns up to 412 and 340 are in.
    assert chosen([[face(300)]])[0].box == (268, 160, 413, 341)


def test_a_widened_face_ends_where_the_image_does():
    assert widen((10, 20, 110, 120), 0.4) == (0, 0, 151, 161)
    assert widen((600.5, 400, 700, 500), 0.4) == (560, 360, 640, 480)


def test_only_what_exceeds_the_confidence_is_sure():
    at, above, none = chosen([[face(300, 200, 0.9)], [face(300, 200, 0.91)], NONE], jump=1000)
    assert at.box is None and at.why == "confidence 0.90, not above 0.9, and no box before" and at.confidence == 0.9
    assert above.box is not None and above.confidence == 0.91 and above.why == ""
    assert none.box is None and none.why == "no face" and np.isnan(none.confidence)
    assert chosen([NONE])[0].why == "no face"


def test_of_several_the_one_nearest_to_two_thirds_of_the_image_along_both_axes():
    # Widened corners (268, 160), (418, 310) and (8, 0); the place is (426.7, 320).
    (choice,) = chosen([[face(300, 200, 0.99), face(450, 350, 0.92), face(40, 20, 0.999)]])
    assert choice.box[:2] == (418, 310) and choice.confidence == 0.92


def test_a_jump_is_measured_from_the_last_box_that_was_cut():
    frames = [[face(left)] for left in (300, 379, 460, 390, 310)]
    dropped = chosen(frames)
    assert lefts(dropped) == [268, 347, None, 358, None]
    assert dropped[2].why == "a jump of 81 pixels" and dropped[4].why == "a jump of 80 pixels"
    assert lefts(chosen(frames, rule="carry")) == [268, 347, 347, 358, 358]


def test_a_frame_without_a_face_is_dropped_or_cut_by_the_last_box():
    frames = [[face(300)], NONE, [face(310)], NONE, NONE]
    assert lefts(chosen(frames)) == [268, None, 278, None, None]
    assert lefts(chosen(frames, rule="carry")) == [268, 268, 278, 278, 278]


@pytest.mark.parametrize("rule", ["notrack", "carry"])
def test_a_frame_of_unsure_faces_keeps_the_last_box_by_either_rule(rule):
    sure, unsure = chosen([[face(300)], [face(350, confidence=UNSURE), face(20, confidence=0.1)]], rule=rule)
    assert unsure.box == sure.box and unsure.why == "confidence 0.50, not above 0.9" and unsure.confidence == 0.5


def test_what_an_unsure_frame_keeps_may_be_the_box_of_a_jump():
    frames = [[face(300)], [face(450)], [face(300, confidence=UNSURE)]]
    assert [choice.why for choice in chosen(frames)] == ["", "a jump of 150 pixels", "a jump of 150 pixels"]
    assert lefts(chosen(frames, rule="carry")) == [268, 268, 268]


def test_the_box_that_unsure_frames_keep_crosses_from_sequence_to_sequence():
    two = [[face(300)], [face(305)]], [[face(100, confidence=UNSURE)], [face(110)], [face(330)]]
    assert lefts(chosen(*two)) == [268, 273, 273, None, 298]
    assert lefts(chosen(*two, rule="carry")) == [268, 273, 273, 273, 298]


def test_the_first_face_of_a_sequence_may_be_anywhere():
    assert lefts(chosen([[face(100)]], [[face(500)], [face(110)]])) == [68, 468, None]


def test_a_sequence_that_starts_without_a_face_takes_none_until_one_is_at_the_left_edge():
    frames = [NONE, [face(300)], [face(111)], [face(112)], [face(180)]]
    # 79 and 80 pixels from the left edge; then 148 is less than 80 from 79.
    assert lefts(chosen(frames)) == [None, None, 79, 80, 148]
    carried = chosen(frames, rule="carry")
    assert [choice.box for choice in carried[:2]] == [PIXEL, PIXEL] and lefts(carried[2:]) == [79, 80, 148]
    assert lefts(chosen([NONE, [face(112)]])) == [None, None]


def test_unsure_faces_before_any_sure_one_are_as_none():
    frames = [[face(300, confidence=UNSURE)], [face(300)], [face(30)]]
    assert lefts(chosen(frames)) == [None, None, 0]
    assert [choice.box for choice in chosen(frames, rule="carry")[:2]] == [PIXEL, PIXEL]


def test_a_face_of_which_nothing_is_in_the_image_is_none():
    (choice,) = chosen([[face(-300), face(900)]])
    assert choice.box is None and choice.why == "no face"


def test_an_unsure_face_beside_the_image_keeps_the_last_box_as_any_does():
    kept, sure = chosen([[face(300)], [face(-300, confidence=UNSURE)]])[1], chosen([[face(300)], [face(-300)]])[1]
    assert kept.box == (268, 160, 413, 341) and kept.why == "confidence 0.50, not above 0.9"
    assert sure.box is None and sure.why == "no face"


def test_a_table_keeps_its_last_box_too_where_that_is_asked_for():
    corners = {"01/b": (10, 20, 30, 40), "01/c": None, "02/b": (500, 20, 530, 40)}
    frames = [(id[:2], id) for id in ("01/a", "01/b", "01/c", "01/d", "02/a", "02/b")]
    boxes = Boxes(Path("x.csv"), corners, {"01/b": 0.75})
    carried = list(choose_given(frames, boxes, 0, "carry"))
    first, second = (10, 20, 30, 40), (500, 20, 530, 40)
    assert [choice.box for choice in carried] == [PIXEL, first, first, first, PIXEL, second]
    assert carried[1].confidence == 0.75 and carried[2].why == "none in the box file" and carried[1].why == ""
    plain = [choice.box for choice in choose_given(frames, boxes, 0, "notrack")]
    assert plain == [None, first, None, None, None, second]


numbers = st.sampled_from([0, 30, 100, 111, 112, 180, 250, 300, 310, 379, 380, 381, 460, 600])
confidences = st.sampled_from([0.2, 0.6, 0.9, 0.93, 0.95, 0.96, 0.99])
faces = st.builds(face, numbers, st.integers(0, 440), confidences, st.integers(20, 120), st.integers(20, 120))
sequences = st.lists(st.lists(st.lists(faces, max_size=3), min_size=1, max_size=12), min_size=1, max_size=3)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(sequences, st.sampled_from(["notrack", "carry"]), st.sampled_from([0.9, 0.95]))
def test_boxes_are_frame_by_frame_those_of_the_description(sequences, rule, confidence):
    ours = [
        None if choice.box is None else (choice.box[0], choice.box[2] - 1, choice.box[1], choice.box[3] - 1)
        for choice in chosen(*sequences, rule=rule, confidence=confidence)
    ]
    assert ours == Lookback(sequences, confidence).crops(rule)


def published_boxes(shared):
    with open(shared("data/biwi/frames.csv"), newline="") as file:
        return list(csv.DictReader(file))


def test_published_selections_keep_the_stale_boxes_that_the_rule_explains(shared):
    rows = published_boxes(shared)
    kept = [(row["sequence"], *(int(row[f"fsanet_{side}"]) for side in "xywh")) for row in rows if row["fsanet_x"]]
    assert (len(rows), len(kept)) == (15_678, 13_219)
    assert sum(one == other for one, other in itertools.pairwise(kept)) == 508
    assert max(abs(one[1] - other[1]) for one, other in itertools.pairwise(kept) if one[0] == other[0]) == 79


def test_published_boxes_are_those_of_faces_of_whole_pixels(shared):
    # Their sizes are two more than the last column less the first: HeadPose+ cuts one fewer than it states.
    sizes = {box[2] - box[0] + 1 for box in (widen((300, 0, 300 + size, 1), 0.4) for size in range(10, 200))}
    for row in published_boxes(shared):
        if row["fsanet_x"]:
            assert int(row["fsanet_w"]) in sizes and int(row["fsanet_h"]) in sizes


@pytest.mark.parametrize(("by", "frames", "without"), [("person", 5_157, 967), ("sequence", 5_022, 860)])
def test_frames_of_the_split_that_the_published_selection_has_no_box_of(shared, by, frames, without):
    rows = [row for row in published_boxes(shared) if row["sequence"] in split(by, 0).test]
    blind = [row for row in rows if not row["fsanet_x"]]
    assert (len(rows), len(blind)) == (frames, without)


@pytest.mark.parametrize("by", ["person", "sequence"])
def test_sixteen_sequences_to_learn_from_and_eight_to_test_on_whatever_the_seed(by):
    drawn = {split(by, seed) for seed in range(60)}
    assert len(drawn) == 60 and len({one.test for one in drawn}) > 40
    for one in drawn:
        assert (len(one.train), len(one.test)) == (16, 8) and sorted(one.train + one.test) == list(SUBJECTS)


def test_a_split_by_person_has_nobody_on_both_sides_and_one_by_sequence_often_has():
    assert not any(split("person", seed).shared_people() for seed in range(60))
    assert sum(bool(split("sequence", seed).shared_people()) for seed in range(60)) > 30


def test_the_split_of_a_seed_is_always_the_same():
    assert split("person", 0).test == ("03", "07", "11", "14", "15", "19", "22", "24")
    assert split("person", 0).digest.startswith("cfc12d233a")
