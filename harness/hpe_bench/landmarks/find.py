"""Landmarks of many images: those that the cache has come from there, the others are found, and kept in it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hpe_bench.crops import WHOLE, CropRule
from hpe_bench.errors import DataError
from hpe_bench.images import ImageSource
from hpe_bench.landmarks.cache import LandmarkCache
from hpe_bench.landmarks.pool import ExtractionPool, Task

Array = NDArray[np.float32]

_ATTEMPTS = 3
#: Images that are asked for at a time.
_GROUP = 512


def find_landmarks(
    images: Iterable[ImageSource],
    cache: LandmarkCache,
    pool: ExtractionPool,
    faults: dict[int, DataError] | None = None,
) -> Iterator[Array]:
    """Landmarks (points, 3) in pixels of each whole image, in order; all NaN where no face was found.

    What was found is in the cache at once. An image that cannot be read raises :class:`DataError`; with ``faults`` its
    place and the error are put there instead, and its landmarks are NaN.
    """
    group: list[tuple[int, ImageSource]] = []
    for numbered in enumerate(images):
        group.append(numbered)
        if len(group) >= max(_GROUP, 64 * pool.workers):
            yield from _find_group(group, cache, pool, faults)
            group = []
    if group:
        yield from _find_group(group, cache, pool, faults)


def landmark_key(image: ImageSource, rule: CropRule, points: NDArray[np.float64] | None) -> bytes:
    """What landmarks are kept by: SHA-256 over the image's content, the crop rule and what the rule works on."""
    digest = hashlib.sha256(image.digest() + rule.version.encode())
    digest.update(b"" if points is None else points.tobytes())
    return digest.digest()


def look_up(
    wanted: Sequence[Task],
    ahead: Sequence[Task],
    cache: LandmarkCache,
    pool: ExtractionPool,
    spent: dict[bytes, float],
    faults: dict[bytes, DataError] | None = None,
) -> Array:
    """The landmarks (N, points, 3) of the tasks ``wanted``; what the cache lacks of those ``ahead`` is found first.

    ``spent`` takes the seconds of what was found, by key. ``faults`` takes the images that cannot be read, by key,
    whose landmarks are NaN then; without it the first of them raises.
    """
    bad: dict[bytes, DataError] = {} if faults is None else faults
    for _ in range(_ATTEMPTS):
        missing = {task.key: task for task in ahead if task.key not in cache and task.key not in bad}
        for key, landmarks, seconds in pool.extract(missing.values(), faults) if missing else ():
            cache.keep([key], landmarks[None])  # where the pool has not done so already
            spent[key] = seconds
        good = [place for place, task in enumerate(wanted) if task.key not in bad]
        with contextlib.suppress(DataError):
            out = np.full((len(wanted), cache.points, 3), np.nan, dtype=np.float32)
            out[good] = cache.get([wanted[place].key for place in good])
            return out
    raise DataError(f"{cache.folder}: the landmark cache loses what is written to it; remove the folder")


def _find_group(
    group: Sequence[tuple[int, ImageSource]],
    cache: LandmarkCache,
    pool: ExtractionPool,
    faults: dict[int, DataError] | None,
) -> Iterator[Array]:
    tasks: list[Task] = []
    places: list[int] = []
    bad: dict[bytes, DataError] = {}
    for place, image in group:
        try:
            key = landmark_key(image, WHOLE, None)
        except DataError as error:
            if faults is None:
                raise
            faults[place] = error
            continue
        tasks.append(Task(key, f"image {place}", image, WHOLE, None))
        places.append(place)
    found = dict(zip(places, look_up(tasks, tasks, cache, pool, {}, None if faults is None else bad), strict=True))
    for place, task in zip(places, tasks, strict=True):
        if faults is not None and task.key in bad:
            faults[place] = bad[task.key]
    for place, _ in group:
        yield found[place] if place in found else np.full((cache.points, 3), np.nan, dtype=np.float32)
