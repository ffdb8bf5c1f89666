"""Training NLML-HPE: every stage learns, an interrupted training ends as a whole one, the files say what they are."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import UsageError, metrics, pose
from hpe_bench_plugins.estimators.nlml.estimator import NLML, LandmarkMLP, NLMLTensor
from hpe_bench_plugins.estimators.nlml.options import PRESETS, NetworkTraining, NLMLTraining
from hpe_bench_plugins.estimators.nlml.weights import read_tensor

pytest.importorskip("torch")
pytest.importorskip("safetensors")

QUICK = {"epochs": 15, "encoder_epochs": 10, "batch": 64, "noise": 0.002, "turn": 4.0, "head_epochs": 20}


def store(trained, folder):
    folder.mkdir(parents=True)
    for name, content in trained.files.items():
        (folder / name).write_bytes(content)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, recorded, heads):
    """One training that several tests look at: what it recorded, and its weights folder."""
    training = recorded({"heads": heads()}, NLMLTraining(**QUICK))
    folder = tmp_path_factory.mktemp("weights") / "nlml"
    store(NLML.train(training), folder / "default")
    return training, folder


def load(kind, folder, **options):
    estimator = kind(kind.Options(**options))
    estimator.load(estimator.find_weights(folder), "cpu")
    return estimator


def held_out(heads):
    grid = heads().grid("validation")
    return grid.read(0, len(grid)).reshape(-1, 468, 3), np.tile(
        grid.axes.rotations().reshape(-1, 3, 3), (len(grid), 1, 1)
    )


def errors(prediction, rotations):
    return metrics.geodesic_error(rotations, prediction.rotations)


def test_every_stage_reports_its_own_figure(trained):
    figures = trained[0].figures
    assert list(figures) == ["tensor", "curves", "encoder", "heads", "joint"]
    assert 0 <= figures["tensor"]["relative_error"] < 0.05 and figures["tensor"]["identities"] == 6
    assert all(value < 0.05 for value in figures["curves"].values())
    assert figures["heads"]["yaw_error_degrees"] < 1
    assert figures["joint"]["validation_ge_degrees"] < figures["heads"]["validation_ge_degrees"]
    curve = trained[0].curves["encoder"]
    assert len(curve) == QUICK["encoder_epochs"] and curve[-1]["loss"] < 0.3 * curve[0]["loss"]


def test_the_factors_are_kept_beside_their_curves_and_the_singular_values_in_the_run(trained, heads):
    training, folder = trained
    tensor = read_tensor(folder / "default" / "tensor.safetensors")
    axes = heads().grid("train").axes
    for angle, bins, rows, curve in zip(
        pose.ANGLES, tensor.factors.bins, tensor.factors.rows, tensor.curves, strict=True
    ):
        assert bins.tolist() == list(getattr(axes, angle))
        np.testing.assert_allclose(rows.T @ rows, np.eye(3), atol=1e-9)
        np.testing.assert_allclose(curve(np.radians(bins)), rows, atol=0.05)
    points = training.curves["singular_values"]
    assert [point["yaw"] for point in points[:5]] == tensor.factors.singular["yaw"].tolist()
    assert len(points) == 6 and "roll" in points[2] and "roll" not in points[3]
    assert sum(point["identity_percent"] for point in points) == pytest.approx(100)
    kept = sum(point["yaw_percent"] for point in points[:3])
    assert training.figures["tensor"]["yaw_energy_percent"] == pytest.approx(kept) and 90 < kept < 100


def test_what_singular_values_are_left_out_is_reported_and_stands_in_the_card(recorded, heads, monkeypatch):
    module = "hpe_bench_plugins.estimators.nlml.training.singular_values"
    found = {"identity": np.zeros(0), **{angle: np.array([3.0, 2.0, 1.0]) for angle in pose.ANGLES}}
    monkeypatch.setattr(module, lambda chunks, identities: found)
    training = recorded({"heads": heads(2)}, NLMLTraining(epochs=1, encoder_epochs=1, head_epochs=1, head_step=1.0))
    about = NLML.train(training).about
    assert np.isnan(training.figures["tensor"]["identity_energy_percent"])
    assert training.figures["tensor"]["yaw_energy_percent"] == pytest.approx(100)
    assert about["singular_values"].startswith("those of identity are left out")


def test_all_singular_values_there_the_card_says_nothing_of_them(trained, recorded, heads):
    assert np.isfinite(trained[0].figures["tensor"]["identity_energy_percent"])
    training = recorded({"heads": heads(2)}, NLMLTraining(epochs=1, encoder_epochs=1, head_epochs=1, head_step=1.0))
    assert "singular_values" not in NLML.train(training).about


def test_the_network_and_the_tensor_estimate_held_out_heads(trained, heads):
    landmarks, rotations = held_out(heads)
    for kind, limit in ((NLML, 2.5), (NLMLTensor, 1.0)):
        prediction = load(kind, trained[1]).predict_landmarks(landmarks)
        assert errors(prediction, rotations).mean() < limit


def test_a_face_that_was_not_found_has_no_answer(trained, heads):
    landmarks = held_out(heads)[0][:3].copy()
    landmarks[1] = np.nan
    for kind in (NLML, NLMLTensor):
        found = np.isfinite(load(kind, trained[1]).predict_landmarks(landmarks).rotations).all(axis=(1, 2))
        assert found.tolist() == [True, False, True]
        nobody = load(kind, trained[1]).predict_landmarks(np.full((2, 468, 3), np.nan))
        assert np.isnan(nobody.rotations).all()


def test_the_convention_of_the_grid_is_kept(recorded, heads, tmp_path):
    options = NLMLTraining(**{**QUICK, "epochs": 12, "encoder_epochs": 4})
    training = recorded({"heads": heads(convention="yaw-pitch-roll")}, options)
    store(NLML.train(training), tmp_path / "nlml" / "default")
    grid = heads(convention="yaw-pitch-roll").grid("validation")
    landmarks = grid.read(0, 1).reshape(-1, 468, 3)
    for kind, limit in ((NLML, 6.0), (NLMLTensor, 1.0)):
        prediction = load(kind, tmp_path / "nlml").predict_landmarks(landmarks)
        assert errors(prediction, grid.axes.rotations().reshape(-1, 3, 3)).mean() < limit


def test_an_interrupted_training_ends_as_if_it_had_not_been(recorded, heads):
    options = NLMLTraining(epochs=3, encoder_epochs=3, batch=64, head_epochs=2)
    whole = NLML.train(recorded({"heads": heads()}, options))
    checkpoints = {}
    for stop in (2, 1, 2):
        with pytest.raises(KeyboardInterrupt):
            NLML.train(recorded({"heads": heads()}, options, checkpoints=checkpoints, interrupt=stop))
    resumed = NLML.train(recorded({"heads": heads()}, options, checkpoints=checkpoints))
    assert resumed.files == whole.files


def test_another_seed_gives_another_network(recorded, heads):
    options = NLMLTraining(epochs=1, encoder_epochs=1, batch=64, head_epochs=1)
    first, second = (NLML.train(recorded({"heads": heads()}, options, seed=seed)) for seed in (0, 1))
    assert first.files["tensor.safetensors"] == second.files["tensor.safetensors"]
    assert first.files["network.safetensors"] != second.files["network.safetensors"]


def test_early_stopping_leaves_the_best_epoch(recorded, heads):
    training = recorded({"heads": heads()}, NetworkTraining(epochs=40, batch=64, patience=2, rate=2e-3))
    LandmarkMLP.train(training)
    curve = [point["ge_degrees"] for point in training.curves["network"]]
    assert len(curve) < 40 and np.argmin(curve) == len(curve) - 3
    assert training.figures["network"]["validation_ge_degrees"] == min(curve)


def test_fewer_identities_than_the_rank_lower_it(recorded, heads):
    training = recorded({"heads": heads(identities=2)}, NLMLTraining(epochs=1, encoder_epochs=1, head_epochs=1))
    assert set(NLML.train(training).files) == {"tensor.safetensors", "network.safetensors"}


def test_ranks_beyond_the_grid_are_refused(recorded, heads):
    with pytest.raises(UsageError, match="ranks"):
        NLML.train(recorded({"heads": heads()}, NLMLTraining(ranks="5,3,9,3")))


def test_a_tensor_of_scattered_poses_is_refused(recorded, heads):
    dataset = heads()
    dataset.grid = lambda part, made=dataset.grid: _scattered(made(part))
    with pytest.raises(UsageError, match="scattered"):
        NLML.train(recorded({"heads": dataset}, NLMLTraining()))


def _scattered(grid):
    grid.regular = False
    return grid


def test_the_presets_fit_the_options():
    for preset in PRESETS.values():
        NLMLTraining(**preset.options)
    assert NLMLTraining(**PRESETS["reference"].options).optimizer == "sgd"


def test_limits_reach_beyond_the_grid_only_by_the_margin(trained):
    solver = load(NLMLTensor, trained[1], margin=0)
    turned = pose.rotation_from_euler([70.0, 0.0, 0.0])
    from hpe_bench import canonical_face

    prediction = solver.predict_landmarks((10 * canonical_face().points @ turned.T)[None])
    assert abs(pose.euler_from_rotation(prediction.rotations)[0, 0] - 40) < 1e-6


def test_an_estimator_is_opened_from_python(trained, heads):
    from hpe_bench import open_estimator

    landmarks, rotations = held_out(heads)
    for name in ("nlml", "nlml-tensor"):
        opened = open_estimator(name, weights=trained[1].parent, device="cpu")
        assert errors(opened.predict_landmarks(landmarks), rotations).mean() < 2.5
    with pytest.raises(UsageError):
        open_estimator("nlml:weight=default")


@pytest.mark.parametrize("convention", ["pitch-yaw-roll", "yaw-pitch-roll"])
def test_unlikely_poses_weigh_less(convention):
    import torch

    from hpe_bench_plugins.estimators.nlml.fitting import pose_weights

    def weights(angles, likely=20.0):
        rotations = pose.rotation_from_grid(np.array(angles, dtype=float), convention)
        return pose_weights(torch.from_numpy(rotations), convention, likely).numpy()

    spread = np.exp(-0.5)
    np.testing.assert_allclose(weights([(0, 0, 0), (80, 0, 0), (60, 20, 0), (-60, -20, 20)]), [1, 1, spread, spread**2])
    np.testing.assert_allclose(weights([(40, 50, -30)], likely=0.0), 1)
    if convention == "yaw-pitch-roll":  # in the other one yaw ends at 90
        np.testing.assert_allclose(weights([(95, 0, 0), (-100, 0, 0)]), [spread, spread**4])


def test_held_out_cells_are_weighted_as_in_training(heads):
    from hpe_bench_plugins.estimators.nlml.cells import Cells
    from hpe_bench_plugins.estimators.nlml.fitting import Held

    cells = Cells([heads().grid("validation")])
    alike, likely = (Held.of(cells, 100, "pitch-yaw-roll", spread) for spread in (0.0, 10.0))
    upright = np.broadcast_to(np.eye(3), alike.rotations.shape)
    errors = alike.errors(upright), likely.errors(upright)
    assert (alike.weights == 1).all() and likely.weights.min() < 0.5
    geodesic = metrics.geodesic_error(likely.rotations, upright)
    assert errors[0]["ge_degrees"] == pytest.approx(geodesic.mean())
    assert errors[1]["ge_degrees"] == pytest.approx((likely.weights * geodesic).sum() / likely.weights.sum())
    assert errors[1]["mae_degrees"] < errors[0]["mae_degrees"]
