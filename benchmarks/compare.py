"""Time and memory of hpe-bench compare over many stored runs, in a process of its own for each number of runs.

Makes the runs first: each of made-up errors on the same samples, with labels that differ in an option.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from hpe_bench.pose import euler_from_rotation, rotation_about, rotation_from_euler
from hpe_bench.runs.runfile import Run, write_run


def make_runs(folder: Path, runs: int, samples: int) -> None:
    """Store so many runs of so many samples in a folder."""
    rng = np.random.default_rng(0)
    truth = rotation_from_euler(rng.uniform(-60, 60, (samples, 3)))
    base = rng.gamma(4, 1, samples)
    folder.mkdir(parents=True)
    for number in range(runs):
        degrees = base * rng.uniform(0.8, 2.0) + rng.normal(0, 1, samples)
        label = f"made-up:variant={number}"
        write_run(
            Run(
                path=folder / f"run-{number:04d}.h5",
                manifest=_manifest(label, samples),
                ids=np.array([f"image{place:05d}" for place in range(samples)]),
                person=np.full(samples, ""),
                sequence=np.full(samples, ""),
                truth=truth,
                euler=euler_from_rotation(truth),
                prediction=truth @ rotation_about("y", degrees) @ rotation_about("z", rng.normal(0, 2, samples)),
                confidence=np.full(samples, np.nan),
                seconds=np.zeros((samples, 3)),
            )
        )


def _manifest(label: str, samples: int) -> dict[str, object]:
    return {
        "schema": 1,
        "job": "0" * 64,
        "label": label,
        "estimator": "made-up",
        "status": "complete",
        "options": {},
        "overrides": {},
        "plugin": {"name": "p", "distribution": "d", "version": "1"},
        "weights": {},
        "inputs": {"crop": None, "extractor": None},
        "versions": {"numpy": np.__version__},
        "crop": None,
        "device": "cpu",
        "started": "2026-01-01",
        "seconds": 1.0,
        "seed": 0,
        "git_commit": None,
        "dataset": {
            "name": "d",
            "fingerprint": "f",
            "variant": {},
            "n_protocol": samples,
            "limit": None,
            "skipped": [],
        },
        "protocol": {"name": "d/all", "digest": "p", "expected": None, "headline": "mae"},
    }


def measured(folder: Path, arguments: list[str]) -> tuple[float, float]:
    """Seconds of processor time and the most memory, MB, of one comparison."""
    program = "from hpe_bench.cli import main; main()"
    started = subprocess.Popen(
        [sys.executable, "-c", program, "compare", str(folder), *arguments], stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(started.pid, 0)  # the program ends without its own last words
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        raise SystemExit(f"compare ended with {started.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Print a line for each number of runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[50, 125, 250, 500])
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("arguments", nargs="*", help="further arguments of compare, behind --")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for runs in given.runs:
            folder = Path(name) / str(runs)
            make_runs(folder, runs, given.samples)
            seconds, memory = measured(folder, given.arguments)
            print(f"{runs} runs of {given.samples} samples: {seconds:.1f} s, {memory:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
