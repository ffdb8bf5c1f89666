"""Lint of a table of errors: what arithmetic alone can tell."""

from __future__ import annotations

import json

import pytest

from hpe_bench.comparison.published.claims import claim_record, claims_of
from hpe_bench.comparison.published.lint import Row, lint
from hpe_bench.comparison.published.lint_input import csv_rows, json_rows, read_rows
from hpe_bench.errors import DataError, UsageError

LONG = "method,dataset,yaw,pitch,roll,mae,left,down,front,vmae\n"


def kinds(text):
    return [finding.kind for finding in lint(csv_rows("table", text))]


def test_the_errors_of_the_nlml_readme_are_found():
    found = {(finding.where, finding.kind): finding for finding in lint(read_rows("nlml-readme"))}
    assert found["3DDFA, aflw", "copied"].cells == ("down", "front", "vmae")
    assert found["3DDFA, aflw", "copied"].rows == ("3DDFA, biwi",)
    assert "12.00" in found["Dlib, biwi", "mean"].message and "13.15" in found["Dlib, biwi", "mean"].message
    for method, mean in (("TriNet", "6.31"), ("6DRepNet", "5.46"), ("NLML-HPE", "5.89")):
        assert found[f"{method}, biwi", "mean"].cells[0] == "vmae"
        assert mean in found[f"{method}, biwi", "mean"].message
    assert "2.49" in found["TokenHPE, biwi", "ratio"].message
    assert "1.94" in found["6DRepNet, biwi", "ratio"].message
    # Not in any list of them, but as wrong: 36.50 for 34.47, 23.13 for 23.18, and a ratio of 1.11.
    others = {("3DDFA, aflw", "mean"), ("Dlib, aflw", "mean"), ("HopeNet, aflw", "ratio")}
    assert others < set(found) and len(found) == 11


def test_figures_of_other_samples_in_one_column_are_known_by_the_claims_they_repeat():
    (finding,) = [finding for finding in lint(read_rows("nlml-readme")) if finding.kind == "selection"]
    assert finding.where == "aflw"
    assert "aflw2000/1969: FSA-Net, QuatNet, HPE; aflw2000/nlml: TokenHPE" in finding.message


def test_nothing_is_found_in_a_table_of_our_own_runs(hpe_bench, tmp_path):
    small = ("--dataset", "synthetic", "-d", "identities=1", "-d", "step=20")
    done = hpe_bench("eval", "zero", "random", "procrustes", "procrustes:weights=uniform", "oracle", *small, "--json")
    (tmp_path / "table.json").write_text(done.stdout)
    linted = hpe_bench("published", "lint", "table.json")
    assert linted.returncode == 0 and "nothing is wrong" in linted.stdout and "5 rows" in linted.stdout


def test_rounding_is_no_error():
    # The components may be 2.6749, 3.4149, 1.5949 or 2.665, 3.405, 1.585: means of 2.5616 or 2.5517.
    assert kinds(LONG + "a,x,2.67,3.41,1.59,2.56,,,,\n") == []
    assert kinds(LONG + "a,x,2.67,3.41,1.59,2.55,,,,\n") == []
    assert kinds(LONG + "a,x,2.67,3.41,1.59,2.54,,,,\n") == ["mean"]
    assert kinds(LONG + "a,x,16.8,13.8,6.19,12.2,,,,\n") == []
    assert kinds(LONG + "a,x,3,4,5,4,,,,\n") == []


@pytest.mark.parametrize(("vmae", "expected"), [("4.70", ["ratio"]), ("4.90", []), ("7.10", []), ("7.30", ["ratio"])])
def test_the_ratio_of_vmae_and_mae_has_bounds(vmae, expected):
    assert kinds(LONG + f"a,x,,,,4.00,,,,{vmae}\n") == expected


def test_two_equal_cells_of_two_methods_are_copied_and_one_is_chance():
    assert kinds(LONG + "a,x,2.11,3.11,1.59,2.27,,,,\nb,x,2.11,3.22,1.77,2.37,,,,\n") == []
    assert kinds(LONG + "a,x,2.11,3.11,1.59,2.27,,,,\nb,x,2.11,3.11,1.77,2.33,,,,\n") == ["copied"]
    assert kinds(LONG + "a,x,2.11,3.11,1.59,2.27,,,,\nb,y,2.11,3.11,1.77,2.33,,,,\n") == []


def test_a_truth_that_scores_0_everywhere_is_no_copy():
    zeros = dict.fromkeys(("yaw", "pitch", "roll", "mae", "left", "down", "front", "vmae"), "0.0")
    assert lint([Row("oracle", "x", "g", zeros), Row("truth", "x", "g", zeros), Row("oracle", "y", "h", zeros)]) == []


def test_the_layout_with_a_row_a_method_is_read_whatever_the_datasets_are_called():
    rows = csv_rows("t", "Method,my_set_yaw,my_set_MAE,other_maev\nA,1.0,2.0,3.0\nB,–,,4\n")
    assert [(row.method, row.block, dict(row.figures)) for row in rows] == [
        ("A", "my_set", {"yaw": "1.0", "mae": "2.0"}),
        ("A", "other", {"vmae": "3.0"}),
        ("B", "other", {"vmae": "4"}),
    ]


def test_runs_of_other_views_in_one_table_are_other_samples():
    def record(label, view):
        mae, vmae = {"yaw": 1.0, "pitch": 2.0, "roll": 3.0, "mean": 2.0}, {"left": 3.0, "mean": None}
        return {"label": label, "protocol": "p/q", "view": view, "mae": mae, "vmae": vmae, "run": "r"}

    rows = json_rows("t", json.dumps([record("a", "all"), {"skipped": "why"}, record("a", "detected")]))
    (finding,) = lint(rows)
    assert finding.kind == "selection" and "view all" in finding.message and "view detected" in finding.message


def test_errors_of_angles_in_other_orders_do_not_belong_in_one_column():
    text = "method,angles,yaw,pitch,roll,mae,vmae\n"
    mixed = text + "a,pitch-yaw-roll,3,4,5,4,\nb,roll-yaw-pitch,3.3,4.2,5.1,4.2,\nc,,3.1,4.1,5.4,4.2,\n"
    (finding,) = lint(csv_rows("t", mixed))
    assert finding.kind == "order" and finding.rows == ("a", "b") and "roll-yaw-pitch: b" in finding.message
    assert lint(csv_rows("t", text + "a,pitch-yaw-roll,3,4,5,4,\nb,roll-yaw-pitch,,,,,5.1\n")) == []


def test_a_comparison_recounted_in_another_order_is_told_from_the_others():
    def record(label, order):
        mae, vmae = {"yaw": 1.0, "pitch": 2.0, "roll": 3.0, "mean": 2.0}, {"left": 3.0, "mean": None}
        return {"label": label, "protocol": "p/q", "angles": order, "mae": mae, "vmae": vmae, "run": "r"}

    assert lint(json_rows("t", json.dumps([record("a", "yaw-pitch-roll"), record("b", "yaw-pitch-roll")]))) == []
    (finding,) = lint(json_rows("t", json.dumps([record("a", "yaw-pitch-roll"), record("b", "pitch-yaw-roll")])))
    assert finding.kind == "order"


def test_verdicts_of_a_gate_are_no_rows_and_claims_are_claims():
    claims = [claim_record(claim) for claim in claims_of("aflw2000/nlml")]
    rows = json_rows("t", json.dumps([{"gate": {"rule": "GE > +1"}}, *claims]))
    assert [row.method for row in rows] == ["TokenHPE", "6DRepNet", "NLML-HPE"] and not any(r.measured for r in rows)
    assert {row.protocol for row in rows} == {"aflw2000/nlml"} and lint(rows) == []


def test_measured_figures_may_be_equal_and_have_any_ratio():
    figures = {"yaw": "1.25", "pitch": "2.5", "roll": "3.75", "mae": "2.5", "vmae": "9.0"}
    one, two = (Row(method, "x", "g", figures, measured=True) for method in ("fsanet", "fsanet-negated"))
    assert lint([one, two]) == []
    (finding,) = lint([Row("a", "x", "g", {**figures, "mae": "2.7"}, measured=True)])
    assert finding.kind == "mean"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", UsageError, "no columns"),
        ("a,b\n1,2\n", UsageError, "A table has either"),
        ("method,yaw,yaw\na,1,2\n", UsageError, "two columns yaw"),
        ("method,maev,vmae\na,1,2\n", UsageError, "two columns vmae"),
        ("method,yaw\na,1,2\n", DataError, "line 2: 3 cells under 2"),
        ("method,yaw\na,3.35 (3.31)\n", DataError, "line 2, column yaw"),
        ("method,yaw\na,-1\n", DataError, "no error in degrees"),
        ("method,yaw\na,nan\n", DataError, "no error in degrees"),
        ("method,yaw\na,\n", DataError, "holds no figures"),
    ],
)
def test_a_csv_that_is_no_table_is_refused_with_the_place(text, error, message):
    with pytest.raises(error, match=message):
        csv_rows("t", text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1", "not JSON"),
        ('{"a": 1}', "not a list of records"),
        ("[1]", "not a list of records"),
        ('[{"label": "a"}]', "record 0 is not of a comparison"),
        ('[{"label": "a", "protocol": "p", "mae": 1, "vmae": 2}]', "record 0 is not of a comparison"),
        ('[{"label": "a", "protocol": "p", "mae": {"yaw": "x"}, "vmae": {}}]', "record 0, yaw"),
    ],
)
def test_json_that_is_no_comparison_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        json_rows("t", text)


def test_exit_codes_and_messages(hpe_bench, tmp_path):
    found = hpe_bench("published", "lint", "nlml-readme")
    assert found.returncode == 5 and "11 findings in 20 rows" in found.stderr and "13.15" in found.stdout
    assert max(map(len, found.stdout.splitlines())) <= 80
    findings = json.loads(hpe_bench("published", "lint", "nlml-readme", "--json").stdout)
    assert len(findings) == 11 and findings[0]["kind"] == "mean"
    assert hpe_bench("published", "lint").returncode == 5
    unknown = hpe_bench("published", "lint", "nlml-radme")
    assert unknown.returncode == 2 and "did you mean nlml-readme?" in unknown.stderr
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00method")
    assert hpe_bench("published", "lint", "binary.csv").returncode == 3
    (tmp_path / "good.csv").write_text(LONG + "a,x,2.67,3.41,1.59,2.56,,,,\n")
    assert hpe_bench("published", "lint", "good.csv").returncode == 0
    assert hpe_bench("published", "lint", "good.csv", "--ratio", "2", "1").returncode == 2
