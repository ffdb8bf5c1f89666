"""The table on a terminal: names are text, whatever they hold."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from rich.console import Console

from hpe_bench.comparison.columns import COLUMNS
from hpe_bench.comparison.ranges import range_records, ranges_sheets
from hpe_bench.comparison.scores import score_with_chance
from hpe_bench.comparison.table import results_table, sheet_table


@pytest.fixture
def printed():
    """A function of something rich: its text."""

    def show(thing):
        console = Console(width=120)
        with console.capture() as capture:
            console.print(thing)
        return capture.get()

    return show


def test_brackets_in_names_are_no_markup(turned, printed):
    sequence = np.array(["[/b]"] * 5 + ["[bold]c"] * 5)
    runs = [turned(label, np.arange(10.0), sequence=sequence, cluster="sequence") for label in ("x[red]y", "x[bold]z")]
    records = score_with_chance(runs)
    for record in records:
        record["metrics"] = {"[/i]": 1.0}
    page = printed(results_table(records))
    (sheet,) = ranges_sheets(range_records(runs, "sequence"), [COLUMNS["GE"]])
    page += printed(sheet_table(sheet))
    for name in ("x[red]y", "x[bold]z", "[/b]", "[bold]c", "[/i]"):
        assert name in page


def test_a_range_has_its_own_share_of_samples_within_a_limit(turned):
    sequence = np.array(["a"] * 5 + ["b"] * 5)
    records = range_records([turned("one", np.arange(10.0), sequence=sequence, cluster="sequence")], "sequence")
    assert [record["accuracy"]["5"] for record in records] == [1.0, 0.2]


def test_a_range_has_its_own_deviation_of_errors(turned):
    sequence = np.array(["a"] * 5 + ["b"] * 5)
    run = turned("one", np.array([1.0, 2, 3, 4, 5, 7, 7, 7, 7, 7]), sequence=sequence, cluster="sequence")
    records = range_records([run], "sequence")
    assert [record["sd"]["ge"] for record in records] == pytest.approx([statistics.stdev([1, 2, 3, 4, 5]), 0])
    (sheet,) = ranges_sheets(records, [COLUMNS["GE-sd"]])
    assert [[own.text for own in row] for row in sheet.rows] == [["a", "1.58"], ["b", "0.00"]]


@pytest.mark.parametrize("rounding", [-1e-12, 0.0, 1e-12])
def test_a_label_at_the_edge_of_two_ranges_is_in_the_upper_one_whatever_its_last_digits_are(turned, rounding):
    run = turned("one", [1.0])
    run.euler[:] = [30.0 + rounding, 0.0, 0.0]
    assert [record["range"] for record in range_records([run], "yaw")] == ["30-45"]


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_no_form_has_a_column_of_time(hpe_bench, form):
    hpe_bench("eval", "zero", "oracle", "--dataset", "synthetic", "--limit", "20")
    shown = hpe_bench("compare", "synthetic/grid", "--format", form).stdout
    assert "ms" not in shown.replace('"', " ").replace(",", " ").split()
    assert "milliseconds" not in shown
    refused = hpe_bench("compare", "synthetic/grid", "--columns", "GE,ms")
    assert refused.returncode == 2 and "no column 'ms'" in refused.stderr
