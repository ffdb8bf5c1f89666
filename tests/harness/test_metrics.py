"""The metrics, against formulas and figures that come from elsewhere: SciPy, exact arithmetic, the peers, by hand."""

import warnings
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from hpe_bench.metrics import (
    VIEWS,
    WRAPS,
    accuracy,
    angle_between,
    angle_difference,
    euler_errors,
    geodesic_error,
    nearest_euler,
    scored_samples,
    summarise,
    vector_errors,
)
from hpe_bench.orders import EULER_ORDERS
from hpe_bench.pose import (
    euler_from_rotation,
    euler_in_order,
    from_convention,
    rotation_from_euler,
    rotation_in_order,
    twin_in_order,
)

AFLW2000 = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "aflw2000-dev"
needs_aflw2000 = pytest.mark.skipif(not AFLW2000.is_dir(), reason=f"needs AFLW2000 labels in {AFLW2000}")

# Each convention's matrix of yaw, pitch, roll, as its authors multiply it.
PEERS = {
    "R": lambda y, p, r: Rotation.from_euler("XYZ", np.stack([-p, y, r], -1), degrees=True).as_matrix(),
    "G": lambda y, p, r: Rotation.from_euler("ZYX", np.stack([r, y, p], -1), degrees=True).as_matrix(),
    "A": lambda y, p, r: Rotation.from_euler("XYZ", np.stack([-p, -y, -r], -1), degrees=True).as_matrix(),
    "V": lambda y, p, r: Rotation.from_euler("XYZ", np.stack([p, -y, r], -1), degrees=True).as_matrix(),
}

untimed = settings(deadline=None)
rotations = (
    st.tuples(*[st.floats(-1, 1)] * 4)
    .filter(lambda quaternion: sum(q * q for q in quaternion) > 0.01)
    .map(lambda quaternion: Rotation.from_quat(quaternion).as_matrix())
)


def random_rotations(n, seed):
    return Rotation.random(n, random_state=seed).as_matrix()


def turned_by(degrees, about="y"):
    """Rotations (..., 3, 3) about one axis by angles (...) in degrees."""
    axis = np.eye(3)["xyz".index(about)]
    return Rotation.from_rotvec(np.multiply.outer(degrees, axis), degrees=True).as_matrix()


def random_euler(n, seed):
    return np.random.default_rng(seed).uniform([-90, -90, -180], [90, 90, 180], (n, 3))


def error(a, b):
    return geodesic_error(a[None], b[None])[0]


def angle_by_arc_cosine(a, b):
    return np.degrees(np.arccos(np.clip((a * b).sum(axis=-1), -1, 1)))


@cache
def aflw2000_euler():
    """Yaw, pitch, roll (500, 3) in degrees, as the ``Pose_Para`` of the development images states them."""
    files = sorted(AFLW2000.glob("*.mat"))
    radians = [scipy.io.loadmat(file, variable_names=["Pose_Para"])["Pose_Para"][0, :3] for file in files]
    return np.degrees(np.array(radians, dtype=float))[:, [1, 0, 2]]


# Geodesic error


def test_geodesic_error_is_the_magnitude_of_the_rotation_between():
    truth, prediction = random_rotations(500, seed=1), random_rotations(500, seed=2)
    between = Rotation.from_matrix(truth) * Rotation.from_matrix(prediction).inv()

    assert_allclose(geodesic_error(truth, prediction), np.degrees(between.magnitude()), atol=1e-9)


def test_geodesic_error_is_the_arc_cosine_of_the_trace():
    truth, prediction = random_rotations(500, seed=3), random_rotations(500, seed=4)
    trace = np.trace(truth @ np.swapaxes(prediction, 1, 2), axis1=1, axis2=2)

    assert_allclose(
        geodesic_error(truth, prediction), np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))), atol=1e-6
    )


@pytest.mark.parametrize("axis", "xyz")
@pytest.mark.parametrize("angle", [0.5, 7.5, 90, 179])
def test_a_head_turned_about_an_axis_is_off_by_that_angle(axis, angle):
    truth = random_rotations(20, seed=5)

    assert_allclose(geodesic_error(truth, truth @ turned_by(angle, axis)), angle, atol=1e-9)


def test_a_head_of_the_same_pose_is_off_by_exactly_nothing():
    truth = random_rotations(1000, seed=6)

    assert_array_equal(geodesic_error(truth, truth.copy()), 0)


@pytest.mark.parametrize("axis", "xyz")
def test_a_flipped_head_is_an_error_of_180_degrees(axis):
    truth = random_rotations(100, seed=7)

    assert_allclose(geodesic_error(truth, truth @ turned_by(180, axis)), 180, atol=1e-6)
    assert geodesic_error(np.eye(3)[None], np.diag([-1.0, -1.0, 1.0])[None]) == 180


def exact_rotation(w, x, y, z):
    """The rotation of a quaternion of any length, in rational numbers without rounding."""
    n = w * w + x * x + y * y + z * z
    return np.array(
        [
            [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
        ],
        dtype=object,
    ) * Fraction(1, n)


# An axis of whole numbers, and its length, which is whole too.
AXES_OF_WHOLE_LENGTH = [((1, 0, 0), 1), ((0, -1, 0), 1), ((1, 2, 2), 3), ((2, -3, 6), 7), ((-8, 4, 1), 9)]
HEADS = [(1, 0, 0, 0), (3, 1, -2, 5), (0, 1, 1, 0), (7, -7, 1, 2)]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(("axis", "length"), AXES_OF_WHOLE_LENGTH)
@pytest.mark.parametrize("degrees", [1e-9, 1e-6, 1e-3])
def test_a_tiny_error_keeps_its_digits(head, axis, length, degrees):
    # A quaternion (1, t axis) turns by 2 atan(t length); every number is rounded once, at the end.
    t = Fraction(np.radians(degrees) / 2) / length
    truth = exact_rotation(*head)
    prediction = truth @ exact_rotation(1, *(t * component for component in axis))

    measured = error(truth.astype(float), prediction.astype(float))

    assert measured == pytest.approx(degrees, rel=1e-6, abs=4e-14)


@pytest.mark.parametrize("axis", "xyz")
def test_a_billionth_of_a_degree_off_the_frontal_pose_is_measured_to_twelve_digits(axis):
    assert error(np.eye(3), turned_by(1e-9, axis)) == pytest.approx(1e-9, rel=1e-12)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(("axis", "length"), AXES_OF_WHOLE_LENGTH)
@pytest.mark.parametrize("short_of_180", [1e-9, 1e-6, 1e-3])
def test_an_error_next_to_180_degrees_keeps_its_digits(head, axis, length, short_of_180):
    # A quaternion (t length, axis) turns by 180 degrees less 2 atan(t).
    t = Fraction(np.radians(short_of_180) / 2)
    truth = exact_rotation(*head)
    prediction = truth @ exact_rotation(t * length, *axis)

    measured = error(truth.astype(float), prediction.astype(float))

    assert 180 - measured == pytest.approx(short_of_180, rel=1e-6, abs=1e-13)


@pytest.mark.parametrize(("of_truth", "of_prediction"), list(product(PEERS, PEERS)))
def test_geodesic_error_does_not_depend_on_the_conventions_the_poses_come_from(of_truth, of_prediction):
    truth, prediction = random_euler(200, seed=8), random_euler(200, seed=9)
    in_ours = geodesic_error(PEERS["R"](*truth.T), PEERS["R"](*prediction.T))

    brought_in = geodesic_error(
        from_convention(PEERS[of_truth](*truth.T), of_truth),
        from_convention(PEERS[of_prediction](*prediction.T), of_prediction),
    )

    assert_allclose(brought_in, in_ours, rtol=0, atol=1e-9)


@pytest.mark.parametrize("convention", PEERS)
def test_geodesic_error_is_the_same_on_the_matrices_of_any_one_convention(convention):
    truth, prediction = random_euler(200, seed=10), random_euler(200, seed=11)

    among_peers = geodesic_error(PEERS[convention](*truth.T), PEERS[convention](*prediction.T))

    assert_allclose(among_peers, geodesic_error(PEERS["R"](*truth.T), PEERS["R"](*prediction.T)), rtol=0, atol=1e-9)


@untimed
@given(a=rotations, b=rotations)
def test_geodesic_error_is_symmetric(a, b):
    assert error(a, b) == pytest.approx(error(b, a), abs=1e-12)


@untimed
@given(a=rotations, b=rotations)
def test_geodesic_error_lies_between_0_and_180(a, b):
    assert 0 <= error(a, b) <= 180


@untimed
@given(a=rotations, b=rotations, common=rotations)
def test_geodesic_error_does_not_change_when_the_camera_or_both_heads_turn(a, b, common):
    assert error(common @ a, common @ b) == pytest.approx(error(a, b), abs=1e-9)
    assert error(a @ common, b @ common) == pytest.approx(error(a, b), abs=1e-9)


@untimed
@given(a=rotations, b=rotations, c=rotations)
def test_geodesic_error_obeys_the_triangle_inequality(a, b, c):
    assert error(a, c) <= error(a, b) + error(b, c) + 1e-9


# Angles between vectors, and vector errors


def test_the_angle_between_vectors_keeps_its_digits_near_0_and_near_180():
    x = np.array([1.0, 0.0, 0.0])
    tilted = np.array([1.0, np.radians(1e-9), 0.0])

    assert angle_between(x, tilted) == pytest.approx(1e-9, rel=1e-12)
    assert 180 - angle_between(x, -tilted) == pytest.approx(1e-9, abs=1e-13)


def test_the_angle_between_vectors_does_not_depend_on_their_lengths():
    assert_allclose(angle_between([[3, 0, 0], [0, 5, 0]], [[7, 7, 0], [0, -2, 0]]), [45, 180], atol=1e-12)


def test_vector_errors_are_the_angles_between_columns_of_the_pose():
    truth, prediction = random_rotations(300, seed=12), random_rotations(300, seed=13)
    by_column = [angle_by_arc_cosine(truth[:, :, k], prediction[:, :, k]) for k in range(3)]

    assert_allclose(vector_errors(truth, prediction), np.stack(by_column, axis=-1), atol=1e-6)


def test_vector_errors_are_the_angles_between_rows_of_g_as_6drepnet_takes_them():
    truth, prediction = random_euler(300, seed=14), random_euler(300, seed=15)
    by_row = angle_by_arc_cosine(PEERS["G"](*truth.T), PEERS["G"](*prediction.T))

    ours = vector_errors(PEERS["R"](*truth.T), PEERS["R"](*prediction.T))

    assert_allclose(ours, by_row, atol=1e-6)


def test_vector_errors_are_the_angles_between_columns_of_v_as_trinet_takes_them():
    truth, prediction = random_euler(300, seed=16), random_euler(300, seed=17)
    v_truth, v_prediction = PEERS["V"](*truth.T), PEERS["V"](*prediction.T)
    by_column = [angle_by_arc_cosine(v_truth[:, :, k], v_prediction[:, :, k]) for k in range(3)]

    ours = vector_errors(PEERS["R"](*truth.T), PEERS["R"](*prediction.T))

    assert_allclose(ours, np.stack(by_column, axis=-1), atol=1e-6)


def columns_of_g(truth, prediction):
    """What a metric that took the columns of G for the head's axes would say."""
    g_truth, g_prediction = PEERS["G"](*truth.T), PEERS["G"](*prediction.T)
    return np.stack([angle_by_arc_cosine(g_truth[:, :, k], g_prediction[:, :, k]) for k in range(3)], axis=-1)


@pytest.mark.parametrize("profile", [90.0, -90.0])
def test_columns_of_g_would_swap_left_and_front_of_a_head_in_profile(profile):
    prediction = random_euler(100, seed=18)
    truth = np.tile([profile, 0.0, 0.0], (100, 1))

    left, down, front = vector_errors(PEERS["R"](*truth.T), PEERS["R"](*prediction.T)).T

    assert_allclose(columns_of_g(truth, prediction), np.stack([front, down, left], axis=-1), atol=1e-6)
    assert np.abs(left - front).mean() > 10


def test_a_nod_leaves_the_left_vector_where_it_is():
    assert_allclose(vector_errors(np.eye(3)[None], turned_by([10], "x")), [[0, 10, 10]], atol=1e-12)


def test_a_shake_leaves_the_down_vector_where_it_is():
    assert_allclose(vector_errors(np.eye(3)[None], turned_by([10], "y")), [[10, 0, 10]], atol=1e-12)


def test_a_tilt_leaves_the_front_vector_where_it_is():
    assert_allclose(vector_errors(np.eye(3)[None], turned_by([10], "z")), [[10, 10, 0]], atol=1e-12)


@untimed
@given(a=rotations, b=rotations, common=rotations)
def test_vector_errors_do_not_change_when_the_camera_turns(a, b, common):
    assert_allclose(vector_errors((common @ a)[None], (common @ b)[None]), vector_errors(a[None], b[None]), atol=1e-9)


@untimed
@given(a=rotations, b=rotations)
def test_no_vector_error_exceeds_the_geodesic_error(a, b):
    assert vector_errors(a[None], b[None]).max() <= error(a, b) + 1e-9


# Differences of angles


@pytest.mark.parametrize(
    ("a", "b", "plain", "wrap360", "fold180"),
    [
        (5, -3, 8, 8, 8),
        (0, 90, 90, 90, 90),
        (10, 175, 165, 165, 15),
        (0, 180, 180, 180, 0),
        (-90, 90, 180, 180, 0),
        (-99, 99, 198, 162, 18),
        (170, -170, 340, 20, 20),
        (-179, 179, 358, 2, 2),
        (320, -40, 360, 0, 0),
        (0, 270, 270, 90, 90),
    ],
)
def test_three_ways_to_wrap_a_difference(a, b, plain, wrap360, fold180):
    for one, other in [(a, b), (b, a)]:
        assert angle_difference(one, other, "plain") == plain
        assert angle_difference(one, other, "wrap360") == wrap360
        assert angle_difference(one, other, "fold180") == fold180


def test_differences_wrap_around_the_circle_unless_told_otherwise():
    assert angle_difference(170, -170) == 20


def test_the_wrap_modes_have_these_names():
    assert WRAPS == ("wrap360", "plain", "fold180")


def test_an_unknown_wrap_mode_is_refused_by_name():
    with pytest.raises(ValueError, match="no wrap mode 'fold90'; there is wrap360, plain, fold180"):
        angle_difference(0, 0, "fold90")


@untimed
@given(a=st.floats(-180, 180), b=st.floats(-180, 180))
def test_wrap360_is_the_angle_between_two_directions_on_the_circle(a, b):
    a_rad, b_rad = np.radians(a), np.radians(b)
    on_the_circle = np.degrees(
        np.arctan2(abs(np.sin(a_rad) * np.cos(b_rad) - np.cos(a_rad) * np.sin(b_rad)), np.cos(a_rad - b_rad))
    )

    assert angle_difference(a, b, "wrap360") == pytest.approx(on_the_circle, abs=1e-9)


# Errors of Euler angles


@pytest.mark.parametrize(("wrap", "roll"), [("wrap360", 180), ("plain", 180), ("fold180", 0)])
def test_a_head_upside_down_is_a_roll_error_of_180_degrees_unless_folded_away(wrap, roll):
    errors = euler_errors([[0, 0, 0]], turned_by([180], "z"), wrap)

    assert_allclose(errors, [[0, 0, roll]], atol=1e-9)


@pytest.mark.parametrize("wrap", WRAPS)
def test_angles_of_a_frontal_head_are_compared_as_they_stand(wrap):
    truth, prediction = [[10.0, -20.0, 5.0]], [[13.0, -16.0, -5.0]]

    assert_allclose(euler_errors(truth, rotation_from_euler(prediction), wrap), [[3, 4, 10]], atol=1e-9)


def test_a_roll_across_the_seam_wraps_around_the_circle():
    truth, prediction = [[0.0, 0.0, 175.0]], rotation_from_euler([[0.0, 0.0, -175.0]])

    assert_allclose(euler_errors(truth, prediction, "wrap360"), [[0, 0, 10]], atol=1e-9)
    assert_allclose(euler_errors(truth, prediction, "plain"), [[0, 0, 350]], atol=1e-9)


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("label", [[95.0, 0.0, 0.0], [-97.5, 12.0, -20.0], [120.0, -30.0, 40.0]])
def test_a_label_beyond_profile_and_the_very_same_rotation_have_no_error(wrap, label):
    assert_allclose(euler_errors([label], rotation_from_euler([label]), wrap), [[0, 0, 0]], atol=1e-9)


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_prediction_beyond_profile_is_compared_as_it_was_meant(wrap):
    truth, raw = [[85.0, -4.0, 3.0]], [[92.57, -6.0, 4.5]]

    assert_allclose(euler_errors(truth, rotation_from_euler(raw), wrap), [[7.57, 2.0, 1.5]], atol=1e-9)


def test_of_two_triples_the_nearer_is_taken_sample_by_sample():
    labels = [[95.0, 0.0, 0.0], [85.0, 0.0, 0.0], [85.0, 178.0, -178.0]]
    rotation = rotation_from_euler([[92.0, 1.0, 2.0], [92.0, 1.0, 2.0], [92.0, 1.0, 2.0]])

    nearest = nearest_euler(rotation, labels)

    assert_allclose(nearest, [[92, 1, 2], [92, 1, 2], [88, -179, -178]], atol=1e-9)


@untimed
@given(euler=st.tuples(*[st.floats(-180, 180)] * 3), truth=st.tuples(*[st.floats(-180, 180)] * 3))
def test_the_nearest_angles_describe_the_same_rotation_and_are_never_further_than_the_stated(euler, truth):
    rotation = rotation_from_euler([euler])

    nearest = nearest_euler(rotation, [truth])

    # Beside the gimbal lock, within 1e-6 of it, the roll is given up for 0.
    assert_allclose(rotation_from_euler(nearest), rotation, rtol=0, atol=3e-6)
    if abs(np.cos(np.radians(euler[0]))) > 1e-3:
        stated = angle_difference(euler, truth).sum()
        assert angle_difference(nearest, [truth]).sum() <= stated + 1e-6


def test_of_two_triples_equally_near_the_one_with_the_smaller_yaw_is_taken():
    # (0, 0, 0) and (180, 180, 180) describe one rotation; both are 270 degrees away from this label in all.
    assert_array_equal(nearest_euler(np.eye(3)[None], [[90, 90, 90]]), [[0, 0, 0]])


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("roll", [50.0, -50.0])
@pytest.mark.parametrize("profile", [90, -90])
def test_in_full_profile_the_very_same_rotation_has_no_error_in_any_angle(wrap, profile, roll):
    label = np.array([[profile, 30.0, roll]])

    assert_allclose(euler_errors(label, rotation_from_euler(label), wrap), 0, atol=1e-6)


@pytest.mark.parametrize("profile", [90, -90])
def test_in_full_profile_the_roll_is_the_labels_and_all_that_is_off_is_pitch(profile):
    label = np.array([[profile, 30.0, -50.0]])

    euler = nearest_euler(rotation_from_euler([[profile, 42.0, -50.0]]), label)

    assert_allclose(euler, [[profile, 42, -50]], atol=1e-6)


def test_only_the_heads_in_full_profile_take_the_roll_of_their_labels():
    labels = np.array([[10.0, 20.0, 30.0], [90.0, 30.0, -50.0], [-20.0, 5.0, 0.0]])
    off = np.array([[0, 0, 7], [0, 3, 0], [1, 0, 0]])

    assert_allclose(euler_errors(labels, rotation_from_euler(labels + off)), off, atol=1e-6)


def test_a_head_that_looks_straight_up_keeps_the_roll_that_was_predicted():
    assert_allclose(euler_errors([[0, 90, 50]], rotation_from_euler([[0, 90, 20]])), [[0, 0, 30]], atol=1e-6)


def test_the_same_turn_costs_more_angles_near_profile_where_its_geodesic_error_is_unchanged():
    noise = Rotation.from_rotvec(np.radians(np.random.default_rng(19).normal(0, 5, (500, 3))))
    frontal, profile = np.tile([0.0, 0.0, 0.0], (500, 1)), np.tile([85.0, 0.0, 0.0], (500, 1))
    seen_frontal = rotation_from_euler(frontal) @ noise.as_matrix()
    seen_profile = rotation_from_euler(profile) @ noise.as_matrix()

    assert_allclose(
        geodesic_error(rotation_from_euler(frontal), seen_frontal), np.degrees(noise.magnitude()), atol=1e-9
    )
    assert_allclose(
        geodesic_error(rotation_from_euler(profile), seen_profile), np.degrees(noise.magnitude()), atol=1e-9
    )
    assert euler_errors(profile, seen_profile).mean() > 3 * euler_errors(frontal, seen_frontal).mean()


@needs_aflw2000
def test_every_label_of_aflw2000_has_no_error_against_its_own_rotation():
    labels = aflw2000_euler()
    assert (np.abs(labels) > 180).any()
    assert (np.abs(labels[:, 0]) > 90).any()

    assert_allclose(euler_errors(labels, rotation_from_euler(labels)), 0, atol=1e-9)


@needs_aflw2000
def test_folding_at_180_makes_random_poses_look_good_on_aflw2000():
    labels = aflw2000_euler()[(np.abs(aflw2000_euler()) <= 99).all(axis=1)]
    draws = [euler_from_rotation(random_rotations(491, seed)) for seed in range(20)]

    folded = np.mean([angle_difference(draw, labels, "fold180").mean() for draw in draws])
    around = np.mean([angle_difference(draw, labels, "wrap360").mean() for draw in draws])

    assert folded == pytest.approx(43.2, abs=1)
    assert around == pytest.approx(74, abs=2)


@needs_aflw2000
def test_a_summary_of_random_poses_on_aflw2000_shows_the_folded_figure():
    labels = aflw2000_euler()[(np.abs(aflw2000_euler()) <= 99).all(axis=1)]
    truth = rotation_from_euler(labels)

    folded = [summarise(truth, labels, random_rotations(491, seed), wrap="fold180").mae["mean"] for seed in range(20)]

    assert np.mean(folded) == pytest.approx(43.2, abs=1)


# Summaries: four heads that shake, off by 3, missing, off by 6, off by 29 degrees

TRUE_YAW = np.array([0.0, 9.0, 20.0, 40.0])
TRUTH_EULER = np.stack([TRUE_YAW, 0 * TRUE_YAW, 0 * TRUE_YAW], axis=-1)
TRUTH = turned_by(TRUE_YAW)
PREDICTION = turned_by([3.0, 0.0, 14.0, 69.0])
PREDICTION[1] = np.nan


def summary(prediction=PREDICTION, **options):
    return summarise(TRUTH, TRUTH_EULER, prediction, **options)


def test_all_takes_a_missing_prediction_as_the_zero_pose():
    # Errors 3, 9, 6, 29.
    s = summary(view="all")

    assert (s.view, s.n, s.n_total, s.coverage) == ("all", 4, 4, 0.75)
    assert s.ge == pytest.approx({"mean": 47 / 4, "median": 7.5, "p95": 26})
    assert s.mae == pytest.approx({"yaw": 47 / 4, "pitch": 0, "roll": 0, "mean": 47 / 12}, abs=1e-12)
    assert s.vmae == pytest.approx({"left": 47 / 4, "down": 0, "front": 47 / 4, "mean": 47 / 6}, abs=1e-12)
    assert s.accuracy == {5: 0.25, 10: 0.75, 15: 0.75, 30: 1.0}


def test_detected_leaves_a_missing_prediction_out():
    # Errors 3, 6, 29.
    s = summary(view="detected")

    assert (s.view, s.n, s.n_total, s.coverage) == ("detected", 3, 4, 0.75)
    assert s.ge == pytest.approx({"mean": 38 / 3, "median": 6, "p95": 26.7})
    assert s.mae == pytest.approx({"yaw": 38 / 3, "pitch": 0, "roll": 0, "mean": 38 / 9}, abs=1e-12)
    assert s.vmae == pytest.approx({"left": 38 / 3, "down": 0, "front": 38 / 3, "mean": 76 / 9}, abs=1e-12)
    assert s.accuracy == pytest.approx({5: 1 / 3, 10: 2 / 3, 15: 2 / 3, 30: 1})


def test_common_scores_what_every_compared_run_predicted():
    # Errors 3, 29: the second is missing here, the third in another run.
    s = summary(view="common", common=np.array([True, False, False, True]))

    assert (s.view, s.n, s.n_total, s.coverage) == ("common", 2, 4, 0.75)
    assert s.ge == pytest.approx({"mean": 16, "median": 16, "p95": 27.7})
    assert s.accuracy == {5: 0.5, 10: 0.5, 15: 0.5, 30: 1.0}


def test_common_never_scores_a_sample_without_a_prediction():
    assert summary(view="common", common=np.array([True, True, False, True])).n == 2


def test_common_of_a_run_by_itself_is_detected():
    assert summary(view="common").ge == summary(view="detected").ge


def test_all_is_the_headline():
    assert summary() == summary(view="all", wrap="wrap360")


def test_the_views_have_these_names():
    assert VIEWS == ("all", "detected", "common")


@pytest.mark.parametrize(
    ("view", "common", "scored"),
    [
        ("all", None, [True, True, True, True]),
        ("all", [True, False, True, False], [True, True, True, True]),
        ("detected", None, [True, False, True, True]),
        ("detected", [True, False, True, False], [True, False, True, True]),
        ("common", None, [True, False, True, True]),
        ("common", [True, True, True, False], [True, False, True, False]),
    ],
)
def test_the_samples_that_a_view_scores(view, common, scored):
    found = np.array([True, False, True, True])

    assert_array_equal(scored_samples(found, view, None if common is None else np.array(common)), scored)


def test_an_unknown_view_is_refused_by_name():
    with pytest.raises(ValueError, match="no view 'best'; there is all, detected, common"):
        summary(view="best")


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_a_prediction_with_one_entry_missing_is_no_prediction(hole):
    prediction = PREDICTION.copy()
    prediction[2, 1, 1] = hole

    detected, everything = summary(prediction, view="detected"), summary(prediction, view="all")

    assert (detected.n, detected.coverage) == (2, 0.5)
    assert detected.ge["mean"] == pytest.approx(16)
    # Errors 3, 9, 20, 29.
    assert everything.ge["mean"] == pytest.approx(61 / 4)


@pytest.mark.parametrize("view", VIEWS)
def test_a_missing_prediction_never_makes_a_figure_missing(view):
    s = summary(view=view)

    figures = [*s.mae.values(), *s.vmae.values(), *s.ge.values(), *s.accuracy.values(), s.coverage]
    assert np.isfinite(figures).all()


@pytest.mark.parametrize("view", ["detected", "common"])
def test_where_nothing_was_detected_every_figure_is_nan_in_silence(view):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s = summary(np.full((4, 3, 3), np.nan), view=view)

    assert (s.n, s.n_total, s.coverage) == (0, 4, 0.0)
    figures = [*s.mae.values(), *s.vmae.values(), *s.ge.values(), *s.accuracy.values()]
    assert np.isnan(figures).all()


def test_where_nothing_was_detected_all_scores_the_zero_pose():
    s = summary(np.full((4, 3, 3), np.nan), view="all")

    assert (s.n, s.coverage) == (4, 0.0)
    assert s.ge["mean"] == pytest.approx((0 + 9 + 20 + 40) / 4)


@pytest.mark.parametrize("view", VIEWS)
def test_of_no_samples_every_figure_is_nan_in_silence(view):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s = summarise(np.empty((0, 3, 3)), np.empty((0, 3)), np.empty((0, 3, 3)), view=view)

    assert (s.n, s.n_total) == (0, 0)
    assert np.isnan([s.coverage, *s.mae.values(), *s.vmae.values(), *s.ge.values(), *s.accuracy.values()]).all()


def test_a_true_rotation_that_is_missing_cannot_be_scored():
    truth = TRUTH.copy()
    truth[3, 0, 0] = np.nan

    with pytest.raises(ValueError, match="without a label"):
        summarise(truth, TRUTH_EULER, PREDICTION, view="detected")


def test_a_true_angle_that_is_missing_cannot_be_scored():
    euler = TRUTH_EULER.copy()
    euler[3, 2] = np.nan

    with pytest.raises(ValueError, match="without a label"):
        summarise(TRUTH, euler, PREDICTION, view="detected")


def test_accuracy_counts_errors_up_to_5_10_15_and_30_degrees():
    off = np.array([0.0, 4.999, 5.001, 9.999, 10.001, 14.999, 15.001, 29.999, 30.001, 179.0])
    truth = np.tile(np.eye(3), (10, 1, 1))

    s = summarise(truth, np.zeros((10, 3)), turned_by(off, "z"))

    assert s.accuracy == {5: 0.2, 10: 0.4, 15: 0.6, 30: 0.8}


def test_an_error_of_exactly_a_limit_lies_within_it():
    assert accuracy(np.array([5.0, 10.0, 15.0, 30.0])) == {5: 0.25, 10: 0.5, 15: 0.75, 30: 1.0}


def test_median_and_95th_percentile_are_of_the_geodesic_error():
    # 21 heads off by 0, 1, ... 20 degrees, in no order.
    off = np.random.default_rng(20).permutation(21).astype(float)

    s = summarise(np.tile(np.eye(3), (21, 1, 1)), np.zeros((21, 3)), turned_by(off, "z"))

    assert s.ge == pytest.approx({"mean": 10, "median": 10, "p95": 19})


@pytest.mark.parametrize(("wrap", "roll"), [("wrap360", 90), ("plain", 90), ("fold180", 0)])
def test_a_wrap_mode_changes_the_mae_and_nothing_else(wrap, roll):
    truth, prediction = np.tile(np.eye(3), (2, 1, 1)), np.stack([np.eye(3), turned_by(180, "z")])

    s = summarise(truth, np.zeros((2, 3)), prediction, wrap=wrap)

    assert s.wrap == wrap
    assert s.mae == pytest.approx({"yaw": 0, "pitch": 0, "roll": roll, "mean": roll / 3}, abs=1e-9)
    assert s.ge["mean"] == pytest.approx(90)
    assert s.vmae == pytest.approx({"left": 90, "down": 90, "front": 0, "mean": 60})


def test_means_are_over_samples_first_and_then_over_components():
    truth = np.tile(np.eye(3), (2, 1, 1))
    prediction = rotation_from_euler([[10.0, 20.0, 30.0], [-20.0, 0.0, -60.0]])

    s = summarise(truth, np.zeros((2, 3)), prediction)

    assert s.mae == pytest.approx({"yaw": 15, "pitch": 10, "roll": 45, "mean": 70 / 3})


def test_angles_are_scored_against_those_the_dataset_states():
    stated = [[95.0, 0.0, 0.0]]

    s = summarise(rotation_from_euler(stated), np.array(stated), rotation_from_euler([[97.0, 1.0, -3.0]]))

    assert s.mae == pytest.approx({"yaw": 2, "pitch": 1, "roll": 3, "mean": 2})


def test_scoring_leaves_the_predictions_as_they_were():
    prediction = PREDICTION.copy()

    summary(prediction)

    assert_array_equal(prediction, PREDICTION)


@pytest.mark.parametrize("measure", [geodesic_error, vector_errors])
def test_an_error_of_a_missing_prediction_is_missing_and_the_others_are_not(measure):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        errors = measure(TRUTH, PREDICTION)

    assert np.isnan(errors[1]).all()
    assert np.isfinite(errors[[0, 2, 3]]).all()


@pytest.mark.parametrize("wrap", WRAPS)
def test_an_angle_of_a_missing_prediction_is_missing_and_the_others_are_not(wrap):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        errors = euler_errors(TRUTH_EULER, PREDICTION, wrap)

    assert np.isnan(errors[1]).all()
    assert np.isfinite(errors[[0, 2, 3]]).all()


@pytest.mark.parametrize("beyond", [-1e-12, 0.0, 1e-12, 1e-10])
def test_an_error_at_a_bound_is_within_it_whatever_the_last_digits_are(beyond):
    assert accuracy(np.array([5.0 + beyond]))[5] == 1.0


def test_an_error_beyond_a_bound_by_more_than_rounding_is_not_within_it():
    assert accuracy(np.array([5.0 + 1e-8]))[5] == 0.0


# Orders of the angles


@pytest.mark.parametrize("order", EULER_ORDERS)
def test_the_truth_itself_errs_by_nothing_in_any_order(order):
    truth = random_rotations(500, seed=70)
    angles = euler_in_order(truth, order)
    assert_allclose(euler_errors(angles, truth, order=order), 0, atol=1e-9)
    assert_allclose(euler_errors(twin_in_order(angles, order), truth, order=order), 0, atol=1e-9)


@pytest.mark.parametrize("order", EULER_ORDERS)
def test_in_gimbal_lock_the_last_angle_of_an_order_is_the_label_s(order):
    angles = np.random.default_rng(71).uniform(-170, 170, (100, 3))
    angles[:, ("yaw", "pitch", "roll").index(order.split("-")[1])] = 90
    assert_allclose(nearest_euler(rotation_in_order(angles, order), angles, order), angles, rtol=0, atol=1e-5)


@pytest.mark.parametrize("order", EULER_ORDERS)
def test_an_error_of_one_angle_is_counted_whole_in_its_own_order(order):
    angles = np.random.default_rng(72).uniform(-40, 40, (100, 3))
    for column, off in enumerate((3.0, 4.0, 5.0)):
        moved = angles + off * np.eye(3)[column]
        expected = np.tile(off * np.eye(3)[column], (100, 1))
        assert_allclose(euler_errors(angles, rotation_in_order(moved, order), order=order), expected, atol=1e-9)


def test_the_same_noise_has_another_mae_in_every_order_and_one_geodesic_error():
    # Heads turned as in AFLW2000, and rotations of 7.5 degrees about axes of any direction.
    rng = np.random.default_rng(73)
    truth = rotation_from_euler(rng.normal(0, (32, 14, 14), (4000, 3)).clip(-99, 99))
    axes = rng.normal(size=(4000, 3))
    noise = Rotation.from_rotvec(7.5 * axes / np.linalg.norm(axes, axis=1, keepdims=True), degrees=True).as_matrix()
    summaries = {
        order: summarise(truth, euler_in_order(truth, order), truth @ noise, order=order) for order in EULER_ORDERS
    }
    mae = {order: own.mae["mean"] for order, own in summaries.items()}
    assert mae["yaw-pitch-roll"] + 0.3 < mae["pitch-yaw-roll"] and mae["yaw-pitch-roll"] + 0.3 < mae["roll-yaw-pitch"]
    for own in summaries.values():
        assert own.ge["mean"] == pytest.approx(7.5, abs=1e-9) and own.vmae == summaries["pitch-yaw-roll"].vmae
