"""What an estimator shows of its model becomes a figure of small multiples."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hpe_bench import Chart, DataError, Line, MissingError, Panel, UsageError
from hpe_bench.comparison.plots import models
from hpe_bench.comparison.plots.models import plot_chart, trained_spec
from hpe_bench.plugins import discover
from hpe_bench.runs.opening import charts_by_name
from hpe_bench.settings import resolve_folders
from hpe_bench.storage import file_digest

X = np.arange(5.0)


@pytest.fixture
def drawn(monkeypatch):
    """A function of a chart: the figure that would be saved."""
    kept = []
    monkeypatch.setattr(models, "save", lambda figure, path: kept.append(figure) or [path])

    def draw(chart):
        plot_chart(chart, "x:weights=$a", Path("unused"))
        return kept[-1]

    return draw


def test_values_that_differ_little_are_written_whole_not_as_an_offset_and_what_is_added_to_it(drawn):
    figure = drawn(Chart("c", [Panel("one", [Line("a", X, 41.09 + 1e-5 * X)])]))
    formatter = figure.axes[0].yaxis.get_major_formatter()
    formatter.set_locs([41.09, 41.09002, 41.09004])
    assert formatter.get_offset() == ""


def test_every_panel_has_its_lines_its_names_and_what_is_marked(drawn):
    panels = [
        Panel("one", [Line("a", X, X**2), Line("b", X, -X, "points")], "number", "value", (1.0, 3.0), note="y = x"),
        Panel("two", [Line("b", X[:3], X[:3] + 1, "both")], "number", "value", logarithmic=True),
        Panel("three", ()),
    ]
    figure = drawn(Chart("c", panels, 2, "About it."))
    first, second, third, unused = figure.axes
    assert [axes.get_title() for axes in (first, second, third)] == ["one", "two", "three"]
    np.testing.assert_array_equal(first.lines[0].get_xydata(), np.stack([X, X**2], axis=-1))
    assert first.lines[1].get_linestyle() == "None" and second.get_yscale() == "log"
    assert first.lines[1].get_color() == second.lines[0].get_color() != first.lines[0].get_color()
    (span,) = first.patches
    assert (span.get_x(), span.get_width()) == (1.0, 2.0) and first.texts[0].get_text() == "y = x"
    assert first.get_ylabel() == "value" and second.get_ylabel() == "" and not unused.axison
    assert [text.get_text() for text in figure.legends[0].texts] == ["a", "b"]
    assert r"x:weights=\$a. About it." in figure.get_supxlabel()


def test_a_chart_is_a_png_and_an_svg(tmp_path):
    files = plot_chart(Chart("c", [Panel("p", [Line("a", X, X)])]), "x", tmp_path / "c")
    assert [path.name for path in files] == ["c.png", "c.svg"] and all(path.stat().st_size for path in files)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Line("", X, X),
        lambda: Line("a", X, X[:2]),
        lambda: Line("a", X[:, None], X),
        lambda: Line("a", X, X, "dots"),
        lambda: Panel("p", [X]),
        lambda: Panel("p", [], span=(0.0, float("nan"))),
        lambda: Chart("c", []),
        lambda: Chart("../c", [Panel("p", [])]),
        lambda: Chart("c", [Panel("p", [])], 0),
    ],
)
def test_a_chart_that_cannot_be_drawn_is_refused_where_it_is_made(make):
    with pytest.raises(ValueError):
        make()


PLUGIN = """
import numpy as np
from hpe_bench import Chart, Estimator, Line, Panel, hookimpl

class Shows(Estimator):
    def charts(self, weights):
        return [Chart("lines", [Panel("p", [Line("a", np.arange(3), np.arange(3))])])]

class Wrong(Estimator):
    def charts(self, weights):
        return [1 / 0]

@hookimpl
def register_estimators(register):
    register("shows", Shows, summary="s")
    register("wrong", Wrong, summary="s")
"""


def test_what_a_plugin_shows_is_found_by_name_and_what_fails_in_it_is_told(tmp_path):
    (tmp_path / "shows.py").write_text(PLUGIN)
    registry, folders = discover([tmp_path / "shows.py"]), resolve_folders(weights=tmp_path)
    label, (chart,) = charts_by_name(registry, "shows", folders)
    assert label == "shows" and chart.name == "lines"
    with pytest.raises(UsageError, match="zero has no charts"):
        charts_by_name(registry, "zero", folders)
    with pytest.raises(UsageError, match="has no model"):
        charts_by_name(registry, "oracle", folders)
    with pytest.raises(Exception, match="wrong failed: ZeroDivisionError"):
        charts_by_name(registry, "wrong", folders)


def test_a_training_names_the_weights_that_it_made_as_long_as_they_are_there(tmp_path):
    folder = tmp_path / "weights" / "net" / "mine"
    folder.mkdir(parents=True)
    (folder / "w").write_bytes(b"1")
    files = {"w": file_digest(folder / "w")}
    manifest = {"estimator": "net", "name": "mine", "weights": {"folder": str(folder), "files": files}}
    run = SimpleNamespace(manifest=manifest, path=tmp_path / "run.h5")
    assert trained_spec(run) == ("net:weights=mine", tmp_path / "weights")
    (folder / "w").write_bytes(b"2")
    with pytest.raises(DataError, match="another training"):
        trained_spec(run)
    (folder / "w").unlink()
    with pytest.raises(MissingError, match="train it anew"):
        trained_spec(run)
