"""Expressions as displacements of the canonical face's points: what a face does besides turning.

A handful of movements in the spirit of the Facial Action Coding System (Ekman and Friesen, 1978), each a smooth field
over the face; the lips, which touch at rest, part by whose point is whose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: What each movement is, in the order of :func:`movements`, and where it begins and ends, in shares of its strongest
#: form.
MOVEMENTS = (
    ("jaw drop", 0.0, 1.0),
    ("jaw sideways", -1.0, 1.0),
    ("lips part", -0.3, 1.0),
    ("lip corner pull, right", 0.0, 1.0),
    ("lip corner pull, left", 0.0, 1.0),
    ("lip corner depress, right", 0.0, 1.0),
    ("lip corner depress, left", 0.0, 1.0),
    ("lip pucker", 0.0, 1.0),
    ("upper lip raise", 0.0, 1.0),
    ("cheek puff", -0.4, 1.0),
    ("brow raise, right", -0.3, 1.0),
    ("brow raise, left", -0.3, 1.0),
    ("brow lower", 0.0, 1.0),
    ("eye close, right", -0.3, 1.0),
    ("eye close, left", -0.3, 1.0),
)
#: Movements of one side, that the other side mostly follows.
_PAIRS = ((3, 4), (5, 6), (10, 11), (13, 14))
#: How often a movement is there at all.
_OFTEN = 0.35

_UPPER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LOWER_LIP = (146, 91, 181, 84, 17, 314, 405, 321, 375, 95, 88, 178, 87, 14, 317, 402, 318, 324)
_CORNERS = (61, 78, 291, 308)
_RIGHT_CORNER, _LEFT_CORNER, _LIPS = 61, 291, 13
_RIGHT_BROW, _LEFT_BROW = 105, 334
_RIGHT_LID, _LEFT_LID = 159, 386
_RIGHT_EYE_FLOOR, _LEFT_EYE_FLOOR = 145, 374
_CHEEKS = (50, 280)
#: The axis about which the jaw turns runs from ear to ear through this place (y, z) of the face, in cm.
_HINGE = (-0.5, 3.0)
_WIDEST = np.radians(22.0)


def movements(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Displacements (15, 468, 3) in cm of the canonical face's points (468, 3), each movement at its strongest."""
    lower = _below_the_mouth(points)

    def around(place: int, width: float) -> Array:
        return np.asarray(np.exp(-0.5 * np.square((points - points[place]) / width).sum(axis=1))[:, None])

    def move(field: Array, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Array:
        return np.asarray(field * np.array([x, y, z]))

    beside = points - np.array([0.0, *_HINGE])
    dropped = _WIDEST * np.stack([0 * beside[:, 0], -beside[:, 2], 0.5 * beside[:, 1]], axis=1) * lower
    mouth, upper = around(_LIPS, 2.0), 1 - lower
    pull = [around(corner, 1.8) for corner in (_RIGHT_CORNER, _LEFT_CORNER)]
    brow = [around(place, 1.8) for place in (_RIGHT_BROW, _LEFT_BROW)]
    eyes = ((_RIGHT_LID, _RIGHT_EYE_FLOOR), (_LEFT_LID, _LEFT_EYE_FLOOR))
    lids = [around(lid, 0.8) * (points[:, 1:2] < points[floor, 1] - 0.2) for lid, floor in eyes]
    gather = mouth * (points - points[_LIPS]) * (-0.35, 0.0, 0.0)
    fields = (
        dropped,
        move(lower * (1 - np.exp(-np.abs(beside[:, 2:]) / 4)), x=1.2),
        move(mouth * lower, y=0.7) + move(mouth * upper, y=-0.3),
        move(pull[0], x=-0.8, y=-0.7, z=0.6),
        move(pull[1], x=0.8, y=-0.7, z=0.6),
        move(pull[0], x=-0.2, y=0.6),
        move(pull[1], x=0.2, y=0.6),
        gather + move(mouth, z=-0.7),
        move(around(_LIPS, 1.5) * upper, y=-0.6),
        move(around(_CHEEKS[0], 2.0), x=-0.6, z=-0.3) + move(around(_CHEEKS[1], 2.0), x=0.6, z=-0.3),
        move(brow[0], y=-0.9),
        move(brow[1], y=-0.9),
        move(brow[0], x=0.3, y=0.5) + move(brow[1], x=-0.3, y=0.5),
        move(lids[0], y=0.6),
        move(lids[1], y=0.6),
    )
    return np.asarray(np.stack(fields))


def strengths(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """How strong each movement is (count, 15), at random: most are absent, and the two sides go mostly together."""
    low, high = np.array([ends for _, *ends in MOVEMENTS]).T
    drawn = rng.uniform(low, high, (count, len(low))) * (rng.random((count, len(low))) < _OFTEN)
    for right, left in _PAIRS:
        together = rng.random(count) < 0.8
        drawn[together, left] = drawn[together, right] * rng.uniform(0.7, 1.3, int(together.sum()))
    return np.asarray(drawn)


def _below_the_mouth(points: Array) -> Array:
    """How far each point (468, 1) goes with the lower jaw, 0 to 1."""
    share = 1 / (1 + np.exp(-(points[:, 1] - points[_CORNERS[0], 1]) / 0.5))
    share[list(_UPPER_LIP)] = 0.0
    share[list(_LOWER_LIP)] = 1.0
    share[list(_CORNERS)] = 0.4
    return np.asarray(share[:, None])
