"""What varies from image to image: the light, what is behind the head, and the camera."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]


def _grey() -> NDArray[np.uint8]:
    return np.full((1, 1, 3), 128, dtype=np.uint8)


@dataclasses.dataclass(frozen=True, eq=False)
class Look:
    """Light, background and camera of one image; nothing of the person.

    ``to_key`` and ``to_fill`` point to the two lights, in camera axes (x right, y down, z forward), of any length;
    ``key``, ``fill``, ``sky`` and ``ground`` are linear colours: of the lights, and of what shines from above and from
    below. ``background`` (h, w, 3) uint8 RGB is stretched smoothly over the image. ``distance`` in cm from the camera
    to the head's origin; ``field`` in cm is the width that the image shows at that distance.
    """

    to_key: Vector = (0.3, -0.5, -1.0)
    key: Vector = (0.6, 0.6, 0.6)
    to_fill: Vector = (-0.6, 0.0, -1.0)
    fill: Vector = (0.2, 0.2, 0.2)
    sky: Vector = (0.35, 0.35, 0.35)
    ground: Vector = (0.2, 0.2, 0.2)
    background: NDArray[np.uint8] = dataclasses.field(default_factory=_grey, repr=False)
    distance: float = 80.0
    field: float = 36.0

    def lights(self) -> dict[str, Vector]:
        """The lights by the names of the shader, the directions with length 1."""
        directions = {name: _unit(getattr(self, name)) for name in ("to_key", "to_fill")}
        return directions | {name: getattr(self, name) for name in ("key", "fill", "sky", "ground")}


def random_look(seed: int | Sequence[int] | np.random.Generator) -> Look:
    """A look drawn at random: the same one for the same seed."""
    rng = np.random.default_rng(seed)
    return Look(
        to_key=_direction(rng.normal(0, 40), rng.uniform(-10, 60)),
        key=_coloured(rng, rng.uniform(0.35, 0.85), 0.12),
        to_fill=_direction(rng.uniform(-90, 90), rng.uniform(-20, 40)),
        fill=_coloured(rng, rng.uniform(0.0, 0.35), 0.2),
        sky=_coloured(rng, rng.uniform(0.2, 0.5), 0.12),
        ground=_coloured(rng, rng.uniform(0.12, 0.3), 0.12),
        background=_background(rng),
        distance=float(np.exp(rng.uniform(np.log(60), np.log(200)))),
        field=float(rng.uniform(31, 40)),
    )


def _direction(azimuth: float, elevation: float) -> Vector:
    a, e = np.radians([azimuth, elevation])
    return float(np.sin(a) * np.cos(e)), float(-np.sin(e)), float(-np.cos(a) * np.cos(e))


def _coloured(rng: np.random.Generator, strength: float, spread: float) -> Vector:
    warmth, green = rng.uniform(-spread, spread), rng.uniform(-spread, spread) / 3
    red, green, blue = strength * (1 + np.array([warmth, green, -warmth]))
    return float(red), float(green), float(blue)


def _background(rng: np.random.Generator) -> NDArray[np.uint8]:
    """One colour, a gradient, or smooth noise around either, (h, w, 3)."""
    cells = int(rng.choice([1, 2, 3, 5, 9]))
    grey, colour = rng.uniform(15, 240), rng.uniform(20, 235, 3)
    base = grey + rng.uniform(0, 0.8) * (colour - grey)
    if cells == 1:
        values: Any = base[None, None]
    elif cells == 2:
        ends = np.clip(base + rng.normal(0, 50, (2, 3)), 0, 255)
        values = np.repeat(ends[:, None], 2, axis=1)
        values = values.swapaxes(0, 1) if rng.random() < 0.5 else values
    else:
        values = base + rng.normal(0, rng.uniform(5, 45), (cells, cells, 1)) + rng.normal(0, 8, (cells, cells, 3))
    return np.asarray(np.clip(values, 0, 255), dtype=np.uint8)


def _unit(vector: Vector) -> Vector:
    x, y, z = np.asarray(vector, dtype=np.float64) / max(float(np.linalg.norm(vector)), 1e-12)
    return float(x), float(y), float(z)
