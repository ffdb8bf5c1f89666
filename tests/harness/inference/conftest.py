"""Frames and faces that are made up, for what needs no model."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hpe_bench.inference.faces import Face
from hpe_bench.inference.sources import Frame, Input
from hpe_bench.landmarks.landmark_model import Square


@pytest.fixture
def face_at():
    """A function of a place and a side: a face there without landmarks, or with all of them within the square."""

    def make(x, y, side=40.0, landmarks=False, presence=1.0):
        points = None
        if landmarks:
            points = np.array([x, y, 0]) + np.random.default_rng(0).uniform(-side / 2, side / 2, (468, 3))
        return Face(Square(x, y, side, 0.0), points, presence)

    return make


@pytest.fixture
def frame_of():
    """A function of an image: the frame of a file x.png."""

    def make(image, index=0, time=None):
        return Frame(Input("image", "x.png", Path("x.png"), Path("x.png")), index, time, image)

    return make


@pytest.fixture
def video(tmp_path):
    """A function that writes a video of frames (H, W, 3), RGB, and gives its path."""

    def write(frames, name="video.mp4", rate=25.0):
        path = tmp_path / name
        size = (frames[0].shape[1], frames[0].shape[0])
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
        for frame in frames:
            writer.write(np.ascontiguousarray(frame[..., ::-1]))
        writer.release()
        return path

    return write


@pytest.fixture
def grey():
    """A function of numbers: frames of that brightness."""

    def make(*levels, height=48, width=64):
        return [np.full((height, width, 3), level, np.uint8) for level in levels]

    return make
