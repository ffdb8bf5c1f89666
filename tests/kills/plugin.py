"""What the killed commands work with: slow, and each look at an image is written down in KILLS_LOG."""

import os
import time

import numpy as np

from hpe_bench import Estimator, Extractor, FaceDetector, Landmarks, canonical_face, hookimpl, pose


def looked(image):
    time.sleep(float(os.environ.get("KILLS_SECONDS", "0.02")))
    with open(os.environ["KILLS_LOG"], "a") as log:
        log.write("x")
    return float(image.mean())


class Face(Extractor):
    """The canonical face, turned by what the image's brightness says."""

    identity = "killed face 1"

    def find(self, image):
        turned = pose.rotation_about("y", np.array([looked(image) / 4]))[0]
        return canonical_face().points @ turned.T * 3 + (100, 90, 5)


class Box(FaceDetector):
    """A box in the middle, of a size that the image's brightness says."""

    identity = "killed box 1"

    def detect(self, image):
        half = 20 + looked(image) / 10
        height, width = image.shape[:2]
        return np.array([[width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half, 0.95]])


class Turned(Estimator):
    """A turn by what the landmarks say."""

    inputs = Landmarks(crop="whole", extractor="killed-face")

    def predict(self, batch):
        return pose.rotation_about("y", batch.landmarks[:, 33, 0] % 90)


@hookimpl
def register_extractors(register):
    register("killed-face", Face)
    register("killed-box", Box)


@hookimpl
def register_estimators(register):
    register("killed-turned", Turned)
