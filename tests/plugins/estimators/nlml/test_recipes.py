"""The reference work's recipe, as its scripts have it and mended: start, loss, stages, heads, rotation features."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import UsageError
from hpe_bench.options import idle_options
from hpe_bench_plugins.estimators.nlml.estimator import NLML
from hpe_bench_plugins.estimators.nlml.options import PRESETS, NLMLTraining

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

SMALL = {"encoder_epochs": 2, "head_epochs": 1, "head_step": 0.5, "batch": 64}


def options(preset="authors", **more):
    return NLMLTraining(**{**PRESETS[preset].options, **SMALL, **more})


def train(recorded, dataset, chosen):
    training = recorded({"heads": dataset}, chosen)
    return training, NLML.train(training)


def network_of(trained, tmp_path):
    from hpe_bench_plugins.estimators.nlml.weights import read_network

    path = tmp_path / "network.safetensors"
    path.write_bytes(trained.files["network.safetensors"])
    return read_network(path)[0]


def test_heads_come_first_and_every_epoch_of_the_encoder_has_its_error_in_degrees(recorded, heads):
    training, _ = train(recorded, heads(), options())
    assert list(training.figures) == ["tensor", "curves", "heads", "encoder"]
    curve = training.curves["encoder"]
    assert len(curve) == 2 and all({"loss", "row_error", "ge_degrees", "mae_degrees"} == set(point) for point in curve)
    figures = training.figures["encoder"]
    assert figures["validation_mae_degrees"] == curve[-1]["mae_degrees"], "the last epoch is kept"
    # Of yaw 0, 20, 40, pitch and roll 0, 20 to either side.
    assert figures["zero_mae_degrees"] == pytest.approx((24 + 40 / 3 + 40 / 3) / 3)


def test_the_mended_recipe_learns_where_its_weights_do_not_start_small(recorded, heads):
    longer = {"encoder_epochs": 12, "head_epochs": 20, "head_step": 0.1, "batch": 32, "step": 10}
    training, _ = train(recorded, heads(identities=8), options("reference", **longer))
    figures = training.figures["encoder"]
    assert figures["validation_mae_degrees"] < 0.5 * figures["zero_mae_degrees"]
    training, _ = train(recorded, heads(identities=8), options("reference", **longer, start="small"))
    figures = training.figures["encoder"]
    assert figures["validation_mae_degrees"] > 0.9 * figures["zero_mae_degrees"]


def test_small_weights_start_between_their_bounds_with_biases_of_0(recorded, heads, tmp_path):
    _, trained = train(recorded, heads(), options(encoder_rate=1e-12))
    network = network_of(trained, tmp_path)
    layers = [layer for layer in network.encoder if isinstance(layer, torch.nn.Linear)]
    for layer in layers:
        assert layer.weight.min().item() >= 1e-5 and layer.weight.max().item() <= 1e-3
        assert layer.bias.abs().max().item() < 1e-9
    assert layers[0].weight.mean().item() == pytest.approx((1e-5 + 1e-3) / 2, rel=0.01)


def test_the_sum_over_the_angles_is_three_times_the_mean_over_the_rows(recorded, heads):
    losses = [
        train(recorded, heads(), options(row_loss=kind, encoder_rate=1e-12))[0].curves["encoder"][0]["loss"]
        for kind in ("sum", "mean")
    ]
    assert losses[0] == pytest.approx(3 * losses[1])


def test_heads_by_passes_learn_the_curves_over_the_range_alone(recorded, heads):
    training, _ = train(recorded, heads(), options(head_epochs=30, head_step=0.1, encoder_epochs=1))
    assert max(training.figures["heads"].values()) < 1


def test_rows_of_factors_are_those_of_the_bins_and_of_curves_those_of_the_angles(recorded, heads):
    from hpe_bench_plugins.estimators.nlml.given import Made
    from hpe_bench_plugins.estimators.nlml.training import _decompose

    grid = heads().grid("train")
    tensor = _decompose(grid, recorded({}, options()))
    rotations = torch.from_numpy(grid.axes.rotations().reshape(-1, 3, 3).astype(np.float32))
    looked_up = Made(tensor, tensor.factors).rows("cpu")(rotations).numpy()
    yaw, pitch, roll = np.unravel_index(np.arange(len(rotations)), grid.axes.shape)
    own = np.concatenate(
        [factor[at] for factor, at in zip(tensor.factors.rows, (yaw, pitch, roll), strict=True)], axis=-1
    )
    np.testing.assert_allclose(looked_up, own, atol=1e-6)
    np.testing.assert_allclose(Made(tensor).rows("cpu")(rotations).numpy(), own, atol=0.02)


def test_rows_of_factors_allow_no_poses_between_the_bins():
    for more in ({"turn": 1.0}, {"tilt": 1.0}, {"mirror": True}, {"joint": True}):
        with pytest.raises(ValueError, match="between the bins"):
            options(**more)


def test_a_tensor_of_rotation_features_is_made_of_the_frontal_cells_alone(heads):
    from hpe_bench_plugins.estimators.nlml.training import feature_chunks

    grid = heads().grid("train")
    as_seen = np.concatenate(list(feature_chunks(grid)()))
    turned = np.concatenate(list(feature_chunks(grid, frontal=True)()))
    # These heads are turned exactly, and seen from far away.
    np.testing.assert_allclose(turned, as_seen, atol=1e-4)
    read = grid.read

    def disturbed(start, stop):
        points = read(start, stop)
        points[:, 0] += np.random.default_rng(0).normal(size=points[:, 0].shape)
        return points

    grid.read = disturbed
    assert not np.allclose(np.concatenate(list(feature_chunks(grid)())), as_seen, atol=1e-2)
    np.testing.assert_allclose(np.concatenate(list(feature_chunks(grid, frontal=True)())), turned)


def test_rotation_features_need_a_frontal_cell(recorded, heads):
    dataset = heads()
    axes = dataset.grid("train").axes
    dataset._axes = type(axes)((-20.0, -10.0, 10.0, 20.0), axes.pitch, axes.roll, axes.convention)
    with pytest.raises(UsageError, match="none at 0, 0, 0"):
        train(recorded, dataset, options())


def test_options_that_make_no_difference_are_known(tmp_path):
    assert {"epochs", "rate"} <= set(idle_options(options(), "learn-landmarks"))
    assert {"momentum", "step", "factors"} <= set(idle_options(NLMLTraining(), "learn-landmarks"))
    given = NLMLTraining(tensor=tmp_path / "Trained_data.npz")
    assert {"ranks", "rotation_features", "factors"} <= set(idle_options(given, "learn-landmarks"))
    assert "decay" not in idle_options(options(), "learn-landmarks"), "sgd has one"
    assert "patience" in idle_options(options(keep="last"), "learn-landmarks")
    assert "patience" not in idle_options(options(keep="best"), "learn-landmarks")
    assert "patience" not in idle_options(NLMLTraining(keep="last"), "learn-landmarks"), "of the last stage it is"
