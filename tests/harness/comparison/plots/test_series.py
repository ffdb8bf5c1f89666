"""The plot of a series, and its table."""

from __future__ import annotations

import importlib.util
import io
import json

import pytest
from rich.console import Console

from hpe_bench.comparison.plots.series import _ticks, plot_series
from hpe_bench.comparison.series import find_series, read_series, series_page, write_series
from hpe_bench.errors import DataError, MissingError


def record(estimator, identities, mae, seed=0, **more):
    made = {"estimator": estimator, "identities": identities, "seed": seed, "mae": mae, "ge": None, "label": estimator}
    return {**made, "protocol": "d/all", **more}


RECORDS = [record("one", n, 10 / n + seed, seed) for n in (1, 5, 100) for seed in (0, 1)]
RECORDS += [record("two", n, None, seed, skipped="no torch") for n in (1, 5, 100) for seed in (0, 1)]


def test_a_png_and_an_svg_are_written_and_the_svg_is_the_same_every_time(tmp_path):
    png, svg = plot_series(RECORDS, tmp_path / "a" / "series-1.x")
    assert png.read_bytes().startswith(b"\x89PNG") and svg.read_bytes().lstrip().startswith(b"<?xml")
    assert png.name == "series-1.x.png" and len(png.read_bytes()) > 20_000
    _, other = plot_series(RECORDS, tmp_path / "b")
    assert other.read_bytes() == svg.read_bytes()


def test_without_matplotlib_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"hpe-bench\[plots\]"):
        plot_series(RECORDS, tmp_path / "x")


@pytest.mark.parametrize("counts", [[1], [5], [1, 2, 5, 10, 20, 50, 100, 300], list(range(1, 400))])
def test_ticks_are_counts_that_do_not_run_into_each_other(counts):
    ticks = _ticks(counts)
    assert ticks[-1] == counts[-1] and set(ticks) <= set(counts) and len(ticks) <= 14
    assert len(counts) > 8 or ticks == counts


def test_the_table_has_a_row_a_number_and_of_several_seeds_the_least_and_the_largest():
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(series_page(RECORDS, []))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["1", "10.50", "–", "–", "–"] in lines and ["10.00"] in lines and ["11.00"] in lines
    assert ["two", "did", "not", "run:", "no", "torch"] in lines


def test_a_series_that_was_kept_is_read_again(tmp_path):
    path = tmp_path / "results" / "training" / "one" / "series-1.json"
    write_series(RECORDS, path)
    assert read_series(path) == RECORDS
    assert find_series([], tmp_path / "results") == [path] == find_series([str(tmp_path)], tmp_path)
    with pytest.raises(MissingError, match="--identities"):
        find_series([], tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "[1]", '[{"estimator": "x"}]', "[" * 100_000, '{"a": NaN}', json.dumps([record("x", 0, 1.0)])],
)
def test_another_file_is_refused(text, tmp_path):
    path = tmp_path / "series-x.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"series-x\.json"):
        read_series(path)
