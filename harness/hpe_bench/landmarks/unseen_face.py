"""A face in which FaceMesh sees none: the six key points of MediaPipe's face detector, and a whole face laid over them.

The detector finds profiles in which the landmark model, which comes after it in FaceMesh, sees no face any more. Eyes,
nose, mouth and ears tell where such a face looks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.crops import cut
from hpe_bench.landmarks.blazeface import BlazeFace
from hpe_bench.landmarks.canonical import canonical_face

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
#: What stretched contrast leaves out at both ends of the range, in per cent.
_ENDS = (2, 98)
#: An anchor below the first counts for nothing; the others weigh as their score to the power of the second, where they
#: overlap the surest one by the third, as intersection over union.
_LEAST, _POWER, _OVERLAP = 0.1, 6, 0.3


class UnseenFace:
    """Landmarks of a crop that is known to show a face, in which FaceMesh sees none."""

    def __init__(self) -> None:
        self._detectors = (BlazeFace("near", _LEAST, merged=False), BlazeFace("far", _LEAST, merged=False))

    def landmarks(self, crop: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Landmarks (468, 3) in pixels of a crop (H, W, 3) RGB uint8, z on the scale of x.

        The canonical face is laid over the key points; where there are none at all, it looks straight out of the
        middle.
        """
        points = self.key_points(crop)
        if points is not None:
            return face_over(points)
        height, width = crop.shape[:2]
        face = canonical_face().points - canonical_face().points.mean(axis=0)
        face = face * (min(height, width) / 2 / np.ptp(face[:, 1]))
        face[:, :2] += width / 2, height / 2
        return np.asarray(face)

    def key_points(self, crop: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """Key points (6, 2) in pixels of the surest face in a crop; None where there is nothing like a face.

        The mean over the detector's two models, all margins, and the crop with and without its contrast stretched, of
        whatever anchors lie where the surest does.
        """
        found = [
            faces
            for image in (crop, _stretched(crop))
            for margin in _MARGINS
            for faces in self._within(image, margin)
            if len(faces[0])
        ]
        if not found:
            return None
        scores, boxes, points = (np.concatenate(parts) for parts in zip(*found, strict=True))
        weights = scores**_POWER * (_overlap(boxes[scores.argmax()], boxes) > _OVERLAP)
        return np.asarray(np.average(points, axis=0, weights=weights))

    def close(self) -> None:
        """Let go of the models."""
        for detector in self._detectors:
            detector.close()

    def _within(self, image: NDArray[np.uint8], margin: float) -> list[tuple[NDArray[np.float64], ...]]:
        height, width = image.shape[:2]
        above, beside = int(margin * height), int(margin * width)
        framed = cut(image, (-beside, -above, width + beside, height + above))
        moved = np.array((beside, above))
        found = [detector.find(framed) for detector in self._detectors]
        return [(faces.scores, faces.boxes - np.tile(moved, 2), faces.key_points - moved) for faces in found]


def _stretched(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image (H, W, 3) whose contrast fills the range: faces are missed in the dark and against the light."""
    low, high = np.percentile(image, _ENDS)
    return np.asarray(((image - low) * (255 / max(high - low, 1))).clip(0, 255).astype(np.uint8))


def _overlap(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union (N,) of a box (4,) and boxes (N, 4): left, top, right, bottom."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = (high - low).clip(0).prod(axis=1)
    return np.asarray(shared / ((box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared))


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
