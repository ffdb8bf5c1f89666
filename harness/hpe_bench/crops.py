"""The crop rules of the field, exactly: from facial points to a box, from a box to pixels.

A rule is a pure function of the sample's points (2, K), in pixels of the image, and the image's width and height. It
returns a box of whole pixels, ``(left, top, right, bottom)``, right and bottom exclusive, which may reach outside the
image: :func:`cut` fills with black there. A dataset says which rules it offers and under what names, so that one
family ("fsanet") can mean what its authors did on each dataset. A face's box is a pair of points, its corners.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.declarations import values as declared
from hpe_bench.errors import SampleError
from hpe_bench.opencv import opencv

Box = tuple[int, int, int, int]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class CropRule:
    """A named way to a box; ``version`` changes with anything that changes a pixel, and is hashed into every run.

    ``faceless``: a sample may have no points, since no face was found in it. No estimator is shown such a sample, and
    it counts as one without a prediction.
    """

    name: str
    version: str
    summary: str
    box: Callable[[Points | None, int, int], Box]
    faceless: bool = False

    def __post_init__(self) -> None:
        """:class:`DeclarationError`, a ValueError, where a field is not what it may be."""
        _check_rule(self, ("points", "width", "height"))
        declared.flag("CropRule", "faceless", self.faceless)


@dataclass(frozen=True)
class RandomCrop:
    """A named way to boxes that differ from time to time, to learn from; ``box`` draws from the generator given."""

    name: str
    version: str
    summary: str
    box: Callable[[Points | None, int, int, np.random.Generator], Box]

    def __post_init__(self) -> None:
        """:class:`DeclarationError`, a ValueError, where a field is not what it may be."""
        _check_rule(self, ("points", "width", "height", "random"))


def _check_rule(rule: CropRule | RandomCrop, arguments: tuple[str, ...]) -> None:
    owner = type(rule).__name__
    declared.name(owner, "name", rule.name)
    declared.text(owner, "version", rule.version, empty=False)
    declared.text(owner, "summary", rule.summary)
    declared.function(owner, "box", rule.box, arguments)


def resolve_box(
    rule: CropRule | RandomCrop,
    points: ArrayLike | None,
    width: int,
    height: int,
    where: str,
    random: np.random.Generator | None = None,
) -> Box:
    """The box of a rule, looked at; ``random`` is what a :class:`RandomCrop` draws from.

    :class:`SampleError` that begins with ``where``, where the rule finds none, or one that is empty, misses the image,
    or is 20 times as large.
    """
    known = None if points is None else np.asarray(points, dtype=np.float64)
    try:
        if isinstance(rule, RandomCrop):
            assert random is not None
            box = rule.box(known, width, height, random)
        else:
            box = rule.box(known, width, height)
    except ValueError as error:
        raise SampleError(f"{where}: {error}") from error
    left, top, right, bottom = box
    if right <= left or bottom <= top or right <= 0 or bottom <= 0 or left >= width or top >= height:
        raise SampleError(f"{where}: the crop {rule.name} of its facial points lies outside the image: {box}")
    if right - left > 20 * width or bottom - top > 20 * height:
        raise SampleError(f"{where}: the crop {rule.name} of its facial points is far larger than the image: {box}")
    return box


def cut(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The pixels (bottom - top, right - left, 3) of an image (H, W, 3) inside a box; black outside the image."""
    left, top, right, bottom = box
    height, width = image.shape[:2]
    x0, x1 = max(left, 0), min(right, width)
    y0, y1 = max(top, 0), min(bottom, height)
    if x0 >= x1 or y0 >= y1:
        return np.zeros((max(bottom - top, 1), max(right - left, 1), 3), dtype=np.uint8)
    inside = image[y0:y1, x0:x1]
    if (x0, y0, x1, y1) == (left, top, right, bottom):
        return inside
    cv2 = opencv()
    edges = (y0 - top, bottom - y1, x0 - left, right - x1)
    return np.asarray(cv2.copyMakeBorder(inside, *edges, cv2.BORDER_CONSTANT), dtype=np.uint8)


def _tight(points: Points | None) -> tuple[float, float, float, float]:
    if points is not None and points.size:
        left, top = points.min(axis=1).tolist()
        right, bottom = points.max(axis=1).tolist()
        if math.isfinite(left + top + right + bottom):  # of points that are not, one is the lowest or the highest
            return left, top, right, bottom
    raise ValueError("this crop rule needs the sample's facial points (pt2d), all of them finite")


def _whole(points: Points | None, width: int, height: int) -> Box:
    return 0, 0, width, height


def _sixdrepnet_test(points: Points | None, width: int, height: int) -> Box:
    k = 0.20
    return _widened(points, 2 * k, 2 * k, 2 * k, 0.6 * k)


def _nlml_test(points: Points | None, width: int, height: int) -> Box:
    left, top, right, bottom = _sixdrepnet_test(points, width, height)
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)


def _sixdrepnet_train(points: Points | None, width: int, height: int, random: np.random.Generator) -> Box:
    k = random.uniform(0.2, 0.4)
    return _widened(points, 0.6 * k, 2 * k, 0.6 * k, 0.6 * k)


def _widened(points: Points | None, left: float, top: float, right: float, bottom: float) -> Box:
    """The tight box, one side after the other widened by its share of the size that the sides before it have left."""
    x_min, y_min, x_max, y_max = _tight(points)
    x_min -= left * abs(x_max - x_min)
    y_min -= top * abs(y_max - y_min)
    x_max += right * abs(x_max - x_min)
    y_max += bottom * abs(y_max - y_min)
    return int(x_min), int(y_min), int(x_max), int(y_max)


def _corners(points: Points | None, width: int, height: int) -> Box:
    left, top, right, bottom = _tight(points)
    return int(left), int(top), int(right), int(bottom)


def _fsanet_points(points: Points | None, width: int, height: int) -> Box:
    """Of the points with positive coordinates; one mask serves both axes: the one that keeps fewer points."""
    _tight(points)
    assert points is not None
    on_x, on_y = points[0] > 0, points[1] > 0
    mask = on_y if on_y.sum() < on_x.sum() else on_x
    if not mask.any():
        raise ValueError("no facial point (pt2d) has positive coordinates")
    x_min, y_min, x_max, y_max = (int(side) for side in _tight(points[:, mask]))
    margin_x, margin_y = 0.6 * (x_max - x_min), 0.6 * (y_max - y_min)
    left, top = max(int(x_min - margin_x), 0), max(int(y_min - margin_y), 0)
    right, bottom = min(int(x_max + margin_x), width - 1), min(int(y_max + margin_y), height - 1)
    return left, top, right, bottom


WHOLE = CropRule("whole", "whole/1", "the whole image", _whole)
SIXDREPNET_TEST = CropRule(
    "6drepnet",
    "6drepnet-aflw2000/1",
    "tight pt2d box, widened as 6DRepNet and TokenHPE test on AFLW2000",
    _sixdrepnet_test,
)
NLML_TEST = CropRule(
    "nlml",
    "nlml-aflw2000/1",
    "the same box, clamped to the image, as NLML-HPE tests on AFLW2000",
    _nlml_test,
)
FSANET_POINTS = CropRule(
    "fsanet",
    "fsanet-pt2d/1",
    "positive pt2d points, margin 0.6 on every side, clamped, as FSA-Net prepares it",
    _fsanet_points,
)
SIXDREPNET_TRAIN = RandomCrop(
    "6drepnet",
    "6drepnet-300w-lp/1",
    "tight pt2d box, widened by a random 0.2 to 0.4, as 6DRepNet and TokenHPE learn from 300W-LP",
    _sixdrepnet_train,
)
FACE_BOX = CropRule(
    "face", "face-box/1", "the box that the sample's points enclose, as it stands", _corners, faceless=True
)
