"""One estimator's death, of any kind, is its own row's failure; what it prints and leaves behind reaches nobody."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hpe_bench import evaluate, open_run

PLUGIN = Path(__file__).parent / "misbehaving.py"
SMALL = ["--dataset", "synthetic", "-d", "identities=1", "-d", "step=20", "--plugin", PLUGIN]

#: What the row of each says; those that are not here have figures.
SAID = {
    "exit": r"SystemExit: it called sys.exit\(0\)",
    "exit-3": r"SystemExit: it called sys.exit\(3\)",
    "exit-words": r"SystemExit: it called sys.exit\('bye'\)",
    "exit-unspeakable": "it raised SystemExit",
    "base": "Alarming: x",
    "interrupt": "it raised KeyboardInterrupt",
    "memory": "it raised MemoryError",
    "limit": "MemoryError: Unable to allocate",
    "unspeakable": "it raised Unspeakable",
    "escapes": r"ValueError: \\x1b\[2J\\x1b\]0;pwn\\x07 \\u202eevil second",
    "missing": "^fetch it first$",
    "os-exit": "its process ended itself, with exit code 0",
    "crash": r"its process was ended by SIGSEGV \(segmentation fault\); its last words: about to go",
    "killed": r"its process was ended by SIGKILL \(as the system does where memory runs out\)",
    "terminated": "its process was ended by SIGTERM",
    "aborted": "its process was ended by SIGABRT",
    "forked": "its process ended itself, with exit code 5",
    "closed": "its process closed its connection",
    "server-killed": "its process was ended, nobody knows how",
    "complex": r"returned complex128 of shape \(64, 3, 3\) where real rotations",
    "object": r"returned object of shape \(64, 3, 3\) where real rotations",
    "huge": "not a rotation",
    "none": "returned None where rotations",
    "ragged": "ValueError",
    "mirrored": r"not a rotation \(mirrored",
    "larger": r"not a rotation \(off by 0.21\)",
    "confidence-shape": r"confidence .*\(3,\)",
    "confidence-text": "confidence .*<U4",
    "confidence-one": r"confidence .*\(\)",
    "exitsatload": r"SystemExit: it called sys.exit\(0\)",
    "countstoofew": r"parameters\(\) returned int that is no count",
    "exitswhenmade": r"SystemExit: it called sys.exit\(0\)",
    "raiseswhenmade": r"ValueError: not made \(.*misbehaving.py, line \d+\)$",
    "endswhenlookedfor": r"it called os._exit\(0\)",
}
FINE = [
    "half-float",
    "half-nan",
    "half-masked",
    "madehere",
    "prints",
    "floods",
    "thread",
    "session",
    "memory-left",
    "zero",
    "oracle",
]


@pytest.fixture(scope="module")
def all_at_once(tmp_path_factory):
    """All of them evaluated by one command: the finished process, and its rows by label."""
    folder = tmp_path_factory.mktemp("all")
    program = [sys.executable, "-c", "from hpe_bench.cli import main; main()", "eval", *SAID, *FINE, *SMALL, "--json"]
    done = subprocess.run(
        list(map(str, program)), cwd=folder, capture_output=True, text=True, timeout=300, env={**os.environ}
    )
    return done, {row["label"]: row for row in json.loads(done.stdout)}, folder


@pytest.mark.parametrize("name", SAID)
def test_its_row_says_what_happened(all_at_once, name):
    _, rows, folder = all_at_once
    said = rows[name]["skipped"]
    assert rows[name]["run"] is None and re.search(SAID[name], said) and said.isprintable()
    if name not in ("missing", "exitswhenmade", "raiseswhenmade", "endswhenlookedfor"):
        (record,) = folder.rglob(f"{name}-??????????.failed.json")
        assert said.endswith(f"What is known of it is in {record.relative_to(folder)}")
        found = json.loads(record.read_text())
        assert found["status"] == "failed" and found["error"] in said


@pytest.mark.parametrize("name", FINE)
def test_the_others_have_their_figures(all_at_once, name):
    _, rows, _ = all_at_once
    assert rows[name]["n"] == 75 and rows[name]["run"]
    assert list(rows) == [*SAID, *FINE], "in the order of the command"


def test_the_command_ends_with_4_and_without_a_traceback(all_at_once):
    done, _, _ = all_at_once
    assert done.returncode == 4 and "Traceback" not in done.stderr and "\x1b" not in done.stderr


@pytest.mark.parametrize("name", ["half-nan", "half-masked"])
def test_half_an_answer_is_an_answer_for_half(all_at_once, name):
    _, rows, folder = all_at_once
    assert rows[name]["coverage"] == pytest.approx(37 / 75, abs=0.02)
    run = open_run(folder / rows[name]["run"])
    assert (run.prediction[run.found] == np.eye(3)).all()


def test_what_it_prints_goes_to_the_standard_error_in_bounds_with_its_name(all_at_once):
    done, _, _ = all_at_once
    assert "prints | from print\n" in done.stderr and "prints | from os.write \\x1b[2J\n" in done.stderr
    assert 100 < done.stderr.count("floods | flood\n") < 10_000
    assert done.stderr.count("floods | ... and what else it prints is left out") == 1


def test_the_record_of_a_crash_says_where_in_python_it_was_and_what_was_printed_last(all_at_once):
    _, _, folder = all_at_once
    found = json.loads(next(folder.rglob("crash-*.failed.json")).read_text())
    assert "Segmentation fault" in found["traceback"] and "misbehaving.py" in found["traceback"]
    assert found["output"] == "about to go\n"
    raised = json.loads(next(folder.rglob("base-*.failed.json")).read_text())
    assert "in throw" in raised["traceback"] and raised["traceback"].endswith("Alarming: x\n")


def test_nothing_that_they_started_is_left(all_at_once):
    _, _, folder = all_at_once
    shared = Path("/dev/shm") / (folder / "shared").read_text()
    deadline = time.monotonic() + 30
    while shared.exists() and time.monotonic() < deadline:  # Python's resource tracker removes it
        time.sleep(0.05)
    assert not shared.exists()
    here = [path for path in Path("/proc").glob("[0-9]*/cwd") if _link(path) == str(folder)]
    assert not here


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def test_alone_it_is_a_clear_line_and_never_an_exit_code_of_0(hpe_bench):
    done = hpe_bench("eval", "exit", *SMALL)
    assert done.returncode == 4 and not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: exit (") and "it called sys.exit(0)" in line


def test_what_it_leaves_behind_reaches_neither_the_harness_nor_another_estimator(tmp_path):
    def state():
        mask = os.umask(0)
        os.umask(mask)
        return (
            os.getcwd(),
            dict(os.environ),
            mask,
            random.getstate(),
            np.random.get_state()[1].tolist(),
            signal.getsignal(signal.SIGINT),
            signal.getsignal(signal.SIGTERM),
            np.geterr(),
            list(sys.path),
        )

    before = state()
    given = {"dataset": "synthetic", "dataset_options": {"identities": 1, "step": 20.0}, "plugins": [PLUGIN]}
    rows = evaluate(["leaver", "witness", "leaver"], batch_size=16, again=True, **given)
    assert rows.run.notna().all(), rows.skipped.tolist()
    assert state() == before


def test_an_interrupt_in_the_middle_of_a_slow_prediction_ends_all_at_once(tmp_path):
    status, errors, gone = _ended_by(signal.SIGINT, tmp_path)
    assert status == 130 and "Traceback" not in errors and gone


def test_a_killed_command_leaves_no_process_behind(tmp_path):
    status, _, gone = _ended_by(signal.SIGKILL, tmp_path)
    assert status == -signal.SIGKILL and gone


def _ended_by(number: int, folder: Path) -> tuple[int, str, bool]:
    """Send a signal to a command whose estimator does not answer: exit code, errors, whether its processes are gone."""
    note = folder / "pid"
    program = [sys.executable, "-c", "from hpe_bench.cli import main; main()", "eval", "waits", *SMALL]
    process = subprocess.Popen(
        list(map(str, program)),
        env={**os.environ, "WAITS_PID": str(note)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not (note.exists() and note.read_text()):
        time.sleep(0.02)
    own = [int(pid) for pid in note.read_text().split()]
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    deadline = time.monotonic() + 30  # a guard, no measure
    while any(map(_runs, own)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return process.returncode, errors, not any(map(_runs, own))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
