"""Quick looks at a part of the samples (--limit): marked where they are listed, in no figure, in nobody's way."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hpe_bench.comparison.collect import collect
from hpe_bench.comparison.curves import scored_runs
from hpe_bench.comparison.disagreement import disagreement_sheet, disagreements
from hpe_bench.comparison.export import to_csv
from hpe_bench.comparison.gate import judge, parse_rule
from hpe_bench.comparison.ranges import range_records, ranges_sheets
from hpe_bench.comparison.report.build import gather
from hpe_bench.comparison.report.page import report_page
from hpe_bench.comparison.scores import score_with_chance
from hpe_bench.comparison.sheet import results_sheet
from hpe_bench.runs.runfile import Run, write_run
from hpe_bench.settings import resolve_folders

SMALL = ("--dataset", "synthetic", "-d", "identities=3", "-d", "step=30")


def part_of(run: Run, count: int, **manifest) -> Run:
    """A quick look: the run over its first samples alone."""
    dataset = {**run.manifest["dataset"], "limit": count, "n_protocol": len(run)}
    columns = ("ids", "person", "sequence", "truth", "euler", "prediction", "confidence", "seconds")
    cut = {name: getattr(run, name)[:count] for name in columns}
    path = run.path.with_name(f"{run.path.stem}-part.h5")
    return replace(run, path=path, manifest={**run.manifest, "dataset": dataset, **manifest}, **cut)


@pytest.fixture
def runs(turned):
    """Two whole runs of 40 samples that differ most on the last one, and a quick look at ten samples, without error."""
    errors = np.full(40, 3.0)
    errors[39] = 81.0
    return [turned("one", np.full(40, 2.0)), turned("two", errors), part_of(turned("look", np.zeros(40)), 10)]


@pytest.fixture
def stored(runs, tmp_path):
    """The folder in which the three are stored."""
    folder = tmp_path / "results" / "d" / "all"
    folder.mkdir(parents=True)
    for run in runs:
        write_run(replace(run, path=folder / run.path.name))
    return folder


def test_a_quick_look_is_behind_the_whole_runs_whatever_the_table_is_sorted_by(runs):
    records = score_with_chance(runs[:2], beside=runs[2:])
    sheet = results_sheet(records)
    assert [row[0].text for row in sheet.rows] == ["one", "two", "look [a]"]
    assert sheet.notes[-1] == "[a] partial: 10 of 40 samples (--limit)"
    assert [row[0].mark for row in sheet.rows[2:]] == [""]


@pytest.mark.parametrize("view", ["all", "detected", "common"])
def test_a_quick_look_beside_whole_runs_changes_none_of_their_figures(runs, view):
    alone, beside = score_with_chance(runs[:2], view), score_with_chance(runs[:2], view, beside=runs[2:])
    assert beside[:2] == alone and [record["n"] for record in beside] == [40, 40, 10]


def test_a_csv_says_which_row_is_a_quick_look(runs):
    lines = to_csv([results_sheet(score_with_chance(runs[:2], beside=runs[2:]))]).splitlines()
    place = lines[0].split(",").index("partial")
    assert [line.split(",")[place] for line in lines[1:]] == ["", "", "10 samples (--limit)"]


def test_a_protocol_a_folder_and_a_glob_name_no_quick_look_and_its_path_does(stored):
    folders = resolve_folders()
    for target in ("d/all", str(stored), f"{stored}/*.h5"):
        found = collect([target], folders)
        assert sorted(run.label for run in found.runs) == ["one", "two"]
        assert [run.label for run in found.partial] == ["look"]
    found = collect([str(stored / "look-part.h5"), "d/all"], folders)
    assert [run.label for run in found.runs][-1] == "look" and len(found.runs) == 3 and not found.partial


def test_a_quick_look_hides_no_run_that_came_with_the_project(runs, tmp_path):
    for run, place in ((runs[0], "reference/d/all"), (runs[2], "d/all")):
        (tmp_path / "results" / place).mkdir(parents=True)
        write_run(replace(run, path=tmp_path / "results" / place / run.path.name))
    found = collect(["d/all"], resolve_folders())
    assert [run.label for run in found.runs] == ["one"] and [run.label for run in found.partial] == ["look"]


def test_a_later_quick_look_of_the_same_name_takes_no_place(turned, tmp_path):
    run = turned("one", np.full(40, 2.0))
    later = part_of(run, 10, started="2027-01-01")
    for own in (run, later):
        write_run(own)
    found = collect([str(tmp_path)], resolve_folders())
    assert [len(own) for own in found.runs] == [40] and [len(own) for own in found.partial] == [10]


@pytest.mark.parametrize(("limit", "left"), [(None, 1), (10, 0)])
def test_a_failure_of_a_whole_run_is_not_overtaken_by_a_quick_look(turned, tmp_path, limit, left):
    look = part_of(turned("one", np.full(40, 2.0)), 10, started="2027-01-01")
    write_run(look)
    failed = {**look.manifest, "started": "2026-06-01", "error": "ValueError: no"}
    failed["dataset"] = {**failed["dataset"], "limit": limit}
    (tmp_path / "one.failed.json").write_text(json.dumps(failed))
    assert len(collect([str(tmp_path)], resolve_folders()).failed) == left


def test_ranges_of_whole_runs_are_not_shrunk_by_a_quick_look_that_is_named(runs):
    alone = [record for record in range_records(runs[:2], "yaw") if record["n"]]
    named = range_records(runs, "yaw")
    for record in alone:
        same = next(own for own in named if (own["range"], own["label"]) == (record["range"], record["label"]))
        assert same["n"] == record["n"] and same["intervals"] == record["intervals"]
    (sheet,) = ranges_sheets(named)[:1]
    assert "look (partial)" in sheet.headings and any(note.startswith("(partial)") for note in sheet.notes)


def test_a_quick_look_that_is_named_hides_no_disagreement_of_whole_runs(runs):
    first, *_ = records = disagreements(runs, 3)
    assert first["id"] == "00039" and first["disagreement"] == pytest.approx(79)
    assert [error["label"] for error in first["errors"]] == ["one", "two"]
    least = disagreements(runs, 40)[-1]
    assert least["id"] in [f"{place:05d}" for place in range(40)] and len(records) == 3
    looked = next(record for record in disagreements(runs, 40) if record["id"] == "00004")
    assert [error["label"] for error in looked["errors"]] == ["one", "two", "look"]
    assert "look (partial)" in "".join(cell.text for row in disagreement_sheet([looked]).rows for cell in row)


def test_plots_and_reports_mark_a_quick_look_that_is_named_and_shrink_nothing_by_it(runs):
    assert [(run.label, len(run)) for run in scored_runs(runs)] == [("one", 40), ("two", 40), ("look (partial)", 10)]
    settings = {"wrap": "wrap360", "metrics": {}, "worst": 1, "dataset": None}
    content = gather(runs, [], [], view="all", **settings)
    assert set(content.records) == {"all", "detected"}
    assert content.disagreements[0]["id"] == "00039"
    assert "look (partial)" in report_page(content)
    assert set(gather(runs, [], [], view="common", **settings).records) == {"all", "detected", "common"}


def test_a_gate_of_a_quick_look_says_so(runs):
    (verdict,) = judge(runs[0], runs[2], [parse_rule("GE > +1")], view="common")
    assert verdict.sentence.endswith("on a part of the samples (--limit)")


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "synthetic/grid", "--by", "yaw"),
        ("compare", "synthetic/grid", "--disagreement", "3"),
        ("compare", "zero.h5", "synthetic/grid", "--fail-if", "GE > +1"),
        ("plot", "error", "synthetic/grid"),
        ("report", "synthetic/grid"),
    ],
)
def test_where_there_are_only_quick_looks_no_figure_is_made_of_them_unasked(hpe_bench, tmp_path, arguments):
    hpe_bench("eval", "zero", *SMALL, "--limit", "10")
    (path,) = (tmp_path / "results").rglob("zero-*.h5")
    named = [str(path) if argument == "zero.h5" else argument for argument in arguments]
    done = hpe_bench(*named)
    assert done.returncode == 3 and "only runs of a part of the samples (--limit)" in done.stderr
    assert "name its file" in done.stderr and not done.stdout


def test_what_is_left_out_is_told_of_and_a_named_quick_look_is_shown(hpe_bench, tmp_path):
    hpe_bench("eval", "zero", "random", *SMALL)
    hpe_bench("eval", "zero", *SMALL, "--limit", "10")
    done = hpe_bench("report", "synthetic/grid")
    assert done.returncode == 0 and "left out, of a part of the samples (--limit): zero" in done.stderr
    assert "(partial)" not in (tmp_path / "report.html").read_text()
    table = hpe_bench("compare", "synthetic/grid").stdout
    assert "zero [a]" in table and "partial: 10 of 81 samples (--limit)" in table
    assert hpe_bench("compare", "synthetic/grid", "--fail-if", "GE > 9").returncode == 2
