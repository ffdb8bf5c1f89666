"""Whose fault it is: the labels' where estimators agree with each other and not with them, and else not theirs."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench.comparison.audit.axes import judge_axes
from hpe_bench.comparison.audit.blame import Witness, blame
from hpe_bench.pose import euler_from_rotation, nearest_rotation, rotation_from_euler, to_convention

TRUTH = rotation_from_euler(np.random.default_rng(0).normal(0, (25, 14, 12), (200, 3)).clip(-70, 70))


def angles(order=(0, 1, 2), signs=(1, 1, 1), scale=1.0):
    """A fault of angles: taken from other places, with other signs, in another unit."""
    return lambda rotation: rotation_from_euler(euler_from_rotation(rotation)[:, order] * signs * scale)


FAULTS = {
    "yaw": angles(signs=(-1, 1, 1)),
    "pitch": angles(signs=(1, -1, 1)),
    "roll": angles(signs=(1, 1, -1)),
    "yaw and pitch exchanged": angles(order=(1, 0, 2)),
    "yaw and roll exchanged": angles(order=(2, 1, 0)),
    "pitch and roll exchanged": angles(order=(0, 2, 1)),
    "radians": angles(scale=np.pi / 180),
    "transposed": lambda rotation: np.swapaxes(rotation, -1, -2),
    "Euler order": lambda rotation: to_convention(rotation, "G"),
    "convention A": lambda rotation: to_convention(rotation, "A"),
    "convention V": lambda rotation: to_convention(rotation, "V"),
}


def seen(seed: int):
    """What a good estimator makes of the heads."""
    return nearest_rotation(TRUTH + np.random.default_rng(seed).normal(0, 0.03, TRUTH.shape))


def witness(name: str, labels, prediction) -> Witness:
    return Witness(name, name, judge_axes(labels, prediction, np.arange(len(labels))))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_labels_is_not_an_estimators_where_two_agree(fault):
    labels = FAULTS[fault](TRUTH)
    one, two = witness("one", labels, seen(1)), witness("two", labels, seen(2))
    assert one.axes.verdict == "wrong"
    who, sentence = blame("one", one.axes, [one, two])
    assert who == "labels" and "the labels are suspected" in sentence and "two" in sentence
    assert blame("one", one.axes, [one])[0] == "either"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_an_estimator_is_its_own_where_another_is_right(fault):
    bad, good = witness("bad", TRUTH, FAULTS[fault](seen(1))), witness("good", TRUTH, seen(2))
    assert blame("bad", bad.axes, [bad, good])[0] == "estimator"
    assert blame("good", good.axes, [bad, good]) == ("", "")


def test_nobody_is_blamed_where_nothing_is_wrong():
    everyone = [witness(str(seed), TRUTH, seen(seed)) for seed in range(3)]
    assert {blame(own.estimator, own.axes, everyone) for own in everyone} == {("", "")}


def test_an_estimator_is_no_witness_of_its_own():
    labels = FAULTS["yaw"](TRUTH)
    one = witness("one", labels, seen(1))
    again = Witness("one:weights=other", "one", witness("x", labels, seen(2)).axes)
    assert blame("one", one.axes, [one, again])[0] == "either"
