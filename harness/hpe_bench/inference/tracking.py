"""Faces followed through a video: one detection a frame at most, and a name for each face that it keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpe_bench.inference.faces import Face, FaceFinder, same_place

#: For how many frames a face that is out of sight keeps its number.
_REMEMBERED = 30


@dataclass
class _Track:
    id: int
    face: Face
    missed: int = 0


class Follower:
    """Follows at most ``most`` faces from frame to frame.

    A face that the landmark model sees is followed by its landmarks. Faces are detected where one was just lost or the
    landmark model does not see it, where there is none, and where there may be more, every ``redetect`` frames.
    """

    def __init__(self, finder: FaceFinder, most: int, redetect: int) -> None:
        self._finder, self._most, self._redetect = finder, most, redetect
        self._tracks: list[_Track] = []
        self._given = 0
        self._since = 0
        self._detector, self._began = 0, False
        self.spare = 0

    def follow(self, image: NDArray[np.uint8]) -> list[tuple[int, Face]]:
        """The faces in the next frame (H, W, 3), RGB, each with its number, from 1 on.

        ``spare`` is how many more there were at most.
        """
        lost = False
        for track in self._tracks:
            face = self._finder.follow(image, track.face) if not track.missed else None
            if face is None:
                lost = lost or not track.missed
                track.missed += 1
            else:
                track.face = face
        self._drop_doubles()
        seen = sum(not track.missed for track in self._tracks)
        self._since += 1
        if seen < self._most and (lost or not seen or self._since >= self._redetect):
            self._detect(image)
        self._tracks = [track for track in self._tracks if track.missed < _REMEMBERED]
        return sorted(((track.id, track.face) for track in self._tracks if not track.missed), key=lambda pair: pair[0])

    def _detect(self, image: NDArray[np.uint8]) -> None:
        self._since = 0
        if self._began:
            squares = self._finder.detect(image, self._detector)
        else:  # both detectors, this once, so that no first frame is without its face
            squares, self._began = self._finder.detect_all(image), True
        if not squares:  # the next one may be for the other detector
            self._detector = 1 - self._detector
        seen = [track for track in self._tracks if not track.missed]
        new = [square for square in squares if not any(same_place(square, track.face.square) for track in seen)]
        self.spare = max(self.spare, len(seen) + len(new) - self._most)
        for square in new[: self._most - len(seen)]:
            face = self._finder.settle(image, square)
            track = self._remembered(face)
            track.face, track.missed = face, 0

    def _remembered(self, face: Face) -> _Track:
        """The track out of sight that a face was nearest to, within its own size; else a new one."""
        gone = [track for track in self._tracks if track.missed and _apart(track.face, face) < face.square.side]
        if gone:
            return min(gone, key=lambda track: _apart(track.face, face))
        self._given += 1
        self._tracks.append(_Track(self._given, face))
        return self._tracks[-1]

    def _drop_doubles(self) -> None:
        """Two tracks on one face: the older one keeps it."""
        kept: list[_Track] = []
        for track in sorted(self._tracks, key=lambda track: track.id):
            if track.missed or not any(
                same_place(track.face.square, one.face.square) for one in kept if not one.missed
            ):
                kept.append(track)
        self._tracks = kept


def _apart(one: Face, other: Face) -> float:
    return float(np.hypot(one.square.x - other.square.x, one.square.y - other.square.y))
