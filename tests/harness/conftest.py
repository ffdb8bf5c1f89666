"""What the tests of runs and of training share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def learner(tmp_path, monkeypatch):
    """The path of a copy of the plugin learner.py, which all commands of the test load, and which logs to "log"."""
    path = tmp_path / "learner.py"
    shutil.copy(Path(__file__).parent / "learner.py", path)
    monkeypatch.setenv("HPE_BENCH_PLUGINS", str(path))
    monkeypatch.setenv("LEARNER_LOG", str(tmp_path / "log"))
    return path


@pytest.fixture
def steps(tmp_path):
    """A function that gives how many steps the learner did so far."""

    def count() -> int:
        log = tmp_path / "log"
        return log.read_text().count("step") if log.exists() else 0

    return count


@pytest.fixture
def fork():
    """A function that does a piece of work in a forked process, and gives its number."""

    def start(work) -> int:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work()
                status = 0
            finally:
                os._exit(status)
        return child

    return start
