"""FSA-Net's two rules for BIWI once more, looking back from each frame instead of going on, to hold ours against."""

from __future__ import annotations

import math

#: Left, right, top, bottom, the last pixel being in, as the published crops are described.
NOTHING = (0, 0, 0, 0)


def loose(face, margin=0.4):
    """The corners of a face with its margin, inside the 640 x 480 pixels."""
    x, y, right, bottom, _ = face
    w, h = right - x, bottom - y
    across = (max(math.trunc(x - margin * w), 0), min(math.trunc(right + margin * w), 639))
    down = (max(math.trunc(y - margin * h), 0), min(math.trunc(bottom + margin * h), 479))
    return (*across, *down)


class Lookback:
    """A run through sequences of frames, each a list of faces: left, top, right, bottom, confidence."""

    def __init__(self, sequences, threshold):
        self.frames = [frame for frames in sequences for frame in frames]
        self.starts = {sum(map(len, sequences[:n])) for n in range(len(sequences))}
        self.threshold = threshold
        self.known = {}

    def best(self, frame):
        """The loose corners of the sure face of a frame nearest to two thirds of the image, if any is sure."""
        corners = [loose(face) for face in self.frames[frame] if face[4] > self.threshold]
        distances = [abs(c[0] - 1280 / 3) + abs(c[2] - 320) for c in corners]
        return corners[distances.index(min(distances))] if corners else None

    def current(self, frame):
        """What the last frame up to this one that had a sure face made of it, across sequences."""
        for earlier in range(frame, -1, -1):
            if (best := self.best(earlier)) is not None:
                return best
        return None

    def previous(self, frame):
        """What was last cropped in the sequence before this frame."""
        if frame in self.starts:
            return NOTHING
        if frame - 1 not in self.known:
            self.known[frame - 1] = self.current(frame - 1) if self.keeps(frame - 1) else self.previous(frame - 1)
        return self.known[frame - 1]

    def keeps(self, frame):
        """Whether the frame is cropped by the current corners."""
        current = self.current(frame)
        if not self.frames[frame] or current is None:
            return False
        return frame in self.starts or abs(current[0] - self.previous(frame)[0]) < 80

    def crops(self, rule):
        """Of every frame the corners it is cropped by, or None."""
        otherwise = self.previous if rule == "carry" else lambda frame: None
        return [self.current(n) if self.keeps(n) else otherwise(n) for n in range(len(self.frames))]
