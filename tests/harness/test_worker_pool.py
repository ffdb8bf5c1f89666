"""Worker processes: answers in order, bounded, and an end that waits for nobody."""

from __future__ import annotations

import os
import signal
import time

import pytest

from hpe_bench.worker_pool import WorkerDied, WorkerPool

WORK = """
import os, sys, time

def setup(factor):
    def work(task):
        what, value = task
        if what == "wait":
            time.sleep(value)
        elif what == "raise":
            raise ValueError(f"no {value}")
        elif what == "odd":
            raise Odd(1, 2)
        elif what == "exit":
            sys.exit(value)
        elif what == "die":
            print("the last words", flush=True)
            os._exit(value)
        elif what == "pid":
            yield os.getpid()
            return
        elif what == "hang":
            open(value, "w").write(str(os.getpid()))
            time.sleep(1000)
        elif what == "chat":
            print("x" * value, flush=True)
        yield factor * len(value) if isinstance(value, bytes) else value
        yield "more"
    return work

class Odd(Exception):
    def __init__(self, one, two):
        super().__init__("odd")

def broken():
    raise OSError("no model")
"""


@pytest.fixture
def pool(tmp_path, monkeypatch):
    """A function of a number of workers: a pool of them, which do what tasks (what, value) say."""
    (tmp_path / "for_workers.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    import for_workers

    made = []

    def make(workers, setup=for_workers.setup, arguments=(2,)):
        made.append(WorkerPool(setup, arguments, workers))
        return made[-1]

    yield make
    for pool in made:
        pool.close()
    __import__("sys").modules.pop("for_workers", None)


def gone(pid, seconds=20.0):
    """Whether a process is gone, waiting for it."""
    deadline = time.monotonic() + seconds
    while os.path.exists(f"/proc/{pid}/exe") and time.monotonic() < deadline:
        time.sleep(0.02)
    return not os.path.exists(f"/proc/{pid}/exe")


def test_results_come_in_the_order_of_the_tasks_and_are_told_of_as_they_come(pool):
    told = []
    tasks = [("wait", 0.3), *(("value", n) for n in range(5))]
    assert list(pool(2).map(tasks, told.append)) == [0.3, "more", 0, "more", 1, "more", 2, "more", 3, "more", 4, "more"]
    assert sorted(map(str, told)) == sorted(map(str, [0.3, *range(5), *["more"] * 6]))
    assert told.index(0) < told.index(0.3)


def test_tasks_and_results_of_many_megabytes_pass(pool):
    tasks = [("value", bytes(3_000_000))] * 7
    assert list(pool(2).map(tasks))[::2] == [6_000_000] * 7


def test_what_a_task_raises_is_raised_at_its_place_with_the_workers_traceback(pool):
    results = pool(1).map([("value", 1), ("raise", "way"), ("value", 2)])
    assert [next(results), next(results)] == [1, "more"]
    with pytest.raises(ValueError, match="no way") as raised:
        next(results)
    assert "for_workers.py" in str(raised.value.__cause__)


@pytest.mark.parametrize(("task", "told"), [(("odd", 0), "Odd: odd"), (("exit", 0), r"made to end: SystemExit\(0\)")])
def test_errors_that_cannot_travel_and_orders_to_end_are_errors_all_the_same(pool, task, told):
    with pytest.raises(Exception, match=told):
        list(pool(1).map([task]))


def test_a_setup_that_fails_is_raised_where_the_first_result_belongs(pool):
    import for_workers

    with pytest.raises(OSError, match="no model"):
        list(pool(1, for_workers.broken, ()).map([("value", 1)]))


def test_a_worker_that_dies_is_an_error_that_says_how_with_its_last_words(pool):
    with pytest.raises(WorkerDied) as died:
        list(pool(2).map([("value", 1), ("die", 7)]))
    assert died.value.how == "with exit status 7" and died.value.words == "the last words"
    working = pool(1)
    results = working.map([("pid", 0), ("wait", 100)])
    os.kill(next(results), signal.SIGKILL)
    with pytest.raises(WorkerDied, match="by SIGKILL"):
        list(results)
    assert list(working.map([("value", 3)])) == [3, "more"]  # others take its place


def test_whatever_workers_print_neither_stops_them_nor_is_seen(pool, capfd):
    assert list(pool(1).map([("chat", 10_000_000), ("value", 1)]))[-2:] == [1, "more"]
    assert capfd.readouterr() == ("", "")


def test_a_worker_that_hangs_keeps_nobody_waiting(pool, tmp_path):
    results = pool(2).map([("pid", 0), ("hang", str(tmp_path / "hung"))])
    first = next(results)
    while not (tmp_path / "hung").exists() or not (tmp_path / "hung").read_text():
        time.sleep(0.02)
    results.close()
    assert gone(first, 0) and gone(int((tmp_path / "hung").read_text()), 0)


def test_workers_hear_no_signal_of_the_terminal(pool):
    working = pool(1)
    results = working.map([("pid", 0), ("value", 1), ("value", 2)])
    worker = next(results)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(worker, number)
    assert list(results) == [1, "more", 2, "more"]
    working.close()
    assert gone(worker, 0)


def test_workers_end_with_a_killed_parent_also_while_they_are_busy(pool, tmp_path, fork):
    def work():
        list(pool(1).map([("hang", str(tmp_path / "hung"))]))

    parent = fork(work)
    while not (tmp_path / "hung").exists() or not (tmp_path / "hung").read_text():
        time.sleep(0.02)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    assert gone(int((tmp_path / "hung").read_text()))
