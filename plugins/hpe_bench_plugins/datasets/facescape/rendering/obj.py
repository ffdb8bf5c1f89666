"""Reading Wavefront OBJ: vertices with colours, faces of any size, texture coordinates and one texture image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpe_bench import DataError, MissingError, instead_of, read_regular

MAX_BYTES = 2**28
_MAX_CORNERS = 64
_MAX_WORD = 64


@dataclass(frozen=True)
class Mesh:
    """``vertices`` (V, 3) as the file has them, ``triangles`` (T, 3); ``colours`` (V, 3) 0 to 1 or None;
    ``texcoords`` (W, 2), up from the bottom left, and ``texture_triangles`` (T, 3) into them, or None.
    ``materials`` are the names that ``usemtl`` gave, ``material`` (T,) indexes them, ``library`` is the mtl file."""

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]
    colours: NDArray[np.float32] | None
    texcoords: NDArray[np.float32] | None
    texture_triangles: NDArray[np.int32] | None
    materials: tuple[str, ...]
    material: NDArray[np.int32]
    library: str | None


def read_positions(path: Path) -> NDArray[np.float64]:
    """The vertices alone (V, 3) of an OBJ file."""
    return _positions(path, _lines(path))[:, :3]


def read_obj(path: Path) -> Mesh:
    """A mesh; polygons become fans of triangles. :class:`DataError` naming the file where it is damaged."""
    lines = _lines(path)
    positions = _positions(path, lines)
    texcoords = _numbers(path, [line for line in lines if line.startswith(b"vt")], 2)
    corners: list[list[bytes]] = []
    late = False
    owners: list[int] = []
    materials: list[str] = []
    library, current = None, 0
    for line in lines:
        if line.startswith((b"f ", b"f\t")):
            corners.append(line.split()[1:])
            owners.append(current)
        elif line.startswith(b"v"):
            late = late or bool(corners)
        elif line.startswith(b"usemtl"):
            name = line[6:].strip().decode("utf-8", "replace")
            if name not in materials:
                materials.append(name)
            current = materials.index(name)
        elif line.startswith(b"mtllib"):
            library = line[6:].strip().decode("utf-8", "replace")
    if not corners:
        raise DataError(f"{path}: no faces")
    if late and any(corner.startswith(b"-") or b"/-" in corner for face in corners for corner in face):
        raise DataError(f"{path}: faces that count vertices backwards before the last vertex")
    vertex, texture, owner = _faces(path, corners, owners, len(positions), len(texcoords))
    colours = positions[:, 3:6] if positions.shape[1] >= 6 else None
    if colours is not None and colours.size and colours.max() > 1:
        colours = colours / 255
    return Mesh(
        vertices=positions[:, :3],
        triangles=vertex,
        colours=None if colours is None else np.clip(colours, 0, 1).astype(np.float32),
        texcoords=texcoords.astype(np.float32) if texture is not None else None,
        texture_triangles=texture,
        materials=tuple(materials),
        material=owner,
        library=library,
    )


def texture_of(path: Path, mesh: Mesh) -> Path | None:
    """The image that the mesh's mtl file names first as ``map_Kd``, where the file is beside it; else None."""
    if mesh.library is None or mesh.texcoords is None:
        return None
    try:
        library = read_regular(_beside(path, mesh.library), MAX_BYTES)
    except OSError:
        return None
    for line in library.splitlines():
        words = line.strip().split(None, 1)
        if len(words) == 2 and words[0].lower() == b"map_kd":
            image = _beside(path, words[1].strip().decode("utf-8", "replace"))
            return image if image.is_file() else None
    return None


def _beside(path: Path, name: str) -> Path:
    """A file of that name in the folder of ``path``: an OBJ cannot lead elsewhere."""
    return path.parent / Path(name.replace("\\", "/")).name


def _lines(path: Path) -> list[bytes]:
    try:
        content = read_regular(path, MAX_BYTES)
    except FileNotFoundError as error:
        raise MissingError(f"no file {path}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    return content.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ").splitlines()


def _positions(path: Path, lines: list[bytes]) -> NDArray[np.float64]:
    values = _numbers(path, [line for line in lines if line.startswith((b"v ", b"v\t"))], 3)
    if len(values) < 3:
        why = instead_of(path, "text")
        raise DataError(f"{path}: {len(values)} vertices: not an OBJ file of a head{f': {why}' if why else ''}")
    return values


def _numbers(path: Path, lines: list[bytes], least: int) -> NDArray[np.float64]:
    """The numbers of lines that all have as many, (lines, columns)."""
    if not lines:
        return np.zeros((0, least))
    words = b" ".join(lines).split()
    if max(map(len, words)) > _MAX_WORD:
        raise DataError(f"{path}: a word of {max(map(len, words)):,} letters where a number should be")
    columns, rest = divmod(len(words), len(lines))
    try:
        values = np.array(words, dtype="S").reshape(len(lines), columns)[:, 1:].astype(np.float64) if not rest else None
    except ValueError as error:
        raise DataError(f"{path}: a coordinate that is not a number ({error})") from error
    if values is None or columns - 1 < least:
        raise DataError(f"{path}: lines of '{lines[0][:2].decode().strip()}' with too few or differing numbers")
    if not np.isfinite(values).all():
        raise DataError(f"{path}: a coordinate that is not finite")
    return values


def _faces(
    path: Path, corners: list[list[bytes]], owners: list[int], vertices: int, texcoords: int
) -> tuple[NDArray[np.int32], NDArray[np.int32] | None, NDArray[np.int32]]:
    """Triangles (T, 3) of vertices, of texture coordinates (None where a corner has none), and their owners (T,)."""
    sizes = np.array([len(face) for face in corners])
    if sizes.min() < 3 or sizes.max() > _MAX_CORNERS:
        raise DataError(f"{path}: a face of {sizes.min()} to {sizes.max()} corners; 3 to {_MAX_CORNERS} can be read")
    parts = [corner.split(b"/") for face in corners for corner in face]
    try:
        vertex = np.array([int(part[0]) for part in parts])
        textured = texcoords > 0 and all(len(part) > 1 and part[1] for part in parts)
        texture = np.array([int(part[1]) for part in parts]) if textured else None
    except (ValueError, OverflowError) as error:
        raise DataError(f"{path}: a face with a corner that is not a number ({error})") from error
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    fans = sizes - 2
    first = np.repeat(starts, fans)
    step = np.arange(fans.sum()) - np.repeat(np.cumsum(fans) - fans, fans) + 1
    places = np.stack([first, first + step, first + step + 1], axis=-1)
    owner = np.repeat(np.array(owners, dtype=np.int32), fans)
    return (
        _indices(path, vertex, vertices)[places],
        None if texture is None else _indices(path, texture, texcoords)[places],
        owner,
    )


def _indices(path: Path, given: NDArray[np.int64], count: int) -> NDArray[np.int32]:
    """Places from 0; OBJ counts from 1, and backwards from the last with negative numbers."""
    places = np.where(given > 0, given - 1, given + count)
    if given.dtype == object or (given == 0).any() or (places < 0).any() or (places >= count).any():
        raise DataError(f"{path}: a face names a vertex that is not there (1 to {count})")
    return places.astype(np.int32)
