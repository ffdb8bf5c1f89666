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
        height, width = image.shape[:2]
        found = np.array([(point.x, point.y, point.z) for point in faces[0].landmark[: self.points]])
        # MediaPipe divides x and z by the width and y by the height; pixels put them on one scale again.
        return np.asarray(found * (width, height, width), dtype=np.float64)

    def close(self) -> None:
        self._mesh.close()


@hookimpl
def register_extractors(register: Callable[..., None]) -> None:
    """Add FaceMesh."""
    register("facemesh", FaceMesh, summary="MediaPipe FaceMesh, 468 points", licence="Apache-2.0")
