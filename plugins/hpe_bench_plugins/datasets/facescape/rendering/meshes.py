"""A head of any OBJ file: brought to the canonical face's size, place and orientation, and painted."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hpe_bench import DataError, canonical_face
from hpe_bench_plugins.datasets.facescape.rendering.alignment import face_fit
from hpe_bench_plugins.datasets.facescape.rendering.head import PLAIN, TEXTURED, Head, Paint, vertex_normals
from hpe_bench_plugins.datasets.facescape.rendering.obj import Mesh, read_obj, texture_of
from hpe_bench_plugins.datasets.facescape.rendering.person import random_person
from hpe_bench_plugins.datasets.facescape.rendering.regions import hollows, occlusion

_TO_CAMERA = np.array([1.0, -1.0, -1.0])
_MAX_VERTICES = 2_000_000
_MAX_TEXTURE = 4096
#: Widths in cm that a head with or without shoulders has.
_WIDTHS = (9.0, 60.0)
_USUAL_WIDTH = 18.0
_UNITS = (1.0, 0.1, 100.0)
#: The canonical face lies within 2 mm of most heads; this far off, in cm, it has not found a face.
_NO_FACE = 0.6
#: Degrees from frontal beyond which a head is taken for one in other axes.
_ASKEW = 25.0
_NOSE_TIP = 4


def read_head(name: str, path: Path, turn: NDArray[np.float64], rng: np.random.Generator) -> Head:
    """The head of an OBJ file, whose axes are x to the subject's left, y up and z to the viewer.

    ``turn`` (3, 3), in camera axes, turns a head first that stands otherwise. Units are cm, mm or m, whichever makes a
    head; else it is scaled to the usual width. Then its nose tip, the foremost point of its middle, is laid onto the
    canonical face's, and :func:`face_fit` finds size and place, but no rotation: what the file calls frontal is
    frontal. Where it is not to be, :func:`facing` of :func:`landmarks_on` gives a ``turn``.

    A head keeps the colours of its vertices, or the texture of its mtl file; one with neither gets a skin drawn from
    ``rng``. :class:`DataError` naming the file where it is damaged, or no face in it looks along z.
    """
    mesh = read_obj(path)
    if len(mesh.vertices) > _MAX_VERTICES:
        raise DataError(f"{path}: {len(mesh.vertices):,} vertices; {_MAX_VERTICES:,} can be drawn")
    vertices = _roughly_placed(mesh.vertices * _TO_CAMERA @ turn.T)
    triangles = _outward(vertices, mesh.triangles)
    fit, free = face_fit(vertices, triangles, turning=False), face_fit(vertices, triangles)
    cosine = (np.trace(free.rotation) - 1) / 2
    if not (free.residual < _NO_FACE and 0.5 < fit.scale < 2.0 and cosine > np.cos(np.radians(_ASKEW))):
        raise DataError(f"{path}: no face in it that looks along z with y up; turn the model")
    placed = fit(vertices)
    texture = _texture(path, mesh)
    if texture is not None:
        return _textured(name, placed, triangles, mesh, texture)
    if mesh.colours is not None:
        colours = mesh.colours.astype(np.float64) ** 2.2
    else:
        colours = np.array(random_person(rng).skin) * occlusion(hollows(placed, triangles))[:, None]
    return _painted(name, placed, triangles, colours)


def _roughly_placed(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    width = float(np.ptp(vertices[:, 0]))
    if not width > 0:
        return vertices
    scale = next((unit for unit in _UNITS if _WIDTHS[0] <= unit * width <= _WIDTHS[1]), _USUAL_WIDTH / width)
    scaled = vertices * scale
    middle = (scaled[:, 0].min() + scaled[:, 0].max()) / 2
    central = scaled[np.abs(scaled[:, 0] - middle) <= 0.15 * scale * width]
    nose = central[central[:, 2].argmin()] if len(central) else scaled[scaled[:, 2].argmin()]
    return np.asarray(scaled - nose + canonical_face().points[_NOSE_TIP])


def _outward(vertices: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """The triangles, turned around where they run clockwise seen from outside: where the volume is negative."""
    a, b, c = (vertices - vertices.mean(axis=0))[triangles].transpose(1, 0, 2)
    return triangles if (np.cross(a, b) * c).sum() >= 0 else np.ascontiguousarray(triangles[:, ::-1])


def _texture(path: Path, mesh: Mesh) -> NDArray[np.uint8] | None:
    """The texture (H, W, 3) RGB; FaceScape's lies beside the OBJ under its name, whatever the mtl says."""
    if mesh.texcoords is None:
        return None
    named = texture_of(path, mesh) or next(
        (file for end in (".jpg", ".png") if (file := path.with_suffix(end)).is_file()), None
    )
    if named is None:
        return None
    image = cv2.imread(str(named), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"{named}: not a readable image, the texture of {path.name}")
    largest = max(image.shape[:2])
    if largest > _MAX_TEXTURE:
        factor = _MAX_TEXTURE / largest
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image[..., ::-1])


def _textured(
    name: str, vertices: NDArray[np.float64], triangles: NDArray[np.int32], mesh: Mesh, texture: NDArray[np.uint8]
) -> Head:
    """A head whose vertices are split where the texture has a seam; normals are those of the whole."""
    assert mesh.texcoords is not None and mesh.texture_triangles is not None
    flipped = triangles is not mesh.triangles
    texture_triangles = mesh.texture_triangles[:, ::-1] if flipped else mesh.texture_triangles
    whole = _painted(name, vertices, triangles, np.ones((len(vertices), 3)))
    pairs = triangles.ravel().astype(np.int64) * len(mesh.texcoords) + texture_triangles.ravel()
    unique, places = np.unique(pairs, return_inverse=True)
    vertex, corner = np.divmod(unique, len(mesh.texcoords))
    surface = whole.paint.surface[vertex]
    surface[:, 0] = TEXTURED
    surface[:, 2:] = mesh.texcoords[corner] * (1, -1) + (0, 1)
    paint = Paint(whole.paint.colours[vertex], surface, texture)
    parts = places.reshape(-1, 3).astype(np.int32)
    return Head(name, whole.vertices[vertex], parts, whole.normals[vertex], paint)


def _painted(
    name: str, vertices: NDArray[np.float64], triangles: NDArray[np.int32], colours: NDArray[np.float64]
) -> Head:
    surface = np.zeros((len(vertices), 4), dtype=np.float32)
    surface[:, 0], surface[:, 1] = PLAIN, 0.06
    paint = Paint(colours.astype(np.float32), surface)
    return Head(name, vertices.astype(np.float32), triangles, vertex_normals(vertices, triangles), paint)
