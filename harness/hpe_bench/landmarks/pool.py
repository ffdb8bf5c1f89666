"""Extraction in worker processes, one extractor each; what is in flight is bounded, whatever the dataset's size."""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.crops import CropRule, cut, resolve_box
from hpe_bench.errors import DataError, RunFailed
from hpe_bench.images import ImageSource
from hpe_bench.landmarks.extractor import Extractor
from hpe_bench.workers import end_with_parent, usable_cpus

#: Key, landmarks (points, 3) float32, seconds that the extractor took.
Extracted = tuple[bytes, NDArray[np.float32], float]
_Found = tuple[bytes, Any, float]

_CHUNK = 8
_LOG_PREFIX = "hpe-bench-workers-"


@dataclass(frozen=True)
class Task:
    """One face to be found: an image, and how to crop it."""

    key: bytes
    where: str
    image: ImageSource
    rule: CropRule
    points: NDArray[np.float64] | None


class ExtractionPool:
    """Worker processes that hold one extractor each. They start with the first task, and end with :meth:`close`."""

    def __init__(self, extractor: str, plugin_paths: Sequence[str], points: int, workers: int | None = None) -> None:
        self.workers = workers or usable_cpus()
        self.points = points
        self._start = (extractor, tuple(plugin_paths))
        self._pool: ProcessPoolExecutor | None = None
        self._log: Path | None = None

    def extract(self, tasks: Iterable[Task], faults: dict[bytes, DataError] | None = None) -> Iterator[Extracted]:
        """Key, landmarks (points, 3) and seconds taken, in the tasks' order; all NaN where no face was found.

        An image that cannot be read raises; with ``faults`` it is left out, and the error put there under its key.
        """
        waiting: deque[Future[list[_Found]]] = deque()
        try:
            for chunk in _chunks(tasks, _CHUNK):
                waiting.append(self._executor().submit(_find, chunk))
                if len(waiting) > 2 * self.workers:
                    yield from self._filled(waiting.popleft().result(), faults)
            while waiting:
                yield from self._filled(waiting.popleft().result(), faults)
        except BrokenProcessPool as error:
            tail = self._log.read_text(errors="replace")[-600:].strip() if self._log else ""
            raise RunFailed(f"a landmark worker died ({self._start[0]}). Its last words: {tail or 'none'}") from error

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        if self._log is not None:
            self._log.unlink(missing_ok=True)

    def _filled(self, found: list[_Found], faults: dict[bytes, DataError] | None) -> Iterator[Extracted]:
        for key, landmarks, seconds in found:
            if isinstance(landmarks, DataError):
                if faults is None:
                    raise landmarks
                faults[key] = landmarks
                continue
            if landmarks is None:
                landmarks = np.full((self.points, 3), np.nan, dtype=np.float32)
            yield key, landmarks, seconds

    def _executor(self) -> ProcessPoolExecutor:
        if self._pool is None:
            _sweep_logs()
            handle, name = tempfile.mkstemp(prefix=f"{_LOG_PREFIX}{os.getpid()}-", suffix=".log")
            os.close(handle)
            self._log = Path(name)
            self._pool = ProcessPoolExecutor(
                self.workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_open,
                initargs=(*self._start, name),
            )
        return self._pool


_extractor: Extractor | None = None
_opened = False


def _open(name: str, plugin_paths: Sequence[str], log: str) -> None:
    """Start of a worker: MediaPipe writes to the raw standard error, which goes to a file from here on."""
    global _extractor
    from hpe_bench.plugins import discover

    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, sys.stderr.fileno() if sys.stderr else 2)
    os.close(descriptor)
    end_with_parent()
    _extractor = discover(plugin_paths, environ={}).get("extractors", name).load()()


def _sweep_logs() -> None:
    """Remove the logs whose owner was killed."""
    for log in Path(tempfile.gettempdir()).glob(f"{_LOG_PREFIX}*.log"):
        owner = log.name.removeprefix(_LOG_PREFIX).partition("-")[0]
        if not (owner.isdecimal() and Path(f"/proc/{owner}").exists()) and Path("/proc/self").exists():
            log.unlink(missing_ok=True)


def _find(tasks: list[Task]) -> list[_Found]:
    global _opened
    assert _extractor is not None
    if not _opened:  # here, not at the worker's start, where an error would only be a dead worker
        _extractor.open()
        multiprocessing.util.Finalize(None, _extractor.close, exitpriority=10)
        _opened = True
    found: list[_Found] = []
    for task in tasks:
        try:
            pixels = task.image.pixels()
            box = resolve_box(task.rule, task.points, pixels.shape[1], pixels.shape[0], task.where)
        except DataError as error:
            found.append((task.key, error, 0.0))
            continue
        started = time.perf_counter()
        landmarks = _extractor.find(cut(pixels, box))
        if landmarks is not None and np.shape(landmarks) != (_extractor.points, 3):
            raise RunFailed(f"the extractor gave {np.shape(landmarks)} where landmarks ({_extractor.points}, 3) belong")
        spent = time.perf_counter() - started
        found.append((task.key, None if landmarks is None else np.asarray(landmarks, dtype=np.float32), spent))
    return found


def _chunks(tasks: Iterable[Task], size: int) -> Iterator[list[Task]]:
    chunk: list[Task] = []
    for task in tasks:
        chunk.append(task)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
