"""The six key points that MediaPipe's face detector gives with every face, and a whole face laid over them.

The detector (BlazeFace for faces within 2 m, Bazarevsky et al., arXiv:1907.05047) finds profiles in which the landmark
model, which comes after it in FaceMesh, sees no face any more. Eyes, nose, mouth and ears tell where such a face looks.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.landmarks.canonical import canonical_face
from hpe_bench.landmarks.landmark_model import LandmarkModel, Square

#: Where the key points are on the canonical face (x, y, z in cm, camera axes): right eye, left eye, nose, mouth, right
#: and left ear. The least squares of what the detector says of 371 rendered heads with a yaw below 30 degrees, made
#: symmetric.
_PLACES = np.array(
    [
        (-3.5, -2.7, -2.35),
        (3.5, -2.7, -2.35),
        (0.0, 1.1, -7.4),
        (0.0, 4.8, -5.1),
        (-7.25, -0.7, 3.7),
        (7.25, -0.7, 3.7),
    ]
)
#: The detector errs less where a face fills less of the image: black margins, as shares of the image's sides.
_MARGINS = (0.2, 0.3, 0.4, 0.5)
#: Where there are no key points either: the landmark model over these shares of the longer side, around the middle.
_MIDDLE = (0.75, 0.9)


class KeyPoints:
    """Finds the key points of the surest face in an image."""

    def __init__(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "3")
        import mediapipe

        self._detector: Any = mediapipe.solutions.face_detection.FaceDetection(
            model_selection=0, min_detection_confidence=0.5
        )

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """Key points (6, 2) in pixels of an image (H, W, 3) RGB uint8, the mean over the margins in which a face is
        found; None where there is none."""
        found = [points for margin in _MARGINS if (points := self._within(image, margin)) is not None]
        return np.asarray(np.mean(found, axis=0)) if found else None

    def _within(self, image: NDArray[np.uint8], margin: float) -> NDArray[np.float64] | None:
        height, width = image.shape[:2]
        above, beside = int(margin * height), int(margin * width)
        framed = np.zeros((height + 2 * above, width + 2 * beside, 3), dtype=np.uint8)
        framed[above : above + height, beside : beside + width] = image
        faces = self._detector.process(framed).detections
        if not faces:
            return None
        surest = max(faces, key=lambda face: float(face.score[0])).location_data.relative_keypoints
        points = np.array([(point.x, point.y) for point in surest])
        return np.asarray(points * framed.shape[1::-1] - (beside, above))

    def close(self) -> None:
        """Let go of the model."""
        self._detector.close()


class UnseenFace:
    """Landmarks of a crop that is known to show a face, in which FaceMesh sees none.

    The canonical face is laid over the detector's key points; where there are none either, the landmark model over the
    middle in two sizes, and its two answers are averaged: no good landmarks, but how they fail shows where the face
    looks to an estimator that has learned it.
    """

    def __init__(self, model: LandmarkModel) -> None:
        self._model, self._key_points = model, KeyPoints()

    def landmarks(self, crop: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Landmarks (468, 3) in pixels of a crop (H, W, 3) RGB uint8, z on the scale of x."""
        crop = np.ascontiguousarray(crop)
        key_points = self._key_points.find(crop)
        if key_points is not None:
            return face_over(key_points)
        height, width = crop.shape[:2]
        squares = [Square(width / 2, height / 2, share * max(height, width), 0.0) for share in _MIDDLE]
        return np.asarray(np.mean([self._model.find(crop, square)[0] for square in squares], axis=0))

    def close(self) -> None:
        """Let go of the detector; the landmark model is its owner's."""
        self._key_points.close()


def face_over(points: ArrayLike) -> NDArray[np.float64]:
    """The canonical face's points (468, 3) in pixels, laid over key points (6, 2): scaled orthography, least squares.

    The camera that maps six places to six points is linear, and its rotation the one nearest to it.
    """
    points = np.asarray(points, dtype=np.float64)
    middle = _PLACES.mean(axis=0)
    rows = (points - points.mean(axis=0)).T @ np.linalg.pinv(_PLACES - middle).T
    scale = np.sqrt(np.square(rows).sum() / 2)
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    across = left @ right
    rotation = np.vstack([across, np.cross(*across)])
    face = scale * (canonical_face().points - middle) @ rotation.T
    face[:, :2] += points.mean(axis=0)
    return np.asarray(face)
