"""Every form of a table, read back."""

from __future__ import annotations

import csv
import io
import re
import statistics
from xml.etree import ElementTree

import numpy as np
import pytest

from hpe_bench import UsageError
from hpe_bench.comparison.columns import choose_columns, find_column, short_count
from hpe_bench.comparison.export import FORMATS, to_csv, to_html, to_latex, to_markdown
from hpe_bench.comparison.scores import score_with_chance, skipped
from hpe_bench.comparison.sheet import results_sheet
from hpe_bench.text import safe_text


@pytest.fixture
def records(turned):
    rng = np.random.default_rng(0)
    base = rng.gamma(4, 1, 60)
    labels = {"fsanet:variant=var_capsule": base, "worse & <odd>": base + 5, "zero": base * 0 + 40}
    return score_with_chance([turned(label.replace("/", ""), own) for label, own in labels.items()])


def test_csv_has_the_figures_unrounded_and_names_the_best(records):
    rows = list(csv.DictReader(io.StringIO(to_csv([results_sheet(records)]))))
    assert [row["estimator"] for row in rows] == [r["label"] for r in sorted(records, key=lambda r: r["mae"]["mean"])]
    for row, record in zip(rows, sorted(records, key=lambda r: r["mae"]["mean"]), strict=True):
        assert float(row["GE"]) == record["ge"]["mean"]
        assert [float(row["MAE_low"]), float(row["MAE_high"])] == record["intervals"]["mae"]["mean"]
    # Turned about the head's z, heads have no error of yaw or pitch: there both are the best.
    assert rows[0]["best"].split() == ["yaw", "pitch", "roll", "MAE", "VMAE", "GE", "p95"]
    assert rows[1]["best"].split() == ["yaw", "pitch"]


def test_csv_names_for_every_row_the_columns_in_which_it_is_the_best_or_not_told_from_it(turned):
    base = np.random.default_rng(0).gamma(4, 1, 60)
    noise = np.random.default_rng(1).normal(0, 1, 60)
    runs = [turned("good", base), turned("alike", base + noise - noise.mean() + 0.05), turned("worse", base + 9)]
    rows = {
        row["estimator"]: row for row in csv.DictReader(io.StringIO(to_csv([results_sheet(score_with_chance(runs))])))
    }
    assert {label: "GE" in row["best"].split() for label, row in rows.items()} == {
        "good": True,
        "alike": False,
        "worse": False,
    }
    assert {label: "GE" in row["indistinguishable"].split() for label, row in rows.items()} == {
        "good": False,
        "alike": True,
        "worse": False,
    }
    assert "estimator" not in rows["good"]["best"].split() + rows["alike"]["indistinguishable"].split()


def test_markdown_has_as_many_cells_in_every_row_and_the_best_bold(records):
    lines = [line for line in to_markdown([results_sheet(records)]).splitlines() if line.startswith("|")]
    assert len(lines) == 5 and len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert "var\\_capsule" in lines[2]
    assert [line.split("|")[8].strip().startswith("**") for line in lines[2:]] == [True, False, False]


def test_latex_has_balanced_braces_and_as_many_columns_as_it_says(records):
    text = to_latex([results_sheet(records)])
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}") and text.count(r"\begin") == text.count(r"\end") == 2
    (columns,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    rows = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert len(rows) == 3 and all(len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1 for row in rows)
    assert r"worse \& $<$odd$>$" in text and r"\textbf{" in text and r"$\pm$" in text


def test_what_did_not_run_is_told_in_every_form_also_where_nothing_ran(records):
    failed = skipped("x", "x:a=1", "d/all", "all", "wrap360", "failed: no memory")
    for sheet in (results_sheet([*records, failed]), results_sheet([failed])):
        for form in (to_markdown, to_latex, to_html):
            assert "x:a=1 did not run: failed: no memory" in form([sheet])
        row = list(csv.DictReader(io.StringIO(to_csv([sheet]))))[-1]
        assert row["estimator"] == "x:a=1" and row["skipped"] == "failed: no memory" and not row.get("GE")
    assert all(line.startswith("%") for line in to_latex([results_sheet([failed])]).splitlines())


def test_html_is_well_formed_and_marks_by_class(records):
    text = to_html([results_sheet(records)])
    page = ElementTree.fromstring(text.partition("\n")[2])
    rows = page.findall(".//tbody/tr")
    assert len(rows) == 3 and {len(row) for row in rows} == {10}
    assert rows[1][0].text == "worse & <odd>" and [cell for cell in rows[0] if cell.get("class") == "best"]


def test_columns_are_chosen_in_any_case_and_a_wrong_one_says_what_was_meant(records):
    sheet = results_sheet(records, choose_columns(["ge", "GE-CI", "P95", "acc10"]), find_column("n"))
    assert sheet.headings == ["estimator", "GE", "±95%", "p95", "≤10° %"]
    with pytest.raises(UsageError, match="did you mean VMAE"):
        find_column("vmea")


def test_the_deviation_of_the_errors_is_a_column_in_every_form_that_nothing_is_the_best_of(turned):
    runs = [turned("a", np.array([1.0, 2, 4, 9])), turned("b", np.array([3.0, 3, 3, 3]))]
    records = score_with_chance(runs)
    deviation = statistics.stdev([1, 2, 4, 9])
    assert records[0]["sd"]["ge"] == pytest.approx(deviation) and set(records[0]["sd"]) == {
        "yaw",
        "pitch",
        "roll",
        "ge",
    }
    sheet = results_sheet(records, choose_columns(["ge-sd", "yaw-sd", "pitch-sd", "roll-sd"]), find_column("GE-sd"))
    assert sheet.headings[1:] == ["GE sd", "yaw sd", "pitch sd", "roll sd"]
    assert [row[1].text for row in sheet.rows] == ["0.00", f"{deviation:.2f}"]
    assert not any(own.mark for row in sheet.rows for own in row)
    rows = {row["estimator"]: row for row in csv.DictReader(io.StringIO(to_csv([sheet])))}
    assert float(rows["a"]["GE-sd"]) == pytest.approx(deviation)
    assert f"{deviation:.2f}" in FORMATS["markdown"]([sheet])


def test_one_sample_has_no_deviation(turned):
    (record,) = score_with_chance([turned("a", np.array([1.0]))])
    assert set(record["sd"].values()) == {None} and find_column("yaw-sd").text(record) == "–"


def test_sorting_by_coverage_puts_the_largest_first(records):
    records[0]["coverage"] = 0.5
    assert results_sheet(records, sort=find_column("cov")).rows[-1][0].text == records[0]["label"]


def test_a_large_number_has_three_digits():
    assert [short_count(value) for value in (7, 1_165_872, 236_615)] == ["7", "1.17M", "237k"]


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_no_form_of_a_table_holds_text_that_acts(turned, form):
    evil = "=cmd|'/C calc'!A0 \x1b[2J \x9b \r \u202e \u2066 \u200b \u2028 \udc80"
    run = turned("x", np.arange(9.0))
    run.manifest["label"], run.manifest["dataset"]["notes"] = evil, [evil]
    run.manifest["protocol"]["name"] = evil
    text = FORMATS[form]([results_sheet(score_with_chance([run]))])
    assert safe_text(text) == text
    text.encode()


def test_a_label_that_is_a_formula_is_none_in_a_csv_and_errors_stay_numbers(turned):
    run = turned("x", np.arange(9.0))
    run.manifest["label"] = "=HYPERLINK(1)"
    (row,) = csv.DictReader(io.StringIO(to_csv([results_sheet(score_with_chance([run]))])))
    assert row["estimator"] == "'=HYPERLINK(1)" and float(row["GE"]) == pytest.approx(4)
