"""Faces in a picture: detected by MediaPipe, settled and followed by FaceMesh's landmark model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hpe_bench.crops import SIXDREPNET_TEST, cut
from hpe_bench.inference.quiet import quiet_standard_error
from hpe_bench.landmarks.faces import MediaPipeFaces, MediaPipeNearFaces
from hpe_bench.landmarks.landmark_model import LandmarkModel, Square, square_around
from hpe_bench.landmarks.unseen_face import UnseenFace

#: Below this, the landmark model sees no face where it looks.
PRESENCE = 0.5
#: How much larger than from brows to chin the square is in which MediaPipe looks for landmarks.
_AROUND = 1.5
#: By how much of its side a detected square is moved down, so that it is about what facial points enclose: the median
#: over images of 300W-LP in which the landmark model sees no face.
_LOWER = 0.1
#: Points of FaceMesh on the jaw, the brows and the ridge of the nose: they enclose about what the 68 points of 300W-LP
#: do, where all 468 reach up to the hair.
_FACIAL = (
    *(234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(1, 4, 5, 6),
)

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture.

    ``square``, from brows to chin, is where it was detected; ``landmarks`` (468, 3) in pixels, z on the scale of x,
    None where the landmark model sees no face there; ``presence`` is how sure it is, 0 to 1. ``sure`` is whether it is
    sure enough to be believed: landmarks that are there all the same are for those who have learned from such.
    """

    square: Square
    landmarks: Points | None
    presence: float

    @property
    def sure(self) -> bool:
        return self.landmarks is not None and self.presence >= PRESENCE

    @property
    def points(self) -> Points:
        """What crop rules work on (2, K): facial points, or the corners of the detected square, moved to the chin."""
        if self.sure:
            assert self.landmarks is not None
            return np.asarray(self.landmarks[list(_FACIAL), :2].T)
        half, x, y = self.square.side / 2, self.square.x, self.square.y + _LOWER * self.square.side
        return np.array([[x - half, x + half], [y - half, y + half]])

    @property
    def box(self) -> NDArray[np.float64]:
        """Left, top, right, bottom of the face in pixels: of all landmarks, else of the detected square."""
        points = self.landmarks[:, :2] if self.sure and self.landmarks is not None else self.points.T
        return np.concatenate([points.min(axis=0), points.max(axis=0)])


class FaceFinder:
    """MediaPipe's two detectors, for near and for far faces, and its landmark model; used by one thread at a time.

    With ``always`` a detected face has landmarks even where the landmark model sees no face.
    """

    def __init__(self, confidence: float = 0.5, always: bool = False) -> None:
        self.confidence = confidence
        self._detectors = (MediaPipeFaces(), MediaPipeNearFaces())
        nothing = np.zeros((64, 64, 3), np.uint8)
        with quiet_standard_error():  # the models greet when they are first used
            for detector in self._detectors:
                detector.open()
                detector.detect(nothing)
            self._model = LandmarkModel()
            self._model.find(nothing, Square(32.0, 32.0, 32.0, 0.0))
            self._unseen = UnseenFace() if always else None
            if self._unseen is not None:
                self._unseen.landmarks(nothing)

    def detect(self, image: NDArray[np.uint8], detector: int) -> list[Square]:
        """The faces in an image (H, W, 3) RGB that detector 0 (within 5 m) or 1 (within 2 m) finds, largest first."""
        found = self._detectors[detector].detect_squares(image)
        squares = [square for square, confidence in found if confidence > self.confidence]
        return sorted(squares, key=lambda square: -square.side)

    def detect_all(self, image: NDArray[np.uint8]) -> list[Square]:
        """What either detector finds, each face once, largest first."""
        squares: list[Square] = []
        for square in [*self.detect(image, 0), *self.detect(image, 1)]:
            if not any(same_place(square, other) for other in squares):
                squares.append(square)
        return sorted(squares, key=lambda square: -square.side)

    def settle(self, image: NDArray[np.uint8], square: Square) -> Face:
        """The face that was detected in a square, its landmarks found and then followed for two steps."""
        look = replace(square, side=_AROUND * square.side)
        points, presence = self._model.find(image, look)
        if presence < PRESENCE:
            guess = self._guess(image, Face(square, None, presence))
            return Face(square, guess, presence)
        face = Face(square, points, presence)
        for _ in range(2):
            face = self.follow(image, face) or face
        return face

    def follow(self, image: NDArray[np.uint8], face: Face) -> Face | None:
        """The face that stood in the last picture as ``face``; None where it is lost."""
        if not face.sure or face.landmarks is None:
            return None
        points, presence = self._model.find(image, square_around(face.landmarks))
        if presence < PRESENCE:
            return None
        around = square_around(points)
        return Face(replace(around, side=around.side / _AROUND), points, presence)

    def close(self) -> None:
        """Let go of the models."""
        for detector in self._detectors:
            detector.close()
        if self._unseen is not None:
            self._unseen.close()
        self._model.close()

    def _guess(self, image: NDArray[np.uint8], face: Face) -> Points | None:
        if self._unseen is None:
            return None
        height, width = image.shape[:2]
        box = SIXDREPNET_TEST.box(face.points, width, height)
        landmarks = self._unseen.landmarks(cut(image, box))
        landmarks[:, :2] += box[:2]
        return landmarks


def same_place(one: Square, other: Square) -> bool:
    """Whether two squares are of one face: the centre of each lies in the other, and neither is twice as large."""
    apart = max(abs(one.x - other.x), abs(one.y - other.y))
    small, large = sorted((one.side, other.side))
    return apart < small / 2 and large < 2 * small
