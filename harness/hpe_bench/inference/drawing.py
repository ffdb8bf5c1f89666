"""What is drawn on a picture: a head's axes or a cube, its angles, and that there is no face."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hpe_bench.inference.estimating import Answer, Answered
from hpe_bench.pose import ANGLES, euler_from_rotation

Draw = Literal["axes", "cube", "angles", "none"]
DRAWINGS: tuple[Draw, ...] = get_args(Draw)
Pixels = NDArray[np.uint8]
Array = NDArray[np.float64]
Colour = tuple[int, int, int]

#: RGB, light enough to be read on skin, hair and clothes with a dark rim: left, down, front.
LEFT, DOWN, FRONT = (255, 90, 80), (110, 235, 80), (70, 170, 255)
_WHITE, RIM, _WARNING = (255, 255, 255), (20, 20, 20), (255, 190, 60)
#: Parts of a pixel that OpenCV draws by, as a power of two.
_SHIFT = 4
#: The length of an axis and the side of a cube, in longer sides of the face's box.
_AXIS, _CUBE = 0.6, 0.8
NOSE_TIP = 1
#: The length of a dash, in pixels.
_DASH = 7.0
#: How strongly the front of a cube is tinted, and what is behind text darkened.
_SHADE, _PLATE = 0.25, 0.6
#: How many times as wide as a face's box its text may be, where there are other faces.
_LABEL = 1.3
#: The corners of a cube's two faces, in halves of its side along left, down.
_SQUARE = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])


def axis_ends(rotation: Array, origin: Array, length: float) -> Array:
    """Where a head's axes end (3, 2) in pixels: left, down, and front, which is where the face looks.

    Seen without perspective. The third column of a rotation (3, 3) is the head's z axis, which for a frontal face
    points away from the camera; the face looks the other way.
    """
    return np.asarray(origin + length * (rotation[:2] * (1.0, 1.0, -1.0)).T)


def cube_corners(rotation: Array, centre: Array, side: float) -> tuple[Array, Array]:
    """The corners (4, 2) in pixels of a cube's back and of its front, which the face looks through; same order."""
    left, down, back = rotation[:2].T * side / 2
    square = centre + _SQUARE[:, :1] * left + _SQUARE[:, 1:] * down
    return square + back, square - back


def draw(answered: Answered, how: Draw, numbered: bool, corner: str = "") -> Pixels:
    """A copy of a frame's picture (H, W, 3), RGB, with all of its faces, each with its number where ``numbered``; and
    with a few words in its upper left ``corner``."""
    image = answered.frame.image.copy()
    labels = []
    for answer in answered.answers:
        box, number = answer.face.box, f"#{answer.id} " if numbered else ""
        if not np.isfinite(answer.rotation).all():
            _outline(image, box)
            labels.append(([f"{number}no answer"], box, _WARNING))
            continue
        size = float(max(box[2] - box[0], box[3] - box[1]))
        if how == "axes":
            draw_axes(image, answer.rotation, _origin(answer), _AXIS * size)
        elif how == "cube":
            _draw_cube(image, answer.rotation, (box[:2] + box[2:]) / 2, _CUBE * size)
        angles = zip(ANGLES, euler_from_rotation(answer.rotation), strict=True)
        parts = [f"{name} {round(angle, 1) + 0.0:+.1f}" for name, angle in angles]  # + 0.0: no minus zero
        labels.append(([number + parts[0], *parts[1:]], box, _WHITE))
    for parts, box, colour in labels:  # over all lines
        _write(image, parts, box, colour, crowded=len(labels) > 1)
    if not labels:
        _write(image, ["no face"], np.array([0.0, 0.0, image.shape[1], 0.0]), _WARNING)
    if corner:
        _write(image, [corner], np.zeros(4), _WHITE)
    return image


def _origin(answer: Answer) -> Array:
    """The tip of the nose, else the middle of the box."""
    if answer.face.sure and answer.face.landmarks is not None:
        return np.asarray(answer.face.landmarks[NOSE_TIP, :2])
    box = answer.face.box
    return np.asarray((box[:2] + box[2:]) / 2)


def draw_axes(image: Pixels, rotation: Array, origin: Array, length: float, dashed: bool = False) -> None:
    """Draw the axes of a head into a picture (H, W, 3), RGB; thin and dashed where they are to be told from others."""
    ends = axis_ends(rotation, origin, length)
    thick = max(round(_thickness(length) / 2), 1) if dashed else _thickness(length)
    # What is nearer to the camera (smaller z) is drawn later.
    depths = rotation[2] * (1.0, 1.0, -1.0)
    for axis in np.argsort(-depths):
        for start, end in _dashes(origin, ends[axis]) if dashed else [(origin, ends[axis])]:
            _line(image, start, end, (LEFT, DOWN, FRONT)[axis], thick)


def _dashes(start: Array, end: Array) -> list[tuple[Array, Array]]:
    """A line from end to end in dashes that are as long as the gaps, the last at its end."""
    count = max(2 * round(float(np.hypot(*(end - start))) / (2 * _DASH)) + 1, 1)
    places = start + np.linspace(0, 1, count + 1)[:, None] * (end - start)
    return list(zip(places[::2], places[1::2], strict=True))


def _draw_cube(image: Pixels, rotation: Array, centre: Array, side: float) -> None:
    import cv2

    back, front = cube_corners(rotation, centre, side)
    thick = _thickness(side)
    low = np.maximum(front.min(axis=0).astype(int) - 1, 0)
    high = np.maximum(front.max(axis=0).astype(int) + 2, low)
    part = image[low[1] : high[1], low[0] : high[0]]
    if part.size:
        tinted = part.copy()
        cv2.fillConvexPoly(tinted, _fixed(front - low), FRONT, cv2.LINE_AA, _SHIFT)
        part[:] = cv2.addWeighted(tinted, _SHADE, part, 1 - _SHADE, 0)
    around = (LEFT, DOWN, LEFT, DOWN)
    edges = [
        (back, np.roll(back, -1, axis=0), around, max(round(thick / 2), 1)),
        (back, front, (FRONT,) * 4, thick),
        (front, np.roll(front, -1, axis=0), around, thick),
    ]
    if rotation[2, 2] < 0:  # seen from behind: what is nearer is drawn later
        edges.reverse()
    for starts, ends, colours, width in edges:
        for start, end, colour in zip(starts, ends, colours, strict=True):
            _line(image, start, end, colour, width)


def _line(image: Pixels, start: Array, end: Array, colour: Colour, thick: int) -> None:
    import cv2

    first, last = (tuple(map(int, _fixed(point))) for point in (start, end))
    cv2.line(image, first, last, RIM, thick + 2, cv2.LINE_AA, _SHIFT)
    cv2.line(image, first, last, colour, thick, cv2.LINE_AA, _SHIFT)


def _outline(image: Pixels, box: Array) -> None:
    left, top, right, bottom = box
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        _line(image, start, end, _WARNING, _thickness(right - left))


def _write(image: Pixels, parts: list[str], box: Array, colour: Colour, crowded: bool = False) -> None:
    """Text below a box, in one line, or part by part where that is too wide; none in a picture too small for any.

    Where there is no room it stands above the box, which may be another's face in a ``crowded`` picture; else at the
    bottom of the picture, rather over a chin than over eyes.
    """
    import cv2

    height, width = image.shape[:2]
    room = min(height, width, 3 * (box[2] - box[0]) if crowded else np.inf)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, float(np.clip(room / 800, 0.45, 2.5))
    thick, margin = max(round(1.8 * scale), 1), round(10 * scale)

    def wide(line: str) -> int:
        return int(cv2.getTextSize(line, font, scale, thick)[0][0])

    lines = ["  ".join(parts)]
    if wide(lines[0]) + 4 * margin > (min(width, _LABEL * (box[2] - box[0])) if crowded else width):
        lines = list(parts)
    if width <= 4 * margin:
        return
    scale *= min((width - 4 * margin) / max(map(wide, lines)), 1.0)
    widest, step = max(map(wide, lines)), round(36 * scale)
    block = step * len(lines) + margin
    below, above = box[3] + margin, box[1] - margin - block
    top = below if below + block + margin <= height or above < 0 or crowded else above
    top = int(np.clip(top, 0, max(height - block - margin, 0)))
    left = int(np.clip((box[0] + box[2] - widest) / 2, 2 * margin, max(width - widest - 2 * margin, 0)))
    plate = image[top : top + block, max(left - margin, 0) : left + widest + margin]
    plate[:] = cv2.addWeighted(plate, 1 - _PLATE, np.full_like(plate, RIM[0]), _PLATE, 0)
    for number, line in enumerate(lines, start=1):
        cv2.putText(image, line, (left, top + number * step), font, scale, colour, thick, cv2.LINE_AA)


def _thickness(size: float) -> int:
    return max(round(size / 55), 2)


def _fixed(points: Array) -> NDArray[np.int32]:
    return np.asarray(np.round(points * 2**_SHIFT), dtype=np.int32)
