"""Face detectors: boxes on their way through the cache of landmarks, and MediaPipe's on real frames."""

import csv

import cv2
import numpy as np
import pytest

from hpe_bench import FaceDetector
from hpe_bench.landmarks.faces import MOST_FACES, MediaPipeFaces, faces_of


class Given(FaceDetector):
    def __init__(self, faces):
        self.faces = np.array(faces, dtype=float).reshape(-1, 5)

    def detect(self, image):
        return self.faces


def through(faces):
    found = Given(faces).find(np.zeros((8, 8, 3), np.uint8))
    return None if found is None else faces_of(found.astype(np.float32))


def test_faces_come_out_as_they_went_in_the_surest_first():
    faces = [[1, 2, 30, 40, 0.5], [5, 6, 70, 80, 0.75], [9, 9, 10, 12, 0.25]]
    np.testing.assert_allclose(through(faces), [faces[1], faces[0], faces[2]])


def test_no_face_is_no_landmark():
    assert through([]) is None
    assert faces_of(np.full((2 * MOST_FACES, 3), np.nan, np.float32)).shape == (0, 5)


def test_of_very_many_the_surest_are_kept():
    many = [[0, 0, 10, 10, n / 100] for n in range(40)]
    kept = through(many)
    assert len(kept) == MOST_FACES and kept[:, 4].min() == pytest.approx(0.24)


def test_mediapipes_boxes_on_real_frames_are_about_those_of_the_published_crops(shared):
    with open(shared("data/biwi/frames.csv"), newline="") as file:
        rows = {int(row["frame"]): row for row in csv.DictReader(file) if row["sequence"] == "01"}
    detector = MediaPipeFaces()
    detector.open()
    try:
        for path in sorted(shared("data/biwi/hpdb").glob("01/*_rgb.png")):
            faces = detector.detect(cv2.imread(str(path))[..., ::-1])
            assert len(faces) == 1 and faces[0, 4] > 0.9
            row = rows[int(path.name.split("_")[1])]
            x, y, w, h = (float(row[f"fsanet_{side}"]) for side in "xywh")
            left, top, right, bottom = faces[0, :4]
            assert abs((left + right) / 2 - (x + w / 2)) < 0.03 * w and abs((top + bottom) / 2 - (y + h / 2)) < 0.03 * h
            assert 1.8 * (right - left) == pytest.approx(w, rel=0.06)
            assert 1.8 * (bottom - top) == pytest.approx(h, rel=0.06)
    finally:
        detector.close()
