"""Are an estimator's axes right? Each way of getting them wrong is named, and noise never is."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from hpe_bench.comparison.audit.axes import hypotheses, judge_axes
from hpe_bench.pose import euler_from_rotation, nearest_rotation, rotation_about, rotation_from_euler

F, E = np.diag([1.0, -1.0, -1.0]), np.diag([1.0, 1.0, -1.0])


def heads(n=150, noise=0.1, seed=0):
    """True angles (n, 3), true rotations, and those that a fair estimator gives."""
    rng = np.random.default_rng(seed)
    euler = rng.normal(0, (25, 12, 10), (n, 3)).clip(-75, 75)
    truth = rotation_from_euler(euler)
    return truth, nearest_rotation(truth + rng.normal(0, noise, (n, 3, 3)))


def judge(truth, prediction):
    return judge_axes(truth, prediction, np.arange(len(truth)))


def parts(rotation):
    yaw, pitch, roll = np.moveaxis(euler_from_rotation(rotation), -1, 0)
    return rotation_about("x", pitch), rotation_about("y", yaw), rotation_about("z", roll)


def turned(rotation):
    return np.swapaxes(rotation, -1, -2)


def order_g(rotation):
    x, y, z = parts(rotation)
    return z @ y @ x


def grid_read_as_ours(rotation):
    """What is meant as Y(yaw) X(-pitch) Z(-roll), its angles taken for those of X(-pitch) Y(yaw) Z(roll)."""
    yaw = np.degrees(np.arctan2(rotation[:, 0, 2], rotation[:, 2, 2]))
    rest = rotation_about("y", -yaw) @ rotation
    pitch = np.degrees(np.arctan2(rest[:, 1, 2], rest[:, 2, 2]))
    last = rotation_about("x", pitch) @ rest
    roll = -np.degrees(np.arctan2(last[:, 1, 0], last[:, 0, 0]))
    return rotation_about("x", -pitch) @ rotation_about("y", yaw) @ rotation_about("z", roll)


def ours_made_as_grid(rotation):
    x, y, z = parts(rotation)
    return y @ turned(x) @ turned(z)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (lambda r: parts(r)[0].swapaxes(-1, -2) @ parts(r)[1] @ turned(parts(r)[2]), "roll is negated"),
        (turned, "transposed"),
        (order_g, "convention G"),
        (lambda r: F @ r @ F, "convention A"),
        (lambda r: E @ r @ E, "convention V"),
        (lambda r: turned(E @ r @ E), "convention V, transposed"),
        (grid_read_as_ours, "yaw-pitch-roll"),
        (ours_made_as_grid, "pitch-yaw-roll"),
        (lambda r: rotation_from_euler(np.radians(euler_from_rotation(r))), "angles in radians"),
    ],
)
def test_a_fault_is_named_and_its_correction_gives_the_error_of_the_right_axes(fault, name):
    truth, prediction = heads(noise=0.02)
    right, wrong = judge(truth, prediction), judge(truth, fault(prediction))
    assert right.verdict == "right" and right.hypothesis.name == "as predicted"
    assert wrong.verdict == "wrong" and wrong.hypothesis.name == name and wrong.hypothesis.mend
    assert wrong.corrected == pytest.approx(right.given, abs=1e-6) and wrong.given > 1.3 * wrong.corrected
    low, high = wrong.gain.interval()
    assert low < wrong.given - wrong.corrected < high and wrong.n == 150


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_each_signed_permutation_of_the_angles_is_undone(order):
    truth, prediction = heads(n=60, noise=0.02)
    euler = euler_from_rotation(prediction)
    for signs in product((1, -1), repeat=3):
        found = judge(truth, rotation_from_euler((euler * signs)[:, order]))
        assert found.verdict == ("right" if order == (0, 1, 2) and signs == (1, 1, 1) else "wrong")
        assert found.corrected == pytest.approx(judge(truth, prediction).given, abs=1e-6)


def test_what_samples_cannot_tell_apart_is_said():
    truth, prediction = heads()
    found = judge(truth, grid_read_as_ours(prediction))
    assert found.hypothesis.name == "yaw-pitch-roll" and found.rivals == ("pitch-yaw-roll",)


def test_there_are_48_signed_permutations_3_transposes_96_readings_in_another_order_and_3_in_another_unit():
    every = hypotheses()
    assert len(every) == 150 == len({hypothesis.name for hypothesis in every})
    assert every[0].cost == 0 and min(hypothesis.cost for hypothesis in every[1:]) == 1
    some = rotation_from_euler(np.random.default_rng(0).uniform(-50, 50, (6, 3)))
    answers = {hypothesis.correct(some).round(6).tobytes() for hypothesis in every}
    # Angles read from either order and put into the other, yaw and pitch exchanged: four signs give the same.
    # Degrees taken for radians are not undone: what they make of the truth is compared with the predictions.
    assert len(answers) == 150 - 4 - 1


@pytest.mark.parametrize("noise", [0.0, 0.002, 0.005])
def test_degrees_that_were_taken_for_radians_are_found_where_the_estimator_is_good_enough(noise):
    truth, prediction = heads(noise=noise)
    found = judge(truth, rotation_from_euler(np.degrees(euler_from_rotation(prediction))))
    assert found.verdict == "wrong" and found.hypothesis.name == "angles in degrees" and found.hypothesis.mend


def test_degrees_that_were_taken_for_radians_by_a_poor_estimator_look_random_and_that_is_said():
    truth, prediction = heads(noise=0.1)
    found = judge(truth, rotation_from_euler(np.degrees(euler_from_rotation(prediction))))
    assert found.verdict == "undecided" and found.sentence.endswith("such are degrees that are taken for radians")


def test_labels_in_radians_that_were_taken_for_degrees_are_found():
    truth, prediction = heads(noise=0.02)
    labels = rotation_from_euler(np.radians(euler_from_rotation(truth)))
    found = judge(labels, prediction)
    assert found.verdict == "wrong" and found.hypothesis.name == "angles 57 times those of the labels"


def test_noise_is_never_explained():
    verdicts = []
    for seed in range(25):
        truth, _ = heads(n=100, seed=seed)
        noise = nearest_rotation(np.random.default_rng(seed + 1000).normal(size=(100, 3, 3)))
        verdicts.append(judge(truth, noise).verdict)
    assert set(verdicts) == {"undecided"}


def test_a_poor_estimator_with_right_axes_is_never_called_wrong():
    for seed in range(10):
        truth, prediction = heads(noise=0.4, seed=seed)
        euler = euler_from_rotation(prediction) * (0.5, 0.8, 0.9) + (4, -3, 2)
        assert judge(truth, rotation_from_euler(euler)).verdict != "wrong"


def test_predictions_that_never_change_tell_nothing():
    truth, _ = heads()
    found = judge(truth, np.broadcast_to(np.eye(3), truth.shape))
    assert found.verdict == "undecided" and "roll is negated" in found.rivals and "convention G" in found.rivals


def test_a_few_predictions_tell_nothing_and_missing_ones_are_left_out():
    truth, prediction = heads()
    prediction[19:] = np.nan
    few = judge(truth, turned(prediction))
    assert few.verdict == "undecided" and few.n == 19 and "too few" in few.sentence
    none = judge(truth, np.full_like(truth, np.nan))
    assert none.verdict == "undecided" and none.n == 0
    _, whole = heads()
    whole[100:] = np.nan
    assert judge(truth, turned(whole)).hypothesis.name == "transposed"


def test_clusters_are_what_chance_is_measured_by():
    truth, prediction = heads()
    assert judge_axes(truth, turned(prediction), np.arange(150) // 50).verdict == "undecided"
    assert judge_axes(truth, turned(prediction), np.arange(150) // 15).verdict == "wrong"
