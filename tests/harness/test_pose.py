"""The one pose type, and every identity of the conventions that tie it to the matrices and angles of the peers.

Each formula is written out here a second time, with SciPy or with explicit elementary matrices. Where the research
data lies beside the repository, the identities are checked on its real labels too.
"""

import csv
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from hpe_bench.landmarks.canonical import canonical_face
from hpe_bench.orders import DEFAULT_ORDER, EULER_ORDERS, FORMULAS
from hpe_bench.pose import (
    euler_from_rotation,
    euler_in_order,
    euler_twin,
    from_convention,
    grid_from_rotation,
    in_gimbal_lock,
    nearest_rotation,
    rotation_about,
    rotation_defect,
    rotation_from_euler,
    rotation_from_grid,
    rotation_in_order,
    to_convention,
    twin_in_order,
)

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
AFLW2000 = SHARED / "data" / "aflw2000-dev"
BIWI = SHARED / "data" / "biwi"
needs_aflw2000 = pytest.mark.skipif(not AFLW2000.is_dir(), reason=f"needs AFLW2000 labels in {AFLW2000}")
needs_biwi = pytest.mark.skipif(not BIWI.is_dir(), reason=f"needs BIWI labels in {BIWI}")

CONVENTIONS = ("R", "G", "A", "V")
E = np.diag([1.0, 1.0, -1.0])
F = np.diag([1.0, -1.0, -1.0])
D = np.diag([1.0, -1.0, 1.0])

LEFT, DOWN, FRONT = 0, 1, 2
RIGHT_EYE, LEFT_EYE, NOSE_TIP, MOUTH = 33, 263, 1, 17

untimed = settings(deadline=None)
any_angle = st.floats(-180, 180)
yaw_within_90 = st.floats(-90, 90)


def X(degrees):  # noqa: N802
    a = np.radians(degrees)
    return np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])


def Y(degrees):  # noqa: N802
    a = np.radians(degrees)
    return np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])


def Z(degrees):  # noqa: N802
    a = np.radians(degrees)
    return np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])


def from_factors(order, *angles):
    """The product of elementary rotations as SciPy composes it, for arrays of angles in degrees."""
    return Rotation.from_euler(order, np.stack(angles, axis=-1), degrees=True).as_matrix()


def as_conventions_define(euler):
    """R, G, A and V (N, 3, 3) of yaw, pitch, roll (N, 3), each from its own formula."""
    yaw, pitch, roll = np.asarray(euler, dtype=float).T
    return {
        "R": from_factors("XYZ", -pitch, yaw, roll),
        "G": from_factors("ZYX", roll, yaw, pitch),
        "A": from_factors("XYZ", -pitch, -yaw, -roll),
        "V": from_factors("XYZ", pitch, -yaw, roll),
    }


def random_rotations(n, seed=0):
    return Rotation.random(n, random_state=seed).as_matrix()


def random_euler(n, seed=0):
    return np.random.default_rng(seed).uniform([-90, -180, -180], [90, 180, 180], (n, 3))


def assert_same_rotation(a, b, atol=1e-12):
    assert_allclose(a, b, rtol=0, atol=atol)


@cache
def aflw2000_euler():
    """Yaw, pitch, roll (500, 3) in degrees, as the ``Pose_Para`` of the development images states them."""
    files = sorted(AFLW2000.glob("*.mat"))
    radians = [scipy.io.loadmat(file, variable_names=["Pose_Para"])["Pose_Para"][0, :3] for file in files]
    return np.degrees(np.array(radians, dtype=float))[:, [1, 0, 2]]


@cache
def biwi_rows():
    with (BIWI / "frames.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@cache
def biwi_euler():
    """Yaw, pitch, roll (15678, 3) in degrees of every frame of BIWI."""
    return np.array([[float(row[name]) for name in ("yaw", "pitch", "roll")] for row in biwi_rows()])


@pytest.fixture(
    params=[
        "random",
        pytest.param("aflw2000", marks=needs_aflw2000),
        pytest.param("biwi", marks=needs_biwi),
    ]
)
def euler(request):
    """Yaw, pitch, roll (N, 3) in degrees: drawn at random, and as two datasets state them."""
    return {"random": lambda: random_euler(1000), "aflw2000": aflw2000_euler, "biwi": biwi_euler}[request.param]()


# Elementary rotations


@pytest.mark.parametrize(("axis", "by_hand"), [("x", X), ("y", Y), ("z", Z)])
@pytest.mark.parametrize("angle", [-180, -37.5, 0, 1e-9, 90, 400])
def test_an_elementary_rotation_is_right_handed(axis, by_hand, angle):
    assert_same_rotation(rotation_about(axis, angle), by_hand(angle), atol=1e-14)


def test_a_quarter_turn_carries_each_axis_onto_the_next():
    x, y, z = np.eye(3)

    assert_allclose(rotation_about("x", 90) @ y, z, atol=1e-14)
    assert_allclose(rotation_about("y", 90) @ z, x, atol=1e-14)
    assert_allclose(rotation_about("z", 90) @ x, y, atol=1e-14)


def test_elementary_rotations_keep_every_batch_axis():
    angles = np.arange(12.0).reshape(3, 4)

    rotations = rotation_about("y", angles)

    assert rotations.shape == (3, 4, 3, 3)
    assert_same_rotation(rotations[2, 1], Y(angles[2, 1]))


# The matrices of the conventions


def test_zero_angles_are_the_identity():
    assert_same_rotation(rotation_from_euler([0, 0, 0]), np.eye(3), atol=0)


def test_the_pose_is_pitch_negated_about_x_then_yaw_about_y_then_roll_about_z():
    assert_same_rotation(rotation_from_euler([20, -35, 50]), X(35) @ Y(20) @ Z(50))


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_pose_in_each_convention_is_the_product_its_authors_write(euler, convention):
    assert_same_rotation(
        to_convention(rotation_from_euler(euler), convention), as_conventions_define(euler)[convention]
    )


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_matrix_of_each_convention_comes_back_as_the_pose(euler, convention):
    matrices = as_conventions_define(euler)

    assert_same_rotation(from_convention(matrices[convention], convention), matrices["R"])


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_products_of_elementary_matrices_are_those_of_the_conventions(convention):
    y, p, r = 25.0, -40.0, 65.0
    products = {
        "R": X(-p) @ Y(y) @ Z(r),
        "G": Z(r) @ Y(y) @ X(p),
        "A": X(-p) @ Y(-y) @ Z(-r),
        "V": X(p) @ Y(-y) @ Z(r),
    }

    assert_same_rotation(to_convention(rotation_from_euler([y, p, r]), convention), products[convention])


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_a_round_trip_through_a_convention_changes_nothing(convention, shape):
    rotations = random_rotations(int(np.prod(shape, dtype=int))).reshape(*shape, 3, 3)

    there = to_convention(rotations, convention)

    assert there.shape == rotations.shape
    assert_same_rotation(from_convention(there, convention), rotations, atol=0)


def test_an_unknown_convention_is_refused_by_name():
    with pytest.raises(ValueError, match="no convention 'B'; there is R, G, A, V"):
        to_convention(np.eye(3), "B")
    with pytest.raises(ValueError, match="no convention 'B'; there is R, G, A, V"):
        from_convention(np.eye(3), "B")


def test_f_r_f_is_a_is_g_transposed(euler):
    matrices = as_conventions_define(euler)
    rotations = rotation_from_euler(euler)

    assert_same_rotation(F @ rotations @ F, matrices["A"])
    assert_same_rotation(F @ rotations @ F, np.swapaxes(matrices["G"], -1, -2))


def test_v_is_d_a_d_and_e_r_e(euler):
    matrices = as_conventions_define(euler)
    rotations = rotation_from_euler(euler)

    assert_same_rotation(D @ to_convention(rotations, "A") @ D, matrices["V"])
    assert_same_rotation(E @ rotations @ E, matrices["V"])


def test_a_rotation_matrix_of_every_convention_has_no_defect(euler):
    rotations = rotation_from_euler(euler)

    for convention in CONVENTIONS:
        assert rotation_defect(to_convention(rotations, convention)).max() < 1e-14


# What the columns mean


def test_the_columns_of_the_identity_are_the_camera_axes():
    left, down, front = rotation_from_euler([0, 0, 0]).T

    assert_allclose([left, down, front], [[1, 0, 0], [0, 1, 0], [0, 0, 1]], atol=0)


def test_positive_yaw_turns_the_nose_towards_the_left_of_the_image():
    nose = -rotation_from_euler([30, 0, 0])[:, FRONT]

    assert_allclose(nose, [-0.5, 0, -np.sqrt(3) / 2], atol=1e-14)


def test_positive_pitch_raises_the_nose_in_the_image():
    nose = -rotation_from_euler([0, 30, 0])[:, FRONT]

    assert_allclose(nose, [0, -0.5, -np.sqrt(3) / 2], atol=1e-14)


def test_positive_roll_turns_the_left_of_the_head_down_in_the_image():
    left = rotation_from_euler([0, 0, 30])[:, LEFT]

    assert_allclose(left, [np.sqrt(3) / 2, 0.5, 0], atol=1e-14)


def test_the_canonical_face_looks_into_the_camera():
    points = canonical_face().points

    assert points[NOSE_TIP, 2] < points[[RIGHT_EYE, LEFT_EYE, MOUTH, 10, 152, 234, 454], 2].min()


def test_the_canonical_face_has_its_eyes_above_its_mouth():
    points = canonical_face().points

    assert points[[RIGHT_EYE, LEFT_EYE], 1].max() < points[NOSE_TIP, 1] < points[MOUTH, 1]


def test_the_canonical_face_has_the_left_eye_of_the_subject_on_the_right_of_the_image():
    points = canonical_face().points

    assert points[RIGHT_EYE, 0] < points[NOSE_TIP, 0] < points[LEFT_EYE, 0]


def test_the_pose_carries_the_canonical_face_turned_from_model_axes_onto_landmarks_in_camera_axes():
    y_up_towards_camera = canonical_face().points @ F
    landmarks = y_up_towards_camera @ F @ (X(-12) @ Y(-33) @ Z(8)).T

    fitted, _ = Rotation.align_vectors(landmarks, canonical_face().points)

    assert_allclose(euler_from_rotation(fitted.as_matrix()), [-33, 12, 8], atol=1e-9)


@needs_aflw2000
def test_real_facial_points_stand_as_their_labelled_pose_turns_the_canonical_face():
    # Nose tip, outer and inner eye corners, mouth corners, chin: in the 68 points, and in the canonical face.
    of_68, of_468 = [30, 36, 39, 42, 45, 48, 54, 8], [1, 33, 133, 362, 263, 61, 291, 152]
    face = canonical_face().points[of_468]
    off = []
    for file, euler in zip(sorted(AFLW2000.glob("*.mat")), aflw2000_euler()):
        points = scipy.io.loadmat(file, variable_names=["pt3d_68"])["pt3d_68"].T[of_68]
        in_camera_axes = points * (1, 1, -1)
        fitted, _ = Rotation.align_vectors(in_camera_axes - in_camera_axes.mean(0), face - face.mean(0))
        labelled = Rotation.from_matrix(rotation_from_euler(euler))
        off.append(np.degrees((fitted * labelled.inv()).magnitude()))

    assert np.median(off) < 4
    assert np.max(off) < 20


# Angles from matrices


def test_angles_of_the_pose_are_read_from_its_last_column_and_first_row():
    r = random_rotations(200)
    by_formula = np.degrees(
        np.stack(
            [
                np.arctan2(r[:, 0, 2], np.hypot(r[:, 1, 2], r[:, 2, 2])),
                np.arctan2(r[:, 1, 2], r[:, 2, 2]),
                np.arctan2(-r[:, 0, 1], r[:, 0, 0]),
            ],
            axis=-1,
        )
    )

    assert_allclose(euler_from_rotation(r), by_formula, atol=1e-10)


def test_angles_of_the_pose_are_those_of_scipy():
    r = random_rotations(200)
    minus_pitch, yaw, roll = Rotation.from_matrix(r).as_euler("XYZ", degrees=True).T

    assert_allclose(euler_from_rotation(r), np.stack([yaw, -minus_pitch, roll], axis=-1), atol=1e-10)


def angles_of_g(g):
    """Yaw, pitch, roll in degrees of one 6DRepNet matrix, as its authors read them."""
    c = np.hypot(g[0, 0], g[1, 0])
    yaw = np.arctan2(-g[2, 0], c)
    if c < 1e-6:
        return np.degrees([yaw, np.arctan2(-g[1, 2], g[1, 1]), 0.0])
    return np.degrees([yaw, np.arctan2(g[2, 1], g[2, 2]), np.arctan2(g[1, 0], g[0, 0])])


def test_angles_of_the_pose_are_those_read_from_g(euler):
    g = as_conventions_define(euler[:500])["G"]

    assert_allclose(euler_from_rotation(from_convention(g, "G")), [angles_of_g(matrix) for matrix in g], atol=1e-9)


@pytest.mark.parametrize("yaw", [90, -90])
@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (20, 0), (0, 20), (30, -50), (-170, 45)])
def test_in_gimbal_lock_the_angles_are_those_read_from_g_with_a_roll_of_zero(yaw, pitch, roll):
    g = Z(roll) @ Y(yaw) @ X(pitch)

    angles = euler_from_rotation(from_convention(g, "G"))

    assert_allclose(angles, angles_of_g(g), atol=1e-9)
    assert angles[2] == 0


@pytest.mark.parametrize(("yaw", "whole"), [(90, 30 - 50), (-90, 30 + 50)])
def test_in_gimbal_lock_pitch_takes_the_whole_turn(yaw, whole):
    assert_allclose(euler_from_rotation(X(-30) @ Y(yaw) @ Z(50)), [yaw, whole, 0], atol=1e-9)


@pytest.mark.parametrize("yaw", [90, -90])
@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (35, 0), (0, -35), (30, 50), (100, -120)])
def test_in_gimbal_lock_the_angles_still_describe_the_same_rotation(yaw, pitch, roll):
    rotation = X(-pitch) @ Y(yaw) @ Z(roll)

    assert_same_rotation(rotation_from_euler(euler_from_rotation(rotation)), rotation)


def test_one_locked_head_in_a_batch_leaves_the_others_alone():
    angles = euler_from_rotation(rotation_from_euler([[10, 20, 30], [90, 25, 0], [-40, -50, 60]]))

    assert_allclose(angles, [[10, 20, 30], [90, 25, 0], [-40, -50, 60]], atol=1e-9)


@untimed
@given(yaw=yaw_within_90, pitch=any_angle, roll=any_angle)
def test_angles_of_a_rotation_describe_that_rotation(yaw, pitch, roll):
    rotation = X(-pitch) @ Y(yaw) @ Z(roll)

    angles = euler_from_rotation(rotation)

    assert abs(angles[0]) <= 90
    # Beside the lock, within 1e-6 of it, the roll is given up for 0.
    assert_same_rotation(rotation_from_euler(angles), rotation, atol=3e-6)
    if abs(yaw) < 89.9:
        assert_same_rotation(rotation_from_euler(angles), rotation, atol=1e-12)


@untimed
@given(yaw=st.floats(-89, 89), pitch=st.floats(-179, 179), roll=st.floats(-179, 179))
def test_angles_come_back_from_the_matrix_they_make(yaw, pitch, roll):
    assert_allclose(euler_from_rotation(rotation_from_euler([yaw, pitch, roll])), [yaw, pitch, roll], atol=1e-9)


@untimed
@given(yaw=any_angle, pitch=any_angle, roll=any_angle)
def test_the_twin_angles_describe_the_same_rotation(yaw, pitch, roll):
    twin_yaw, twin_pitch, twin_roll = euler_twin([yaw, pitch, roll])

    assert_same_rotation(X(-twin_pitch) @ Y(twin_yaw) @ Z(twin_roll), X(-pitch) @ Y(yaw) @ Z(roll), atol=1e-12)


@untimed
@given(yaw=any_angle, pitch=any_angle, roll=any_angle)
def test_the_twin_angles_lie_within_half_a_turn(yaw, pitch, roll):
    twin = euler_twin([yaw, pitch, roll])

    assert (np.abs(twin) <= 180).all()


@untimed
@given(yaw=any_angle, pitch=any_angle, roll=any_angle)
def test_the_twin_of_the_twin_is_the_same_triple(yaw, pitch, roll):
    again = euler_twin(euler_twin([yaw, pitch, roll]))

    around = np.abs(again - [yaw, pitch, roll])
    assert np.minimum(around, 360 - around).max() < 1e-9


def test_the_twin_of_a_yaw_of_95_is_a_yaw_of_85_upside_down():
    assert_allclose(euler_twin([95, 0, 0]), [85, 180, 180], atol=1e-12)


def test_a_twin_angle_of_half_a_turn_is_plus_180():
    assert_allclose(euler_twin([[0, 0, 0], [-360, 360, 720]]), [[180, 180, 180], [180, 180, 180]], atol=0)


@needs_aflw2000
def test_labels_of_aflw2000_come_back_as_themselves_or_as_their_twin():
    euler = aflw2000_euler()
    assert (np.abs(euler) <= 99).all(axis=1).sum() == 491

    back = euler_from_rotation(rotation_from_euler(euler))

    turns = np.stack([back, euler_twin(back)]) - euler
    around_the_circle = np.abs(np.remainder(turns + 180, 360) - 180)
    assert around_the_circle.max(axis=2).min(axis=0).max() < 1e-9
    assert (np.abs(back[:, 0]) <= 90).all()


@needs_biwi
def test_labels_of_biwi_come_back_as_themselves():
    assert_allclose(euler_from_rotation(rotation_from_euler(biwi_euler())), biwi_euler(), atol=1e-9)


@needs_biwi
def test_binary_labels_of_biwi_hold_the_same_rotation_in_another_euler_order():
    labels = {(row["sequence"], int(row["frame"])): euler for row, euler in zip(biwi_rows(), biwi_euler())}
    files = sorted((BIWI / "hpdb").rglob("frame_*_pose.bin"))
    assert len(files) == 10

    for file in files:
        pitch, yaw, roll = np.fromfile(file, dtype="<f4")[3:].astype(float)
        frame = int(file.name.split("_")[1])
        assert_same_rotation(
            rotation_from_euler(labels[file.parent.name, frame]), Z(roll) @ Y(yaw) @ X(pitch), atol=3e-5
        )


# The angles of a grid


def test_a_grid_of_pitch_yaw_roll_counts_angles_as_the_harness_does():
    euler = random_euler(200)

    assert_same_rotation(rotation_from_grid(euler, "pitch-yaw-roll"), rotation_from_euler(euler))
    assert_allclose(grid_from_rotation(rotation_from_euler(euler), "pitch-yaw-roll"), euler, atol=1e-9)


def test_a_grid_of_yaw_pitch_roll_is_y_of_yaw_x_of_minus_pitch_z_of_minus_roll():
    yaw, pitch, roll = random_euler(200).T

    found = rotation_from_grid(np.stack([yaw, pitch, roll], axis=-1), "yaw-pitch-roll")

    assert_same_rotation(found, from_factors("YXZ", yaw, -pitch, -roll))


@untimed
@given(any_angle, st.floats(-89, 89), any_angle)
def test_angles_of_a_grid_of_yaw_pitch_roll_come_back_whatever_the_yaw(yaw, pitch, roll):
    back = grid_from_rotation(rotation_from_grid((yaw, pitch, roll), "yaw-pitch-roll"), "yaw-pitch-roll")

    assert_allclose((back - (yaw, pitch, roll) + 180) % 360, 180, atol=1e-6)


def test_in_profile_yaw_pitch_roll_has_no_gimbal_lock():
    profile = rotation_from_grid([(90, pitch, roll) for pitch in (-30, 20) for roll in (-10, 25)], "yaw-pitch-roll")

    assert_allclose(grid_from_rotation(profile, "yaw-pitch-roll")[:, 0], 90, atol=1e-9)
    assert_allclose(grid_from_rotation(profile, "yaw-pitch-roll")[:, 1:], [(-30, -10), (-30, 25), (20, -10), (20, 25)])


@pytest.mark.parametrize("convention", ["pitch-yaw-roll", "yaw-pitch-roll"])
def test_each_angle_of_a_grid_alone_turns_the_head_its_own_way(convention):
    """Yaw to the image's right, pitch up; in yaw-pitch-roll the roll has the other sense."""
    left, down, front = np.moveaxis(rotation_from_grid(10 * np.eye(3), convention), -1, 0)

    assert (-front[0])[0] < 0 and (-front[1])[1] < 0
    assert np.sign(left[2][1]) == (1 if convention == "pitch-yaw-roll" else -1)
    assert_allclose(down[2][0], -left[2][1])


def test_the_two_conventions_agree_where_yaw_or_pitch_is_zero():
    angles = np.array([(30.0, 0.0, 0.0), (0.0, 20.0, 0.0), (0.0, 20.0, 15.0)])

    assert_same_rotation(
        rotation_from_grid(angles, "yaw-pitch-roll"), rotation_from_grid(angles * (1, 1, -1), "pitch-yaw-roll")
    )


# The nearest rotation


def test_the_nearest_rotation_to_a_rotation_is_itself():
    rotations = random_rotations(50)

    assert_same_rotation(nearest_rotation(rotations), rotations)


def test_the_nearest_rotation_does_not_depend_on_a_positive_scale():
    rotations = random_rotations(50)

    assert_same_rotation(nearest_rotation(7.5 * rotations), rotations)


def test_the_nearest_rotation_is_the_polar_factor_of_a_matrix_of_positive_determinant():
    matrices = random_rotations(50) + np.random.default_rng(1).normal(0, 0.1, (50, 3, 3))
    assert (np.linalg.det(matrices) > 0).all()

    assert_same_rotation(nearest_rotation(matrices), [scipy.linalg.polar(matrix)[0] for matrix in matrices])


def test_the_nearest_rotation_is_a_rotation_even_of_a_mirrored_matrix():
    matrices = np.random.default_rng(2).normal(size=(200, 3, 3))
    assert (np.linalg.det(matrices) < 0).any()

    nearest = nearest_rotation(matrices)

    assert_allclose(np.swapaxes(nearest, 1, 2) @ nearest, np.broadcast_to(np.eye(3), nearest.shape), atol=1e-13)
    assert_allclose(np.linalg.det(nearest), 1, atol=1e-13)


def test_no_other_rotation_is_nearer_in_the_frobenius_norm():
    matrices = np.random.default_rng(3).normal(size=(40, 3, 3))
    nearest = nearest_rotation(matrices)
    nudges = Rotation.from_rotvec(np.random.default_rng(4).normal(0, 1e-2, (300, 3))).as_matrix()
    others = np.concatenate(
        [np.einsum("kij,njl->nkil", nudges, nearest), np.broadcast_to(random_rotations(300), (40, 300, 3, 3))],
        axis=1,
    )

    to_nearest = np.linalg.norm(matrices - nearest, axis=(1, 2))
    to_others = np.linalg.norm(matrices[:, None] - others, axis=(2, 3))

    assert (to_nearest[:, None] <= to_others + 1e-12).all()


def test_the_nearest_rotation_of_a_cross_covariance_aligns_points_as_scipy_does():
    rng = np.random.default_rng(5)
    face = rng.normal(size=(20, 3))
    seen = face @ random_rotations(1, seed=6)[0].T + rng.normal(0, 0.05, (20, 3))
    aligned, _ = Rotation.align_vectors(seen, face)

    assert_same_rotation(nearest_rotation(seen.T @ face), aligned.as_matrix())


def test_a_single_matrix_and_a_batch_have_the_same_nearest_rotation():
    matrices = np.random.default_rng(7).normal(size=(2, 3, 3, 3))

    assert_same_rotation(nearest_rotation(matrices)[1, 2], nearest_rotation(matrices[1, 2]), atol=1e-14)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_the_nearest_rotation_is_nan_where_an_entry_is_not_finite_and_only_there(hole):
    matrices = random_rotations(3)
    matrices[1, 2, 0] = hole

    nearest = nearest_rotation(matrices)

    assert np.isnan(nearest[1]).all()
    assert_same_rotation(nearest[[0, 2]], matrices[[0, 2]])


# How far a matrix is from a rotation


def test_a_rotation_has_no_defect():
    assert rotation_defect(random_rotations(100)).max() < 1e-14


def test_the_defect_is_the_largest_entry_of_the_gram_matrix_less_one():
    assert_allclose(rotation_defect(1.1 * np.eye(3)), 0.21)
    assert_allclose(rotation_defect(np.diag([1.0, 1.0, 0.5])), 0.75)
    assert_allclose(rotation_defect(np.array([[1.0, 0.3, 0], [0, 1, 0], [0, 0, 1]])), 0.3)


def test_the_defect_does_not_depend_on_the_camera():
    sheared = np.array([[1.0, 0.3, 0], [0, 1, 0], [0, 0, 1]])

    assert_allclose(rotation_defect(random_rotations(20) @ sheared), 0.3)


@pytest.mark.parametrize("mirror", [D, E, np.diag([-1.0, 1.0, 1.0]), -np.eye(3)])
def test_a_mirrored_rotation_has_an_infinite_defect(mirror):
    defects = rotation_defect(np.stack([np.eye(3), random_rotations(1)[0] @ mirror]))

    assert_allclose(defects, [0, np.inf])


def test_a_matrix_of_positive_determinant_has_a_finite_defect_however_far_it_is_from_a_rotation():
    assert rotation_defect([[2, 1, 0], [15, 10, 0], [0, 0, 1]]) == pytest.approx(228)
    assert rotation_defect(np.zeros((3, 3))) == 1


# Types of numbers


@pytest.mark.parametrize(
    "function",
    [
        lambda angles: rotation_about("x", angles),
        rotation_from_euler,
        euler_twin,
        lambda angles: rotation_from_grid(angles, "yaw-pitch-roll"),
    ],
    ids=["rotation_about", "rotation_from_euler", "euler_twin", "rotation_from_grid"],
)
@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_angles_of_any_type_of_number_are_reckoned_in_double_precision(function, kind):
    angles = np.array([[10, 20, 30], [50, 60, 70]], dtype=kind)

    assert_array_equal(function(angles), function(angles.astype(float)), strict=True)


@pytest.mark.parametrize(
    "function",
    [
        euler_from_rotation,
        lambda rotation: grid_from_rotation(rotation, "yaw-pitch-roll"),
        nearest_rotation,
        rotation_defect,
        *[lambda m, c=convention: to_convention(m, c) for convention in CONVENTIONS],
        *[lambda m, c=convention: from_convention(m, c) for convention in CONVENTIONS],
    ],
    ids=[
        "euler_from_rotation",
        "grid_from_rotation",
        "nearest_rotation",
        "rotation_defect",
        *(f"to_{convention}" for convention in CONVENTIONS),
        *(f"from_{convention}" for convention in CONVENTIONS),
    ],
)
def test_matrices_of_single_precision_are_reckoned_in_double_precision(function):
    matrices = random_rotations(5).astype(np.float32)

    assert_array_equal(function(matrices), function(matrices.astype(float)), strict=True)


# Missing poses


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (rotation_from_euler, (3,)),
        (euler_from_rotation, (3, 3)),
        (euler_twin, (3,)),
        (lambda angles: rotation_from_grid(angles, "yaw-pitch-roll"), (3,)),
        (lambda rotation: grid_from_rotation(rotation, "yaw-pitch-roll"), (3, 3)),
        (nearest_rotation, (3, 3)),
        (rotation_defect, (3, 3)),
        *[(lambda m, c=convention: to_convention(m, c), (3, 3)) for convention in CONVENTIONS],
        *[(lambda m, c=convention: from_convention(m, c), (3, 3)) for convention in CONVENTIONS],
    ],
    ids=[
        "rotation_from_euler",
        "euler_from_rotation",
        "euler_twin",
        "rotation_from_grid",
        "grid_from_rotation",
        "nearest_rotation",
        "rotation_defect",
        *(f"to_{convention}" for convention in CONVENTIONS),
        *(f"from_{convention}" for convention in CONVENTIONS),
    ],
)
def test_a_missing_pose_stays_missing_in_silence_and_touches_no_neighbour(function, shape):
    poses = np.stack([np.eye(3), np.full((3, 3), np.nan), np.eye(3)])
    if shape == (3,):
        poses = poses[:, 0]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = function(poses)

    assert np.isnan(result[1]).all()
    assert np.isfinite(result[[0, 2]]).all()


# Euler orders

ORDERS = {
    "pitch-yaw-roll": lambda y, p, r: from_factors("XYZ", -p, y, r),
    "yaw-pitch-roll": lambda y, p, r: from_factors("YXZ", y, -p, r),
    "roll-yaw-pitch": lambda y, p, r: from_factors("ZYX", r, y, -p),
}


def random_in_order(order, n=2000, seed=0):
    """Yaw, pitch, roll (n, 3), the middle one of the order within 90 degrees."""
    middle = ("yaw", "pitch", "roll").index(order.split("-")[1])
    ends = np.where(np.arange(3) == middle, 90.0, 180.0)
    return np.random.default_rng(seed).uniform(-ends, ends, (n, 3)), middle


def test_every_order_has_its_formula_here_and_in_words():
    assert set(ORDERS) == set(EULER_ORDERS) == set(FORMULAS)


@pytest.mark.parametrize("order", ORDERS)
def test_angles_make_a_rotation_in_the_order_of_their_name(order):
    angles, _ = random_in_order(order)
    assert_same_rotation(rotation_in_order(angles, order), ORDERS[order](*angles.T))
    assert_same_rotation(rotation_in_order(angles[7], order), ORDERS[order](*angles[7:8].T)[0])


@pytest.mark.parametrize("order", ORDERS)
def test_angles_in_an_order_are_got_back_from_the_rotation(order):
    angles, _ = random_in_order(order)
    assert_allclose(euler_in_order(ORDERS[order](*angles.T), order), angles, rtol=0, atol=1e-9)
    assert euler_in_order(random_rotations(6).reshape(2, 3, 3, 3), order).shape == (2, 3, 3)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("short", [1.0, 1e-2, 1e-3, 1.2e-4])
@pytest.mark.parametrize("sign", [-1, 1])
def test_angles_next_to_gimbal_lock_make_the_rotation_that_they_are_of(order, short, sign):
    angles, middle = random_in_order(order, 200)
    angles[:, middle] = sign * (90 - short)
    rotation = ORDERS[order](*angles.T)
    assert not in_gimbal_lock(rotation, order).any()
    assert_allclose(rotation_in_order(euler_in_order(rotation, order), order), rotation, rtol=0, atol=1e-9)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sign", [-1, 1])
def test_in_gimbal_lock_the_last_angle_is_nothing_and_the_first_takes_the_whole(order, sign):
    angles, middle = random_in_order(order, 200)
    angles[:, middle] = sign * 90
    rotation = ORDERS[order](*angles.T)
    found = euler_in_order(rotation, order)
    last = ("yaw", "pitch", "roll").index(order.split("-")[2])
    assert in_gimbal_lock(rotation, order).all() and (found[:, last] == 0).all()
    assert_allclose(rotation_in_order(found, order), rotation, rtol=0, atol=1e-9)


@pytest.mark.parametrize("order", ORDERS)
def test_a_small_turn_has_the_same_angles_in_every_order(order):
    small = np.random.default_rng(0).uniform(-1e-3, 1e-3, (50, 3))
    assert_allclose(euler_in_order(rotation_from_euler(small), order), small, rtol=0, atol=1e-7)


@pytest.mark.parametrize("order", ORDERS)
def test_the_twin_in_an_order_is_the_same_rotation_and_its_twin_is_the_first(order):
    angles, _ = random_in_order(order)
    twin = twin_in_order(angles, order)
    assert np.abs(twin).max() <= 180 and np.abs(twin - angles).max(axis=-1).min() > 1
    assert_same_rotation(rotation_in_order(twin, order), rotation_in_order(angles, order))
    assert_allclose(twin_in_order(twin, order), angles, rtol=0, atol=1e-9)


def test_the_default_order_is_that_of_the_functions_without_one():
    rotation, angles = random_rotations(200), random_euler(200)
    assert_array_equal(euler_in_order(rotation, DEFAULT_ORDER), euler_from_rotation(rotation))
    assert_array_equal(rotation_in_order(angles, DEFAULT_ORDER), rotation_from_euler(angles))
    assert_allclose(twin_in_order(angles, DEFAULT_ORDER), euler_twin(angles), rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_an_angle_in_an_order_that_is_not_known_stays_unknown(order):
    rotation = random_rotations(3)
    rotation[1] = np.nan
    assert np.isnan(euler_in_order(rotation, order)).all(axis=-1).tolist() == [False, True, False]
    angles, _ = random_in_order(order, 3)
    angles[1] = np.nan
    assert np.isnan(rotation_in_order(angles, order)).any(axis=(-2, -1)).tolist() == [False, True, False]
    assert np.isnan(twin_in_order(angles, order)).any(axis=-1).tolist() == [False, True, False]


def test_six_d_rep_nets_reading_of_g_is_the_default_order():
    # G is R transposed in other axes, so that its angles are those of R: no other order.
    angles = random_euler(200)
    g = as_conventions_define(angles)["G"]
    assert_allclose(euler_in_order(from_convention(g, "G"), DEFAULT_ORDER), angles, rtol=0, atol=1e-9)


def test_the_angles_of_a_grid_that_turns_by_yaw_first_are_those_of_that_order_but_for_the_sign_of_roll():
    rotation = random_rotations(200)
    expected = euler_in_order(rotation, "yaw-pitch-roll") * (1, 1, -1)
    assert_allclose(grid_from_rotation(rotation, "yaw-pitch-roll"), expected, rtol=0, atol=1e-9)


def test_an_order_that_there_is_not_is_refused_by_its_name():
    with pytest.raises(ValueError, match="no Euler order 'roll-pitch-yaw'"):
        euler_in_order(np.eye(3), "roll-pitch-yaw")


@pytest.mark.skipif(not (BIWI / "Biwi_plus.npz").is_file(), reason=f"needs Biwi+ in {BIWI}")
def test_what_headposeplus_calls_ypr_is_the_default_order_and_what_it_calls_pyr_begins_with_roll():
    with np.load(BIWI / "Biwi_plus.npz") as file:
        ypr, pyr = file["ypr"], file["pyr"]
    rotation = rotation_in_order(ypr, "pitch-yaw-roll")
    assert_allclose(euler_in_order(rotation, "roll-yaw-pitch"), -pyr[:, [1, 0, 2]], rtol=0, atol=1e-9)
