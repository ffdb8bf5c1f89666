"""What a table says of chance: intervals, rows not told from the best, ranges, the gate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hpe_bench import UsageError, metrics, pose
from hpe_bench.comparison.alignment import align_sequences, constant_offset
from hpe_bench.comparison.columns import COLUMNS, choose_columns, shown_figures
from hpe_bench.comparison.confidence import risk_coverage, risk_record
from hpe_bench.comparison.disagreement import disagreement_sheet, disagreements
from hpe_bench.comparison.gate import judge, parse_rule
from hpe_bench.comparison.gate import record as verdict_record
from hpe_bench.comparison.ranges import range_records, ranges_sheets, turn_axis
from hpe_bench.comparison.scores import score, score_with_chance, to_frame
from hpe_bench.comparison.sheet import results_sheet
from hpe_bench.comparison.statistics.bootstrap import bootstrap_means, mean_intervals
from hpe_bench.comparison.statistics.errors import run_errors


@pytest.fixture
def three(turned):
    """Two runs that are alike and one that is worse, and the zero pose's stand-in."""
    rng = np.random.default_rng(0)
    base = rng.gamma(4, 1, 200)
    return [
        turned("good", base),
        turned("alike", base + rng.normal(0, 1, 200)),
        turned("worse", base + 4 + rng.normal(0, 1, 200)),
        turned("zero", base * 0 + 40),
    ]


def test_figures_are_those_of_score_and_lie_in_their_intervals(three):
    plain, added = score(three), score_with_chance(three)
    for before, after in zip(plain, added, strict=True):
        assert before.items() <= after.items()
        for section in ("mae", "vmae", "ge"):
            for name, (low, high) in after["intervals"][section].items():
                assert low - 1e-4 <= after[section][name] <= high + 1e-4


def test_a_row_that_is_alike_is_marked_and_one_that_is_worse_is_not(three):
    records = {record["label"]: record for record in score_with_chance(three)}
    told = {label: record["distinguishable"]["ge"]["mean"] for label, record in records.items()}
    assert told == {"good": False, "alike": False, "worse": True, "zero": None}
    sheet = results_sheet(list(records.values()))
    marks = {row[0].text: row[sheet.headings.index("GE")].mark for row in sheet.rows}
    assert sorted(marks.values()) == ["", "", "best", "equal"] and marks["worse"] == marks["zero"] == ""
    assert any("≈ not told from the best" in note and "200 samples" in note for note in sheet.notes)


def test_runs_that_are_not_comparable_have_no_best(three):
    records = score_with_chance(three, comparable=False)
    sheet = results_sheet(records)
    assert not [cell for row in sheet.rows for cell in row if cell.mark]
    assert any("not comparable, and shown by --force" in note for note in sheet.notes)


def test_other_samples_have_intervals_and_no_best(three):
    prediction = three[0].prediction.copy()
    prediction[:3] = np.nan
    records = score_with_chance([replace(three[0], prediction=prediction), *three[1:]], view="detected")
    assert records[0]["n"] == 197 and records[0]["intervals"]["ge"]["mean"] is not None
    assert {record["distinguishable"]["ge"]["mean"] for record in records} == {None}


def test_sequences_are_what_is_resampled_where_the_protocol_says_so(turned):
    names = np.repeat([f"{place:02d}" for place in range(8)], 25)
    level = np.repeat(np.arange(8.0), 25)
    (by_sequence,) = score_with_chance([turned("x", 2 + level, cluster="sequence", sequence=names)])
    (by_sample,) = score_with_chance([turned("x", 2 + level)])
    assert (by_sequence["statistics"]["clusters"], by_sequence["statistics"]["unit"]) == (8, "sequence")
    width = [np.diff(record["intervals"]["ge"]["mean"])[0] for record in (by_sequence, by_sample)]
    assert width[0] > 4 * width[1]


def in_sequences(turned, number, gross=8):
    """``gross`` runs that are off by 60 degrees and one by 3, their samples in so many sequences."""
    names = np.repeat([f"{place:02d}" for place in range(number)], 10)
    errors = np.random.default_rng(0).normal(0, 0.5, (gross + 1, len(names))) + 60
    errors[0] -= 57
    return [turned(f"run{i}", row, cluster="sequence", sequence=names) for i, row in enumerate(errors)]


def test_gross_differences_are_told_apart_by_eight_sequences_and_eight_rivals(turned):
    records = score_with_chance(in_sequences(turned, 8))
    assert [record["distinguishable"]["ge"]["mean"] for record in records] == [False, *[True] * 8]
    assert {record["p_values"]["ge"]["mean"] for record in records[1:]} == {round(2 / 2**8, 4)}
    sheet = results_sheet(records)
    assert not [cell for row in sheet.rows for cell in row if cell.mark == "equal"] and "* best" in sheet.notes


def test_of_five_sequences_nothing_is_compared_and_the_table_says_so(turned):
    records = score_with_chance(in_sequences(turned, 5, gross=1))
    assert {value for record in records for value in record["p_values"]["ge"].values()} == {None}
    assert "* best; 5 sequences: too few to say what is chance" in results_sheet(records).notes


def test_a_table_by_range_says_over_what_it_compares_and_which_ranges_are_too_small(turned):
    rng = np.random.default_rng(5)
    sequence = np.array(["long"] * 40 + ["short"] * 4)
    runs = [turned(label, rng.gamma(4, 1, 44), sequence=sequence) for label in "ab"]
    (sheet,) = ranges_sheets(range_records(runs, "sequence"), [COLUMNS["GE"]])
    (note,) = [note for note in sheet.notes if "best" in note]
    assert "over the samples of each range" in note and note.endswith("too few samples to say what is chance in short")


def test_a_frame_has_the_limits_of_every_figure(three):
    frame = to_frame(score_with_chance(three))
    assert ((frame.ge_mean_low < frame.ge_mean) & (frame.ge_mean < frame.ge_mean_high))[:3].all()
    assert frame.distinguishable_ge_mean.tolist()[:3] == [False, False, True]


def test_the_samples_of_all_ranges_are_all_samples(three):
    for by in ("yaw", "pitch", "roll", "ge-axis"):
        records = [record for record in range_records(three[:2], by) if record["label"] == "good"]
        assert sum(record["n"] for record in records) == 200
        mean = sum(record["n"] * record["ge"]["mean"] for record in records) / 200
        assert mean == pytest.approx(score(three[:1])[0]["ge"]["mean"])


def test_a_range_of_yaw_has_the_error_of_its_samples_and_beyond_60_degrees_a_doubt(three):
    yaw = np.abs(three[0].euler[:, 0])
    error = metrics.geodesic_error(three[0].truth, three[0].prediction)
    for record in range_records(three[:1], "yaw"):
        inside = (yaw >= record["low"]) & (yaw < record["high"])
        assert record["ge"]["mean"] == pytest.approx(error[inside].mean())
        assert record["euler_doubtful"] == (record["low"] >= 60)


def test_a_nod_turns_about_x_and_a_small_turn_about_nothing():
    turns = [pose.rotation_about(axis, 30) for axis in "xyz"] + [pose.rotation_about("x", 5)]
    assert [name[0] for name in turn_axis(np.array(turns)).tolist()] == ["x", "y", "z", "u"]


def test_samples_without_a_person_are_not_divided_by_one(three):
    with pytest.raises(UsageError, match="no person"):
        range_records(three, "person")


@pytest.mark.parametrize(
    ("rule", "failed"),
    [("GE > +3", True), ("GE > +5", False), ("ge > 6", True), ("GE>9", False), ("med > +3", True), ("cov < -1", False)],
)
def test_the_gate_fails_what_is_worse_beyond_chance(three, rule, failed):
    (verdict,) = judge(three[0], three[2], [parse_rule(rule)])
    assert verdict.failed == failed and verdict.low <= verdict.value <= verdict.high
    assert ("worse than of good" in verdict.sentence) == (verdict.rule.relative and verdict.value != 0)


def test_coverage_is_judged_on_all_samples_whatever_the_view(three):
    prediction = three[1].prediction.copy()
    prediction[:50] = np.nan
    for view in ("all", "detected", "common"):
        (verdict,) = judge(three[0], replace(three[1], prediction=prediction), [parse_rule("cov < -10")], view)
        assert verdict.value == -25 and verdict.failed and "25.00% worse than of good" in verdict.sentence


def test_equal_runs_are_the_same_and_not_worse_by_nothing(three):
    for verdict in judge(three[0], three[0], [parse_rule("GE > +1"), parse_rule("cov < -1")]):
        assert "of good is the same as of good" in verdict.sentence and not verdict.failed


def test_the_gate_lets_pass_what_chance_may_have_made_worse(turned):
    rng = np.random.default_rng(3)
    base = rng.gamma(4, 1, 30)
    (verdict,) = judge(turned("a", base), turned("b", base + rng.normal(0.3, 2, 30)), [parse_rule("GE > +0.1")])
    assert verdict.value > 0.1 and not verdict.failed


@pytest.mark.parametrize(
    "rule", ["GE", "GE > +", "GE < +1", "GE > -1", "ms > 1", "cov > +1", "gee > 1", "acc10 > 1", "GE-sd > 1"]
)
def test_a_rule_that_makes_no_sense_is_refused(rule):
    with pytest.raises(UsageError):
        parse_rule(rule)


def test_a_gate_over_unlike_samples_is_refused(three):
    prediction = three[1].prediction.copy()
    prediction[0] = np.nan
    with pytest.raises(UsageError, match="--view"):
        judge(three[0], replace(three[1], prediction=prediction), [parse_rule("GE > +1")], view="detected")


def test_a_constant_offset_of_each_sequence_is_found_and_taken_out(turned, rotations):
    run = turned("x", np.zeros(40), sequence=np.repeat(["a", "b"], 20))
    offsets = np.repeat(rotations(2), 20, axis=0)
    moved = replace(run, prediction=run.truth @ offsets)
    assert metrics.geodesic_error(moved.truth, align_sequences(moved).prediction).max() < 1e-5
    assert constant_offset(run.truth[:20], moved.prediction[:20]) == pytest.approx(rotations(2)[0].T)
    with pytest.raises(UsageError, match="no sequence"):
        align_sequences(turned("x", np.zeros(3)))


def test_that_runs_were_aligned_with_the_labels_is_said_in_every_form(turned):
    sequence = np.repeat(["a", "b"], 20)
    runs = [turned(label, np.arange(40.0) + add, sequence=sequence) for label, add in (("x", 0), ("y", 5))]
    oracle = "ORACLE: aligned per sequence with the labels of the test"

    def sheets_and_records(runs):
        results, ranges, apart = score_with_chance(runs), range_records(runs, "yaw"), disagreements(runs, 2)
        sheets = [results_sheet(results), *ranges_sheets(ranges), disagreement_sheet(apart)]
        return sheets, [*results, *ranges, *apart]

    sheets, records = sheets_and_records([align_sequences(run) for run in runs])
    assert all(sheet.title.endswith(oracle) for sheet in sheets)
    assert {record["aligned"] for record in records} == {"sequence"}
    (verdict,) = judge(*map(align_sequences, runs), [parse_rule("GE > +1")])
    assert verdict.sentence.startswith(oracle) and verdict_record(verdict)["aligned"] == "sequence"
    sheets, records = sheets_and_records(runs)
    assert not any("ORACLE" in sheet.title for sheet in sheets) and {record["aligned"] for record in records} == {None}


def test_a_risk_coverage_curve_by_hand():
    curve = risk_coverage([4.0, 1.0, 2.0], [0.1, 0.9, 0.5])
    assert curve.coverage == pytest.approx([1 / 3, 2 / 3, 1]) and curve.risk == pytest.approx([1, 1.5, 7 / 3])
    assert curve.area == pytest.approx((1 + 1.5 + 7 / 3) / 3)
    assert risk_coverage([4.0, 1.0, 2.0], [5, 5, 5]).risk == pytest.approx([7 / 3] * 3)


def test_the_area_of_a_confidence_lies_between_that_of_knowing_all_and_nothing(turned):
    degrees = np.random.default_rng(1).gamma(2, 3, 100)
    run = turned("x", degrees, confidence=-degrees + np.random.default_rng(2).normal(0, 3, 100))
    areas = risk_record(run)
    assert areas["aurc_best"] < areas["aurc"] < areas["aurc_none"] == pytest.approx(degrees.mean(), abs=1e-5)
    assert risk_record(turned("x", degrees)) is None


def test_a_confidence_that_is_highest_for_the_worst_is_a_defect_and_its_row_says_so(turned):
    rng = np.random.default_rng(0)
    degrees = rng.gamma(4, 2, 500)
    sure = -degrees + rng.normal(0, 1, 500)
    degrees[:5], sure[:5] = 60.0, 99.0  # laid, not seen: the surest percent
    (record,) = score_with_chance([turned("x", degrees, confidence=sure)])
    told = "its confidence ranks worse than chance, a defect: the 5 surest of 500 samples have a mean GE of 60.00"
    assert told in record["notes"][-1] and record["risk_coverage"]["defect"] == record["notes"][-1]
    assert record["risk_coverage"]["aurc"] < record["risk_coverage"]["aurc_none"]
    (row,) = results_sheet([record], [COLUMNS["aurc"]]).rows
    assert row[1].marked == f"({record['risk_coverage']['aurc']:.2f})"


def test_a_confidence_that_knows_something_or_nothing_is_no_defect(turned):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        degrees = rng.gamma(1, 8, 200)
        assert risk_record(turned("x", degrees, confidence=rng.normal(size=200)))["defect"] is None
        assert risk_record(turned("x", degrees, confidence=-degrees))["defect"] is None
    assert risk_record(turned("x", np.ones(50), confidence=np.ones(50)))["defect"] is None
    assert "defect" in risk_record(turned("x", degrees, confidence=degrees))["defect"]


def test_the_sample_on_which_estimators_disagree_most_comes_first(turned):
    flat = np.full(20, 3.0)
    other = flat.copy()
    other[7] = 50
    found = disagreements([turned("a", flat), turned("b", other), turned("zero", flat * 0)], 3)
    assert found[0]["id"] == "00007" and found[0]["disagreement"] == pytest.approx(47)
    assert [error["label"] for error in found[0]["errors"]] == ["a", "b"] and len(found) == 3


def test_where_no_sample_is_left_there_is_nothing_to_divide_and_nothing_to_disagree_on(three):
    blind = replace(three[0], prediction=np.full_like(three[0].prediction, np.nan))
    with pytest.raises(UsageError, match="no sample to divide by yaw"):
        range_records([blind, three[1]], "yaw", view="common")
    with pytest.raises(UsageError, match="no sample that all of good, alike predicted"):
        disagreements([blind, three[1]], 3)


def test_errors_are_those_that_are_averaged_in_every_view(three):
    for view in ("all", "detected", "common"):
        (record,) = score(three[:1], view)
        assert run_errors(three[0], view).geodesic.mean() == pytest.approx(record["ge"]["mean"])


@pytest.mark.parametrize("columns", ["", "n,params", "GE,med-ci,p95-ci", "aurc,GE-ci", "left,p95"])
def test_a_table_that_compares_only_what_it_shows_is_the_same(three, columns):
    shown = choose_columns(columns.split(",")) if columns else []
    own = shown_figures("mae", shown, None)
    whole, needed = (results_sheet(score_with_chance(three, **some), shown) for some in ({}, own))
    assert needed.rows == whole.rows and needed.notes == whole.notes


def test_many_columns_have_the_intervals_that_each_has_alone():
    values = np.random.default_rng(0).gamma(2, 3, (40, 300))
    together = mean_intervals(values, np.arange(40))
    for column in (0, 127, 128, 299):
        alone = bootstrap_means(values[:, [column]], np.arange(40)).interval()
        assert together[:, [column]] == pytest.approx(alone, rel=1e-9)
    assert mean_intervals(values[:, :0], np.arange(40)).shape == (2, 0)


def test_more_runs_than_are_resampled_at_once_share_their_resamples(turned):
    rng = np.random.default_rng(0)
    base = rng.gamma(4, 1, 60)
    runs = [turned(f"run {place}", base + rng.normal(0, 1, 60)) for place in range(15)]
    every = score_with_chance(runs)
    few = score_with_chance(runs[:2])
    for record, other in zip(every, few, strict=False):
        assert record["intervals"] == other["intervals"]
