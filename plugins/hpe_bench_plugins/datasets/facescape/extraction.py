"""From the images of a grid to its landmarks: one file, with the cells made up in which no face was found."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench import DataError, ImageFile, Preparation, UsageError, pose, write_grid
from hpe_bench_plugins.datasets.facescape.layout import Layout

Array = NDArray[Any]

POINTS = 468
_MOST_CELLS = 1_000_000
_NAMED = 10


def extract(layout: Layout, path: Path, extractor: str, workers: int | None, work: Preparation) -> None:
    """Write the landmarks of a layout's images to ``path``, one identity in memory at a time.

    Cells without an image, or in whose image no face was found, are filled by :func:`fill_cells` and marked; an
    identity without any face is left out and told of. :class:`DataError` names the images that cannot be read, in
    which case nothing is written; landmarks that were found are kept in the cache all the same.
    """
    finder = work.extractor(extractor)
    if finder.points < POINTS:
        raise UsageError(f"extractor {extractor} finds {finder.points} points; a grid takes {POINTS}")
    _check_full(layout)
    faults: dict[int, DataError] = {}
    found = work.find_landmarks(map(ImageFile, _files(layout)), extractor, workers, faults)
    total = sum(map(len, layout.images.values()))
    about: dict[str, Any] = {
        "source": "images of a grid of renders",
        "generator": None if layout.manifest is None else dict(layout.manifest.generator),
        "images": layout.digest(),
        "extractor": finder.identity,
        "extractor_name": extractor,
        "people": list(layout.identities),
        "missing": layout.missing(),
    }
    missed, dropped = 0, []
    with (
        contextlib.closing(found),
        write_grid(path, layout.axes, about, regular=not layout.scattered) as writer,
        work.progress("landmarks", total) as advance,
    ):
        for identity, cells in layout.images.items():
            landmarks = _read_cells(layout, identity, found)
            advance(len(cells))
            seen = np.isfinite(landmarks).all(axis=(1, 2))
            missed += len(cells) - int(seen.sum())
            if not seen.any():
                dropped.append(identity)
            elif not faults:
                angles = layout.angles(identity)
                filled = fill_cells(landmarks, seen, pose.rotation_from_grid(angles, layout.axes.convention))
                shape = layout.axes.shape
                writer.add(
                    identity,
                    filled.reshape(*shape, POINTS, 3),
                    ~seen.reshape(shape),
                    angles.reshape(*shape, 3) if layout.scattered else None,
                )
        if faults:
            raise _unreadable(layout, faults)
        if not writer.identities:
            raise DataError(f"{layout.root}: {extractor} found no face in any of {total:,} images")
        about.update(missed=missed, dropped=dropped)
    _tell(work, layout, missed, dropped)


def fill_cells(landmarks: Array, seen: Array, rotations: Array) -> Array:
    """Landmarks (C, 468, 3) with the cells that were not ``seen`` (C,) made up, at least one of which was.

    As the reference work does: the landmarks of the frontal cell, or of that which was seen nearest to it, are turned
    about their centroid by what lies between its rotation and the cell's, ``rotations`` (C, 3, 3). Pixels, camera axes,
    z on the scale of x.
    """
    frontal = np.where(seen, np.trace(rotations, axis1=1, axis2=2), -np.inf).argmax()
    centre = landmarks[frontal].mean(axis=0)
    turns = rotations[~seen] @ rotations[frontal].T
    out = landmarks.copy()
    out[~seen] = (landmarks[frontal] - centre) @ np.swapaxes(turns, 1, 2) + centre
    return out


def _files(layout: Layout) -> Iterator[Path]:
    for identity, cells in layout.images.items():
        for cell in sorted(cells, key=layout.cells.__getitem__):
            yield layout.root / identity / cells[cell][0]


def _read_cells(layout: Layout, identity: str, found: Iterator[Array]) -> Array:
    """Landmarks (C, 468, 3) of every cell of an identity, NaN where there is none."""
    cells = layout.images[identity]
    landmarks = np.full((len(layout.cells), POINTS, 3), np.nan, dtype=np.float32)
    for cell, points in zip(
        sorted(cells, key=layout.cells.__getitem__), itertools.islice(found, len(cells)), strict=True
    ):
        landmarks[layout.cells[cell]] = points[:POINTS]
    return landmarks


def _check_full(layout: Layout) -> None:
    """:class:`DataError` where the images hardly make a grid: a stray angle would make most cells up."""
    total = len(layout.cells) * len(layout.images)
    sizes = " x ".join(f"{len(getattr(layout.axes, name))} {name}" for name in ("yaw", "pitch", "roll"))
    if len(layout.cells) > _MOST_CELLS:
        raise DataError(f"{layout.root}: {sizes} are more than {_MOST_CELLS:,} cells a person")
    if 2 * layout.missing() > total:
        raise DataError(
            f"{layout.root}: {layout.missing():,} of {total:,} images are missing ({sizes}, {len(layout.images)} "
            "people): complete them, or remove those at stray angles"
        )


def _unreadable(layout: Layout, faults: dict[int, DataError]) -> DataError:
    named = "; ".join(str(faults[place]) for place in sorted(faults)[:_NAMED])
    more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return DataError(
        f"{len(faults)} images below {layout.root} cannot be read: {named}{more}. Fetch or render them anew, or remove "
        "them: their cells are made up then"
    )


def _tell(work: Preparation, layout: Layout, missed: int, dropped: list[str]) -> None:
    total = len(layout.cells) * len(layout.images)
    missing = layout.missing()
    share = 100 * (missed + missing) / total
    work(
        f"{len(layout.images):,} people, {total:,} cells: {missing:,} without an image, {missed:,} without a face, "
        f"made up {share:.1f}%"
    )
    if dropped:
        work(f"left out, no face was found in any image: {', '.join(dropped)}")
