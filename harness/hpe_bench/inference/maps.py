"""What an estimator shows of its answers about faces: whether it does, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import HpeBenchError, UsageError
from hpe_bench.inference.estimating import Looked
from hpe_bench.inference.frames import Input
from hpe_bench.inference.writing import distinct
from hpe_bench.maps import HeatMaps
from hpe_bench.plugins import Registry
from hpe_bench.storage import write_atomically
from hpe_bench.text import printable


def require_maps(registry: Registry, name: str) -> Sequence[str]:
    """What an estimator shows; :class:`UsageError` naming those that show anything, where it has nothing."""
    own: Sequence[str] = registry.get("estimators", name).load().maps
    if own:
        return own
    others = []
    for entry in registry.entries("estimators"):
        try:
            others += [entry.name] if entry.load().maps else []
        except HpeBenchError:  # it cannot be loaded here, and is not asked for
            continue
    raise UsageError(
        f"{name} has no maps to draw: leave --maps out, or take one that has ({', '.join(others) or 'none here'})"
    )


def plan_maps(inputs: Sequence[Input], folder: Path) -> dict[int, Path]:
    """The folder and stem of the maps of each image, by the input's ``id``.

    :class:`UsageError` where one is no image, or the folder is a file.
    """
    films = [one for one in inputs if one.kind != "image"]
    if films:
        raise UsageError(
            f"--maps draws maps of images, and {films[0].name} is a {films[0].kind}: leave one of them out"
        )
    if folder.suffix and not folder.is_dir():
        raise UsageError(f"--maps {printable(folder)}: name a folder, in which every face has files of its own")
    stems = distinct([folder / one.place.with_suffix(".png") for one in inputs])
    return {id(one): stem.with_suffix("") for one, stem in zip(inputs, stems, strict=True)}


def planned_files(stems: Mapping[int, Path], folder: Path, most: int, names: Sequence[str]) -> list[Path]:
    """All files that maps may be written to."""
    faces = [
        face_path(stem, face, most, name) for stem in stems.values() for face in range(1, most + 1) for name in names
    ]
    return [*faces, *(folder / f"{name}.png" for name in names)]


def face_path(stem: Path, face: int, most: int, name: str) -> Path:
    """Where the maps of a name go, of one of at most ``most`` faces of a picture."""
    return stem.with_name(f"{stem.name}{f'-face{face}' if most > 1 else ''}-{name}.png")


def write_maps(
    looked: Looked, rotation: NDArray[np.float64], stem: Path, face: int, most: int, written: Sequence[Path]
) -> list[Path]:
    """Draw the maps of a face into the folder of ``stem``; the paths written. A matrix, of no face, is drawn once."""
    from hpe_bench.inference.map_figures import heat_maps_png, matrix_png

    added = []
    for name, one in looked.maps.items():
        if isinstance(one, HeatMaps):
            path = face_path(stem, face, most, name)
            write_atomically(path, heat_maps_png(one, looked.crop, rotation, stem.name))
        else:
            path = stem.with_name(f"{name}.png")
            if path in written:
                continue
            write_atomically(path, matrix_png(one))
        added.append(path)
    return added
