"""A head that can be drawn: its surface and its paint, in the frame of MediaPipe's canonical face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: What the first number of ``Paint.surface`` may be: colour as it stands, an eyeball, colour times texture.
PLAIN, EYE, TEXTURED = 0.0, 1.0, 2.0


@dataclass(frozen=True)
class Paint:
    """What each vertex looks like.

    ``colours`` (V, 3) float32 is the albedo, linear, 0 to 1. ``surface`` (V, 4) float32 is the kind, the gloss 0 to 1
    and two coordinates: of an eyeball x and y around the gaze in units of the eyeball's radius (the iris is drawn
    there), of a textured surface the place in ``texture`` (H, W, 3) uint8 RGB, 0 to 1 from its top left corner.
    ``iris`` is the linear colour of the irises, ``pupil`` the radii of pupil and iris in radii of the eyeball.
    """

    colours: NDArray[np.float32]
    surface: NDArray[np.float32]
    texture: NDArray[np.uint8] | None = None
    iris: tuple[float, float, float] = (0.1, 0.06, 0.03)
    pupil: tuple[float, float] = (0.16, 0.42)


@dataclass(frozen=True, eq=False)
class Head:
    """A head in cm in camera axes (x right, y down, z forward) with R = identity: it faces the camera.

    The origin is that of :func:`hpe_bench.canonical_face`, inside the head, 7.5 cm behind the nose tip: the head turns
    about it. ``vertices`` (V, 3) float32; ``triangles`` (T, 3) int32, anticlockwise seen from outside; ``normals``
    (V, 3) float32, outward, of length 1. ``closed``: its inside is never seen, so that it need not be drawn.
    """

    name: str
    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    normals: NDArray[np.float32]
    paint: Paint
    closed: bool = False


def vertex_normals(vertices: NDArray[np.floating[Any]], triangles: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """The normals (V, 3) of length 1 of a surface whose triangles run anticlockwise seen from outside in a
    right-handed frame: the mean of the triangles' around a vertex, weighted by area."""
    corners = np.asarray(vertices, dtype=np.float64)[triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat, count = triangles.ravel(), len(vertices)
    sums = np.stack([np.bincount(flat, np.repeat(across[:, axis], 3), count) for axis in range(3)], axis=-1)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12), dtype=np.float32)
