"""The plot of trainings, epoch by epoch, and what it takes from their runs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hpe_bench.comparison.plots.learning import learning_charts, learning_curve, plot_learning, zero_pose
from hpe_bench.errors import UsageError
from hpe_bench.runs.train.runfile import TrainingRun


def run(name, stages, curves, trained_on="heads"):
    manifest = {
        "label": f"nlml/{name}",
        "trained_on": trained_on,
        "stages": [{"name": stage, "figures": figures, "seconds": 1.0} for stage, figures in stages.items()],
    }
    kept = {stage: {curve: np.array(values) for curve, values in own.items()} for stage, own in curves.items()}
    return TrainingRun(Path(f"{name}.h5"), manifest, kept)


ZERO = {"validation_mae_degrees": 2.0, "zero_mae_degrees": 22.2}
GOOD = run("good", {"encoder": ZERO}, {"encoder": {"loss": [3.0, 1.0, 0.5], "mae_degrees": [20.0, 5.0, 2.0]}})
POOR = run("$poor", {"training": ZERO}, {"training": {"validation_mae_degrees": [22.5, 22.4]}}, "images")
SILENT = run("silent", {"fit": {"loss": 1.0}}, {"fit": {"loss": [2.0, 1.0]}})


def test_the_curve_is_of_every_stage_that_was_validated_one_after_the_other():
    two = run("two", {}, {"a": {"loss": [1.0]}, "b": {"mae_degrees": [9.0, 8.0]}, "c": {"mae_degrees": [3.0]}})
    np.testing.assert_array_equal(learning_curve(two, "mae"), [9.0, 8.0, 3.0])
    np.testing.assert_array_equal(learning_curve(POOR, "mae"), [22.5, 22.4])
    assert not len(learning_curve(SILENT, "mae")) and not len(learning_curve(two, "ge"))


def test_the_zero_pose_is_that_of_the_last_stage_that_tells_it():
    told = {"heads": {"zero_mae_degrees": 30.0}, "joint": {"zero_mae_degrees": 21.0}, "end": {"zero_mae_degrees": None}}
    assert zero_pose(run("x", told, {}), "mae") == 21.0
    assert zero_pose(GOOD, "ge") is None and zero_pose(SILENT, "mae") is None


def test_trainings_stand_beside_each_other_and_the_zero_pose_once(tmp_path):
    png, svg = plot_learning([GOOD, POOR, SILENT], "mae", tmp_path / "learning")
    assert png.read_bytes().startswith(b"\x89PNG")
    text = svg.read_text()
    assert "nlml/good" in text and "nlml/$poor" in text and text.count("zero pose, 22.2") == 1
    assert "Trained on heads; images. Without such a curve: nlml/silent" in " ".join(text.split())
    assert plot_learning([GOOD, POOR, SILENT], "mae", tmp_path / "again")[1].read_text() == text


def test_trainings_without_such_a_curve_are_not_drawn(tmp_path):
    with pytest.raises(UsageError, match="geodesic error"):
        plot_learning([GOOD, SILENT], "ge", tmp_path / "x")
    assert not list(tmp_path.iterdir())


# Everything that was recorded, as charts


def training(label, curves, name="a"):
    arrays = {stage: {key: np.array(values) for key, values in own.items()} for stage, own in curves.items()}
    return SimpleNamespace(label=label, path=Path(f"{name}.h5"), curves=arrays)


def test_a_stage_is_a_chart_and_a_figure_a_panel_with_a_line_for_each_training_that_has_it():
    one = training("net/one", {"encoder": {"loss": [3.0, 2, 1], "row_error": [1.0, 1, 1]}})
    two = training("net/two", {"encoder": {"loss": [5.0, 4]}, "joint": {"loss": [1.0]}})
    encoder, joint = learning_charts([one, two])
    assert (encoder.name, joint.name) == ("encoder", "joint")
    loss, error = encoder.panels
    assert [(line.name, line.x.tolist(), line.y.tolist()) for line in loss.lines] == [
        ("net/one", [1, 2, 3], [3, 2, 1]),
        ("net/two", [1, 2], [5, 4]),
    ]
    assert error.title == "row error" and [line.name for line in error.lines] == ["net/one"]
    assert joint.panels[0].lines[0].marks == "both"  # a single point makes no line


def test_trainings_of_one_label_are_told_apart_by_their_files():
    same = [training("net/x", {"s": {"loss": [1.0, 2, 3]}}, name) for name in ("a", "b")]
    assert [line.name for line in learning_charts(same)[0].panels[0].lines] == ["net/x (a)", "net/x (b)"]


def test_any_name_of_a_stage_makes_a_name_of_a_file():
    assert learning_charts([training("n", {"a/b: c": {"loss": [1.0]}})])[0].name == "a-b-c"


def test_trainings_without_curves_have_nothing_to_draw():
    with pytest.raises(UsageError, match="recorded no curves"):
        learning_charts([training("net/x", {})])
