"""Output that cannot be written, or that nobody reads, and terminals of other encodings."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from hpe_bench import open_run, pose
from hpe_bench.runs.runfile import Run, write_run

_PROGRAM = f'"{sys.executable}" -c "from hpe_bench.cli import main; main()"'


@pytest.fixture
def shell(tmp_path):
    """A function of a command line, in which hpe-bench stands for the program, giving the finished process."""

    def run(line, **environment):
        return subprocess.run(
            ["bash", "-c", line.replace("hpe-bench", _PROGRAM)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            timeout=120,
        )

    return run


@pytest.fixture
def run(tmp_path, rotations, manifest):
    truth = rotations(400)
    made = Run(
        path=tmp_path / "x.h5",
        manifest=manifest(),
        ids=np.array([f"{number}" for number in range(400)]),
        person=np.array([""] * 400),
        sequence=np.array([""] * 400),
        truth=truth,
        euler=pose.euler_from_rotation(truth),
        prediction=truth,
        confidence=np.full(400, np.nan),
        seconds=np.ones((400, 3)),
    )
    write_run(made)
    return made


COMMANDS = ["list", "--help", "--version", "list --json", "show x.h5", "compare x.h5", "compare x.h5 --json"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_output_is_one_line_and_exit_code_3(shell, run, command):
    done = shell(f"hpe-bench {command} > /dev/full")
    assert done.returncode == 3
    assert done.stderr.decode().splitlines() == ["Error: standard output cannot be written to: No space left on device"]


@pytest.mark.parametrize("command", ["list", "show x.h5 --json"])
def test_where_nobody_reads_it_ends_quietly_as_by_sigpipe(shell, run, command):
    done = shell(f"hpe-bench {command} | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_what_is_closed_is_as_if_it_were_dev_null(shell, run, closed):
    done = shell(f"hpe-bench compare x.h5 {closed}")
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_error_keeps_its_code_where_neither_can_be_written_to(shell):
    assert shell("hpe-bench compare nowhere > /dev/full 2>&1").returncode == 3
    assert shell("hpe-bench list nonsense > /dev/full 2>&-").returncode == 2


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_tables_and_errors_are_printed_in_any_encoding(shell, run, environment):
    name = os.fsdecode(b"\xe9t\xe9-\xff.h5")
    os.rename(run.path, run.path.with_name(name))
    damaged = run.path.with_name(os.fsdecode(b"damaged-\xff.h5"))
    damaged.write_bytes(b"")
    for command in ("show", "compare"):
        done = shell(f"hpe-bench {command} *.h5", **environment)
        assert done.returncode == 0 and b"Traceback" not in done.stderr
        assert b"damaged-" in done.stderr and b"x" in done.stdout


def test_a_name_that_is_not_utf8_can_be_that_of_a_sample_and_of_a_dataset(tmp_path, run, manifest):
    import dataclasses

    name = os.fsdecode(b"\xe9t\xe9")
    ids = run.ids.astype("U9")
    ids[1] = name
    write_run(dataclasses.replace(run, ids=ids, manifest=manifest(dataset__variant={"files": name})))
    again = open_run(run.path)
    assert again.ids.tolist() == ids.tolist()
    assert again.manifest["dataset"]["variant"] == {"files": "\\udce9t\\udce9"}


def test_a_tilde_is_the_home_folder_in_variables_and_values(shell, run, tmp_path):
    (tmp_path / "home" / "r").mkdir(parents=True)
    os.rename(run.path, tmp_path / "home" / "r" / "x.h5")
    for line in ("HPE_BENCH_RESULTS='~/r' hpe-bench compare", "hpe-bench compare --results='~/r'"):
        done = shell(f"{line} --format csv --output='~/table.csv'", HOME=str(tmp_path / "home"))
        assert done.returncode == 0, done.stderr
        (tmp_path / "home" / "table.csv").unlink()
