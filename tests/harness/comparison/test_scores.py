"""Scores of stored runs: views over several runs, JSON-ready records, data frames."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hpe_bench import UsageError, compare, evaluate
from hpe_bench.comparison.scores import common_masks, score, to_frame
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
