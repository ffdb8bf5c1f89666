"""Locks, also where the file system has none, and leftovers, also those of other machines."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import threading
import time

import numpy as np
import pytest

from hpe_bench import GridAxes, GridFile, locks, write_grid
from hpe_bench.errors import StorageError
from hpe_bench.runs.journal import RECORD, Journal
from hpe_bench.storage import open_locked, sweep_folder, temporary_prefix, write_atomically


@pytest.fixture
def no_locks(monkeypatch):
    """A file system whose flock answers ENOLCK; signs of life come often."""

    def flock(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(locks, "_BEAT", 0.05)
    monkeypatch.setattr(locks, "_STALE", 1.0)
    monkeypatch.setattr(locks, "_told", set())


def dead_owner(fork):
    """What a process that is no more was called."""
    reading, writing = os.pipe()
    os.waitpid(fork(lambda: os.write(writing, locks.owner().encode())), 0)
    return os.read(reading, 100).decode()


def test_without_locks_one_note_is_printed_and_nothing_is_left(no_locks, tmp_path, capsys):
    for _ in range(2):
        with Journal(tmp_path / "j", "job", 3) as journal:
            assert (tmp_path / "j.held").exists()
            journal.append(journal.records[:1])
    assert [path.name for path in tmp_path.iterdir()] == ["j"]
    assert capsys.readouterr().err.count("knows no locks") == 1


def test_without_locks_a_second_process_waits_for_the_first(no_locks, tmp_path):
    waiting, order = threading.Event(), []
    first = open_locked(tmp_path / "j")

    def second():
        with open_locked(tmp_path / "j", waiting.set):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    assert waiting.wait(30)
    time.sleep(1.5)  # longer than a sign of life may be missing
    order.append("first")
    first.close()
    thread.join(30)
    assert order == ["first", "second"]


def test_without_locks_what_a_killed_process_held_is_free(no_locks, tmp_path, fork):
    ready, told = os.pipe()

    def hold():
        file = open_locked(tmp_path / "j")
        os.write(told, b".")
        signal.pause()
        file.close()

    child = fork(hold)
    os.read(ready, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert (tmp_path / "j.held").exists()
    open_locked(tmp_path / "j").close()
    assert not (tmp_path / "j.held").exists()


def test_without_locks_what_another_machine_left_is_free_when_it_shows_no_life(no_locks, tmp_path):
    (tmp_path / "j.held").write_text("0123abcd.1.99 a-mark")
    told = []
    open_locked(tmp_path / "j", lambda: told.append("waits")).close()
    assert told == ["waits"]


def test_without_locks_who_was_stopped_for_long_writes_no_more(no_locks, tmp_path):
    with Journal(tmp_path / "j", "job", 3) as journal:
        (tmp_path / "j.held").write_text("another has it")
        with pytest.raises(StorageError, match="another process has taken the file over"):
            journal.append(journal.records[:1])
    assert (tmp_path / "j.held").read_text() == "another has it"


def test_this_process_lives_and_one_that_ended_does_not(fork):
    assert locks.is_alive(locks.owner()) is True
    assert locks.is_alive(dead_owner(fork)) is False


def test_a_process_of_the_same_id_that_started_at_another_time_is_another():
    machine, process, _ = locks.owner().split(".")
    assert locks.is_alive(f"{machine}.{process}.1") is False


def test_of_another_machine_or_container_nothing_is_known():
    _, process, started = locks.owner().split(".")
    assert locks.is_alive(f"0123abcd.{process}.{started}") is None
    assert locks.is_alive("words") is None


def test_what_a_dead_writer_left_goes_and_what_a_living_one_has_stays(tmp_path, fork):
    names = {
        "dead": f"{temporary_prefix(tmp_path / 'x.h5')}{dead_owner(fork)}-00000000",
        "living": f"{temporary_prefix(tmp_path / 'x.h5')}{locks.owner()}-00000000",
        "elsewhere": f"{temporary_prefix(tmp_path / 'x.h5')}0123abcd.1.99-00000000",
        "elsewhere, long ago": f"{temporary_prefix(tmp_path / 'x.h5')}0123abcd.1.99-11111111",
    }
    for name in names.values():
        (tmp_path / name).touch()
    os.utime(tmp_path / names["elsewhere, long ago"], (0, 0))
    write_atomically(tmp_path / "x.h5", b"")
    assert {path.name for path in tmp_path.iterdir()} == {"x.h5", names["living"], names["elsewhere"]}


def test_a_folder_is_swept_of_what_dead_writers_left_of_any_file(tmp_path, fork):
    for name in ("a [1].png", "b"):
        (tmp_path / f"{temporary_prefix(tmp_path / name)}{dead_owner(fork)}-00000000").touch()
    (tmp_path / "b").touch()
    sweep_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_what_is_made_in_a_shared_folder_is_the_groups_where_the_umask_says_so(tmp_path):
    before = os.umask(0o002)
    try:
        with Journal(tmp_path / "shared" / "j", "job", 1):
            pass
        write_atomically(tmp_path / "shared" / "x", b"")
    finally:
        os.umask(before)
    for path in (tmp_path / "shared", tmp_path / "shared" / "j", tmp_path / "shared" / "x"):
        assert path.stat().st_mode & stat.S_IWGRP


def test_a_pipe_in_the_place_of_a_journal_is_refused(tmp_path):
    os.mkfifo(tmp_path / "j")
    with pytest.raises(StorageError, match="a pipe, not a file"):
        Journal(tmp_path / "j", "job", 1)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_who_may_not_write_is_told_whose_the_file_is(tmp_path, fork):
    tmp_path.chmod(0o755)
    (tmp_path / "j").touch(0o644)

    def as_nobody():
        os.chdir("/")
        os.setuid(65534)
        with pytest.raises(StorageError, match=r"j is root's \(mode 0644\).*chmod g\+w"):
            Journal(tmp_path / "j", "job", 1)

    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
        folder.chmod(0o755)
    assert os.waitpid(fork(as_nobody), 0)[1] == 0


def test_records_of_a_journal_are_kept_without_locks(no_locks, tmp_path):
    with Journal(tmp_path / "j", "job", 3) as journal:
        records = journal.records[:2].copy()
        records["index"], records["confidence"] = (0, 2), 0.5
        assert records.dtype == RECORD
        journal.append(records)
    with Journal(tmp_path / "j", "job", 3) as journal:
        assert journal.done.tolist() == [True, False, True]


def test_hdf5_asks_for_no_lock_which_its_file_system_may_not_have(tmp_path):
    axes = GridAxes((0.0,), (0.0,), (0.0,))
    with write_grid(tmp_path / "grid.h5", axes, {}) as grid:
        grid.add("a", np.zeros((1, 1, 1, 468, 3)))
    with open(tmp_path / "grid.h5", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert GridFile(tmp_path / "grid.h5").read(0, 1).shape == (1, 1, 1, 1, 468, 3)
