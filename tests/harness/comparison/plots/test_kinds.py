"""Plots of runs as files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hpe_bench import UsageError
from hpe_bench.comparison.curves import Binned, scored_runs
from hpe_bench.comparison.plots.errors import _reach
from hpe_bench.comparison.plots.kinds import KINDS, Wish, extended, plot_kind
from hpe_bench.comparison.plots.style import plain

WISH = Wish("d/all, view 'all'")


@pytest.fixture
def runs(turned):
    rng = np.random.default_rng(5)
    sure = turned("a$^{x", rng.uniform(0, 10, 80), confidence=rng.uniform(size=80))
    return scored_runs([turned("_b:weights=full", rng.uniform(0, 30, 80)), sure])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_writes_a_png_and_an_svg_that_name_the_estimators(runs, kind, tmp_path):
    files = plot_kind(kind, runs, WISH, tmp_path / "deep" / "p")
    pngs, svgs = ([path for path in files if path.suffix == suffix] for suffix in (".png", ".svg"))
    assert len(pngs) == len(svgs) >= 1 and all(path.exists() for path in files)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pngs)
    text = "".join(path.read_text() for path in svgs)
    if kind != "histogram":  # it is of the samples alone
        assert "a$^{x" in text and ("_b:weights=full" in text) == (kind != "risk-coverage")
    assert not list((tmp_path / "deep").glob(".*"))


def test_the_svg_is_the_same_every_time_and_asks_for_nothing_from_elsewhere(runs, tmp_path):
    first, second = (plot_kind("ranges", runs, WISH, tmp_path / name)[1].read_text() for name in "xy")
    assert first == second
    assert not re.search(r'(href|src)="(?!#|data:)', first)


def test_an_interval_that_is_not_known_has_no_whisker_and_none_goes_beyond_a_half_turn():
    binned = Binned(
        np.arange(4.0),
        np.array([1, 30, 30]),
        np.array([5.0, 9.0, 170.0]),
        *np.array([[np.nan, 8.0, 150.0], [np.nan, 11.0, 210.0]]),
    )
    np.testing.assert_array_equal(_reach(binned), [[np.nan, 1, 20], [np.nan, 2, 10]])


def test_a_suffix_chooses_the_format(runs, tmp_path):
    assert [path.name for path in plot_kind("cumulative", runs, WISH, tmp_path / "c.svg")] == ["c.svg"]
    assert [path.name for path in plot_kind("cumulative", runs, WISH, tmp_path / "v1.2")] == ["v1.2.png", "v1.2.svg"]


def test_several_axes_are_several_files(runs, tmp_path):
    wish = Wish("x", axes=("yaw", "roll"), measure="mae")
    names = [path.name for path in plot_kind("error", runs, wish, tmp_path / "e.png")]
    assert names == ["e-yaw.png", "e-roll.png"]


def test_along_each_axis_the_error_of_its_own_angle_can_be_drawn(runs, tmp_path):
    cuts = {"yaw": [-60.0, 0, 60], "": [-20.0, -5, 20]}
    wish = Wish("x", axes=("yaw", "pitch"), measure="angle", cuts=cuts)
    for axis, shown in (("yaw", ["-60° to 0°", "0° to 60°"]), ("pitch", ["-20° to -5°", "-5° to 20°"])):
        text = (plot_kind("ranges", runs, wish, tmp_path / "r.svg")[axis == "pitch"]).read_text()
        assert f"MAE of {axis} (degrees)" in text and all(name in text for name in shown)


def test_estimators_of_one_label_do_not_write_over_each_other(turned, tmp_path):
    runs = scored_runs([turned("same", np.full(30, 1.0)), turned("same", np.full(30, 2.0))])
    files = plot_kind("angles", runs, WISH, tmp_path / "a.png")
    assert len(set(files)) == 2


def test_without_a_confidence_there_is_no_risk_coverage(turned, tmp_path):
    assert plot_kind("risk-coverage", scored_runs([turned("a", np.ones(30))]), WISH, tmp_path / "r") == []


def test_a_view_without_samples_is_an_error(turned, tmp_path):
    run = turned("a", np.ones(3))
    run.prediction[:] = np.nan
    with pytest.raises(UsageError, match="nothing to draw"):
        plot_kind("error", scored_runs([run], "detected"), WISH, tmp_path / "e")


def test_a_run_without_samples_in_a_view_is_named(turned, tmp_path):
    runs = [turned("some", np.ones(30)), turned("nothing", np.ones(30))]
    runs[1].prediction[:] = np.nan
    (path,) = plot_kind("cumulative", scored_runs(runs, "detected"), WISH, tmp_path / "c.svg")
    assert "Without any sample in this view: nothing" in path.read_text()


def test_file_names_hold_no_separators():
    assert extended(Path("a/p.png"), "../x:y z") == Path("a/p-..-x-y-z.png")


def test_matplotlib_takes_labels_as_they_are():
    assert plain("a$b") == r"a\$b" and plain("_hidden") == " _hidden"
