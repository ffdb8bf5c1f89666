"""Which way a head faces: the similarity that lays MediaPipe's canonical face onto its surface."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from hpe_bench import DataError, canonical_face, pose
from hpe_bench_plugins.datasets.facescape.rendering.appearance import Look
from hpe_bench_plugins.datasets.facescape.rendering.head import Head, vertex_normals

if TYPE_CHECKING:
    from hpe_bench_plugins.datasets.facescape.rendering.scene import Renderer

_ROUNDS = 60
#: Distances beyond this, in cm, count less and less: where a face is unlike the canonical one.
_ROBUST = 0.3
_ENOUGH = 1e-5
#: Yaw and pitch of the renders in which landmarks are looked for; the wide ones show the jaw.
_VIEWS = (*itertools.product((-20, -10, 0, 10, 20), (-15, -8, 0, 8, 15)), (-45, 0), (-30, 0), (30, 0), (45, 0))
_LOOK = Look(distance=200.0, field=30.0)
_GRAZING = 0.35
_LEAST_VIEWS = 3


@dataclass(frozen=True)
class Similarity:
    """``scale * rotation @ p + shift``, in cm; ``residual`` is the root mean square distance that is left, in cm."""

    rotation: NDArray[np.float64]
    scale: float
    shift: NDArray[np.float64]
    residual: float = 0.0

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 3), moved."""
        moved = self.scale * np.asarray(points, dtype=np.float64) @ self.rotation.T + self.shift
        return np.asarray(moved)

    def inverse(self) -> Similarity:
        """The way back; its residual is on the other scale."""
        back = self.rotation.T
        return Similarity(back, 1 / self.scale, -back @ self.shift / self.scale, self.residual / self.scale)


def weighted_fit(source: ArrayLike, target: ArrayLike, weights: ArrayLike) -> Similarity:
    """The similarity from points (N, 3) to others, of least squares with weights (N,) (Umeyama 1991)."""
    w = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    first, second = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    a, b = first - w @ first, second - w @ second
    spread = (w[:, None] * b).T @ a
    rotation = pose.nearest_rotation(spread)
    scale = float(np.trace(rotation.T @ spread) / (w[:, None] * a * a).sum())
    shift = w @ second - scale * rotation @ (w @ first)
    fit = Similarity(rotation, scale, shift)
    return Similarity(rotation, scale, shift, float(np.sqrt(w @ ((fit(first) - second) ** 2).sum(axis=1))))


def landmarks_on(
    renderer: Renderer, head: Head, find: Callable[[NDArray[np.uint8]], NDArray[np.float64] | None]
) -> NDArray[np.float64]:
    """Where on a head MediaPipe's 468 points lie, (468, 3) in cm in its frame; NaN where they cannot be told.

    ``find`` gives landmarks (468, 3) in pixels of an image, or None. They are found in renders of the head, which has
    to face the camera roughly, turned up to 45 degrees; each is carried back to the surface that its pixel shows, but
    not where the surface is seen at a grazing angle; the median over the renders counts.
    """
    tree = cKDTree(head.vertices)
    found = []
    for yaw, pitch in _VIEWS:
        rotation = pose.rotation_from_euler((yaw, pitch, 0))
        landmarks = find(renderer.render(head, rotation, _LOOK))
        if landmarks is None:
            continue
        column, row = np.floor(landmarks[:, :2]).astype(int).clip(0, renderer.size - 1).T
        points = renderer.places(head, rotation, _LOOK)[row, column].astype(np.float64)
        seen = np.isfinite(points).all(axis=1)
        normals = np.zeros_like(points)
        normals[seen] = head.normals[tree.query(points[seen])[1]] @ rotation.T
        to_camera = -(points @ rotation.T + (0, 0, _LOOK.distance))
        cosine = (normals * to_camera).sum(axis=1) / np.linalg.norm(to_camera, axis=1)
        points[~(seen & (cosine > _GRAZING))] = np.nan
        found.append(points)
    every = np.array(found).reshape(-1, len(canonical_face().points), 3)
    enough = np.isfinite(every[..., 0]).sum(axis=0) >= _LEAST_VIEWS
    places = np.full(every.shape[1:], np.nan)
    places[enough] = np.nanmedian(every[:, enough], axis=0)
    return places


def facing(places: NDArray[np.float64]) -> Similarity:
    """The similarity that takes a head to the canonical face, from :func:`landmarks_on` it, with MediaPipe's weights:
    the way in which MediaPipe, and the procrustes estimator, tell the pose of a face."""
    face = canonical_face()
    known = (face.weights > 0) & np.isfinite(places).all(axis=1)
    if face.weights[known].sum() < 0.5 * face.weights.sum():
        raise DataError("too few landmarks are found on the head to tell which way it faces")
    return weighted_fit(places[known], face.points[known], face.weights[known])


def face_fit(vertices: ArrayLike, triangles: NDArray[np.integer[Any]], turning: bool = True) -> Similarity:
    """The similarity from a head (V, 3), roughly in the canonical face's place, to where that face lies on it best.

    Each of the canonical face's 468 points is pulled to the tangent plane of the nearest vertex that faces the same
    way (point-to-plane ICP, Chen and Medioni 1992), with Huber weights; then the answer is turned around: it moves the
    head. Shape alone says little about pitch: the points slide along the face, and the answer is 4 degrees from that of
    :func:`facing`. Without ``turning`` only size and place are fitted.
    """
    points = np.asarray(vertices, dtype=np.float64)
    normals = vertex_normals(points, triangles).astype(np.float64)
    front = normals[:, 2] < 0.2
    points, normals = points[front], normals[front]
    face = canonical_face()
    face_normals = vertex_normals(face.points, face.triangles).astype(np.float64)
    if (face_normals[:, 2] > 0).mean() > 0.5:
        face_normals = -face_normals
    tree = cKDTree(np.concatenate([points, normals], axis=1))
    rotation, scale, shift = np.eye(3), 1.0, np.zeros(3)
    free = list(range(0 if turning else 3, 7))
    for _ in range(_ROUNDS):
        turned = scale * face.points @ rotation.T
        moved = turned + shift
        nearest = tree.query(np.concatenate([moved, face_normals @ rotation.T], axis=1))[1]
        towards = normals[nearest]
        gap = ((points[nearest] - moved) * towards).sum(axis=1)
        weight = np.sqrt(_ROBUST / np.maximum(np.abs(gap), _ROBUST))[:, None]
        slopes = np.concatenate([np.cross(turned, towards), towards, (turned * towards).sum(axis=1)[:, None]], axis=1)
        step = np.zeros(7)
        step[free] = np.linalg.lstsq((weight * slopes)[:, free], weight[:, 0] * gap, rcond=None)[0]
        rotation = pose.nearest_rotation((np.eye(3) + _skew(step[:3])) @ rotation)
        scale, shift = scale * (1 + step[6]), shift + step[3:6]
        if np.abs(step).max() < _ENOUGH:
            break
    residual = float(np.sqrt((gap**2).mean()))
    return Similarity(rotation, float(scale), shift, residual).inverse()


def _skew(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = vector
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
