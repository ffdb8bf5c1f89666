"""Extraction in worker processes, one extractor each; what is in flight is bounded, whatever the dataset's size."""

from __future__ import annotations

import atexit
import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.crops import CropRule, cut, resolve_box
from hpe_bench.errors import DataError, RunFailed
from hpe_bench.images import ImageSource
from hpe_bench.landmarks.extractor import Extractor
from hpe_bench.worker_pool import WorkerDied, WorkerPool
from hpe_bench.workers import usable_cpus

#: Key, landmarks (points, 3) float32, seconds that the extractor took.
Extracted = tuple[bytes, NDArray[np.float32], float]
#: What is told of landmarks as soon as they are found: N keys, and landmarks (N, points, 3).
Keep = Callable[[Sequence[bytes], NDArray[np.float32]], None]
_Found = tuple[bytes, Any, float]

_CHUNK = 8
#: Seconds after which a worker hands over what it has found of a chunk.
_PORTION = 0.25


@dataclass(frozen=True)
class Task:
    """One face to be found: an image, and how to crop it."""

    key: bytes
    where: str
    image: ImageSource
    rule: CropRule
    points: NDArray[np.float64] | None


class ExtractionPool:
    """Worker processes that hold one extractor each. They start with the first task, and end with :meth:`close`.

    ``keep`` is given all that is found at once, in whatever order: where an image takes long, others are done before
    it is their turn to be yielded.
    """

    def __init__(
        self,
        extractor: str,
        plugin_paths: Sequence[str],
        points: int,
        workers: int | None = None,
        keep: Keep | None = None,
    ) -> None:
        self.workers = workers or usable_cpus()
        self.points = points
        self._extractor, self._keep = extractor, keep
        self._pool = WorkerPool(_open, (extractor, tuple(plugin_paths)), self.workers)

    def extract(self, tasks: Iterable[Task], faults: dict[bytes, DataError] | None = None) -> Iterator[Extracted]:
        """Key, landmarks (points, 3) and seconds taken, in the tasks' order; all NaN where no face was found.

        An image that cannot be read raises; with ``faults`` it is left out, and the error put there under its key.
        """
        try:
            for found in self._pool.map(_chunks(tasks, _CHUNK), self._arrived):
                for key, landmarks, seconds in found:
                    if not isinstance(landmarks, DataError):
                        yield key, self._whole(landmarks), seconds
                    elif faults is None:
                        raise landmarks
                    else:
                        faults[key] = landmarks
        except WorkerDied as error:
            raise RunFailed(
                f"a landmark worker died ({self._extractor}) {error.how}. Its last words: {error.words or 'none'}"
            ) from error

    def close(self) -> None:
        """End the workers."""
        self._pool.close()

    def _arrived(self, found: list[_Found]) -> None:
        good = [(key, self._whole(landmarks)) for key, landmarks, _ in found if not isinstance(landmarks, DataError)]
        if good and self._keep is not None:
            self._keep([key for key, _ in good], np.stack([landmarks for _, landmarks in good]))

    def _whole(self, landmarks: Any) -> NDArray[np.float32]:
        return np.full((self.points, 3), np.nan, dtype=np.float32) if landmarks is None else landmarks


def _open(name: str, plugin_paths: Sequence[str]) -> Callable[[list[Task]], Iterator[list[_Found]]]:
    """In a worker: the extractor, opened, as a function of tasks."""
    from hpe_bench.plugins import discover

    extractor: Extractor = discover(plugin_paths, environ={}).get("extractors", name).load()()
    extractor.open()
    atexit.register(extractor.close)
    return functools.partial(_find, extractor)


def _find(extractor: Extractor, tasks: list[Task]) -> Iterator[list[_Found]]:
    """What is found, in portions: what has been found is not to wait long for what has not."""
    found: list[_Found] = []
    told = time.monotonic()
    for task in tasks:
        found.append(_find_one(extractor, task))
        if time.monotonic() - told > _PORTION:
            yield found
            found, told = [], time.monotonic()
    if found:
        yield found


def _find_one(extractor: Extractor, task: Task) -> _Found:
    try:
        pixels = task.image.pixels()
        box = resolve_box(task.rule, task.points, pixels.shape[1], pixels.shape[0], task.where)
    except DataError as error:
        return task.key, error, 0.0
    started = time.perf_counter()
    landmarks = extractor.find(cut(pixels, box))
    if landmarks is not None and np.shape(landmarks) != (extractor.points, 3):
        raise RunFailed(f"the extractor gave {np.shape(landmarks)} where landmarks ({extractor.points}, 3) belong")
    spent = time.perf_counter() - started
    return task.key, None if landmarks is None else np.asarray(landmarks, dtype=np.float32), spent


def _chunks(tasks: Iterable[Task], size: int) -> Iterator[list[Task]]:
    chunk: list[Task] = []
    for task in tasks:
        chunk.append(task)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
