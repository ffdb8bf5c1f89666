"""Curves of trainings as charts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hpe_bench import UsageError
from hpe_bench.comparison.plots.learning import learning_charts


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
