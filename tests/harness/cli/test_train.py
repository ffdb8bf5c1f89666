"""hpe-bench train, and what other commands say of trainings, as a user meets them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from hpe_bench import compare


def test_train_prints_stages_files_and_the_command_that_evaluates_and_show_shows_it(hpe_bench, learner):
    done = hpe_bench("train", "learner", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert "reading: identities 4" in done.stderr and "fit: loss 1.562, steps 3, nothing –" in done.stderr
    table = [line.split() for line in done.stdout.splitlines()]
    assert ["stage", "figure", "value", "seconds"] in table and ["steps", "3"] in table
    evaluate = next(line for line in done.stdout.splitlines() if line.startswith("evaluate"))
    assert evaluate.split(maxsplit=1)[1] == "hpe-bench eval learner:weights=quick-line-seed1 --dataset line"
    assert hpe_bench(*evaluate.split()[2:]).returncode == 0
    shown = hpe_bench("show", "results")
    assert "training of learner/quick-line-seed1" in shown.stdout and "points of fit 3" in shown.stdout
    for text in (done.stdout, shown.stdout):
        assert max(map(len, text.splitlines())) <= 80 and "\x1b" not in text
    records = json.loads(hpe_bench("show", "results", "--json").stdout)
    assert [record.get("kind") for record in records] == [None, "training"]
    assert records[1]["curves"]["fit"]["loss"] == [6.25, 3.125, 1.5625]
    assert compare().estimator.tolist() == ["learner"]


def test_json_is_one_list_and_a_failure_shows_until_it_is_mended(hpe_bench, learner, tmp_path):
    trouble = ["train", "learner", "-o", "steps=4", "-o", "trouble=boom", "--json"]
    failed = hpe_bench(*trouble)
    assert failed.returncode == 4 and failed.stdout == "" and "ZeroDivisionError: boom" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "failed: ZeroDivisionError: boom" in hpe_bench("show", "training").stdout
    only = hpe_bench("compare")
    assert only.returncode == 3 and "only trainings" in only.stderr
    (tmp_path / "mended").touch()
    done = hpe_bench(*trouble)
    assert done.returncode == 0 and done.stderr == ""
    (record,) = json.loads(done.stdout)
    assert record["weights"] == "weights/learner/quick-line" and record["files"] == ["angle.txt"]
    assert [stage["name"] for stage in record["stages"]] == ["reading", "fit"] and not record["reused"]


def test_one_that_learned_nothing_exits_4_and_show_tells_of_it(hpe_bench, learner):
    words = ["train", "learner", "-o", "trouble=few", "-d", "identities=2"]
    failed = hpe_bench(*words)
    assert failed.returncode == 4 and failed.stdout == "" and "Traceback" not in failed.stderr
    assert "21.5" in failed.stderr and "20 of the zero pose" in failed.stderr and "--keep-anyway" in failed.stderr
    shown = " ".join(hpe_bench("show", "results").stdout.split())
    assert "learned nothing: its validation MAE of 21.5" in shown and "weights none stored" in shown
    kept = hpe_bench(*words, "--keep-anyway")
    assert kept.returncode == 0 and "kept all the same: its validation MAE" in " ".join(kept.stdout.split())
    assert max(map(len, kept.stdout.splitlines())) <= 80


def test_a_series_with_a_point_that_learned_nothing_exits_4_with_its_table(hpe_bench, learner):
    done = hpe_bench("train", "learner", "--identities", "1,3", "-o", "trouble=few")
    assert done.returncode == 4 and "learned nothing" in done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["1", "–"] in [row[:2] for row in rows] and any(row[:1] == ["3"] and "–" not in row for row in rows)


def test_what_several_estimators_of_a_series_lack_for_one_reason_is_told_once(hpe_bench, learner):
    done = hpe_bench("train", "learner", "--identities", "1,3", "-o", "trouble=few")
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert sum("learner/quick-line-n1 learned nothing" in error for error in errors) == 1
    both = "learner:weights=quick-line-n1, learner-half:weights=quick-line-n1 did not run: learner/quick-line-n1"
    assert both in " ".join(done.stdout.split())


def test_ctrl_c_keeps_the_checkpoints_and_the_same_command_resumes(hpe_bench, learner, tmp_path, steps):
    program = [sys.executable, "-c", "from hpe_bench.cli import main; main()", "train", "learner", "--preset", "long"]
    environment = {**os.environ, "LEARNER_SECONDS": "0.1"}
    child = subprocess.Popen(program, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while steps() < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=30)
    assert child.returncode == 130 and "the same command resumes" in told and "Traceback" not in told
    assert steps() < 20
    done = hpe_bench("train", "learner", "--preset", "long")
    assert done.returncode == 0 and "resumed" in done.stderr and steps() in (20, 21)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["procrustes"], "cannot be trained; those that can"),
        (["learner", "--identities", "1,x"], "numbers with commas"),
        (["learner", "--seeds", "1,2"], "--identities"),
    ],
)
def test_wrong_use_is_exit_2(hpe_bench, learner, arguments, message):
    done = hpe_bench("train", *arguments)
    assert done.returncode == 2 and message in done.stderr and done.stdout == ""


def test_a_series_prints_one_table_and_draws_a_plot(hpe_bench, learner, tmp_path):
    done = hpe_bench("train", "learner", "--identities", "3,1", "--seeds", "0,1")
    assert done.returncode == 0, done.stderr
    assert "nobody is left out" in done.stderr and "4 of 4: 3 identities, seed 1" in done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert max(map(len, done.stdout.splitlines())) <= 80
    rows = [line for line in lines if line and line[0] in ("1", "3")]
    assert [row[0] for row in rows] == ["1", "3"] and all(len(row) == 9 for row in rows)
    kept = {path.suffix: path for path in (tmp_path / "results" / "training" / "learner").glob("series-*")}
    assert set(kept) == {".png", ".svg", ".json"} and all(path.name in done.stdout for path in kept.values())
    assert len(json.loads(kept[".json"].read_text())) == 2 * 2 * 4


def test_info_shows_presets_and_training_options(hpe_bench, learner):
    text = hpe_bench("info", "learner").stdout
    assert "--dataset line -d first=20.0 -o steps=20" in " ".join(text.split()) and "how often" in text
    (record,) = json.loads(hpe_bench("info", "learner", "--json").stdout)
    assert [option["option"] for option in record["training"]["options"]] == ["steps", "trouble"]
    assert [preset["preset"] for preset in record["training"]["presets"]] == ["quick", "long"]


def test_help_names_train_between_weights_and_eval(hpe_bench):
    words = hpe_bench("--help").stdout.split()
    assert words.index("weights") < words.index("train") < words.index("eval")
