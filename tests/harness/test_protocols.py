"""Protocols: which samples count, and what decides it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hpe_bench import Protocol, Selection
from hpe_bench.datasets import Labels
from hpe_bench.pose import rotation_from_euler
from hpe_bench.protocols import whole_dataset


def labels(euler) -> Labels:
    euler = np.asarray(euler, dtype=float)
    n = len(euler)
    names = tuple(map(str, range(n)))
    blank = ("",) * n
    return Labels(names, rotation_from_euler(euler), euler, blank, blank, (b"",) * n, np.ones(n, dtype=bool))


@pytest.mark.parametrize(("axis", "name"), [(0, "yaw"), (1, "pitch"), (2, "roll")])
def test_both_ends_of_a_range_count_and_nothing_beyond_them(axis, name):
    euler = np.zeros((6, 3))
    euler[:, axis] = [-50.001, -50, 0, 51, 51.001, 180]
    keep = Selection(**{name: (-50, 51)}).mask(labels(euler))
    assert keep.tolist() == [False, True, True, True, False, False]


def test_a_sample_counts_where_all_its_angles_lie_in_their_ranges():
    selection = Selection(yaw=(-50, 51), pitch=(-40, 41), roll=(-30, 31))
    euler = [[51, 41, 31], [-50, -40, -30], [52, 0, 0], [0, 42, 0], [0, 0, 32], [-51, -41, -31]]
    assert selection.mask(labels(euler)).tolist() == [True, True, False, False, False, False]


def test_without_a_range_every_sample_counts():
    keep = Selection().mask(labels([[179, -179, 90], [0, 0, 0]]))
    assert keep.dtype == np.bool_ and keep.tolist() == [True, True]


BASE = Protocol("d/part", "d", "some of d", Selection(yaw=(-10, 10)), crop="fsanet")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "d/other"},
        {"name": "e/part", "dataset": "e"},
        {"selection": Selection(yaw=(-10, 11))},
        {"selection": Selection(pitch=(-10, 10))},
        {"crop": "whole"},
        {"dataset_options": {"part": "test"}},
        {"version": 2},
    ],
    ids=lambda change: ",".join(change),
)
def test_what_decides_which_samples_count_and_how_they_are_cropped_makes_another_protocol(change):
    assert replace(BASE, **change).digest() != BASE.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"summary": "in other words"},
        {"default": True},
        {"expected": 7},
        {"headline": "ge"},
        {"cluster": "person"},
        {"warning": "mind the gap"},
    ],
    ids=lambda change: ",".join(change),
)
def test_what_only_says_how_figures_are_shown_makes_no_other_protocol(change):
    assert replace(BASE, **change).digest() == BASE.digest()


def test_the_order_of_the_options_of_a_dataset_makes_no_other_protocol():
    one, other = ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert replace(BASE, dataset_options=one).digest() == replace(BASE, dataset_options=other).digest()


def test_a_selection_of_another_kind_with_the_same_ranges_makes_another_protocol():
    class Frontal(Selection):
        pass

    assert replace(BASE, selection=Frontal(yaw=(-10, 10))).digest() != BASE.digest()


def test_the_digest_of_a_protocol_is_the_same_in_every_version_of_this_project():
    # Stored runs name their protocols by it.
    assert BASE.digest() == "6af2280e29755e0afee02115025a58017c411b0ffa59ba98c47c76d25f6c7832"


def test_a_dataset_without_protocols_is_evaluated_whole():
    protocol = whole_dataset("faces")
    assert (protocol.name, protocol.dataset, protocol.default) == ("faces/all", "faces", True)
    assert protocol.summary == "every sample" and protocol.selection == Selection() and protocol.crop == "whole"


def test_the_order_of_the_angles_makes_another_protocol_but_the_usual_one_has_the_digest_of_before():
    assert Protocol("d/part", "d", "some of d").angles == "pitch-yaw-roll"
    assert replace(BASE, angles="pitch-yaw-roll").digest() == BASE.digest()
    others = {replace(BASE, angles=order).digest() for order in ("yaw-pitch-roll", "roll-yaw-pitch")}
    assert len(others) == 2 and BASE.digest() not in others


def test_an_order_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"angles.*'roll-pitch-yaw'"):
        replace(BASE, angles="roll-pitch-yaw")
