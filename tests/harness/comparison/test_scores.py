"""Scores of stored runs: views over several runs, JSON-ready records, data frames."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hpe_bench import UsageError, compare, evaluate
from hpe_bench.comparison.scores import (
    common_masks,
    competes,
    failure,
    json_number,
    notes,
    score,
    score_with_chance,
    to_frame,
)
from hpe_bench.pose import euler_from_rotation, rotation_about
from hpe_bench.runs.runfile import Run


def make(rotations, manifest, ids, missing=(), label="x"):
    truth = rotations(len(ids))
    prediction = truth.copy()
    prediction[[ids.index(id) for id in missing]] = np.nan
    made = manifest(label=label, estimator=label)
    columns = {"person": np.array([""] * len(ids)), "sequence": np.array([""] * len(ids))}
    return Run(
        path="x.h5",
        manifest=made,
        ids=np.array(ids),
        truth=truth,
        euler=euler_from_rotation(truth),
        prediction=prediction,
        confidence=np.zeros(len(ids)),
        seconds=np.zeros((len(ids), 3)),
        **columns,
    )


def test_common_is_what_every_run_holds_and_predicted(rotations, manifest):
    one = make(rotations, manifest, ["a", "b", "c", "d"], missing=["b"])
    two = make(rotations, manifest, ["d", "c", "b"], missing=["c"])
    masks = common_masks([one, two])
    assert one.ids[masks[0]].tolist() == ["d"] and two.ids[masks[1]].tolist() == ["d"]
    records = score([one, two], view="common")
    assert [record["n"] for record in records] == [1, 1]
    assert [record["coverage"] for record in records] == pytest.approx([3 / 4, 2 / 3])


def test_figures_that_do_not_exist_are_null_and_the_record_is_valid_json(rotations, manifest):
    (record,) = score([make(rotations, manifest, ["a", "b"], missing=["a", "b"])], view="detected")
    assert record["n"] == 0 and record["coverage"] == 0 and record["mae"]["mean"] is None
    assert "NaN" not in json.dumps(record, allow_nan=False)


def test_a_plugins_metric_is_averaged_over_the_scored_samples(rotations, manifest):
    run = make(rotations, manifest, ["a", "b", "c"], missing=["b"])
    metrics = {"ones": lambda truth, prediction: np.ones(len(truth)), "n": lambda t, p: np.full(len(t), len(t))}
    assert score([run], view="detected", metrics=metrics)[0]["metrics"] == {"ones": 1.0, "n": 2.0}


def test_a_frame_has_a_row_a_run_and_a_column_a_figure(rotations, manifest):
    frame = to_frame(score([make(rotations, manifest, ["a"]), make(rotations, manifest, ["a"], label="y")]))
    assert frame.label.tolist() == ["x", "y"] and frame.ge_p95.tolist() == [0, 0]


def test_the_python_api_does_what_the_command_line_does(hpe_bench, tmp_path):
    options = {"identities": 1, "step": 20.0}
    frame = evaluate(["zero", "random", "oracle", "fsanet"], dataset="synthetic", dataset_options=options)
    assert frame.estimator.tolist() == ["zero", "random", "oracle", "fsanet"]
    assert "needs images" in frame.skipped[3] and frame.skipped[:3].isna().all()
    arguments = ["--dataset", "synthetic", "-d", "identities=1", "-d", "step=20", "--json"]
    rows = json.loads(hpe_bench("eval", "zero", "random", "oracle", *arguments).stdout)
    assert [row["mae"]["mean"] for row in rows] == frame.mae_mean[:3].tolist()
    assert sorted(compare("synthetic/grid").run) == sorted(row["run"] for row in rows)
    assert compare(rows[0]["run"], wrap="plain", view="detected").wrap[0] == "plain"
    evaluate("zero", dataset="synthetic", dataset_options={**options, "identities": 2})
    with pytest.raises(UsageError, match="--force"):
        compare("synthetic/grid")
    assert len(compare("synthetic/grid", force=True)) == 4


def test_the_figures_of_each_sequence_are_those_of_its_samples_alone(rotations, manifest, tmp_path):
    truth = rotations(6)
    turned = rotation_about("z", 10)
    prediction = truth.copy()
    prediction[3:5] = turned @ truth[3:5]
    prediction[5] = np.nan
    changed = manifest(protocol__cluster="sequence", protocol__warning="mind the gap", dataset__notes=["a note"])
    names = np.array(["02", "02", "02", "11", "11", "11"])
    run = Run(
        path=tmp_path / "x.h5",
        manifest=changed,
        ids=np.arange(6).astype(str),
        person=names,
        sequence=names,
        truth=truth,
        euler=euler_from_rotation(truth),
        prediction=prediction,
        confidence=np.full(6, np.nan),
        seconds=np.zeros((6, 3)),
    )
    (detected,) = score([run], "detected")
    assert detected["clusters"]["by"] == "sequence"
    figures = detected["clusters"]["figures"]
    assert (figures["02"]["n"], figures["11"]["n"]) == (3, 2)
    assert (figures["02"]["coverage"], figures["11"]["coverage"]) == (1, pytest.approx(2 / 3))
    assert figures["02"]["ge"] == 0 and figures["11"]["ge"] == pytest.approx(10)
    assert detected["notes"][-2:] == ["mind the gap", "a note"]
    (by_sample,) = score([replace(run, manifest=manifest())])
    assert by_sample["clusters"] is None
    assert not [column for column in to_frame([detected]) if column.startswith("clusters")]


# What a record says of a run


def test_a_record_says_what_was_evaluated_on_what_and_where_it_is_stored(rotations, manifest):
    changes = {"options": {"a": 1}, "parameters": 7, "crop": {"name": "whole"}, "device": "cuda", "aligned": "sequence"}
    run = make(rotations, manifest, ["a", "b"])
    run = replace(run, manifest=manifest(label="x:a=1", estimator="x", protocol__headline="ge", **changes))
    (record,) = score([run], "detected", "plain")
    expected = {
        "estimator": "x",
        "label": "x:a=1",
        "options": {"a": 1},
        "protocol": "d/all",
        "view": "detected",
        "wrap": "plain",
        "n": 2,
        "n_total": 2,
        "coverage": 1,
        "metrics": {},
        "clusters": None,
        "parameters": 7,
        "headline": "ge",
        "aligned": "sequence",
        "partial": False,
        "notes": [],
        "dataset": "d",
        "fingerprint": "f",
        "crop": {"name": "whole"},
        "device": "cuda",
        "started": "2026-01-01",
        "run": "x.h5",
    }
    assert record.items() >= expected.items()
    assert set(record["mae"]) == {"yaw", "pitch", "roll", "mean"} and set(record["ge"]) == {"mean", "median", "p95"}
    assert record["accuracy"] == {"5": 1, "10": 1, "15": 1, "30": 1} and set(record["vmae"]) > {"left", "mean"}


def test_a_missing_prediction_counts_as_the_zero_pose_for_a_plugins_metric_too(rotations, manifest):
    run = make(rotations, manifest, ["a", "b"], missing=["b"])
    seen = []
    score([run], metrics={"look": lambda truth, prediction: seen.append((truth, prediction)) or np.zeros(len(truth))})
    ((truth, prediction),) = seen
    assert (truth == run.truth).all() and (prediction[1] == np.eye(3)).all() and (prediction[0] == run.truth[0]).all()


def test_a_metric_that_fails_or_gives_no_number_a_sample_is_noted_and_costs_the_others_nothing(rotations, manifest):
    def broken(truth, prediction):
        raise KeyError("x")

    metrics = {"broken": broken, "one": lambda t, p: 1.0, "two": lambda t, p: np.full(len(t), 2)}
    (record,) = score([make(rotations, manifest, ["a", "b", "c"])], metrics=metrics)
    assert record["metrics"] == {"broken": None, "one": None, "two": 2.0}
    assert record["notes"] == [
        "the metric broken failed: KeyError: 'x'",
        "the metric one failed: ValueError: gives shape () for 3 samples",
    ]
    (none,) = score([make(rotations, manifest, ["a"], missing=["a"])], "detected", metrics={"two": metrics["two"]})
    assert none["metrics"] == {"two": None} and none["notes"] == []


def test_what_a_reader_has_to_know_is_noted_in_words(rotations, manifest):
    run = make(rotations, manifest, ["a"])

    def noted(**changes):
        return notes(replace(run, manifest=manifest(**changes)))

    assert noted() == []
    assert noted(overrides={"crop": "whole", "extractor": "mtcnn"}) == ["with --crop whole, --extractor mtcnn"]
    assert noted(dataset__limit=1200, dataset__n_protocol=13219) == ["partial: 1,200 of 13,219 samples (--limit)"]
    assert noted(protocol__expected=1969, dataset__n_protocol=1500) == [
        "d/all has 1,969 samples, this dataset 1,500: not the published protocol"
    ]
    assert noted(protocol__expected=9) == []
    assert noted(dataset__skipped=["a"] * 1200) == ["1,200 unreadable samples left out (--skip-bad)"]
    assert noted(protocol__warning="mind", dataset__notes=["first", "", "second"]) == ["mind", "first", "second"]


def test_a_run_of_a_part_of_the_data_says_so(rotations, manifest):
    run = replace(make(rotations, manifest, ["a"]), manifest=manifest(dataset__limit=1))
    (record,) = score([run])
    assert record["partial"] is True and not competes(record)


# Who competes


@pytest.mark.parametrize("name", ["oracle", "zero", "random"])
def test_rows_that_check_the_harness_do_not_compete(rotations, manifest, name):
    checks, real = score([make(rotations, manifest, ["a"], label=label) for label in (name, "x")])
    assert competes(real) and not competes(checks)


def test_what_did_not_run_does_not_compete_and_says_why():
    record = failure(
        {"estimator": "x", "label": "x:a=1", "protocol": "d/all", "error": "no memory", "path": "there"},
        "detected",
        "plain",
    )
    assert record == {
        "estimator": "x",
        "label": "x:a=1",
        "protocol": "d/all",
        "view": "detected",
        "wrap": "plain",
        "n": 0,
        "n_total": 0,
        "coverage": None,
        "mae": None,
        "vmae": None,
        "ge": None,
        "accuracy": None,
        "run": None,
        "skipped": "failed: no memory (there)",
    }
    assert not competes(record)


def test_of_runs_that_are_not_comparable_none_is_the_best(turned):
    runs = [turned("a", np.full(8, 3.0)), turned("b", np.full(8, 30.0))]
    for comparable in (True, False):
        records = score_with_chance(runs, comparable=comparable)
        assert [record["comparable"] for record in records] == [comparable] * 2
        assert (records[1]["distinguishable"]["ge"]["mean"] is True) == comparable
    assert [record["comparable"] for record in score_with_chance(runs)] == [True, True]


def test_what_is_said_of_chance_is_of_the_view_and_the_wrap(turned):
    run = turned("a", np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 170.0]))
    prediction = run.prediction.copy()
    prediction[0] = np.nan
    run = replace(run, prediction=prediction)
    for view, wrap in (("all", "wrap360"), ("detected", "fold180"), ("common", "plain")):
        (record,) = score_with_chance([run], view, wrap)
        (plain,) = score([run], view, wrap)
        low, high = record["intervals"]["mae"]["roll"]
        assert low <= plain["mae"]["roll"] <= high and record["mae"] == plain["mae"]
        assert record["statistics"]["clusters"] == (8 if view == "all" else 7)


# Clusters


def test_the_figures_of_clusters_are_shown_by_person_where_every_sample_has_one_and_they_are_few(turned):
    def clusters(names, cluster="person"):
        names = np.array(names)
        (record,) = score([turned("x", np.arange(float(len(names))), cluster=cluster, person=names)])
        return record["clusters"]

    found = clusters(["q", "p", "q"])
    assert found["by"] == "person" and list(found["figures"]) == ["p", "q"]
    assert found["figures"]["p"] == {
        "n": 1,
        "coverage": 1,
        "mae": pytest.approx(1 / 3),
        "vmae": pytest.approx(2 / 3),
        "ge": pytest.approx(1),
    }
    assert clusters(["p", "", "q"]) is None and clusters(["p", "q"], "sample") is None
    assert len(clusters([f"{place}" for place in range(100)])["figures"]) == 100
    assert clusters([f"{place}" for place in range(101)]) is None


def test_in_the_common_view_a_cluster_has_the_samples_that_all_predicted(turned):
    names = np.array(["p", "p", "q", "q"])
    one, other = (turned(label, np.arange(4.0), cluster="person", person=names) for label in "ab")
    prediction = other.prediction.copy()
    prediction[0] = np.nan
    records = score([one, replace(other, prediction=prediction)], "common")
    assert [record["clusters"]["figures"]["p"]["n"] for record in records] == [1, 1]
    assert [record["clusters"]["figures"]["p"]["ge"] for record in records] == pytest.approx([1, 1])
    assert records[1]["clusters"]["figures"]["p"]["coverage"] == 0.5
    folded, plain = (
        score([turned("x", [170.0], cluster="person", person=np.array(["p"]))], wrap=wrap)[0]
        for wrap in ("fold180", "wrap360")
    )
    assert folded["clusters"]["figures"]["p"]["mae"] < plain["clusters"]["figures"]["p"]["mae"]


# Numbers


def test_numbers_have_nine_decimals_and_what_is_no_number_is_null():
    assert [json_number(value) for value in (1.23456789049, 2.0, float("nan"), float("inf"))] == [
        1.23456789,
        2.0,
        None,
        None,
    ]
    assert str(json_number(-1e-12)) == "0.0" and json_number(1.0000000006) == 1.000000001


def test_a_frame_has_the_limits_of_every_figure_and_nothing_of_clusters(turned):
    frame = to_frame(
        score_with_chance([turned("x", np.arange(8.0), cluster="person", person=np.array(["p", "q"] * 4))])
    )
    assert frame.ge_mean_low[0] is None and frame.ge_mean_high[0] is None
    frame = to_frame(score_with_chance([turned("x", np.arange(8.0))]))
    assert frame.ge_mean_low[0] < frame.ge_mean[0] < frame.ge_mean_high[0]
    assert not [name for name in frame.columns if name.startswith(("clusters", "intervals"))]


def test_without_runs_nothing_is_common():
    assert common_masks([]) == [] and score([], "common") == []


# Views


@pytest.fixture
def half_seen(turned):
    """Two runs of eight samples, of which the one misses the first two and the other the third."""
    runs = []
    for label, missing in (("a", [0, 1]), ("b", [2])):
        run = turned(label, np.arange(1.0, 9))
        prediction = run.prediction.copy()
        prediction[missing] = np.nan
        runs.append(replace(run, prediction=prediction))
    return runs


def test_chance_and_metrics_of_plugins_are_of_the_samples_that_all_predicted(half_seen):
    metrics = {"n": lambda truth, prediction: np.full(len(truth), len(truth))}
    for view, numbers in (("all", [8, 8]), ("detected", [6, 7]), ("common", [5, 5])):
        records = score_with_chance(half_seen, view, metrics=metrics)
        assert [record["n"] for record in records] == numbers
        assert [record["metrics"]["n"] for record in records] == numbers
        assert [record["statistics"]["clusters"] for record in records] == numbers


def test_a_run_without_samples_has_a_mask_of_none(turned):
    (mask,) = common_masks([turned("a", np.array([]))])
    assert mask.dtype == np.bool_ and mask.shape == (0,)


def test_errors_of_single_precision_are_averaged_in_double(turned):
    errors = np.array([0.1, 0.2, 0.7], dtype=np.float32)
    (record,) = score([turned("a", np.zeros(3))], metrics={"single": lambda truth, prediction: errors})
    assert record["metrics"]["single"] == round(float(errors.astype(float).mean()), 9)


def test_a_record_says_how_good_the_confidence_is_where_there_is_one(turned):
    (record,) = score([turned("a", np.arange(4.0), confidence=np.array([4.0, 3.0, 2.0, 1.0]))])
    assert record["risk_coverage"]["aurc"] == pytest.approx(record["risk_coverage"]["aurc_best"])
    assert score([turned("a", np.arange(4.0))])[0]["risk_coverage"] is None


def test_a_run_that_says_nothing_of_options_has_none(turned):
    run = turned("a", np.zeros(2))
    del run.manifest["options"]
    assert score([run])[0]["options"] == {}
