"""Which of the detected faces is a frame's, and what is cropped: the rules of FSA-Net's preparation of BIWI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpe_bench_plugins.datasets.biwi.boxes import Corners
from hpe_bench_plugins.datasets.biwi.tree import HEIGHT, WIDTH

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Rules:
    """``confidence`` must be exceeded. ``margin`` widens a face on every side, in its widths and heights. ``jump`` in
    pixels is the move of the left side, from one accepted frame of a sequence to the next, that is too far."""

    confidence: float = 0.9
    margin: float = 0.4
    jump: float = 80.0


@dataclass(frozen=True)
class Choice:
    """The box of a frame, right and bottom exclusive, with its confidence; or why there is none."""

    box: Box | None
    confidence: float
    dropped: str = ""


def choose(frames: Iterable[NDArray[np.float64]], rules: Rules) -> Iterator[Choice]:
    """The choice for each frame of one sequence, in order, from its faces: corners and confidence (M, 5).

    Of several faces the one whose widened top left corner is nearest to (2/3 of the width, 2/3 of the height) of the
    image, as the sum of the distances along x and y.
    """
    before: int | None = None
    for faces in frames:
        sure = faces[faces[:, 4] > rules.confidence]
        if not len(sure):
            best = float(faces[:, 4].max()) if len(faces) else np.nan
            why = f"confidence {best:.2f}, not above {rules.confidence:g}" if len(faces) else "no face"
            yield Choice(None, best, why)
            continue
        boxes = [widen((left, top, right, bottom), rules.margin) for left, top, right, bottom, _ in sure.tolist()]
        away = [abs(box[0] - 2 * WIDTH / 3) + abs(box[1] - 2 * HEIGHT / 3) for box in boxes]
        nearest = int(np.argmin(away))
        box, confidence = boxes[nearest], float(sure[nearest, 4])
        if before is not None and abs(box[0] - before) >= rules.jump:
            yield Choice(None, confidence, f"a jump of {abs(box[0] - before)} pixels")
        elif box[2] <= box[0] or box[3] <= box[1]:
            yield Choice(None, confidence, "outside the image")
        else:
            before = box[0]
            yield Choice(box, confidence)


def widen(face: Corners, margin: float) -> Box:
    """The box of a face with a margin, within the image; right and bottom exclusive."""
    left, top, right, bottom = face
    across, down = margin * (right - left), margin * (bottom - top)
    return (
        max(int(left - across), 0),
        max(int(top - down), 0),
        min(int(right + across), WIDTH - 1) + 1,
        min(int(bottom + down), HEIGHT - 1) + 1,
    )
