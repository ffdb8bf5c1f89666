"""The landmark cache: what was found once is found again, whoever wrote it, and damage costs nothing but time."""

from __future__ import annotations

import os
import signal

import h5py
import numpy as np
import pytest

from hpe_bench.crops import WHOLE
from hpe_bench.errors import DataError
from hpe_bench.images import ImageArray
from hpe_bench.landmarks import cache as caches
from hpe_bench.landmarks.cache import LandmarkCache
from hpe_bench.landmarks.find import look_up
from hpe_bench.landmarks.pool import Task


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def faces(*numbers: int) -> np.ndarray:
    return np.stack([np.full((5, 3), number, dtype=np.float32) for number in numbers])


def test_what_was_put_is_there_for_the_next_process(tmp_path):
    first = LandmarkCache(tmp_path, "finder 1", 5)
    first.put([key(1), key(2)], faces(1, 2))
    first.put([key(3)], np.full((1, 5, 3), np.nan, np.float32))
    second = LandmarkCache(tmp_path, "finder 1", 5)
    assert key(1) in second and key(4) not in second
    np.testing.assert_array_equal(second.get([key(3), key(2), key(1), key(2)])[1:], faces(2, 1, 2))
    assert np.isnan(second.get([key(3)])).all()


def test_another_extractor_has_another_cache(tmp_path):
    LandmarkCache(tmp_path, "finder 1", 5).put([key(1)], faces(1))
    assert key(1) not in LandmarkCache(tmp_path, "finder 2", 5)


def test_tidying_joins_the_own_shards_and_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(caches, "SHARD_ROWS", 4)
    cache = LandmarkCache(tmp_path, "finder", 5)
    other = LandmarkCache(tmp_path, "finder", 5)
    other.put([key(99)], faces(99))
    for number in range(6):
        cache.put([key(number)], faces(number))
    cache.tidy()
    assert len(list(cache.folder.glob("*.h5"))) == 3
    for reader in (cache, LandmarkCache(tmp_path, "finder", 5)):
        np.testing.assert_array_equal(reader.get([key(n) for n in range(6)]), faces(*range(6)))
    assert key(99) in LandmarkCache(tmp_path, "finder", 5)


def test_a_damaged_shard_is_reported_and_left_out(tmp_path, capsys):
    cache = LandmarkCache(tmp_path, "finder", 5)
    cache.put([key(1)], faces(1))
    cache.put([key(2)], faces(2))
    shard = cache._rows[key(1)][0]
    shard.write_bytes(shard.read_bytes()[:300])
    again = LandmarkCache(tmp_path, "finder", 5)
    assert key(1) not in again and key(2) in again
    assert str(shard) in capsys.readouterr().err


def test_shards_that_another_process_joined_are_found_again(tmp_path):
    writer = LandmarkCache(tmp_path, "finder", 5)
    writer.put([key(1)], faces(1))
    writer.put([key(2)], faces(2))
    reader = LandmarkCache(tmp_path, "finder", 5)
    writer.tidy()
    with pytest.raises(DataError):
        reader.get([key(1), key(2)])
    np.testing.assert_array_equal(reader.get([key(1), key(2)]), faces(1, 2))


def test_damage_inside_a_shard_is_removed_and_its_landmarks_are_found_anew(tmp_path, capsys):
    rng = np.random.default_rng(0)
    cache = LandmarkCache(tmp_path, "finder", 5)
    cache.put([key(n) for n in range(50)], rng.normal(size=(50, 5, 3)).astype(np.float32))
    (shard,) = cache.folder.glob("*.h5")
    with h5py.File(shard) as file:
        place = file["landmarks"].id.get_chunk_info(0).byte_offset
    content = bytearray(shard.read_bytes())
    content[place + 30] ^= 0xFF
    shard.write_bytes(content)
    again = LandmarkCache(tmp_path, "finder", 5)
    with pytest.raises(DataError):
        again.get([key(3)])
    assert key(3) not in again and not shard.exists() and "damaged" in capsys.readouterr().err


# Damage, whatever it is: never another number, and found anew in the same run


class Finder:
    """Gives the landmarks of a task's number again; counts what it is asked."""

    workers = 1

    def __init__(self):
        self.asked = []

    def extract(self, tasks, faults=None):
        for task in tasks:
            number = int.from_bytes(task.key, "big")
            self.asked.append(number)
            yield task.key, faces(number)[0], 0.1


def filled(folder, shards=1, rows=20):
    """A cache of so many shards; the numbers in it."""
    cache = LandmarkCache(folder, "finder", 5)
    for shard in range(shards):
        numbers = range(shard * rows, (shard + 1) * rows)
        cache.put([key(n) for n in numbers], faces(*numbers))
    return cache


def wanted(*numbers):
    return [Task(key(n), str(n), ImageArray(np.zeros((2, 2, 3), np.uint8)), WHOLE, None) for n in numbers]


def test_any_number_of_damaged_shards_is_rebuilt_in_the_same_run(tmp_path, capsys):
    shards = [filled(tmp_path, 6).folder.glob("*.h5")]
    for shard in shards[0]:
        with h5py.File(shard) as file:
            place = file["landmarks"].id.get_chunk_info(0).byte_offset
        content = bytearray(shard.read_bytes())
        content[place + 9] ^= 4
        shard.write_bytes(content)
    cache, finder = LandmarkCache(tmp_path, "finder", 5), Finder()
    tasks = wanted(*range(0, 120, 7))
    np.testing.assert_array_equal(look_up(tasks, tasks, cache, finder, {}), faces(*range(0, 120, 7)))
    assert sorted(finder.asked) == list(range(0, 120, 7))
    assert capsys.readouterr().err.count("damaged, and removed from the landmark cache") == 6
    cache.tidy()
    again = LandmarkCache(tmp_path, "finder", 5)
    np.testing.assert_array_equal(again.get([key(n) for n in range(0, 120, 7)]), faces(*range(0, 120, 7)))


def test_no_change_of_a_shard_makes_another_number_or_holds_anybody_up(tmp_path):
    rng = np.random.default_rng(0)
    cache = LandmarkCache(tmp_path, "finder", 5)
    values = rng.normal(size=(30, 5, 3)).astype(np.float32)
    keys = [rng.bytes(32) for _ in range(30)]
    cache.put(keys, values)
    (shard,) = cache.folder.glob("*.h5")
    whole = shard.read_bytes()
    for trial in range(150):
        content = bytearray(whole)
        place, length = int(rng.integers(len(whole))), int(rng.integers(1, 400))
        if trial % 3 == 0:
            content[place] ^= 1 << int(rng.integers(8))
        elif trial % 3 == 1:
            content[place : place + length] = bytes(len(content[place : place + length]))
        else:
            content = content[:place]
        shard.write_bytes(content)
        again = LandmarkCache(tmp_path, "finder", 5)
        for place, one in enumerate(keys):
            if one in again:
                try:
                    found = again.get([one])
                except DataError:
                    assert not shard.exists()
                    break
                np.testing.assert_array_equal(found[0], values[place])
        again.tidy()


def test_landmarks_of_another_key_are_damage(tmp_path, capsys):
    """As where two rows were exchanged, and all of HDF5's own checksums fit."""
    cache = filled(tmp_path)
    (shard,) = cache.folder.glob("*.h5")
    with h5py.File(shard, "r+") as file:
        landmarks = file["landmarks"][()]
        file["landmarks"][()] = landmarks[::-1]
    again = LandmarkCache(tmp_path, "finder", 5)
    with pytest.raises(DataError):
        again.get([key(3)])
    assert key(3) not in again and "not what was written" in capsys.readouterr().err


def test_shards_of_another_shape_and_empty_files_are_removed(tmp_path, capsys):
    folder = filled(tmp_path).folder
    (folder / "empty.h5").touch()
    (folder / "text.h5").write_text("hello")
    with h5py.File(folder / "shape.h5", "w") as file:
        file["keys"] = np.zeros((3, 32), np.uint8)
        file.create_dataset("landmarks", data=np.zeros((3, 6, 3), np.float32), chunks=True, fletcher32=True)
    with h5py.File(folder / "strings.h5", "w") as file:
        file["keys"] = ["a", "b"]
        file["landmarks"] = ["a", "b"]
    again = LandmarkCache(tmp_path, "finder", 5)
    assert len(list(folder.glob("*.h5"))) == 1 and capsys.readouterr().err.count("damaged") == 4
    np.testing.assert_array_equal(again.get([key(5)]), faces(5))


def test_damage_is_no_hindrance_to_tidying(tmp_path):
    cache = filled(tmp_path, 3)
    one, *_ = cache.folder.glob("*.h5")
    one.write_bytes(one.read_bytes()[:500])
    cache.tidy()
    again = LandmarkCache(tmp_path, "finder", 5)
    assert len([n for n in range(60) if key(n) in again]) == 40


@pytest.mark.parametrize("suffix", [".h5", ".journal"])
def test_what_is_no_file_is_not_opened(tmp_path, suffix, capsys):
    folder = filled(tmp_path).folder
    os.mkfifo(folder / f"a{suffix}")
    (folder / f"b{suffix}").symlink_to("/dev/zero")
    (folder / f"c{suffix}").mkdir()
    (folder / f"d{suffix}").symlink_to("nowhere")
    signal.alarm(60)  # ends the whole run of the tests where it waits for the FIFO
    try:
        again = LandmarkCache(tmp_path, "finder", 5)
        np.testing.assert_array_equal(again.get([key(5)]), faces(5))
        again.tidy()
    finally:
        signal.alarm(0)
    assert len(list(folder.iterdir())) == 5 and capsys.readouterr().err == ""


def test_shards_of_the_first_version_are_read_and_their_text_is_not(tmp_path):
    cache = LandmarkCache(tmp_path, "finder", 5)
    cache.folder.mkdir(parents=True)
    shard = cache.folder / "0123.h5"
    with h5py.File(shard, "w", libver=("v110", "v110")) as file:
        file["identity"] = "finder"  # of variable length, in the heap
        keys = np.frombuffer(b"".join(key(n) for n in range(20)), np.uint8).reshape(-1, 32)
        file.create_dataset("keys", data=keys, fletcher32=True, chunks=True)
        stored = {"chunks": (20, 5, 3), "compression": "gzip", "shuffle": True, "fletcher32": True}
        file.create_dataset("landmarks", data=faces(*range(20)), **stored)
    whole = shard.read_bytes()
    heap = whole.index(b"GCOL")
    shard.write_bytes(whole[:heap] + bytes(64) + whole[heap + 64 :])
    again = LandmarkCache(tmp_path, "finder", 5)
    np.testing.assert_array_equal(again.get([key(3), key(19)]), faces(3, 19))
