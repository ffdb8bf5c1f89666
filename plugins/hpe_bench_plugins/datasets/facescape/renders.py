"""Rendering a grid of 3-D heads into the layout, in worker processes; what is there already is kept."""

from __future__ import annotations

import atexit
import functools
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from hpe_bench import (
    DataError,
    GridAxes,
    Preparation,
    WorkerDied,
    WorkerPool,
    canonical_face,
    pose,
    write_atomically,
)
from hpe_bench_plugins.datasets.facescape.layout import (
    ANGLES,
    MANIFEST,
    Angles,
    Cell,
    Manifest,
    angles_text,
    image_name,
    read_layout,
    read_manifest,
)
from hpe_bench_plugins.datasets.facescape.rendering.appearance import Look, random_look
from hpe_bench_plugins.datasets.facescape.rendering.heads import open_models

#: Identities where the models have no end.
DEFAULT_IDENTITIES = 20
#: Cells of one head that a worker draws in a row.
_CELLS = 64
#: How much larger the image is of which the part about the face is taken.
_LARGER = 1.4
#: How far beyond the face that part reaches, in widths and heights of its box; below the chin, this share of it. What
#: the usual crops of test images leave lies within.
_MARGINS = (0.1, 0.55)
_CHIN = 0.6
_WRITES = 3
_END = {"jpg": b"\xff\xd9", "png": b"IEND\xaeB`\x82"}


@dataclass(frozen=True)
class Recipe:
    """What an image follows from besides the head and the cell.

    ``scatter``: the width in degrees of the interval around its cell from which each angle of an image is drawn.
    """

    models: str
    convention: pose.GridConvention
    size: int
    seed: int
    look: Literal["random", "plain"]
    framing: Literal["head", "face"]
    format: Literal["jpg", "png"]
    quality: int
    scatter: list[float]


def render(
    root: Path, axes: GridAxes, recipe: Recipe, count: int | None, workers: int | None, work: Preparation
) -> None:
    """Render every cell of ``count`` heads below ``root``; images that are there, whole, are kept.

    A head and its images follow from the recipe's seed, the head's place and the angles alone. ``count`` None is all
    heads of a fixed set, or 20. :class:`DataError` where there are images that came about otherwise.
    """
    models = open_models(Path(recipe.models))
    names = models.names(count or (DEFAULT_IDENTITIES if models.endless else None))
    for name in names:
        if not re.fullmatch(r"[^./\\\0][^/\\\0]*", name):
            raise DataError(f"{recipe.models}: a head named '{name}' cannot have a folder of its own")
    _declare(root, Manifest(axes, {**asdict(recipe), "models": models.source}))
    there = read_layout(root)
    tasks = []
    for place, name in enumerate(names):
        kept = there.images.get(name, {})
        _sweep(root / name)
        angles = _scattered(there.cells, place, recipe)
        if any(recipe.scatter):
            _write(root / name / ANGLES, angles_text(angles))
        cells = [cell for cell in there.cells if not (cell in kept and _whole(root / name / kept[cell][0]))]
        poses = [(cell, angles[cell]) for cell in cells]
        tasks += [_Task(root, name, place, tuple(poses[i : i + _CELLS])) for i in range(0, len(poses), _CELLS)]
    total = len(names) * len(there.cells)
    left = sum(len(task.poses) for task in tasks)
    with work.progress("images", total, total - left) as advance:
        for drawn in _in_workers(tasks, recipe, workers or os.cpu_count() or 1):
            advance(drawn)
    kept_text = f", {total - left:,} of them kept" if left < total else ""
    work(f"{len(names):,} heads of {models.source}: {total:,} images{kept_text}")


@dataclass(frozen=True)
class _Task:
    root: Path
    name: str
    place: int
    poses: tuple[tuple[Cell, Angles], ...]


def _scattered(cells: Iterable[Cell], place: int, recipe: Recipe) -> dict[Cell, Angles]:
    """The angles of each cell's image, in thousandths of a degree."""
    import numpy as np

    if not any(recipe.scatter):
        return {cell: cell for cell in cells}
    found: dict[Cell, Angles] = {}
    for cell in cells:
        random = np.random.default_rng((recipe.seed, place, *(angle + 360 for angle in cell), 2))
        away = np.array(recipe.scatter) * random.uniform(-0.5, 0.5, 3)
        yaw, pitch, roll = np.round(np.array(cell) + away, 3)
        found[cell] = float(yaw), float(pitch), float(roll)
    return found


def _declare(root: Path, manifest: Manifest) -> None:
    """Write the manifest before the first image; :class:`DataError` where there is another, or images without one."""
    mend = "choose another --root, or remove what is there"
    there = read_manifest(root)
    if there is None:
        if root.is_dir() and read_layout(root).images:
            raise DataError(f"{root} holds images, and no {MANIFEST} says how they were made: {mend}")
        write_atomically(root / MANIFEST, manifest.text())
    elif (there.axes, dict(there.generator)) != (manifest.axes, dict(manifest.generator)):
        other = [key for key, value in manifest.generator.items() if there.generator.get(key) != value]
        raise DataError(f"{root} was rendered with other options ({', '.join(other) or 'angles'}): {mend}")


def _whole(path: Path) -> bool:
    """Whether an image file ends as its format does, which one that was cut short does not."""
    end = _END["png" if path.suffix.lower() == ".png" else "jpg"]
    try:
        with open(path, "rb") as file:
            file.seek(-len(end), os.SEEK_END)
            return file.read() == end
    except OSError:
        return False


def _in_workers(tasks: Sequence[_Task], recipe: Recipe, workers: int) -> Iterator[int]:
    """Do the tasks; gives the number of images that were made. Few tasks are under way at a time."""
    if not tasks:
        return
    workers = min(workers, len(tasks))
    threads = max(1, (os.cpu_count() or 1) // workers)
    pool = WorkerPool(_start, (recipe, threads), workers)
    try:
        yield from pool.map(tasks)
    except WorkerDied as error:
        raise DataError(
            f"a process that renders died {error.how}: too little memory, or a broken OpenGL driver; try -d workers=1, "
            "and the same command again: images that are done are kept"
        ) from error
    finally:
        pool.close()
        for folder in {task.root / task.name for task in tasks}:
            _sweep(folder)  # what a worker that was ended at once was about to write


_recipe: Recipe
_threads: int


def _start(recipe: Recipe, threads: int) -> Callable[[_Task], Iterator[int]]:
    global _recipe, _threads
    _recipe, _threads = recipe, threads
    return _draw


@functools.cache
def _renderer() -> Any:
    from hpe_bench_plugins.datasets.facescape.rendering.scene import Renderer

    size = _recipe.size if _recipe.framing == "head" else round(_LARGER * _recipe.size)
    renderer = Renderer(size=size, threads=_threads).__enter__()
    atexit.register(renderer.close)
    return renderer


@functools.cache
def _models() -> Any:
    return open_models(Path(_recipe.models))


@functools.lru_cache(maxsize=1)
def _head(place: int) -> Any:
    return _models().head(place, _recipe.seed)


def _draw(task: _Task) -> Iterator[int]:
    """Draw the images of a task; a one for each."""
    import cv2

    head, renderer = _head(task.place), _renderer()
    flags = [cv2.IMWRITE_JPEG_QUALITY, _recipe.quality] if _recipe.format == "jpg" else []
    for cell, angles in task.poses:
        rotation = pose.rotation_from_grid(angles, _recipe.convention)
        look = Look() if _recipe.look == "plain" else random_look((_recipe.seed, task.place, *(a + 360 for a in cell)))
        image = renderer.render(head, rotation, look)
        if _recipe.framing == "face":
            image = _about_face(image, rotation, look, (_recipe.seed, task.place, *(a + 360 for a in cell), 1))
        encoded = cv2.imencode(f".{_recipe.format}", image[..., ::-1], flags)[1].tobytes()
        _write(task.root / task.name / image_name(task.name, cell, _recipe.format), encoded)
        yield 1


def _about_face(image: Any, rotation: Any, look: Look, seed: Sequence[int]) -> Any:
    """The part of an image about the face, its longer side of the size of the recipe: the box of the canonical face's
    points, widened at random."""
    import cv2
    import numpy as np

    from hpe_bench_plugins.datasets.facescape.rendering.scene import project

    points = project(canonical_face().points, rotation, look, len(image))
    low, high = points.min(axis=0), points.max(axis=0)
    left, top, right, bottom = np.random.default_rng(seed).uniform(*_MARGINS, 4) * np.tile(high - low, 2)
    x_min, y_min = np.floor(low - np.array([left, top])).astype(int)
    x_max, y_max = np.ceil(high + np.array([right, _CHIN * bottom])).astype(int)
    edges = [max(0, -y_min), max(0, y_max - len(image)), max(0, -x_min), max(0, x_max - len(image))]
    padded = cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT)
    cut = padded[y_min + edges[0] : y_max + edges[0], x_min + edges[2] : x_max + edges[2]]
    scale = _recipe.size / max(cut.shape[:2])
    return cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; it is not synced, since what a power cut harms is rendered again.

    A process on another machine may take the unfinished file for a dead one's, and remove it: then it is written again.
    """
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    for attempt in range(_WRITES):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
            os.replace(temporary, path)
            return
        except OSError as error:
            temporary.unlink(missing_ok=True)
            if not isinstance(error, FileNotFoundError) or attempt == _WRITES - 1:
                raise DataError(f"{path}: cannot be written ({error.strerror or error})") from error


def _sweep(folder: Path) -> None:
    """Remove what writers that were killed left."""
    for leftover in folder.glob(".*.tmp-*"):
        owner = leftover.name.rpartition(".tmp-")[2].partition("-")[0]
        if not (owner.isdecimal() and Path(f"/proc/{owner}").exists()):
            leftover.unlink(missing_ok=True)
