"""What several tests share."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

# What the tests compute is small: threads of PyTorch and OpenBLAS that wait for each other, beside those of the other
# tests, cost far more than they bring. Read when the libraries are loaded, here and in every process that tests start.
for _library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from hpe_bench import pose  # noqa: E402

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items):
    """The longest test first, so that nobody waits for it in the end."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/test_original_commands.py"))


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Every test works in a folder of its own, and sees none of the user's settings."""
    for name in ("DATASETS", "WEIGHTS", "RESULTS", "PLUGINS"):
        monkeypatch.delenv(f"HPE_BENCH_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shared():
    """A function of a path below ../shared; the test skips where it is absent."""

    def find(path: str) -> Path:
        if not (SHARED / path).exists():
            pytest.skip(f"../shared/{path} is not here")
        return SHARED / path

    return find


#: What a process reads but once, when it starts.
AT_START = ("PYTHON", "LC_", "LANG", "LD_", "OMP_", "OPENBLAS_", "MKL_", "MALLOC_", "CUDA_", "TZ", "HOME", "PATH")


@contextlib.contextmanager
def command_server(folder: Path, *modules: str):
    """A function that runs a command in a process forked from one that has imported the libraries already, and these
    modules; None where the environment differs in what a process reads when it starts."""
    started = dict(os.environ)
    program = [sys.executable, "-c", (Path(__file__).parent / "commands.py").read_text(), *modules]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    server = subprocess.Popen(program, text=True, env=started, **pipes)

    def run(arguments: list[str], cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str] | None:
        changed = {name for name, _ in started.items() ^ environment.items()}
        if any(name.startswith(AT_START) for name in changed):
            return None
        outputs = [folder / "out", folder / "err"]
        for output in outputs:
            output.write_bytes(b"")
        wanted = {"arguments": arguments, "cwd": str(cwd), "environment": environment}
        server.stdin.write(json.dumps({**wanted, "out": str(outputs[0]), "err": str(outputs[1])}) + "\n")
        server.stdin.flush()
        child = int(server.stdout.readline())
        guard = threading.Timer(120, os.kill, (child, signal.SIGKILL))
        guard.start()
        status = int(server.stdout.readline())
        guard.cancel()
        return subprocess.CompletedProcess(arguments, status, *(output.read_text() for output in outputs))

    yield run
    server.stdin.close()
    server.wait(60)


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    """A :func:`command_server`."""
    with command_server(tmp_path_factory.mktemp("commands")) as run:
        yield run


@pytest.fixture
def hpe_bench(tmp_path, commands):
    """Run the command line in a process of its own: a function of its arguments, giving the finished process."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        words, settings = [*map(str, arguments)], {**os.environ, "COLUMNS": "80", **environment}
        if (done := commands(words, tmp_path, settings)) is not None:
            return done
        program = [sys.executable, "-c", "from hpe_bench.cli import main; main()"]
        return subprocess.run(
            [*program, *words], cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=120
        )

    return run


@pytest.fixture
def aflw2000(tmp_path):
    """A function that writes a small AFLW2000 tree of made-up images, with the angles given, and returns its root."""
    import cv2
    import scipy.io

    def write(euler: np.ndarray, root: Path = tmp_path / "datasets" / "AFLW2000") -> Path:
        root.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        for index, (yaw, pitch, roll) in enumerate(np.asarray(euler, dtype=float)):
            stem = root / f"image{index:05d}"
            cv2.imwrite(f"{stem}.jpg", rng.integers(0, 255, (90, 90, 3), dtype=np.uint8))
            radians = np.radians([pitch, yaw, roll, 0, 0, 0, 0]).astype(np.float32)
            points = rng.uniform(20, 70, (2, 21))
            scipy.io.savemat(f"{stem}.mat", {"Pose_Para": radians[None], "pt2d": points})
        return root

    return write


@pytest.fixture(scope="session")
def manifest():
    """A function of changes: a manifest such as a run has, with "section.key" or "key" set to other values."""

    def make(**changes):
        made = {
            "schema": 1,
            "job": "0" * 64,
            "label": "x",
            "estimator": "x",
            "status": "complete",
            "options": {},
            "overrides": {},
            "plugin": {"name": "p", "distribution": "d", "version": "1"},
            "weights": {},
            "inputs": {"crop": None, "extractor": None},
            "versions": {"numpy": "1"},
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
                "n_protocol": 9,
                "limit": None,
                "skipped": [],
            },
            "protocol": {"name": "d/all", "digest": "p", "expected": None, "headline": "mae"},
        }
        for path, value in changes.items():
            *sections, key = path.split("__")
            place = made
            for section in sections:
                place = place[section]
            place[key] = value
        return made

    return make


@pytest.fixture(scope="session")
def rotations():
    """A function of n: rotations (n, 3, 3) with moderate angles, always the same."""

    def make(n: int) -> np.ndarray:
        return pose.rotation_from_euler(np.random.default_rng(1).uniform(-60, 60, (n, 3)))

    return make
