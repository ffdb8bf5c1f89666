"""What finds faces in an image: boxes with a confidence, found by the workers and kept in the cache of landmarks."""

from __future__ import annotations

import importlib
import os
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpe_bench.landmarks.extractor import Extractor
from hpe_bench.landmarks.landmark_model import Square

MOST_FACES = 16


class FaceDetector(Extractor):
    """Finds faces in an image. To the workers and to the cache it is an extractor, of the corners of boxes.

    ``confidence`` is what the confidence of a face must exceed, unless somebody says otherwise.
    """

    points: ClassVar[int] = 2 * MOST_FACES
    confidence: ClassVar[float] = 0.9

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Left, top, right, bottom in pixels and confidence 0 to 1 (M, 5) of the faces in an image (H, W, 3), RGB."""
        raise TypeError(f"{type(self).__name__} has no detect()")

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        faces = np.asarray(self.detect(image), dtype=np.float64).reshape(-1, 5)
        surest = faces[np.argsort(-faces[:, 4], kind="stable")][:MOST_FACES]
        corners = np.full((MOST_FACES, 2, 3), np.nan)
        corners[: len(surest), 0] = surest[:, [0, 1, 4]]
        corners[: len(surest), 1] = surest[:, [2, 3, 4]]
        return corners.reshape(-1, 3) if len(surest) else None


def faces_of(corners: NDArray[np.float32]) -> NDArray[np.float64]:
    """The faces (M, 5) of what :meth:`FaceDetector.find` gave, the surest first."""
    pairs = np.asarray(corners, dtype=np.float64).reshape(-1, 2, 3)
    pairs = pairs[np.isfinite(pairs).all(axis=(1, 2))]
    return np.concatenate([pairs[:, 0, :2], pairs[:, 1]], axis=1)


class MediaPipeFaces(FaceDetector):
    """MediaPipe's BlazeFace for faces within 5 m (Bazarevsky et al., arXiv:1907.05047), as its wheel carries it.

    Its boxes are squares from the brows to the chin. A fifth of their height is added above and a twentieth below, so
    that they are about those of MTCNN.
    """

    identity = "mediapipe 0.10.21 face detection, full range, confidence 0.3, higher by 0.2 above and 0.05 below"
    _ABOVE, _BELOW = 0.2, 0.05
    requires = ("mediapipe",)
    extra = "landmarks"
    confidence = 0.5
    #: Which of MediaPipe's two models: 0 for faces within 2 m, 1 for those within 5 m.
    _MODEL = 1

    def open(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "3")
        import mediapipe

        if mediapipe.__version__ != "0.10.21":
            raise RuntimeError(f"face detection needs mediapipe 0.10.21, not {mediapipe.__version__}")
        self._detector: Any = mediapipe.solutions.face_detection.FaceDetection(
            model_selection=self._MODEL, min_detection_confidence=0.3
        )

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        height, width = image.shape[:2]
        boxes = [(face.location_data.relative_bounding_box, face.score[0]) for face in self._found(image)]
        scale = np.array([width, height, width, height, 1.0])
        rows = [
            (
                box.xmin,
                box.ymin - self._ABOVE * box.height,
                box.xmin + box.width,
                box.ymin + (1 + self._BELOW) * box.height,
                score,
            )
            for box, score in boxes
        ]
        return np.asarray(np.array(rows, dtype=np.float64).reshape(-1, 5) * scale)

    def detect_squares(self, image: NDArray[np.uint8]) -> list[tuple[Square, float]]:
        """The faces in an image (H, W, 3), RGB: the squares from brows to chin, turned as the eyes are; confidence."""
        height, width = image.shape[:2]
        squares = []
        for face in self._found(image):
            box, (right_eye, left_eye, *_) = (
                face.location_data.relative_bounding_box,
                face.location_data.relative_keypoints,
            )
            turn = np.arctan2((left_eye.y - right_eye.y) * height, (left_eye.x - right_eye.x) * width)
            x, y = (box.xmin + box.width / 2) * width, (box.ymin + box.height / 2) * height
            side = max(box.width * width, box.height * height)
            squares.append((Square(x, y, side, float(turn)), float(face.score[0])))
        return squares

    def close(self) -> None:
        self._detector.close()

    def _found(self, image: NDArray[np.uint8]) -> Any:
        return self._detector.process(np.ascontiguousarray(image)).detections or []


class MediaPipeNearFaces(MediaPipeFaces):
    """BlazeFace for faces within 2 m: it finds those that fill a picture, which the other misses, and no small ones."""

    identity = "mediapipe 0.10.21 face detection, short range, confidence 0.3, higher by 0.2 above and 0.05 below"
    _MODEL = 0


class MTCNN(FaceDetector):
    """MTCNN (Zhang et al., arXiv:1604.02878) of facenet-pytorch, where that is installed."""

    identity = "facenet-pytorch MTCNN, thresholds 0.6 0.7 0.7, faces from 20 pixels"
    requires = ("facenet_pytorch",)

    def open(self) -> None:
        facenet: Any = importlib.import_module("facenet_pytorch")
        self._network = facenet.MTCNN(keep_all=True, device="cpu", post_process=False)

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        boxes, scores = self._network.detect(np.ascontiguousarray(image))
        if boxes is None:
            return np.zeros((0, 5))
        return np.concatenate([boxes, np.asarray(scores, dtype=np.float64)[:, None]], axis=1)
