"""The loader's workers, forked from a process that has used OpenCV's threads."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("torch")

from hpe_bench.image_training.loading import _opencv_in_one_thread


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
