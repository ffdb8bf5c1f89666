"""The order of the angles that MAE is counted in: of the protocol, or another, in every form a table has."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from hpe_bench import DataError, UsageError, compare, evaluate, open_run
from hpe_bench.comparison.collect import check_comparable
from hpe_bench.comparison.curves import in_own_order, scored_runs
from hpe_bench.comparison.gate import judge, parse_rule
from hpe_bench.comparison.ranges import range_records
from hpe_bench.comparison.recount import recount
from hpe_bench.comparison.scores import score
from hpe_bench.comparison.sheet import results_sheet
from hpe_bench.comparison.truth import check_truth
from hpe_bench.orders import EULER_ORDERS
from hpe_bench.pose import euler_from_rotation, rotation_in_order
from hpe_bench.runs.runfile import write_run

SMALL = ("--dataset", "synthetic", "-d", "identities=1", "-d", "step=20")

#: A protocol of the bundled synthetic faces that counts MAE with roll outermost.
ROLLED = """
from hpe_bench import Protocol, hookimpl

@hookimpl
def register_protocols(register):
    protocol = Protocol("synthetic/rolled", "synthetic", "every cell", angles="roll-yaw-pitch")
    register(protocol.name, protocol, summary=protocol.summary)
"""


@pytest.fixture
def wide(turned, tmp_path):
    """A run of heads turned up to 75 degrees, and predictions 8 degrees off."""

    def make(label, seed=0):
        rng = np.random.default_rng(seed)
        run = turned(label, np.full(300, 8.0))
        truth = rotation_in_order(np.random.default_rng(9).uniform(-75, 75, (300, 3)), "pitch-yaw-roll")
        off = rotation_in_order(rng.uniform(-6, 6, (300, 3)), "pitch-yaw-roll")
        return replace(run, truth=truth, euler=euler_from_rotation(truth), prediction=truth @ off)

    return make


@pytest.mark.parametrize("order", EULER_ORDERS)
def test_a_protocol_in_another_order_counts_the_errors_of_its_own_angles(wide, order):
    run = wide("a")
    off = np.array([3.0, 4.0, 5.0])
    angles = np.random.default_rng(3).uniform(-40, 40, (300, 3))
    truth = rotation_in_order(angles, order)
    run = replace(run, truth=truth, euler=euler_from_rotation(truth), prediction=rotation_in_order(angles + off, order))
    (record,) = score([recount(run, order)])
    assert [record["mae"][name] for name in ("yaw", "pitch", "roll")] == pytest.approx([3, 4, 5], abs=1e-6)
    assert record["angles"] == order
    (scored,) = scored_runs([recount(run, order)])
    assert np.abs(np.diff(in_own_order(scored), axis=0)[0] - off).max() < 1e-6


def test_a_recount_changes_mae_and_neither_vmae_nor_ge(wide):
    run = wide("a")
    usual, *others = (score([recount(run, order)])[0] for order in EULER_ORDERS)
    for other in others:
        assert abs(other["mae"]["mean"] - usual["mae"]["mean"]) > 0.1
        assert other["ge"] == usual["ge"] and other["vmae"] == usual["vmae"]
        assert other["recounted"] == "pitch-yaw-roll" and any("in the order" in note for note in other["notes"])
    assert usual["recounted"] is None and not any("in the order" in note for note in usual["notes"])


def test_a_recount_in_the_protocol_s_own_order_is_the_run_itself(wide):
    run = wide("a")
    assert recount(run, "pitch-yaw-roll") is run and recount(run, None) is run


def test_runs_of_two_orders_do_not_stand_in_one_table(wide):
    one, two = wide("a"), recount(wide("b"), "yaw-pitch-roll")
    with pytest.raises(UsageError, match="angles that MAE is counted in: pitch-yaw-roll, yaw-pitch-roll"):
        check_comparable([one, two], force=False)
    assert check_comparable([recount(one, "yaw-pitch-roll"), two], force=False) == []


def test_a_table_that_is_forced_to_hold_two_orders_says_each_beside_its_rows_and_none_above_them(wide):
    one, two = recount(wide("a"), "roll-yaw-pitch"), recount(wide("b"), "yaw-pitch-roll")
    assert "in the order roll-yaw-pitch" in results_sheet(score([one])).title
    sheet = results_sheet(score([one, two]))
    assert "in the order" not in sheet.title
    below = " ".join(sheet.notes)
    assert "in the order roll-yaw-pitch" in below and "in the order yaw-pitch-roll" in below


def test_the_oracle_of_a_protocol_in_another_order_is_held_to_nothing_as_well(wide):
    run = wide("oracle")
    check_truth([recount(replace(run, prediction=run.truth), "roll-yaw-pitch")])
    with pytest.raises(DataError, match="where the truth itself scores 0"):
        check_truth([recount(run, "roll-yaw-pitch")])


def test_ranges_are_of_the_stated_angles_whatever_the_order_and_doubt_is_where_that_order_locks(wide):
    run = wide("a")
    usual, by_yaw_first = (range_records([recount(run, order)], "yaw") for order in EULER_ORDERS[:2])
    assert [(r["range"], r["n"], r["ge"]) for r in usual] == [(r["range"], r["n"], r["ge"]) for r in by_yaw_first]
    assert any(r["euler_doubtful"] for r in usual) and not any(r["euler_doubtful"] for r in by_yaw_first)
    pitches = range_records([recount(run, "yaw-pitch-roll")], "pitch")
    assert {r["euler_doubtful"] for r in pitches if r["low"] >= 60} == {True}
    assert {r["euler_doubtful"] for r in pitches if r["low"] < 60} == {False}


def test_a_verdict_about_mae_says_the_order_where_it_is_not_the_usual_one(wide):
    pair = [recount(wide(name, seed), "roll-yaw-pitch") for seed, name in enumerate("ab")]
    of_mae, of_ge = judge(*pair, [parse_rule("MAE > +9"), parse_rule("GE > +9")])
    assert "in the order roll-yaw-pitch" in of_mae.sentence and "in the order" not in of_ge.sentence


def test_a_run_stored_before_protocols_had_an_order_is_in_the_usual_one(wide):
    run = wide("a")
    assert "angles" not in run.manifest["protocol"]
    write_run(run)
    assert open_run(run.path).order == "pitch-yaw-roll"
    protocol = {**run.manifest["protocol"], "angles": "sideways"}
    write_run(replace(run, manifest={**run.manifest, "protocol": protocol}))
    with pytest.raises(DataError, match=r"protocol\.angles is not what a run has"):
        open_run(run.path)


def test_the_order_of_a_protocol_is_in_its_table_in_json_and_wherever_it_is_listed(hpe_bench, tmp_path):
    (tmp_path / "rolled.py").write_text(ROLLED)
    plugin = ("--plugin", "rolled.py")
    small = ("--protocol", "synthetic/rolled", "-d", "identities=1", "-d", "step=20")
    done = hpe_bench("eval", "zero", "procrustes", "oracle", *small, *plugin)
    assert done.returncode == 0, done.stderr
    assert "MAE in the order roll-yaw-pitch" in " ".join(done.stdout.split())
    assert "R = Z(roll) Y(yaw) X(-pitch)" in " ".join(done.stdout.split())

    def of_zero(*options):
        return next(
            row for row in json.loads(hpe_bench("compare", "--json", *options).stdout) if row["estimator"] == "zero"
        )

    record = of_zero()
    assert record["angles"] == "roll-yaw-pitch" and record["recounted"] is None
    usual = of_zero("--angles", "pitch-yaw-roll")
    assert (usual["angles"], usual["recounted"]) == ("pitch-yaw-roll", "roll-yaw-pitch")
    assert usual["ge"] == record["ge"] and usual["mae"] != record["mae"]
    assert "MAE in the order pitch-yaw-roll" in " ".join(
        hpe_bench("compare", "--angles", "pitch-yaw-roll").stdout.split()
    )
    assert "roll-yaw-pitch: R = Z(roll) Y(yaw) X(-pitch)" in hpe_bench("info", "synthetic/rolled", *plugin).stdout
    assert "every cell (MAE in the order" in " ".join(hpe_bench("list", "protocols", *plugin).stdout.split())
    listed = json.loads(hpe_bench("list", "protocols", "--json", *plugin).stdout)
    assert {row["name"]: row["angles"] for row in listed}["synthetic/rolled"] == "roll-yaw-pitch"


def test_any_run_can_be_recounted_in_every_form(hpe_bench, tmp_path):
    assert hpe_bench("eval", "zero", "procrustes", *SMALL).returncode == 0
    order = ("--angles", "yaw-pitch-roll")
    for form in ("table", "markdown", "latex", "html"):
        shown = hpe_bench("compare", *order, "--format", form).stdout
        assert "MAE in the order yaw-pitch-roll" in " ".join(shown.replace("\\-", "-").split()), form
    rows = list(csv.DictReader(hpe_bench("compare", *order, "--format", "csv").stdout.splitlines()))
    assert {row["angles"] for row in rows} == {"yaw-pitch-roll"}
    assert "MAE in the order yaw-pitch-roll" in " ".join(hpe_bench("compare", *order, "--by", "yaw").stdout.split())
    shown = " ".join(hpe_bench("show", *order).stdout.split())
    assert shown.count("MAE of angles in the order yaw-pitch-roll") == 2, "said once for each run"
    assert hpe_bench("report", *order).returncode == 0
    assert "in the order yaw-pitch-roll" in (tmp_path / "report.html").read_text()
    wrong = hpe_bench("compare", "--angles", "roll-pitch-yaw")
    assert wrong.returncode == 2 and "yaw-pitch-roll" in wrong.stderr


def test_the_functions_recount_as_the_commands_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"identities": 1, "step": 20}
    usual = evaluate("zero", dataset="synthetic", dataset_options=options)
    other = evaluate("zero", dataset="synthetic", dataset_options=options, angles="roll-yaw-pitch")
    compared = compare("synthetic/grid", angles="roll-yaw-pitch")
    assert other["mae_mean"][0] == compared["mae_mean"][0] != usual["mae_mean"][0]
    assert other["ge_mean"][0] == usual["ge_mean"][0] and compared["angles"][0] == "roll-yaw-pitch"
