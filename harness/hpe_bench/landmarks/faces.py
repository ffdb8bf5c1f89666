"""What finds faces in an image: boxes with a confidence, found by the workers and kept in the cache of landmarks."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpe_bench.landmarks.blazeface import BlazeFace, Reach
from hpe_bench.landmarks.extractor import Extractor
from hpe_bench.landmarks.landmark_model import Square
from hpe_bench.opencv import opencv

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

    identity = "mediapipe 0.10.21 face detection, far, score 0.3, higher by 0.2 above and 0.05 below"
    _ABOVE, _BELOW = 0.2, 0.05
    requires = ("mediapipe",)
    extra = "landmarks"
    confidence = 0.5
    _REACH: ClassVar[Reach] = "far"

    def open(self) -> None:
        opencv()  # or MediaPipe fails for want of it, and does not say how to mend it
        import mediapipe

        if mediapipe.__version__ != "0.10.21":
            raise RuntimeError(f"face detection needs mediapipe 0.10.21, not {mediapipe.__version__}")
        self._detector = BlazeFace(self._REACH, least=0.3)

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        faces = self._detector.find(image)
        left, top, right, bottom = faces.boxes.T
        height = bottom - top
        return np.stack([left, top - self._ABOVE * height, right, bottom + self._BELOW * height, faces.scores], axis=1)

    def detect_squares(self, image: NDArray[np.uint8]) -> list[tuple[Square, float]]:
        """The faces in an image (H, W, 3), RGB: the squares from brows to chin, turned as the eyes are; confidence."""
        faces = self._detector.find(image)
        squares = []
        for score, box, (right_eye, left_eye, *_) in zip(faces.scores, faces.boxes, faces.key_points, strict=True):
            (x, y), sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
            turn = np.arctan2(*(left_eye - right_eye)[::-1])
            squares.append((Square(float(x), float(y), float(sides.max()), float(turn)), float(score)))
        return squares

    def close(self) -> None:
        self._detector.close()


class MediaPipeNearFaces(MediaPipeFaces):
    """BlazeFace for faces within 2 m: it finds those that fill a picture, which the other misses, and no small ones."""

    identity = "mediapipe 0.10.21 face detection, near, score 0.3, higher by 0.2 above and 0.05 below"
    _REACH = "near"


class MTCNN(FaceDetector):
    """MTCNN (Zhang et al., arXiv:1604.02878) of facenet-pytorch, where that is installed.

    Left, top, width and height are cut to whole pixels, as the package ``mtcnn`` does, which published crops are by.
    """

    identity = "facenet-pytorch MTCNN, thresholds 0.6 0.7 0.7, faces from 20 pixels, in whole pixels"
    requires = ("facenet_pytorch",)

    def open(self) -> None:
        facenet: Any = importlib.import_module("facenet_pytorch")
        self._network = facenet.MTCNN(keep_all=True, device="cpu", post_process=False)

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        boxes, scores = self._network.detect(np.ascontiguousarray(image))
        if boxes is None:
            return np.zeros((0, 5))
        near = np.trunc(np.asarray(boxes, dtype=np.float64)[:, :2])
        size = np.trunc(np.diff(np.asarray(boxes, dtype=np.float64).reshape(-1, 2, 2), axis=1)[:, 0])
        return np.concatenate([near, near + size, np.asarray(scores, dtype=np.float64)[:, None]], axis=1)
