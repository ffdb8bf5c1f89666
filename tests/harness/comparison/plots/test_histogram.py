"""Histograms of the true angles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hpe_bench.comparison.curves import counts_between, scored_runs
from hpe_bench.comparison.plots import histogram
from hpe_bench.comparison.plots.histogram import plot_histogram


@pytest.fixture
def run(turned):
    """A run of eight samples with yaws of known places."""
    made = turned("a", np.zeros(8))
    made.euler[:] = 0.0
    made.euler[:, 0] = [-51, -33.33, -20, 0, 5, 33.33, 51, 80]
    made.euler[:, 1] = np.arange(8.0)
    return made


@pytest.fixture
def panels(monkeypatch):
    """A function of what a histogram is made of: its panels, by the edges and heights of their bars, and their text."""
    kept = []
    monkeypatch.setattr(histogram, "save", lambda figure, path: kept.append(figure) or [path])

    def draw(runs, axes, edges=None, step=None):
        plot_histogram(runs, axes, Path("unused"), "about", edges, step)
        return kept[-1]

    return draw


def bars(axes):
    return [(patch.get_x(), patch.get_x() + patch.get_width(), patch.get_height()) for patch in axes.patches]


def test_bars_stand_between_the_edges_given_and_what_is_outside_is_counted(run, panels):
    edges = {"yaw": np.array([-51, -33.33, -16.67, 0, 16.67, 33.33, 51])}
    figure = panels(scored_runs([run]), ("yaw", "roll"), edges)
    yaw, roll = figure.axes
    assert [height for *_, height in bars(yaw)] == [1, 2, 0, 2, 0, 2]
    np.testing.assert_allclose([low for low, *_ in bars(yaw)], edges["yaw"][:-1])
    assert "1 outside" in [text.get_text() for text in yaw.texts] and not any("out" in t.get_text() for t in roll.texts)
    assert "8 samples" in figure.get_supxlabel() and yaw.get_xlabel() == "true yaw (degrees)"


def test_without_edges_bins_are_of_a_step(run, panels):
    (yaw,) = panels(scored_runs([run]), ("yaw",), step=20.0).axes
    heights = [1, 1, 1, 2, 1, 1, 1]  # a yaw of -20 is at the lower edge of its bin, one of 80 at the end of the last
    assert bars(yaw) == [(20 * place - 60, 20 * place - 40, height) for place, height in enumerate(heights)]


def test_a_sample_counts_once_however_many_runs_have_it(run, panels, turned):
    other = turned("b", np.zeros(8))
    other.euler[:] = run.euler
    (pitch,) = panels(scored_runs([run, other]), ("pitch",), step=4.0).axes
    assert sum(height for *_, height in bars(pitch)) == 8


def test_a_range_has_its_lower_edge_and_the_last_both():
    assert counts_between(np.array([0.0, 10.0, 20.0, 20.0 + 1e-12, 21.0]), np.array([0.0, 10.0, 20.0])).tolist() == [
        1,
        3,
    ]
