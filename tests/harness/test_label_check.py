"""Labels that contradict themselves are found, and what explains it is named."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import Sample, SampleError, pose
from hpe_bench.label_check import checked_label, describe_faults, faulty_labels

EULER = np.random.default_rng(0).uniform(-60, 60, (50, 3))
ROTATION = pose.rotation_from_euler(EULER)


def test_angles_that_are_those_of_the_rotation_are_no_fault_rounded_or_turned_around():
    assert not faulty_labels(ROTATION, EULER).any()
    assert not faulty_labels(ROTATION, EULER.round(1)).any()
    assert not faulty_labels(ROTATION, pose.euler_twin(EULER)).any()
    assert not faulty_labels(ROTATION, np.where(EULER > 0, EULER, EULER + 360)).any()
    assert faulty_labels(ROTATION[:0], EULER[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("rotation", "euler", "named"),
    [
        (ROTATION, np.radians(EULER), "the angles are in radians"),
        (pose.rotation_from_euler(np.degrees(EULER)), np.degrees(EULER), "degrees that were taken for radians"),
        (np.swapaxes(ROTATION, -1, -2), EULER, "the rotation is transposed"),
        (pose.to_convention(ROTATION, "G"), EULER, "convention G"),
        (pose.to_convention(ROTATION, "A"), EULER, "convention A"),
        (pose.to_convention(ROTATION, "V"), EULER, "convention V"),
        (pose.rotation_in_order(EULER, "yaw-pitch-roll"), EULER, "in the order yaw-pitch-roll"),
        (pose.rotation_in_order(EULER, "roll-yaw-pitch"), EULER, "in the order roll-yaw-pitch"),
    ],
)
def test_a_fault_of_all_labels_is_named(rotation, euler, named):
    faulty = faulty_labels(rotation, euler)
    assert faulty.mean() > 0.9
    assert named in describe_faults([str(n) for n in range(50)], rotation, euler, faulty)


def test_one_label_that_is_off_is_found_and_its_sample_named():
    euler = EULER.copy()
    euler[7, 1] += 0.2
    assert np.flatnonzero(faulty_labels(ROTATION, euler)).tolist() == [7]
    text = describe_faults([f"face {n}" for n in range(50)], ROTATION, euler, faulty_labels(ROTATION, euler))
    assert "1 of 50 samples, such as face 7" in text


@pytest.mark.parametrize("points", [[1.0, 2.0, 3.0], np.zeros((68, 2)), np.zeros((2, 2, 2))])
def test_points_of_a_sample_that_are_not_a_row_of_x_and_one_of_y_are_refused(points):
    with pytest.raises(SampleError, match=r"not \(2, K\)"):
        checked_label(Sample("a", np.eye(3), points=points))
    checked_label(Sample("a", np.eye(3), points=np.zeros((2, 68))))
