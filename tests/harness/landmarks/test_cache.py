"""The landmark cache: what was found once is found again, whoever wrote it, and damage costs nothing but time."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from hpe_bench.errors import DataError
from hpe_bench.landmarks import cache as caches
from hpe_bench.landmarks.cache import LandmarkCache


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
