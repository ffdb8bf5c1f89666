"""Frames in the official tree whose faces are red rectangles, and a detector that sees them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hpe_bench import pose

SEER = """
import os
from pathlib import Path
import numpy as np
from hpe_bench import FaceDetector, hookimpl

class Seer(FaceDetector):
    identity = "seer 1"
    confidence = 0.9

    def detect(self, image):
        with open(Path(os.environ["SEER_LOG"]), "a") as log:
            log.write("x")
        faces = []
        red = image[..., 0] > 200
        for number in np.unique(image[red][:, 1]):
            rows, columns = np.nonzero(red & (image[..., 1] == number))
            confidence = image[rows[0], columns[0], 2] / 100
            faces.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, confidence])
        return np.array(faces).reshape(-1, 5)

@hookimpl
def register_extractors(register):
    register("seer", Seer)
"""


@pytest.fixture
def seer(tmp_path, monkeypatch):
    """The plugin file of the detector "seer", and how many frames it has looked at."""
    path = tmp_path / "seer.py"
    path.write_text(SEER)
    log = tmp_path / "seer.log"
    monkeypatch.setenv("SEER_LOG", str(log))
    monkeypatch.setenv("HPE_BENCH_PLUGINS", str(path))
    return lambda: log.stat().st_size if log.exists() else 0


@pytest.fixture
def kinect(tmp_path):
    """A function of {sequence: [(left, top, right, bottom, percent), a list of several, or None]} that writes the
    frames; the root."""

    def write(sequences, root=tmp_path / "datasets" / "BIWI", width=640, height=480) -> Path:
        for sequence, faces in sequences.items():
            folder = root / "hpdb" / sequence
            folder.mkdir(parents=True, exist_ok=True)
            for frame, seen in enumerate(faces, start=1):
                image = np.full((height, width, 3), 60, np.uint8)
                for number, face in enumerate(seen if isinstance(seen, list) else [seen] if seen else []):
                    left, top, right, bottom, percent = face
                    image[top:bottom, left:right] = (percent, number, 255)  # BGR
                rotation = pose.rotation_from_euler((frame, -2 * frame, 3))
                cv2.imwrite(str(folder / f"frame_{frame:05d}_rgb.png"), image)
                rows = "\n".join(" ".join(f"{number:.6f}" for number in row) for row in rotation)
                (folder / f"frame_{frame:05d}_pose.txt").write_text(f"{rows}\n\n10 20 900\n")
        return root

    return write
