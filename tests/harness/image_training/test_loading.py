"""The loader's workers, forked from a process that has used OpenCV's threads."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("torch")

from hpe_bench.image_training.loading import Batches, Share, _opencv_in_one_thread


def test_a_forked_worker_finds_opencv_in_one_thread_and_the_trainer_keeps_its_own(fork):
    import cv2

    cv2.setNumThreads(3)
    try:
        with _opencv_in_one_thread():
            worker = fork(lambda: 1 / (cv2.getNumThreads() == 1))
            assert os.waitpid(worker, 0)[1] == 0
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(-1)


def batches_of(count, size, of, last):
    """The batches of an epoch as each of so many processes loads them."""
    shares = [Batches(count, size, 3, Share(rank, of), last) for rank in range(of)]
    return shares, [[[place for _, place in batch] for batch in share] for share in shares]


@pytest.mark.parametrize(("count", "size", "of"), [(10, 4, 1), (11, 4, 2), (9, 4, 2), (9, 4, 4), (3, 8, 1), (8, 4, 2)])
def test_every_sample_is_in_one_batch_of_one_process_where_the_last_is_kept(count, size, of):
    shares, loaded = batches_of(count, size, of, "keep")
    assert len({len(batches) for batches in loaded}) == 1, "or processes wait for each other forever"
    own = [
        batch[: share.own(step)]
        for share, batches in zip(shares, loaded, strict=True)
        for step, batch in enumerate(batches)
    ]
    assert sorted(place for batch in own for place in batch) == list(range(count))
    assert all(batch for batches in loaded for batch in batches), "a process has nothing to show its network"


@pytest.mark.parametrize(("count", "size", "of"), [(11, 4, 2), (9, 4, 2), (9, 4, 4), (10, 4, 1)])
def test_the_mean_over_processes_is_the_mean_over_the_batch(count, size, of):
    values = np.random.default_rng(0).normal(size=count)
    shares, loaded = batches_of(count, size, of, "keep")
    for step in range(len(shares[0])):
        parts = [
            values[batches[step]].mean() * share.weight(step) for share, batches in zip(shares, loaded, strict=True)
        ]
        counted = [
            place for share, batches in zip(shares, loaded, strict=True) for place in batches[step][: share.own(step)]
        ]
        assert np.mean(parts) == pytest.approx(values[counted].mean())


def test_a_dropped_last_batch_is_another_part_of_the_samples_in_every_epoch():
    batches, left = Batches(10, 4, 0, Share(), "drop"), []
    for batches.epoch in range(3):
        seen = [place for batch in batches for _, place in batch]
        assert len(seen) == len(set(seen)) == batches.seen == 8
        left.append(tuple(sorted(set(range(10)) - set(seen))))
    assert len(set(left)) > 1
