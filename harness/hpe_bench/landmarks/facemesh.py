"""MediaPipe's FaceMesh, the model that its 0.10.21 wheel carries (Kartynnik et al., arXiv:1907.06724)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.hookspecs import hookimpl
from hpe_bench.landmarks.extractor import Extractor


class FaceMesh(Extractor):
    """468 points of one face in a still image; detection confidence 0.5, no attention mesh."""

    identity = "mediapipe 0.10.21 FaceMesh, static, confidence 0.5, 468 points"
    requires = ("mediapipe",)
    extra = "landmarks"

    def open(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "3")
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


class FaceMeshSearch(FaceMesh):
    """FaceMesh, and where its detector finds no face, its landmark model laid over the image until it sees one.

    For images that are known to show one face, cropped: profiles and upturned faces, which the detector misses. The
    landmark model is started on squares about the middle of the image, of two sizes and five turns; those in which it
    is surest of a face are followed for some steps, as MediaPipe follows a face through a video; the surest is the
    answer. So there always is one; what it is worth is for the estimator to have learned.
    """

    identity = (
        "mediapipe 0.10.21 FaceMesh, static, confidence 0.5, 468 points; where none is detected, the landmark model "
        "from squares of 0.75 and 1 of the longer side turned by 0, 40 and 80 degrees, the best 3 followed 3 steps"
    )
    _SIZES = (0.75, 1.0)
    _TURNS = (0.0, -40.0, 40.0, -80.0, 80.0)
    _KEPT = 3
    _STEPS = 3

    def open(self) -> None:
        super().open()
        from hpe_bench.landmarks.landmark_model import LandmarkModel

        self._model = LandmarkModel()

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        detected = super().find(image)
        return detected if detected is not None else self._search(np.ascontiguousarray(image))

    def close(self) -> None:
        super().close()
        self._model.close()

    def _search(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        from hpe_bench.landmarks.landmark_model import Square, square_around

        height, width = image.shape[:2]
        squares = [
            Square(width / 2, height / 2, size * max(height, width), np.radians(turn))
            for size in self._SIZES
            for turn in self._TURNS
        ]
        tries = sorted((self._model.find(image, square) for square in squares), key=lambda found: -found[1])
        best, presence = tries[0]
        for points, _ in tries[: self._KEPT]:
            for _ in range(self._STEPS):
                points, sure = self._model.find(image, square_around(points))
                if sure > presence:
                    best, presence = points, sure
        return best


def in_pixels(landmarks: Any, image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """MediaPipe's landmarks (N, 3) in pixels: it divides x and z by the width and y by the height."""
    height, width = image.shape[:2]
    found = np.array([(point.x, point.y, point.z) for point in landmarks])
    return np.asarray(found * (width, height, width), dtype=np.float64)


@hookimpl
def register_extractors(register: Callable[..., None]) -> None:
    """Add FaceMesh, and the one that searches where FaceMesh gives up."""
    register("facemesh", FaceMesh, summary="MediaPipe FaceMesh, 468 points", licence="Apache-2.0")
    register(
        "facemesh-search",
        FaceMeshSearch,
        summary="FaceMesh, and where it detects no face, its landmark model over the crop",
        licence="Apache-2.0",
    )
