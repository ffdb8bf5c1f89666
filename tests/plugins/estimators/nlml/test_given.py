"""A tensor that was made elsewhere, to train the network on: what is read, what fits, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import DataError, GridAxes, MissingError, UsageError
from hpe_bench_plugins.estimators.nlml.options import FACTORS, PRESETS, NLMLTraining
from hpe_bench_plugins.estimators.nlml.weights import read_tensor

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

#: The range of what the authors released, as its files have no word of it.
AXES = GridAxes((-50.0, 0.0, 50.0), (-40.0, 0.0, 40.0), (-30.0, 0.0, 30.0), "yaw-pitch-roll")
QUICK = {"encoder_epochs": 1, "head_epochs": 1, "head_step": 1.0, "batch": 32}


@pytest.fixture
def released(tmp_path):
    """Writes what the reference work's training leaves, of made-up numbers; returns its Trained_data.npz."""

    def write(bins=(3, 3, 3), folder=tmp_path, **changes):
        folder.mkdir(exist_ok=True)
        rng = np.random.default_rng(0)
        content = {"W": rng.normal(size=(5, 3, 3, 3, 1404)).astype(np.float32), "CoreTensor": np.zeros(3)}
        factors = {"U_id": np.zeros((4, 5))}
        for angle, count in zip(("yaw", "pitch", "roll"), bins, strict=True):
            content[f"optimized_{angle}"] = rng.normal(size=(3, 4))
            factors[f"U_{angle}"] = rng.normal(size=(count, 3)).astype(np.float32)
        whole = {**content, **factors, **changes}
        np.savez(folder / "Trained_data.npz", **{name: whole[name] for name in content})
        np.savez(folder / FACTORS, **{name: whole[name] for name in factors})
        return folder / "Trained_data.npz"

    return write


def train(recorded, heads, path, preset="authors", axes=AXES, **more):
    from hpe_bench_plugins.estimators.nlml.estimator import NLML

    dataset = heads(identities=2)
    dataset._axes = axes
    training = recorded(
        {"heads": dataset}, NLMLTraining(**{**PRESETS[preset].options, **QUICK, "tensor": path, **more})
    )
    return training, NLML.train(training)


@pytest.mark.parametrize("preset", ["authors", "reference", "default"])
def test_it_stands_in_for_the_decomposition_and_is_stored_with_the_network(recorded, heads, released, tmp_path, preset):
    path = released()
    training, trained = train(recorded, heads, path, preset, epochs=1)
    assert training.figures["tensor"] == {"identity_rank": 5, "yaw_rank": 3, "pitch_rank": 3, "roll_rank": 3}
    assert "tensor.npz" not in training.checkpoints and "Trained_data.npz" in trained.about["tensor"]
    stored = tmp_path / "tensor.safetensors"
    stored.write_bytes(trained.files["tensor.safetensors"])
    ours, theirs = read_tensor(stored), read_tensor(path)
    np.testing.assert_array_equal(ours.w, theirs.w)
    assert ours.limits == (50.0, 40.0, 30.0) and ours.convention == trained.about["convention"] == "yaw-pitch-roll"


def test_the_encoder_learns_the_rows_of_the_factors_beside_it(recorded, heads, released):
    from hpe_bench_plugins.estimators.nlml.given import Made, read_given

    path = released()
    options = NLMLTraining(**PRESETS["authors"].options, tensor=path)
    assert options.factors == path.parent / FACTORS, "named, its content counts"
    tensor = read_given(path, options, recorded({}, options))
    assert [bins.tolist() for bins in tensor.factors.bins] == [[-50, 0, 50], [-40, 0, 40], [-30, 0, 30]]
    with np.load(path.parent / FACTORS) as content:
        corner = np.concatenate([content["U_yaw"][0], content["U_pitch"][2], content["U_roll"][1]])
    cell = torch.from_numpy(AXES.rotations()[0, 2, 1][None].astype(np.float32))
    np.testing.assert_allclose(Made(tensor, tensor.factors).rows("cpu")(cell)[0].numpy(), corner, atol=1e-6)


def test_a_grid_that_it_has_no_rows_for_is_refused_with_the_mend(recorded, heads, released):
    path, finer = released(), (-50.0, -25.0, 0.0, 25.0, 50.0)
    other = GridAxes(AXES.yaw, AXES.pitch, AXES.roll, "pitch-yaw-roll")
    between = GridAxes(finer, AXES.pitch, AXES.roll, AXES.convention)
    wide = GridAxes((-80.0, 0.0, 80.0), AXES.pitch, AXES.roll, AXES.convention)
    for axes, more, mend in (
        (other, {}, "-d convention=yaw-pitch-roll.*rows=curves"),
        (other, {"rows": "curves"}, "beyond its 50, 40, 30.*-d convention=yaw-pitch-roll"),
        (between, {}, r"3 bins of yaw from -50 to 50.*-d yaw=50 -d pitch=40 -d roll=30.*rows=curves"),
        (wide, {"rows": "curves"}, "turns heads by 80, 40, 30.*-d yaw=50"),
    ):
        with pytest.raises(UsageError, match=f"(?s){mend}"):
            train(recorded, heads, path, axes=axes, **more)
    train(recorded, heads, path, axes=between, rows="curves")


def test_without_the_factors_the_error_says_what_to_do_and_the_curves_need_none(recorded, heads, released):
    path = released()
    (path.parent / FACTORS).unlink()
    with pytest.raises(MissingError, match=rf"no {FACTORS} beside.*-o factors=.*-o rows=curves"):
        train(recorded, heads, path)
    train(recorded, heads, path, rows="curves")
    with pytest.raises(MissingError, match=r"no file .*nothing.npz \(-o tensor=\)"):
        train(recorded, heads, path.with_name("nothing.npz"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"U_yaw": np.zeros((2, 3))}, r"U_yaw has shape \(2, 3\)"),
        ({"U_pitch": np.zeros((3, 2))}, r"U_pitch has shape \(3, 2\)"),
        ({"U_roll": np.zeros(3)}, r"U_roll has shape \(3,\)"),
        ({"U_roll": np.full((3, 3), np.inf)}, "not finite"),
        ({"U_roll": np.array([{"a": "pickle"}] * 3, dtype=object)}, "not a readable Factor_Matrices.npz"),
        ({"W": np.zeros((5, 3, 3, 2, 1404), np.float32)}, "do not fit together"),
    ],
)
def test_files_that_are_not_what_they_should_be_are_refused_and_nothing_is_unpickled(
    recorded, heads, released, changes, said
):
    with pytest.raises(DataError, match=said):
        train(recorded, heads, released(**changes))


def test_damaged_factors_are_refused(recorded, heads, released):
    path = released()
    (path.parent / FACTORS).write_bytes((path.parent / FACTORS).read_bytes()[:300])
    with pytest.raises(DataError, match=FACTORS):
        train(recorded, heads, path)


def test_what_the_authors_released_fits_its_curves_as_this_program_reads_them(recorded, shared):
    from hpe_bench_plugins.estimators.nlml.given import read_given

    path = shared("weights/nlml") / "Trained_data.npz"
    options = NLMLTraining(**PRESETS["authors"].options, tensor=path)
    training = recorded({}, options)
    bins = read_given(path, options, training).factors.bins
    assert [len(own) for own in bins] == [11, 9, 7] and bins[0][1] == -40
    residuals = training.figures["curves"]
    assert residuals["yaw_relative_residual"] < 0.03 and residuals["roll_relative_residual"] < 0.03
    assert 0.1 < residuals["pitch_relative_residual"] < 0.2, "their pitch curves are the worst fit"
