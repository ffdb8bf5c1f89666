"""FSA-Net's rules for the face of a frame, on faces placed by hand; and the division of the sequences."""

import numpy as np
import pytest

from hpe_bench_plugins.datasets.biwi.rules import Rules, choose, widen
from hpe_bench_plugins.datasets.biwi.split import split
from hpe_bench_plugins.datasets.biwi.tree import SUBJECTS

NONE = np.zeros((0, 5))


def face(left, top, confidence=0.95, width=80, height=100):
    return [left, top, left + width, top + height, confidence]


def chosen(*frames, **rules):
    return list(choose([np.array(frame, dtype=float).reshape(-1, 5) for frame in frames], Rules(**rules)))


def test_a_face_is_widened_by_the_margin_and_the_last_pixel_is_in():
    # 80 x 100 with .4: 32 and 40 on every side; rows and columns up to 412 and 340 are in.
    assert chosen([face(300, 200)])[0].box == (268, 160, 413, 341)


def test_a_widened_face_ends_where_the_image_does():
    assert widen((10, 20, 110, 120), 0.4) == (0, 0, 151, 161)
    assert widen((600.5, 400, 700, 500), 0.4) == (560, 360, 640, 480)


def test_only_what_exceeds_the_confidence_counts():
    at, above, none = chosen([face(300, 200, 0.9)], [face(300, 200, 0.91)], NONE)
    assert at.box is None and at.dropped == "confidence 0.90, not above 0.9" and at.confidence == 0.9
    assert above.box is not None and above.confidence == 0.91
    assert none.box is None and none.dropped == "no face" and np.isnan(none.confidence)


def test_of_several_the_one_nearest_to_two_thirds_of_the_image_along_both_axes():
    # Widened corners (268, 160), (418, 310) and (8, 0); the place is (426.7, 320).
    (choice,) = chosen([face(300, 200, 0.99), face(450, 350, 0.92), face(40, 20, 0.999)])
    assert choice.box[:2] == (418, 310) and choice.confidence == 0.92


def test_a_jump_is_dropped_and_what_follows_is_measured_from_the_last_frame_that_was_not():
    lefts = (300, 379, 460, 390, 310)
    choices = chosen(*([face(left, 200)] for left in lefts))
    assert [choice.box is not None for choice in choices] == [True, True, False, True, False]
    assert choices[2].dropped == "a jump of 81 pixels" and choices[4].dropped == "a jump of 80 pixels"


def test_the_first_face_of_a_sequence_may_be_anywhere():
    assert chosen(NONE, [face(500, 200)])[1].box is not None


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
