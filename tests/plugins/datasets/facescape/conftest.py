"""A tree of images in which each tells its own pose, and an extractor that reads it: no renderer, no FaceMesh."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hpe_bench import Preparation, canonical_face, pose
from hpe_bench.plugins import discover
from hpe_bench.settings import resolve_folders

READER = """
import os
import time
from pathlib import Path
from hpe_bench import Extractor, canonical_face, hookimpl, pose

class Reader(Extractor):
    identity = "reader 1"

    def find(self, image):
        time.sleep(float(os.environ.get("READER_SECONDS", 0)))
        with open(Path(os.environ["READER_LOG"]), "a") as log:
            log.write("x")
        person, *angles = (int(value) for value in image[8, 8])
        blank = image[8, 24, 0] > 128
        yaw, pitch, roll = ((angle - 128) * 1.0 for angle in (*angles, image[8, 24, 1]))
        if blank:
            return None
        rotation = pose.rotation_from_grid((yaw, pitch, roll), os.environ.get("READER_CONVENTION", "pitch-yaw-roll"))
        points = canonical_face().points * (1 + person / 1000)
        return points @ rotation.T * 3 + (100, 90, 5)

class Few(Reader):
    identity = "few 1"
    points = 68

@hookimpl
def register_extractors(register):
    register("reader", Reader)
    register("few", Few)
"""


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """The plugin file of the extractor "reader"."""
    path = tmp_path / "reader.py"
    path.write_text(READER)
    monkeypatch.setenv("READER_LOG", str(tmp_path / "reader.log"))
    return path


@pytest.fixture
def looked_at(tmp_path):
    """A function: how many images the extractor has looked at."""
    return lambda: (tmp_path / "reader.log").stat().st_size if (tmp_path / "reader.log").exists() else 0


@pytest.fixture
def preparation(reader):
    """A function of a list for what is reported: a preparation that knows the extractor."""

    def make(said=None):
        report = said.append if said is not None else (lambda text: None)
        return Preparation(report, registry=discover([reader]), folders=resolve_folders())

    return make


@pytest.fixture
def tree(tmp_path):
    """A function that writes a tree: people, bins, and what is done to single cells; returns its root.

    ``blank`` are cells (person, yaw, pitch, roll) in whose image is no face, ``absent`` those without an image.
    """
    import cv2

    def write(
        people=("1", "2", "10"),
        bins=((-20, 0, 20), (-10, 0, 10), (0,)),
        blank=(),
        absent=(),
        suffix="png",
        root=tmp_path / "datasets" / "FaceScape",
    ):
        for number, person in enumerate(people):
            (root / person).mkdir(parents=True, exist_ok=True)
            for yaw, pitch, roll in itertools.product(*bins):
                if (person, yaw, pitch, roll) in absent:
                    continue
                image = np.zeros((32, 32, 3), np.uint8)
                image[:, :16] = (number, yaw + 128, pitch + 128)
                image[:, 16:] = (255 * ((person, yaw, pitch, roll) in blank), roll + 128, 0)
                path = root / person / f"ID{person}_({yaw}_{pitch}_{roll}).{suffix}"
                cv2.imwrite(str(path), image[..., ::-1])
        return root

    return write


@pytest.fixture
def as_read():
    """A function of person and angles: the landmarks that the extractor gives."""

    def make(person, angles, convention="pitch-yaw-roll"):
        points = canonical_face().points * (1 + person / 1000)
        return points @ pose.rotation_from_grid(angles, convention).T * 3 + (100, 90, 5)

    return make
