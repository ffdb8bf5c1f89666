"""Where on ICT-FaceKit's head the brows, lips, hair and so on are: a number 0 to 1 a vertex, from its neutral head.

Places are in the frame of a :class:`Head`, in cm: x to the subject's left, y down, z back. Outlines were read off the
neutral head where FaceMesh finds the parts; since every head has the same vertices, they hold for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from hpe_bench_plugins.datasets.facescape.rendering.head import vertex_normals
from hpe_bench_plugins.datasets.facescape.rendering.ict import EYES, SKIN, IctModel

Weights = NDArray[np.float64]

#: Seen from the front, x and y; of the subject's left, mirrored for the right.
_BROW = (
    (1.28, -4.66), (2.85, -5.04), (4.22, -5.1), (5.3, -4.7), (6.19, -3.92), (5.3, -4.26), (4.12, -4.58), (2.85, -4.39),
    (1.28, -4.0),
)  # fmt: skip
_UPPER_LIP = ((0, 3.6), (0.59, 3.51), (1.28, 3.74), (1.87, 4.02), (2.45, 4.36), (1.47, 4.35), (0, 4.4))
_LOWER_LIP = ((0, 4.3), (1.47, 4.26), (2.45, 4.38), (1.87, 4.8), (1.33, 5.04), (0.69, 5.2), (0, 5.26))
_EYE = (
    (1.72, -2.43), (2.31, -2.94), (2.85, -3.16), (3.39, -3.15), (3.93, -3.05), (4.32, -2.91), (4.71, -2.68),
    (4.42, -2.49), (3.83, -2.3), (3.24, -2.25), (2.75, -2.24), (2.26, -2.35),
)  # fmt: skip
#: The hairline seen from the side: y over z.
_HAIRLINE_Z = (-5.6, -3.6, -1.7, -0.2, 1.2, 2.2, 2.8, 3.2, 4.2, 7.6, 8.2, 9.2, 11.0, 14.0)
_HAIRLINE_Y = (-9.4, -9.0, -8.8, -8.5, -7.0, -4.4, -1.9, 0.1, 0.1, 0.3, 2.9, 5.9, 7.5, 7.6)


@dataclass(frozen=True)
class Regions:
    """Weights (V,) 0 to 1, but ``hairline``: cm that a vertex lies within the hair; ``hollow``: cm that its
    surroundings stand above it, smoothed near and far (V, 2); ``gaze`` (V, 2): x and y on the eyeball in its radii."""

    brow: Weights
    lips: Weights
    mouth_line: Weights
    lashes: Weights
    cheeks: Weights
    beard: Weights
    ears: Weights
    cloth: Weights
    eyes: Weights
    hairline: Weights
    hollow: Weights
    gaze: Weights


def regions_of(model: IctModel) -> Regions:
    """The regions of the model's neutral head."""
    points = model.neutral
    x, y, z = points.T
    side = np.abs(x)
    eyes = (model.material >= len(SKIN)) & (model.material < len(SKIN + EYES))
    skin = ~eyes
    front = skin & (z < 1.5)
    seen = np.stack([side, y], axis=-1)
    into_eye = _inside(seen, _EYE)
    lips = np.maximum(step(-0.08, 0.1, _inside(seen, _UPPER_LIP)), step(-0.08, 0.1, _inside(seen, _LOWER_LIP)))
    ears = step(3.2, 4.0, z) * step(8.7, 7.9, z) * step(-3.6, -2.9, y) * step(4.1, 3.5, y) * step(6.3, 6.8, side)
    jaw = np.interp(z, (-6.3, -4.4, -0.5, 3.6), (1.7, 2.3, 3.1, 0.6))
    return Regions(
        brow=front * step(-0.12, 0.18, _inside(seen, _BROW)),
        lips=front * (z < -4.0) * lips,
        mouth_line=front * np.exp(-(((y - 4.3) / 0.13) ** 2)) * step(2.65, 2.25, side) * (z < -4.0),
        lashes=front * step(-0.22, -0.05, into_eye) * step(-2.2, -2.8, y),
        cheeks=front * np.exp(-(((side - 4.1) / 1.8) ** 2) - ((y - 1.3) / 1.6) ** 2)
        + front * np.exp(-((side / 1.2) ** 2) - ((y - 0.7) / 1.0) ** 2),
        beard=skin * step(-0.6, 0.8, y - jaw) * step(10.6, 9.1, y) * step(3.7, 2.7, z) * (1 - lips),
        ears=skin * ears,
        cloth=skin * step(-0.15, 0.15, y - 15.4 + 0.15 * (z - 1.7)),
        eyes=eyes.astype(np.float64),
        hairline=np.where(skin, np.interp(z, _HAIRLINE_Z, _HAIRLINE_Y) - y, -9.0) - 9.0 * ears,
        hollow=hollows(points, model.triangles),
        gaze=_gaze(model),
    )


def mesh_mean(triangles: NDArray[np.integer[Any]], count: int) -> sparse.csr_matrix:
    """The matrix (V, V) that takes the mean of a vertex's neighbours."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    both = np.concatenate([edges, edges[:, ::-1]])
    linked = sparse.csr_matrix((np.ones(len(both)), both.T), (count, count))
    linked.data[:] = 1
    return sparse.diags(1 / np.maximum(np.asarray(linked.sum(axis=1)).ravel(), 1)) @ linked


def hollows(points: NDArray[np.float64], triangles: NDArray[np.int32]) -> Weights:
    """How far the surroundings of a vertex stand above it, cm, smoothed near and far (V, 2): a cheap occlusion."""
    mean = mesh_mean(triangles, len(points))
    normals = vertex_normals(points, triangles)
    smoothed, found = points, []
    for rounds in (4, 24):
        for _ in range(rounds):
            smoothed = mean @ smoothed
        found.append(((smoothed - points) * normals).sum(axis=1))
    return np.stack(found, axis=-1)


def occlusion(hollow: Weights) -> Weights:
    """How much of the light around reaches a vertex (V,), 0 to 1, of :func:`hollows`."""
    near, far = hollow.T
    return np.asarray(np.exp(-2.2 * np.clip(near, 0, 0.4) - 0.8 * np.clip(far - 0.1, 0, 1.0)))


def _gaze(model: IctModel) -> Weights:
    gaze = np.zeros((len(model.neutral), 2))
    for index in range(len(SKIN), len(SKIN + EYES)):
        of_eye = model.material == index
        points = model.neutral[of_eye, :2]
        low, high = points.min(axis=0), points.max(axis=0)
        gaze[of_eye] = (points - (low + high) / 2) / ((high - low) / 2)
    return gaze


def _inside(points: NDArray[np.float64], outline: ArrayLike) -> Weights:
    """How far points (V, 2) lie within an outline (N, 2), cm; negative outside."""
    polygon = np.asarray(outline, dtype=np.float32)
    near = np.flatnonzero(((points > polygon.min(axis=0) - 1) & (points < polygon.max(axis=0) + 1)).all(axis=1))
    distances = np.full(len(points), -1.0)
    distances[near] = [cv2.pointPolygonTest(polygon, (float(u), float(v)), True) for u, v in points[near]]
    return distances


def step(start: float, end: float, value: NDArray[np.float64]) -> Weights:
    """From 0 at ``start`` to 1 at ``end``, smoothly; downwards where ``end`` is the smaller."""
    t = np.clip((value - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
