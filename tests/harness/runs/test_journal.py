"""The journal: what was finished stays, whatever moment a writer was killed at."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time

import numpy as np
import pytest

from hpe_bench.errors import StorageError
from hpe_bench.runs.journal import RECORD, Journal


def batch(*indices: int) -> np.ndarray:
    records = np.zeros(len(indices), dtype=RECORD)
    records["index"] = indices
    records["rotation"] = np.eye(3)
    records["confidence"] = indices
    return records


def test_what_was_appended_is_there_again(tmp_path):
    with Journal(tmp_path / "j", "job", 5) as journal:
        journal.append(batch(0, 3))
        journal.append(batch(4))
    with Journal(tmp_path / "j", "job", 5) as journal:
        assert journal.done.tolist() == [True, False, False, True, True]
        assert journal.records["confidence"][[0, 3, 4]].tolist() == [0, 3, 4]


def test_a_journal_cut_at_any_byte_keeps_every_batch_before_the_cut(tmp_path):
    path = tmp_path / "j"
    ends = []
    with Journal(path, "job", 3) as journal:
        start = path.stat().st_size
        for index in range(3):
            journal.append(batch(index))
            ends.append(path.stat().st_size)
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        with Journal(path, "job", 3) as journal:
            complete = sum(end <= size for end in ends) if size >= start else 0
            assert journal.done.sum() == complete
            journal.append(batch(2))
        with Journal(path, "job", 3) as journal:
            assert journal.done[2]


def test_a_flipped_bit_ends_the_journal_there(tmp_path):
    path = tmp_path / "j"
    with Journal(path, "job", 2) as journal:
        journal.append(batch(0))
        middle = path.stat().st_size
        journal.append(batch(1))
    content = bytearray(path.read_bytes())
    content[middle + 20] ^= 1
    path.write_bytes(content)
    with Journal(path, "job", 2) as journal:
        assert journal.done.tolist() == [True, False]


def test_a_journal_of_another_job_is_begun_anew(tmp_path):
    with Journal(tmp_path / "j", "one", 2) as journal:
        journal.append(batch(1))
    with Journal(tmp_path / "j", "two", 2) as journal:
        assert not journal.done.any()


def test_records_out_of_range_are_not_believed(tmp_path):
    with Journal(tmp_path / "j", "job", 9) as journal:
        journal.append(batch(8))
    content = (tmp_path / "j").read_bytes().replace(b'"total": 9', b'"total": 2')
    (tmp_path / "j").write_bytes(content)
    with Journal(tmp_path / "j", "job", 2) as journal:
        assert not journal.done.any()


def test_a_second_opener_waits_and_opens_a_fresh_file_where_the_first_removed_it(tmp_path):
    waited = threading.Event()
    first = Journal(tmp_path / "j", "job", 1)
    first.append(batch(0))
    second: list[Journal] = []
    thread = threading.Thread(target=lambda: second.append(Journal(tmp_path / "j", "job", 1, waited.set)))
    thread.start()
    assert waited.wait(10)
    first.remove()
    first.__exit__()
    thread.join(10)
    assert not second[0].done.any() and (tmp_path / "j").exists()
    second[0].__exit__()


def test_a_file_that_may_not_grow_is_a_clear_error_and_keeps_what_it_holds(tmp_path):
    child = os.fork()
    if child == 0:
        status = 1
        with Journal(tmp_path / "j", "job", 1000) as journal:
            journal.append(batch(0))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            size = (tmp_path / "j").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300, size + 300))
            try:
                journal.append(batch(*range(1, 1000)))
            except StorageError as error:
                status = 0 if "cannot be written" in str(error) else 2
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with Journal(tmp_path / "j", "job", 1000) as journal:
        assert journal.done.sum() == 1


def test_the_lock_dies_with_its_owner(tmp_path):
    child = os.fork()
    if child == 0:
        journal = Journal(tmp_path / "j", "job", 2)
        journal.append(batch(1))
        (tmp_path / "ready").touch()
        time.sleep(60)
    deadline = time.monotonic() + 20
    while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with Journal(tmp_path / "j", "job", 2, on_wait=lambda: pytest.fail("still locked")) as journal:
        assert journal.done.tolist() == [False, True]
