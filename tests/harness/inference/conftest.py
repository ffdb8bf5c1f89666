"""Frames and faces that are made up, for what needs no model."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from hpe_bench.inference.faces import Face
from hpe_bench.inference.frames import Frame, Input
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


@pytest.fixture
def clocked(tmp_path):
    """A function that writes frames (H, W, 3), RGB, at times in seconds, in H.264; the last lasts a tenth of one."""

    def write(frames, times, name="clocked.mkv", aspect=None, codec="libx264", pixels="yuv420p", offset=0):
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=10)
            stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], pixels
            stream.codec_context.time_base = Fraction(1, 1000)
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            packets = []
            for image, seconds in zip(frames, times, strict=True):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = round(1000 * (seconds + offset)), Fraction(1, 1000)
                packets += stream.encode(frame)
            packets += stream.encode(None)
            packets[-1].duration = 100
            container.mux(packets)
        return path

    return write


@pytest.fixture
def tagged(tmp_path):
    """A function that gives an MP4 another display matrix, as a phone writes one: a, b, c, d in shares of one."""

    def write(path, a, b, c, d, name="phone.mp4"):
        content = bytearray(path.read_bytes())
        header = content.index(b"tkhd")
        place = header + 4 + (40 if content[header + 4] == 0 else 52)
        matrix = (
            [round(65536 * one) for one in (a, b)] + [0] + [round(65536 * one) for one in (c, d)] + [0, 0, 0, 1 << 30]
        )
        content[place : place + 36] = struct.pack(">9i", *matrix)
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


@pytest.fixture
def corners():
    """Frames with a corner of each colour (64, 96, 3): red and green above, blue and white below."""

    def make(count=1, height=64, width=96):
        image = np.zeros((height, width, 3), np.uint8)
        half, middle = height // 2, width // 2
        image[:half, :middle], image[:half, middle:] = (220, 0, 0), (0, 220, 0)
        image[half:, :middle], image[half:, middle:] = (0, 0, 220), (220, 220, 220)
        return [image] * count

    return make
