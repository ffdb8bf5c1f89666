"""Frames a second, by a clock that the test turns."""

from __future__ import annotations

import pytest

from hpe_bench.inference.pace import Pace


def paces(times):
    given = iter(times)
    pace = Pace(lambda: next(given))
    return [pace.tick() for _ in times]


def test_it_is_the_frames_of_the_last_second_over_their_time():
    found = paces([0.0, 0.1, 0.2, 0.3, 5.3, 5.4])
    assert found[0] is None and found[1:4] == pytest.approx([10, 10, 10])
    assert found[4:] == pytest.approx([1 / 5, 10])


def test_a_slow_pace_is_known_too():
    assert paces([0.0, 4.0, 8.0])[1:] == pytest.approx([0.25, 0.25])


def test_a_clock_that_stands_says_nothing():
    assert paces([1.0, 1.0]) == [None, None]
