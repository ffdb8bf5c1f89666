"""Landmarks that were found a moment ago: a kill costs none of them, and whoever comes next takes them over."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time

import numpy as np
import pytest

from hpe_bench.landmarks import cache as caches
from hpe_bench.landmarks import journal as journals
from hpe_bench.landmarks.cache import LandmarkCache

HEAD, RECORD = 64, 32 + 12 * 5 + 16


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def faces(*numbers: int) -> np.ndarray:
    return np.stack([np.full((5, 3), number, dtype=np.float32) for number in numbers])


def opened(folder) -> LandmarkCache:
    return LandmarkCache(folder, "finder", 5)


def files(cache: LandmarkCache) -> dict[str, int]:
    """How many files of each kind there are."""
    names = [path.suffix for path in cache.folder.iterdir()]
    return {suffix: names.count(suffix) for suffix in sorted(set(names))}


def killed(fork, work) -> None:
    """Do a piece of work in a process that is killed right after it."""

    def until_killed():
        work()
        os.kill(os.getpid(), signal.SIGKILL)

    assert os.waitstatus_to_exitcode(os.waitpid(fork(until_killed), 0)[1]) == -signal.SIGKILL


def test_what_is_kept_outlives_a_kill_at_the_next_moment(tmp_path, fork):
    killed(fork, lambda: opened(tmp_path).keep([key(1), key(2)], faces(1, 2)))
    cache = opened(tmp_path)
    np.testing.assert_array_equal(cache.get([key(2), key(1)]), faces(2, 1))
    cache.tidy()
    assert files(cache) == {".h5": 1}
    np.testing.assert_array_equal(opened(tmp_path).get([key(2), key(1)]), faces(2, 1))


def test_no_face_is_kept_too(tmp_path):
    opened(tmp_path).keep([key(1)], np.full((1, 5, 3), np.nan, np.float32))
    assert np.isnan(opened(tmp_path).get([key(1)])).all()


def test_any_number_of_kills_leaves_one_journal(tmp_path, fork):
    for number in range(6):
        killed(fork, lambda number=number: opened(tmp_path).keep([key(number)], faces(number)))
    cache = opened(tmp_path)
    assert files(cache) == {".journal": 1}
    np.testing.assert_array_equal(cache.get([key(n) for n in range(6)]), faces(*range(6)))


def test_a_full_journal_becomes_a_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(caches, "JOURNAL_ROWS", 4)
    cache = opened(tmp_path)
    for number in range(10):
        cache.keep([key(number), key(0)], faces(number, 99))
    assert files(cache) == {".h5": 2, ".journal": 1}
    cache.tidy()
    assert files(cache) == {".h5": 1}
    np.testing.assert_array_equal(cache.get([key(n) for n in range(10)]), faces(*range(10)))


def test_what_a_living_process_has_found_is_read_and_its_journal_is_left_to_it(tmp_path):
    first = opened(tmp_path)
    first.keep([key(1)], faces(1))
    second = opened(tmp_path)
    second.keep([key(1), key(2)], faces(9, 2))
    np.testing.assert_array_equal(second.get([key(1), key(2)]), faces(1, 2))
    second.tidy()
    assert files(first) == {".h5": 1, ".journal": 1}
    first.keep([key(3)], faces(3))
    first.tidy()
    np.testing.assert_array_equal(second.get([key(1), key(2)]), faces(1, 2))  # of the file that it has open
    np.testing.assert_array_equal(opened(tmp_path).get([key(n) for n in (1, 2, 3)]), faces(1, 2, 3))
    assert files(first) == {".h5": 2}


def test_a_kill_between_the_shard_and_the_end_of_its_journal_does_no_harm(tmp_path, fork, monkeypatch):
    def work():
        cache = opened(tmp_path)
        cache.keep([key(1), key(2)], faces(1, 2))
        cache._remove = lambda journals: os.kill(os.getpid(), signal.SIGKILL)
        cache.tidy()

    killed(fork, work)
    cache = opened(tmp_path)
    assert files(cache) == {".h5": 1, ".journal": 1}
    cache.tidy()
    assert files(cache) == {".h5": 1}
    np.testing.assert_array_equal(opened(tmp_path).get([key(1), key(2)]), faces(1, 2))


def test_what_a_killed_writer_had_begun_goes_with_its_journal(tmp_path, fork):
    def work():
        cache = opened(tmp_path)
        cache.keep([key(1)], faces(1))
        (cache.folder / f".{cache._journal().path.stem}-0123.h5.tmp-1-2").write_bytes(b"half")

    killed(fork, work)
    cache = opened(tmp_path)
    assert list(cache.folder.glob(".*")) == [] and key(1) in cache


@pytest.mark.parametrize("cut", [1, 40, RECORD - 1])
def test_a_torn_record_is_left_out_and_written_over(tmp_path, fork, cut):
    killed(fork, lambda: opened(tmp_path).keep([key(1), key(2)], faces(1, 2)))
    (path,) = tmp_path.rglob("*.journal")
    os.truncate(path, HEAD + 2 * RECORD - cut)
    cache = opened(tmp_path)
    assert key(1) in cache and key(2) not in cache
    cache.keep([key(3)], faces(3))
    del cache
    np.testing.assert_array_equal(opened(tmp_path).get([key(1), key(3)]), faces(1, 3))
    assert path.stat().st_size == HEAD + 2 * RECORD


def test_no_changed_byte_of_a_journal_makes_another_number(tmp_path, fork):
    killed(fork, lambda: opened(tmp_path).keep([key(1), key(2), key(3)], faces(1, 2, 3)))
    (path,) = tmp_path.rglob("*.journal")
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        cache = opened(tmp_path)
        there = [n for n in (1, 2, 3) if key(n) in cache]
        assert len(there) >= (2 if place >= HEAD else 0)
        if there:
            np.testing.assert_array_equal(cache.get([key(n) for n in there]), faces(*there))
    path.write_bytes(b"")
    cache = opened(tmp_path)
    assert key(1) not in cache and not path.exists()


def test_damage_that_comes_later_is_found_when_it_is_read(tmp_path):
    cache = opened(tmp_path)
    cache.keep([key(1), key(2)], faces(1, 2))
    (path,) = tmp_path.rglob("*.journal")
    with open(path, "r+b") as file:
        file.seek(HEAD + 40)
        file.write(b"other")
    with pytest.raises(Exception, match="cannot be read any more"):
        cache.get([key(1), key(2)])
    assert key(1) not in cache and key(2) in cache
    cache.tidy()
    np.testing.assert_array_equal(opened(tmp_path).get([key(2)]), faces(2))


def older(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


def test_without_locks_a_journal_is_read_and_taken_over_after_a_day(tmp_path, fork, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    killed(fork, lambda: opened(tmp_path).keep([key(1)], faces(1)))
    cache = opened(tmp_path)
    cache.keep([key(2)], faces(2))
    cache.tidy()
    assert files(cache) == {".h5": 1, ".journal": 1}
    np.testing.assert_array_equal(opened(tmp_path).get([key(1), key(2)]), faces(1, 2))
    (path,) = tmp_path.rglob("*.journal")
    older(path, 90_000)
    cache = opened(tmp_path)
    cache.tidy()
    assert files(cache) == {".h5": 2}


def test_the_journal_of_another_machine_is_taken_over_only_when_it_rests(tmp_path, fork, monkeypatch):
    with monkeypatch.context() as there:
        there.setattr(journals, "system", lambda: b"another machine.")
        killed(fork, lambda: opened(tmp_path).keep([key(1)], faces(1)))
    cache = opened(tmp_path)
    assert key(1) in cache
    cache.tidy()
    assert files(cache) == {".journal": 1}
    del cache
    (path,) = tmp_path.rglob("*.journal")
    older(path, 4000)
    cache = opened(tmp_path)
    cache.tidy()
    assert files(cache) == {".h5": 1}


def test_where_no_shard_can_be_written_the_journal_stays(tmp_path, fork, monkeypatch):
    from hpe_bench.errors import StorageError

    def full(path, content):
        raise StorageError("the disk is full")

    def work():
        monkeypatch.setattr(caches, "write_atomically", full)
        cache = opened(tmp_path)
        cache.keep([key(1)], faces(1))
        cache.tidy()

    killed(fork, work)
    np.testing.assert_array_equal(opened(tmp_path).get([key(1)]), faces(1))


def test_a_second_user_of_a_shared_folder_takes_the_journal_over(tmp_path, fork):
    def work():
        os.umask(0o002)
        opened(tmp_path).keep([key(1)], faces(1))

    killed(fork, work)
    (path,) = tmp_path.rglob("*.journal")
    assert path.stat().st_mode & 0o777 == 0o664
