"""The journal byte by byte: its form, what is cut off of it, and when it reaches the disk."""

from __future__ import annotations

import json
import os
import resource
import time

import numpy as np
import pytest

from hpe_bench.errors import StorageError
from hpe_bench.runs.journal import RECORD, Journal


def batch(*indices: int) -> np.ndarray:
    records = np.zeros(len(indices), dtype=RECORD)
    records["index"], records["rotation"] = indices, np.eye(3)
    return records


def done(path, total, job="job"):
    with Journal(path, job, total) as journal:
        return journal.done.tolist()


def test_the_first_line_names_the_job_and_how_many_samples_it_has(tmp_path):
    with Journal(tmp_path / "j", "job", 3) as journal:
        assert journal.done.dtype == np.bool_ and not journal.done.any() and journal.records.dtype == RECORD
    assert json.loads((tmp_path / "j").read_text()) == {"journal": 1, "job": "job", "total": 3}


def test_of_another_jobs_journal_not_a_byte_is_left(tmp_path):
    with Journal(tmp_path / "j", "a job with a much longer name", 3) as journal:
        journal.append(batch(0, 1, 2))
    with Journal(tmp_path / "j", "job", 3):
        pass
    assert json.loads((tmp_path / "j").read_text())["job"] == "job"


def test_what_is_cleared_is_forgotten_and_what_comes_then_is_kept(tmp_path):
    with Journal(tmp_path / "j", "job", 3) as journal:
        empty = (tmp_path / "j").stat().st_size
        journal.append(batch(0, 1))
        journal.clear()
        assert journal.done.tolist() == [False, False, False] and (tmp_path / "j").stat().st_size == empty
        journal.append(batch(2))
    assert done(tmp_path / "j", 3) == [False, False, True]


def test_a_batch_that_a_kill_tore_is_cut_off_and_the_next_one_follows_the_last_whole_one(tmp_path):
    path = tmp_path / "j"
    with Journal(path, "job", 30) as journal:
        journal.append(batch(0))
        whole = path.stat().st_size
        journal.append(batch(*range(1, 20)))
    os.truncate(path, path.stat().st_size - 5)
    with Journal(path, "job", 30) as journal:
        assert path.stat().st_size == whole
        journal.append(batch(25))
        assert path.stat().st_size == whole + 8 + RECORD.itemsize
    assert [place for place, known in enumerate(done(path, 30)) if known] == [0, 25]


@pytest.mark.parametrize("index", [-1, 2])
def test_a_batch_of_samples_that_the_job_does_not_have_ends_the_journal_there(tmp_path, index):
    path = tmp_path / "j"
    with Journal(path, "job", 3) as journal:
        journal.append(batch(0))
        journal.append(batch(index))
    path.write_bytes(path.read_bytes().replace(b'"total": 3', b'"total": 2'))
    with Journal(path, "job", 2) as journal:
        assert journal.done.tolist() == [True, False]
        journal.append(batch(1))
    assert done(path, 2) == [True, True]


def test_a_batch_that_found_no_room_is_an_error_that_names_the_file_and_the_next_that_does_is_kept(tmp_path):
    path = tmp_path / "j"
    with Journal(path, "job", 100) as journal:
        journal.append(batch(0))
        size = path.stat().st_size
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300, most))
        try:
            with pytest.raises(StorageError, match=str(path)):
                journal.append(batch(*range(1, 100)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        assert path.stat().st_size == size and journal.done.sum() == 1
    with Journal(path, "job", 100) as journal:
        journal.append(batch(7))
    assert [place for place, known in enumerate(done(path, 100)) if known] == [0, 7]


def test_what_is_finished_reaches_the_disk_a_second_later_at_the_latest(tmp_path, monkeypatch):
    clock, synced = [1000.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(clock[0]))
    with Journal(tmp_path / "j", "job", 9) as journal:
        for index, moment in enumerate([1000.0, 1000.5, 1000.9, 1001.5, 1002.0, 1002.6, 1010.0]):
            clock[0] = moment
            journal.append(batch(index))
    assert synced == [1000.0, 1001.5, 1002.6, 1010.0]


def test_a_journal_that_is_gone_already_is_removed_without_a_word(tmp_path):
    with Journal(tmp_path / "j", "job", 1) as journal:
        journal.remove()
        journal.remove()
    assert not (tmp_path / "j").exists()
