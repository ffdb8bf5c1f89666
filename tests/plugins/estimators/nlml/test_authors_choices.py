"""What NLML-HPE's authors do otherwise: features in image units, their solver, their reading of angles, their crop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from hpe_bench import DataError, Landmarks, UsageError, canonical_face, open_estimator, pose
from hpe_bench_plugins.estimators.nlml.features import landmark_features, with_one_scale
from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids
from hpe_bench_plugins.estimators.nlml.powell import solve_by_powell
from hpe_bench_plugins.estimators.nlml.weights import LandmarkTensor, read_units, tensor_bytes

pytest.importorskip("torch")
from hpe_bench_plugins.estimators.nlml.estimator import NLMLTensor

TURNS = pose.rotation_from_euler([(0.0, 0.0, 0.0), (35.0, -10.0, 5.0), (-50.0, 20.0, -15.0)])


def faces():
    """The canonical face, turned, in pixels of an image."""
    return np.einsum("kj,nij->nki", canonical_face().points, TURNS) * 9 + (120.0, 90.0, 0.0)


def in_image_units(points, width, height):
    return points / (width, height, width)


@pytest.fixture(scope="module")
def tensor():
    """A tensor (5, 4, 4, 4, 1404) whose curves are those of turned heads, more or less."""
    rng = np.random.default_rng(2)
    curves = tuple(
        Sinusoids(np.stack([rng.uniform(0.5, 1, 4), rng.uniform(0.8, 1.2, 4), rng.uniform(-1, 1, 4), np.zeros(4)], -1))
        for _ in range(3)
    )
    return LandmarkTensor(
        rng.normal(size=(5, 4, 4, 4, 1404)).astype(np.float32), curves, (50.0, 40.0, 30.0), "yaw-pitch-roll"
    )


def heads(tensor, count=4):
    """Features (N, 1404) of identities at angles near the front."""
    rng = np.random.default_rng(3)
    angles, identity = rng.uniform(-0.3, 0.3, (count, 3)), rng.normal(size=(count, 5))
    yaw, pitch, roll = (curve(angles[:, place]) for place, curve in enumerate(tensor.curves))
    return np.einsum("iypre,ni,ny,np,nr->ne", tensor.w, identity, yaw, pitch, roll, optimize=True)


def test_features_of_image_units_keep_the_images_aspect_and_are_the_usual_ones_of_a_square():
    square, wide = (landmark_features(in_image_units(faces(), side, 200.0)) for side in (200.0, 300.0))
    np.testing.assert_allclose(square, landmark_features(faces()), rtol=1e-9, atol=1e-12)
    assert np.abs(wide - landmark_features(faces())).max() > 0.1


@pytest.mark.parametrize("width", [140.0, 200.0, 333.0])
def test_a_laid_face_is_seen_in_image_units_too(width):
    points = landmark_features(in_image_units(faces(), width, 200.0)).reshape(-1, 468, 3)
    assert canonical_face().fits(with_one_scale(points)).all()
    np.testing.assert_allclose(
        landmark_features(with_one_scale(points)), landmark_features(faces()), rtol=1e-6, atol=1e-9
    )


def test_points_that_were_not_found_stay_so():
    assert np.isnan(with_one_scale(np.full((2, 468, 3), np.nan))).all()


def test_powell_s_angles_are_those_of_the_objective_written_out(tensor):
    """In float64 and whole, where the module rounds the curves to float32 and works in the tensor's own space."""
    w = tensor.w[:, :3, :3, :3].astype(np.float64)
    curves = [curve.parameters[:3] for curve in tensor.curves]

    def cost(unknowns, x):
        f = [
            a * np.cos(b * angle + c) + d for angle, (a, b, c, d) in zip(unknowns, [c.T for c in curves], strict=False)
        ]
        there = np.einsum("ime,m->ie", w.reshape(5, 27, -1), np.einsum("y,p,r->ypr", *f).ravel())
        return 0.5 * np.sum((x - unknowns[3:] @ there) ** 2)

    x = heads(tensor).astype(np.float32)
    found = solve_by_powell(tensor.w, tensor.curves, x)
    expected = [minimize(cost, np.zeros(8), args=(one.astype(np.float64),), method="Powell").x[:3] for one in x]
    np.testing.assert_allclose(found, expected, atol=np.radians(1.0))


def test_powell_leaves_out_faces_that_were_not_found(tensor):
    x = heads(tensor, 2)
    x[0, 7] = np.nan
    found = solve_by_powell(tensor.w, tensor.curves, x)
    assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


@pytest.fixture
def stored(tensor, tmp_path):
    """A function of units: the weights folder of sets of that tensor, one with the units of its name."""

    def write(*names):
        for name in names:
            path = tmp_path / "weights" / "nlml" / name / "tensor.safetensors"
            path.parent.mkdir(parents=True)
            path.write_bytes(tensor_bytes(tensor, "facemesh", units=name))
        return tmp_path / "weights" / "nlml"

    return write


def test_a_file_says_its_units_only_where_they_are_not_the_usual_ones(stored, tensor):
    folder = stored("pixels", "image")
    assert read_units(folder / "pixels" / "tensor.safetensors") == "pixels"
    assert read_units(folder / "image" / "tensor.safetensors") == "image"
    assert b"units" not in tensor_bytes(tensor, "facemesh")
    path = folder / "image" / "tensor.safetensors"
    path.write_bytes(tensor_bytes(tensor, "facemesh", units="miles"))  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"tensor\.safetensors: its landmarks' units"):
        read_units(path)


@pytest.mark.parametrize(
    ("options", "inputs"),
    [
        ({"weights": "pixels"}, Landmarks()),
        ({"weights": "image"}, Landmarks(units="image")),
        ({"weights": "image", "units": "pixels"}, Landmarks()),
        ({"weights": "pixels", "units": "image"}, Landmarks(units="image")),
        ({"weights": "pixels", "choices": "authors"}, Landmarks(crop="nlml", units="image")),
        ({"weights": "pixels", "choices": "authors", "units": "pixels"}, Landmarks(crop="nlml")),
    ],
)
def test_what_is_asked_for_is_as_the_option_says_else_as_the_choices_else_as_the_weights(stored, options, inputs):
    folder = stored("pixels", "image")
    estimator = NLMLTensor(NLMLTensor.Options(**options))
    estimator.find_weights(folder)
    assert estimator.inputs == inputs


def test_each_of_the_authors_choices_can_be_made_by_itself_and_taken_back(stored, tensor):
    stored("image")
    points = np.random.default_rng(5).normal(size=(3, 468, 3))

    def angles(options, convention):
        opened = open_estimator(f"nlml-tensor:weights=image{options}", device="cpu", weights="weights")
        rotations = opened.predict_landmarks(points).rotations
        return pose.grid_from_rotation(rotations, convention)

    theirs = solve_by_powell(tensor.w, tensor.curves, landmark_features(points))
    read = pose.rotation_from_euler(np.degrees(theirs))
    np.testing.assert_allclose(pose.rotation_from_euler(angles(":choices=authors", "pitch-yaw-roll")), read, atol=1e-6)
    by_convention = pose.rotation_from_grid(np.degrees(theirs), "yaw-pitch-roll")
    for options in (":choices=authors:convention=yaw-pitch-roll", ":solver=powell"):
        found = pose.rotation_from_grid(angles(options, "yaw-pitch-roll"), "yaw-pitch-roll")
        np.testing.assert_allclose(found, by_convention, atol=1e-6)
    ours = angles("", "yaw-pitch-roll")
    np.testing.assert_allclose(angles(":choices=authors:solver=marquardt", "pitch-yaw-roll"), ours, atol=1e-6)


def test_an_answer_of_powell_has_the_standard_error_that_least_squares_have_there(tensor, stored):
    stored("image")
    opened = open_estimator("nlml-tensor:weights=image:solver=powell", device="cpu", weights="weights")
    points = np.random.default_rng(5).normal(size=(2, 468, 3))
    points[1] = np.nan
    confidence = opened.predict_landmarks(points).confidence
    assert -180 <= confidence[0] < 0 and np.isnan(confidence[1])


def test_info_says_what_the_authors_choices_are(hpe_bench):
    told = " ".join(hpe_bench("info", "nlml-tensor", COLUMNS="200").stdout.split())
    assert "units=image, convention=pitch-yaw-roll" in told and "powell" in told and "--crop nlml" in told


@pytest.mark.parametrize("option", ["solver=powell", "choices=authors"])
def test_a_margin_is_refused_where_the_solver_has_no_bounds(option):
    with pytest.raises(UsageError, match="options: margin makes no difference here: solver=powell has no bounds"):
        open_estimator(f"nlml-tensor:{option}:margin=20", device="cpu")
    assert NLMLTensor.Options(choices="authors", solver="marquardt", margin=20).solves_by == "marquardt"
