"""MediaPipe's FaceMesh, the model that its 0.10.21 wheel carries (Kartynnik et al., arXiv:1907.06724)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.hookspecs import hookimpl
from hpe_bench.landmarks.extractor import Extractor
from hpe_bench.landmarks.landmark_model import LandmarkModel, in_pixels, square_around
from hpe_bench.landmarks.unseen_face import UnseenFace
from hpe_bench.opencv import opencv


class FaceMesh(Extractor):
    """468 points of one face in a still image; detection confidence 0.5, no attention mesh."""

    identity = "mediapipe 0.10.21 FaceMesh, static, confidence 0.5, 468 points"
    requires = ("mediapipe",)
    extra = "landmarks"

    def open(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "3")
        opencv()  # or MediaPipe fails for want of it, and does not say how to mend it
        import mediapipe

        if mediapipe.__version__ != "0.10.21":
            raise RuntimeError(
                f"FaceMesh needs mediapipe 0.10.21, not {mediapipe.__version__}: later ones carry no model"
            )
        self._mesh: Any = mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=True, max_num_faces=1, refine_landmarks=False, min_detection_confidence=0.5
        )

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        faces = self._mesh.process(np.ascontiguousarray(image)).multi_face_landmarks
        if not faces:
            return None
        return in_pixels(faces[0].landmark[: self.points], image)

    def close(self) -> None:
        self._mesh.close()


class FaceMeshAlways(FaceMesh):
    """FaceMesh with an answer for every image, for images that are known to show one face: crops.

    A detected face is followed for two steps, as MediaPipe follows a face through a video, which settles the landmarks.
    Where FaceMesh sees none, as often in profile, they are those of an :class:`UnseenFace`.
    """

    identity = (
        "mediapipe 0.10.21 FaceMesh, static, confidence 0.5, 468 points, followed for 2 steps; where none is detected, "
        "the canonical face over BlazeFace's key points, the mean of its anchors over 2 models, 4 margins, 2 contrasts"
    )
    _STEPS = 2
    #: Where the landmark model itself sees no face any more, following has lost it.
    _PRESENCE = 0.5

    def open(self) -> None:
        super().open()
        self._model = LandmarkModel()
        self._unseen = UnseenFace()

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        image = np.ascontiguousarray(image)
        detected = super().find(image)
        if detected is None:
            return self._unseen.landmarks(image)
        points = detected
        for _ in range(self._STEPS):
            points, presence = self._model.find(image, square_around(points))
            if presence < self._PRESENCE:
                return detected
        return points

    def close(self) -> None:
        super().close()
        self._unseen.close()
        self._model.close()


@hookimpl
def register_extractors(register: Callable[..., None]) -> None:
    """Add FaceMesh, the one that has an answer for every image, and the detectors of faces."""
    register("facemesh", FaceMesh, summary="MediaPipe FaceMesh, 468 points", licence="Apache-2.0")
    register(
        "facemesh-always",
        FaceMeshAlways,
        summary="FaceMesh, followed; where it sees no face, the canonical face over the detector's key points",
        licence="Apache-2.0",
    )
    register(
        "mediapipe-faces",
        "hpe_bench.landmarks.faces:MediaPipeFaces",
        summary="boxes of faces, not landmarks: MediaPipe's BlazeFace, within 5 m",
        licence="Apache-2.0",
    )
    register(
        "mtcnn",
        "hpe_bench.landmarks.faces:MTCNN",
        summary="boxes of faces, not landmarks: MTCNN of facenet-pytorch",
        licence="MIT",
    )
