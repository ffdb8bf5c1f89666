"""Which of the detected faces is a frame's, and what is cropped: the two rules of FSA-Net's preparation of BIWI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hpe_bench_plugins.datasets.biwi.boxes import Boxes, Corners
from hpe_bench_plugins.datasets.biwi.tree import HEIGHT, WIDTH

Rule = Literal["notrack", "carry"]
Box = tuple[int, int, int, int]

RULES: tuple[Rule, ...] = ("notrack", "carry")
#: What ``carry`` cuts before a sequence has shown a face.
PIXEL: Box = (0, 0, 1, 1)


@dataclass(frozen=True)
class Rules:
    """``rule`` says what becomes of a frame without a face of its own: it is dropped, or cut by the last box.

    ``confidence`` must be exceeded. ``margin`` widens a face on every side, in its widths and heights. ``jump`` in
    pixels is the move of the left side, from the last box of a sequence that was cut, that is too far.
    """

    rule: Rule = "notrack"
    confidence: float = 0.9
    margin: float = 0.4
    jump: float = 80.0


@dataclass(frozen=True)
class Choice:
    """The box of a frame, right and bottom exclusive, or None; ``why`` it is not that of a face found in the frame.

    ``confidence`` is that of the frame's own face, of the surest where none is sure, NaN where there is none.
    """

    box: Box | None
    confidence: float
    why: str = ""


def choose(frames: Iterable[tuple[str, NDArray[np.float64]]], rules: Rules) -> Iterator[Choice]:
    """The choice for each frame of a run through the tree, in order, from its sequence and faces: corners and
    confidence (M, 5).

    Of several sure faces the one whose widened top left corner is nearest to (2/3 of the width, 2/3 of the height) of
    the image, as the sum of the distances along x and y, the first given of equals. Where faces are seen and none is
    sure, the box that was last chosen stands in, of whatever frame, cut or not, even of the sequence before. A box is
    accepted in the first frame of a sequence, and where it is no jump from the last accepted; that is ``PIXEL`` until
    there is one, so that a sequence whose first frame shows no face accepts only boxes near the left edge.
    """
    chosen: Box | None = None
    accepted, sequence = PIXEL, None
    for name, faces in frames:
        begins = name != sequence
        if begins:
            accepted, sequence = PIXEL, name
        boxes = [(widen((left, top, right, bottom), rules.margin), sure) for left, top, right, bottom, sure in faces]
        # At a sure face of which nothing is in the image the script would stop; an unsure one it never cuts out.
        seen = [(box, float(sure)) for box, sure in boxes if sure <= rules.confidence or inside(box)]
        own = min((face for face in seen if face[1] > rules.confidence), key=_away, default=None)
        confidence = own[1] if own else max((sure for _, sure in seen), default=np.nan)
        chosen = own[0] if own else chosen
        why = "" if own else f"confidence {confidence:.2f}, not above {rules.confidence:g}" if seen else "no face"
        fits = False
        if seen and chosen is None:
            why += ", and no box before"
        elif seen and chosen is not None:
            moved = abs(chosen[0] - accepted[0])
            fits = begins or moved < rules.jump
            accepted = chosen if fits else accepted
            why = why if fits else f"a jump of {moved} pixels"
        yield Choice(accepted if fits or rules.rule == "carry" else None, confidence, why)


def choose_given(frames: Iterable[tuple[str, str]], boxes: Boxes, margin: float, rule: Rule) -> Iterator[Choice]:
    """The choice for each frame, in order, from its sequence and id: its box in a table, without any look at how far
    that is from the last one; with ``carry`` the last box of the sequence where the table has none."""
    last, sequence = PIXEL, None
    for name, id in frames:
        if name != sequence:
            last, sequence = PIXEL, name
        corners = boxes.corners.get(id)
        if corners is None:
            yield Choice(last if rule == "carry" else None, np.nan, "none in the box file")
            continue
        left, top, right, bottom = widen(corners, margin) if margin else (int(side) for side in corners)
        last = (left, top, right, bottom)
        yield Choice(last, boxes.confidence.get(id, np.nan))


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


def inside(box: Box) -> bool:
    """Whether a pixel of the image is in a box."""
    left, top, right, bottom = box
    return max(left, 0) < min(right, WIDTH) and max(top, 0) < min(bottom, HEIGHT)


def _away(face: tuple[Box, float]) -> float:
    return abs(face[0][0] - 2 * WIDTH / 3) + abs(face[0][1] - 2 * HEIGHT / 3)
