"""Expressions move what they are named for, alike on both sides, and leave the rest of the face alone."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import canonical_face
from hpe_bench.landmarks.expressions import MOVEMENTS, movements, strengths

CHIN, NOSE, UPPER_LIP, LOWER_LIP, RIGHT_CORNER, RIGHT_BROW, FOREHEAD = 152, 1, 13, 14, 61, 105, 10
PLACE = {name: place for place, (name, *_) in enumerate(MOVEMENTS)}


@pytest.fixture(scope="module")
def moved():
    return movements(canonical_face().points)


@pytest.mark.parametrize(
    ("name", "point", "axis", "least"),
    [
        ("jaw drop", CHIN, 1, 2.0),
        ("lips part", LOWER_LIP, 1, 0.5),
        ("lip corner pull, right", RIGHT_CORNER, 0, -0.7),
        ("upper lip raise", UPPER_LIP, 1, -0.5),
        ("brow raise, right", RIGHT_BROW, 1, -0.8),
    ],
)
def test_a_movement_moves_what_it_is_named_for(moved, name, point, axis, least):
    found = moved[PLACE[name]][point, axis]
    assert found * np.sign(least) >= abs(least)
    assert np.abs(moved[PLACE[name]][FOREHEAD]).max() < 0.6


def test_the_lips_part_and_the_upper_face_stays_when_the_jaw_drops(moved):
    drop = moved[PLACE["jaw drop"]]
    assert drop[LOWER_LIP, 1] - drop[UPPER_LIP, 1] > 1.5 and np.abs(drop[NOSE]).max() < 0.05


def test_the_two_sides_mirror_each_other(moved):
    mirror = canonical_face().mirror
    for right, left in [(name, name.replace("right", "left")) for name in PLACE if name.endswith("right")]:
        np.testing.assert_allclose(moved[PLACE[left]], moved[PLACE[right]][mirror] * (-1, 1, 1), atol=0.05)


def test_random_expressions_follow_from_their_seed_and_many_are_faint():
    face = canonical_face()
    first, again = (face.expressions(np.random.default_rng(3), 200) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (200, 468, 3) and not np.array_equal(first[0], first[1])
    drawn = strengths(np.random.default_rng(0), 2000)
    low, high = np.array([ends for _, *ends in MOVEMENTS]).T
    assert (drawn >= 1.3 * low - 1e-9).all() and (drawn <= 1.3 * high + 1e-9).all()
    assert 0.25 < (drawn != 0).mean() < 0.45
