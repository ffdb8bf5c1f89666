"""Doing a job: resumed after any kill, done once by two processes, and stored whole or not at all."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from hpe_bench import UsageError, evaluate, open_run
from hpe_bench.runs import journal as journals

#: More of them can be asked for: HPE_BENCH_KILLS=200 pytest tests/harness/runs/test_execute.py
KILLS = int(os.environ.get("HPE_BENCH_KILLS", "24"))

SLOW = """
import os, time
from pathlib import Path
import numpy as np
from hpe_bench import Estimator, hookimpl

class Slow(Estimator):
    '''Predicts what depends on the seeds alone, and writes down what it was asked for.'''

    def predict(self, batch):
        Path(os.environ["SLOW_LOG"] + ".pid").write_text(str(os.getpid()))
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0.002")))
        angles = np.array([np.random.default_rng(int(seed)).uniform(-90, 90) for seed in batch.seeds])
        from hpe_bench import pose
        with open(os.environ["SLOW_LOG"], "a") as log:
            log.write(f"{len(batch)}\\n")
        return pose.rotation_about("y", angles)

@hookimpl
def register_estimators(register):
    register("slow", Slow)
"""


@pytest.fixture
def slow(tmp_path, monkeypatch):
    path = tmp_path / "slow.py"
    path.write_text(SLOW)
    monkeypatch.setenv("SLOW_LOG", str(tmp_path / "log"))
    return path


def run_slow(plugin: Path, results: Path, **more):
    settings = {"dataset_options": {"identities": 1, "step": 20.0}, "batch_size": 4, "results": results, **more}
    return evaluate("slow", dataset="synthetic", plugins=[plugin], **settings)


def samples_asked_for(tmp_path: Path) -> int:
    return sum(map(int, (tmp_path / "log").read_text().split()))


def until_it_is_gone(tmp_path: Path) -> None:
    """Wait for the estimator's process of a command that was killed: it may be writing down one batch more."""
    note = tmp_path / "log.pid"
    while note.exists() and note.read_text() and Path(f"/proc/{note.read_text()}").exists():
        time.sleep(0.005)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".h5")


def test_an_identical_job_uses_its_run_again_and_again_overrides(slow, tmp_path):
    first = run_slow(slow, tmp_path / "r")
    asked = samples_asked_for(tmp_path)
    assert asked == first.n_total[0] == 5 * 5 * 3
    second = run_slow(slow, tmp_path / "r")
    assert samples_asked_for(tmp_path) == asked and second.run[0] == first.run[0]
    third = run_slow(slow, tmp_path / "r", again=True)
    assert samples_asked_for(tmp_path) == 2 * asked and third.mae_mean[0] == first.mae_mean[0]


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"limit": 5}, {"dataset_options": {"identities": 1, "step": 20.0, "noise": 0.1}}]
)
def test_whatever_determines_the_result_makes_another_run(slow, tmp_path, change):
    assert run_slow(slow, tmp_path / "r").run[0] != run_slow(slow, tmp_path / "r", **change).run[0]


def test_an_edited_plugin_makes_another_run(slow, tmp_path):
    before = run_slow(slow, tmp_path / "r").run[0]
    slow.write_text(SLOW.replace("-90, 90", "-10, 10"))
    assert run_slow(slow, tmp_path / "r").run[0] != before


HEADS = """
import numpy as np
from hpe_bench import Dataset, Sample, hookimpl, pose

class Heads(Dataset):
    def ids(self):
        return [f"head{index}" for index in range(9)]

    def sample(self, id):
        yaw = 10.0 * int(id[4:])
        return Sample(id=id, rotation=pose.rotation_from_euler((yaw, 0, 0)), image=np.zeros((8, 8, 3), np.uint8))

@hookimpl
def register_datasets(register):
    register("heads", Heads)
"""


def test_an_edited_dataset_makes_another_run(tmp_path):
    plugin = tmp_path / "heads.py"
    plugin.write_text(HEADS)
    before = evaluate("zero", dataset="heads", plugins=[plugin]).iloc[0]
    plugin.write_text(HEADS.replace("(yaw, 0, 0)", "(0, 0, 2 * yaw)"))
    after = evaluate("zero", dataset="heads", plugins=[plugin]).iloc[0]
    assert before.run != after.run and after.ge_mean == pytest.approx(2 * before.ge_mean)


def test_again_forgets_what_an_interrupted_run_had_predicted(slow, tmp_path, fork):
    child = fork(lambda: run_slow(slow, tmp_path / "r"))
    deadline = time.monotonic() + 20
    while not list((tmp_path / "r").rglob(".*.journal")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    until_it_is_gone(tmp_path)
    before = samples_asked_for(tmp_path) if (tmp_path / "log").exists() else 0
    row = run_slow(slow, tmp_path / "r", again=True)
    assert samples_asked_for(tmp_path) - before == row.n_total[0]


def test_another_jobs_run_at_the_path_is_moved_aside(slow, tmp_path):
    mine = Path(run_slow(slow, tmp_path / "r").run[0])
    other = Path(run_slow(slow, tmp_path / "r", seed=9).run[0])
    before = open_run(mine).prediction
    shutil.copy(other, mine)
    np.testing.assert_array_equal(open_run(run_slow(slow, tmp_path / "r").run[0]).prediction, before)
    assert list(mine.parent.glob("*.damaged-*"))


def test_a_results_folder_that_cannot_be_written_to_ends_an_evaluation_of_all(hpe_bench, tmp_path):
    (tmp_path / "file").touch()
    done = hpe_bench("eval", "--dataset", "synthetic", "-d", "identities=1", "--results", "file")
    assert done.returncode == 3 and "a file stands where a folder is needed" in done.stderr


def test_what_a_plugin_prints_is_no_part_of_the_json(hpe_bench, tmp_path):
    plugin = tmp_path / "broken.py"
    body = "print('forward'); return np.broadcast_to(np.eye(3), (len(batch), 3, 3))"
    plugin.write_text("print('hello')\n" + BROKEN.format(body=body))
    done = hpe_bench("eval", "broken", "--dataset", "synthetic", "-d", "identities=1", "--plugin", plugin, "--json")
    assert json.loads(done.stdout)[0]["n"] == 693 and "forward" in done.stderr


def test_a_metric_that_fails_costs_nobody_else_anything(hpe_bench, tmp_path):
    plugin = tmp_path / "metric.py"
    plugin.write_text(
        "from hpe_bench import hookimpl\n@hookimpl\ndef register_metrics(register):\n"
        "    register('bad', lambda truth, prediction: truth)\n    register('gone', 'nowhere:gone')\n"
    )
    done = hpe_bench("eval", "zero", "--dataset", "synthetic", "-d", "identities=1", "--plugin", plugin, "--json")
    (row,) = json.loads(done.stdout)
    assert done.returncode == 0 and row["metrics"] == {"bad": None} and "bad failed" in " ".join(row["notes"])
    assert "nowhere" in done.stderr


def test_an_estimator_that_cannot_be_imported_costs_nobody_else_anything(hpe_bench, tmp_path):
    plugin = tmp_path / "lazy.py"
    (tmp_path / "lazy_inner.py").write_text("raise ValueError('not today')")
    plugin.write_text(
        "from hpe_bench import hookimpl\n@hookimpl\ndef register_estimators(register):\n"
        "    register('lazy', 'lazy_inner:Lazy')\n    register('wrong', object)\n"
    )
    arguments = ["--dataset", "synthetic", "-d", "identities=1", "--plugin", plugin, "--json"]
    done = hpe_bench("eval", *arguments, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = {row["estimator"]: row for row in json.loads(done.stdout)}
    assert "not today" in rows["lazy"]["skipped"] and "not a subclass of Estimator" in rows["wrong"]["skipped"]
    assert rows["oracle"]["ge"]["mean"] == 0


def test_the_batch_size_changes_no_prediction(slow, tmp_path):
    one = open_run(run_slow(slow, tmp_path / "a").run[0])
    other = open_run(run_slow(slow, tmp_path / "b", batch_size=7).run[0])
    np.testing.assert_allclose(one.prediction, other.prediction, rtol=0, atol=1e-12)


def die_at(batches: int, moment: str) -> None:
    """From here on this process is killed when it has finished so many batches more: before it writes the next one
    down, in the middle of writing it, or as soon as it stands in the journal."""
    append, written = journals.Journal.append, 0

    def append_or_die(journal, records):
        nonlocal written
        written += 1
        if written <= batches:
            return append(journal, records)
        if moment == "within":
            # The system itself ends a process that writes beyond this: half of the batch is in the file then.
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            end = journal.path.stat().st_size + records.nbytes // 2
            resource.setrlimit(resource.RLIMIT_FSIZE, (end, end))
        if moment != "before":
            append(journal, records)
        os.kill(os.getpid(), signal.SIGKILL)

    journals.Journal.append = append_or_die


def batches_in(results: Path, job_samples: int) -> tuple[int, np.ndarray, np.ndarray]:
    """How many samples an interrupted run has finished, which, and their rotations."""
    (path,) = results.rglob(".*.journal")
    key = json.loads(path.read_bytes().partition(b"\n")[0])["job"]
    with journals.Journal(path, key, job_samples) as journal:
        return int(journal.done.sum()), journal.done.copy(), journal.records["rotation"].copy()


def test_killed_at_any_moment_of_a_batch_nothing_finished_is_lost_and_nothing_unreadable_is_left(
    slow, tmp_path, monkeypatch, fork
):
    monkeypatch.setenv("SLOW_SECONDS", "0")
    uninterrupted = open_run(run_slow(slow, tmp_path / "calm").run[0])
    total, batch = len(uninterrupted), 4
    results, chance = tmp_path / "r", random.Random(5)
    finished, completed = 0, 0
    for _ in range(KILLS):
        batches, moment = chance.randrange(6), chance.choice(["before", "within", "after"])

        def job(batches=batches, moment=moment) -> None:
            die_at(batches, moment)
            run_slow(slow, results)

        status = os.waitstatus_to_exitcode(os.waitpid(fork(job), 0)[1])
        finished = min(total, finished + batch * (batches + (moment == "after")))
        if status == 0:  # fewer batches were left than it was to live for
            (path,) = results.rglob("*.h5")
            np.testing.assert_array_equal(open_run(path).prediction, uninterrupted.prediction)
            assert finished == total and leftovers(results) == []
            shutil.rmtree(results)
            finished, completed = 0, completed + 1
            continue
        assert status == -(signal.SIGXFSZ if moment == "within" else signal.SIGKILL)
        assert not list(results.rglob("*.h5"))
        done, which, rotations = batches_in(results, total)
        assert done == finished, "a finished batch was lost, or an unfinished one believed"
        np.testing.assert_array_equal(rotations[which], uninterrupted.prediction[which])
    final = open_run(run_slow(slow, results).run[0])
    np.testing.assert_array_equal(final.prediction, uninterrupted.prediction)
    assert leftovers(results) == []
    assert completed >= KILLS // 20, "hardly a series came to its end: the test kills too early to mean anything"


def test_killed_from_outside_wherever_it_is_it_goes_on_from_its_last_batch(slow, tmp_path, monkeypatch, fork):
    monkeypatch.setenv("SLOW_SECONDS", "0.02")
    results, total, finished = tmp_path / "r", 5 * 5 * 3, 0
    for _ in range(4):
        asked = samples_asked_for(tmp_path) if (tmp_path / "log").exists() else 0
        child = fork(lambda: run_slow(slow, results))
        patience = time.monotonic() + 60
        while time.monotonic() < patience and not (
            (tmp_path / "log").exists() and samples_asked_for(tmp_path) >= asked + 12
        ):
            time.sleep(0.002)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if list(results.rglob("*.h5")):  # it was done before the signal came
            break
        done, _, _ = batches_in(results, total)
        assert finished <= done and finished + 8 <= done
        finished = done
    run = open_run(run_slow(slow, results).run[0])
    assert len(run) == total and run.found.all() and leftovers(results) == []


def test_a_kill_while_the_run_is_being_written_leaves_the_journal_to_finish_from(slow, tmp_path, monkeypatch, fork):
    def dies() -> None:
        from hpe_bench.runs import execute

        def write_half(run) -> None:
            (run.path.parent / f".{run.path.name}.tmp-1-dead").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(execute, "write_run", write_half)
        run_slow(slow, tmp_path / "r")

    os.waitpid(fork(dies), 0)
    asked = samples_asked_for(tmp_path)
    assert len(leftovers(tmp_path / "r")) == 2
    run = open_run(run_slow(slow, tmp_path / "r").run[0])
    assert samples_asked_for(tmp_path) == asked == len(run)
    assert leftovers(tmp_path / "r") == []


def test_what_a_kill_left_after_the_run_was_stored_is_removed_by_the_next_try(slow, tmp_path, monkeypatch, fork):
    def dies() -> None:
        monkeypatch.setattr(journals.Journal, "remove", lambda self: os.kill(os.getpid(), signal.SIGKILL))
        run_slow(slow, tmp_path / "r")

    os.waitpid(fork(dies), 0)
    assert [name for name in leftovers(tmp_path / "r") if name.endswith(".journal")]
    asked = samples_asked_for(tmp_path)
    run_slow(slow, tmp_path / "r")
    assert samples_asked_for(tmp_path) == asked
    assert not [name for name in leftovers(tmp_path / "r") if name.endswith(".journal")]


def test_two_processes_with_one_job_do_it_once_and_both_get_the_run(slow, tmp_path, monkeypatch, fork):
    monkeypatch.setenv("SLOW_SECONDS", "0.02")
    children = [fork(lambda: run_slow(slow, tmp_path / "r")) for _ in range(3)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    (path,) = (tmp_path / "r").rglob("*.h5")
    assert samples_asked_for(tmp_path) == len(open_run(path))
    assert leftovers(tmp_path / "r") == []


def test_a_damaged_run_is_moved_aside_and_evaluated_again(slow, tmp_path, capsys):
    path = Path(run_slow(slow, tmp_path / "r").run[0])
    path.write_bytes(path.read_bytes()[:500])
    run_slow(slow, tmp_path / "r", progress=True)
    open_run(path)
    assert "damaged" in capsys.readouterr().err
    assert [name for name in leftovers(tmp_path / "r") if "damaged" in name]


BROKEN = """
import numpy as np
from hpe_bench import Estimator, hookimpl

class Broken(Estimator):
    def predict(self, batch):
        {body}

@hookimpl
def register_estimators(register):
    register("broken", Broken)
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('no luck')", "ValueError: no luck"),
        ("return np.zeros((len(batch), 3))", r"rotations \(64, 3, 3\) belong"),
        ("return np.zeros((len(batch), 3, 3))", "not a rotation"),
        ("return np.broadcast_to(np.diag([1., 1., -1.]), (len(batch), 3, 3))", "mirrored"),
        ("return [None] * len(batch)", "rotations"),
    ],
)
def test_an_estimator_that_fails_leaves_a_record_and_the_others_run(tmp_path, hpe_bench, body, message):
    plugin = tmp_path / "broken.py"
    plugin.write_text(BROKEN.format(body=body))
    done = hpe_bench(
        "eval", "broken", "zero", "--dataset", "synthetic", "-d", "identities=1", "--plugin", plugin, "--json"
    )
    assert done.returncode == 4
    broken, zero = json.loads(done.stdout)
    assert "mae" in zero and zero["n"] == 693
    import re

    assert re.search(message, broken["skipped"])
    (record,) = (tmp_path / "results").rglob("*.failed.json")
    found = json.loads(record.read_text())
    assert found["status"] == "failed" and re.search(message, found["error"]) and found["traceback"]
    shown = hpe_bench("compare", "synthetic/grid", "--json")
    assert [row["label"] for row in json.loads(shown.stdout) if "skipped" in row] == ["broken"]


def test_almost_rotations_are_rounded_to_rotations_and_half_answers_are_none(tmp_path):
    plugin = tmp_path / "broken.py"
    body = """
        given = np.tile(np.eye(3, dtype=np.float32), (len(batch), 1, 1))
        given[:, 0, 0] += 1e-5
        given[0, 1, 1] = np.nan
        return given
    """
    plugin.write_text(BROKEN.format(body=textwrap.dedent(body).strip().replace("\n", "\n        ")))
    row = evaluate("broken", dataset="synthetic", dataset_options={"identities": 1}, plugins=[plugin], batch_size=100)
    run = open_run(row.run[0])
    assert (~run.found).sum() == 7 and np.isnan(run.prediction[~run.found]).all()
    np.testing.assert_allclose(run.prediction[run.found], np.broadcast_to(np.eye(3), (686, 3, 3)), atol=1e-12)


def test_an_estimator_sees_neither_labels_nor_ids(tmp_path):
    plugin = tmp_path / "broken.py"
    plugin.write_text(BROKEN.format(body="raise RuntimeError(sorted(vars(batch)))"))
    row = evaluate("broken", dataset="synthetic", dataset_options={"identities": 1}, plugins=[plugin])
    assert "['images', 'landmarks', 'seeds']" in row.skipped[0]


def test_the_same_command_gives_the_same_predictions_in_another_process(hpe_bench):
    arguments = ["eval", "random", "--dataset", "synthetic", "-d", "identities=1", "--seed", "3", "--json"]
    (first,) = json.loads(hpe_bench(*arguments, "--results", "a").stdout)
    (second,) = json.loads(hpe_bench(*arguments, "--results", "b").stdout)
    assert first["mae"] == second["mae"] and first["ge"] == second["ge"]


def test_the_oracle_scores_exactly_zero(tmp_path):
    for options in ({"identities": 2}, {"identities": 1, "yaw": 180.0, "pitch": 80.0, "roll": 180.0, "step": 30.0}):
        row = evaluate("oracle", dataset="synthetic", dataset_options=options).iloc[0]
        figures = [
            row[column]
            for column in row.index
            if column.startswith(("mae_", "vmae_", "ge_")) and column.count("_") == 1
        ]
        assert len(figures) == 11 and not any(figures)


def test_a_full_disk_is_a_clear_error_and_the_same_command_goes_on_when_there_is_room(slow, tmp_path, hpe_bench):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        arguments = [
            "eval",
            "slow",
            "--dataset",
            "synthetic",
            "--plugin",
            slow,
            "--results",
            small,
            "-d",
            "identities=1",
        ]
        full = hpe_bench(*arguments)
        assert full.returncode == 3 and "the disk is full" in full.stderr and "Traceback" not in full.stderr
        assert not list(small.rglob("*.h5"))
        subprocess.run(["mount", "-o", "remount,size=4m", str(small)], check=True)
        asked = samples_asked_for(tmp_path)
        assert hpe_bench(*arguments).returncode == 0
        (path,) = small.rglob("*.h5")
        assert samples_asked_for(tmp_path) - asked < len(open_run(path))
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_read_only_folder_is_a_clear_error(tmp_path, hpe_bench):
    locked = tmp_path / "locked"
    locked.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(locked)], capture_output=True)
    if mounted.returncode:
        locked.chmod(0o555)
        if os.access(locked, os.W_OK):
            pytest.skip("neither a read-only mount nor a folder without permission can be made here")
    try:
        done = hpe_bench("eval", "zero", "--dataset", "synthetic", "--results", locked)
        assert done.returncode == 3 and "--results" in done.stderr and "Traceback" not in done.stderr
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", str(locked)], check=True)


def test_interrupted_by_the_keyboard_it_says_that_the_same_command_resumes(slow, tmp_path, monkeypatch):
    (tmp_path / "log").touch()
    monkeypatch.setenv("SLOW_SECONDS", "0.05")
    program = [sys.executable, "-c", "from hpe_bench.cli import main; main()", "eval", "slow", "--dataset", "synthetic"]
    process = subprocess.Popen(
        [*program, "--plugin", str(slow), "--batch-size", "4"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    while samples_asked_for(tmp_path) < 40 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "the same command resumes" in errors and "Traceback" not in errors


def test_wrong_requests_are_refused_before_anything_runs(slow, tmp_path):
    before = {child.pid for child in multiprocessing.active_children()}
    for settings, error in (
        ({"limit": 0}, UsageError),
        ({"batch_size": 0}, UsageError),
        ({"dataset_options": {"identities": 0}}, UsageError),
        ({"dataset_options": {"nonsense": 1}}, UsageError),
    ):
        with pytest.raises(error):
            run_slow(slow, tmp_path / "r", **settings)
    assert not (tmp_path / "r").exists()
    assert {child.pid for child in multiprocessing.active_children()} <= before
