"""Frames a second, by a clock that the test turns."""

from __future__ import annotations

import pytest

from hpe_bench.inference.pace import Pace


def paces(start, *times):
    given = iter([start, *times])
    pace = Pace(lambda: next(given))
    return [pace.tick() for _ in times]


def test_it_is_the_frames_of_the_last_two_seconds_over_their_time():
    assert paces(0.0, 0.1, 0.2, 0.3, 5.3, 5.4) == pytest.approx([10, 10, 10, 1 / 5, 10])


def test_a_batch_at_once_is_not_taken_for_a_high_pace():
    assert paces(0.0, 1.0, 1.01, 1.02, 1.03)[-1] == pytest.approx(4 / 1.03)


def test_a_slow_pace_is_known_too():
    assert paces(0.0, 4.0, 8.0) == pytest.approx([0.25, 0.25])


def test_a_clock_that_stands_says_nothing():
    assert paces(1.0, 1.0, 1.0) == [None, None]
