"""Batches for an estimator, made ahead of it: crops by threads, landmarks from the cache or from worker processes."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.crops import Box, CropRule, cut, resolve_box
from hpe_bench.datasets import Dataset, Sample
from hpe_bench.errors import SampleError
from hpe_bench.estimators import Batch, Images, Landmarks
from hpe_bench.images import ImageSource, as_source
from hpe_bench.landmarks.cache import LandmarkCache
from hpe_bench.landmarks.find import landmark_key, look_up
from hpe_bench.landmarks.pool import ExtractionPool, Task
from hpe_bench.runs.job import Job
from hpe_bench.workers import usable_cpus

Indices = NDArray[np.int64]
#: Indices of the samples, what the estimator sees of them, and the seconds (n, 3) spent on crop, landmarks, network.
Fed = tuple[Indices, Batch, NDArray[np.float64]]

_AHEAD = 3
_SHARD = 512


def feed_nothing(job: Job, batches: Sequence[Indices]) -> Iterator[Fed]:
    """Batches for an estimator that asks for no input."""
    for batch in batches:
        yield batch, Batch(seeds=sample_seeds(job, batch)), np.zeros((len(batch), 3))


def feed_images(job: Job, batches: Sequence[Indices]) -> Iterator[Fed]:
    """Batches of cropped images. Threads decode and crop ahead; at most three batches are in memory."""
    inputs = job.inputs
    assert isinstance(inputs, Images) and job.rule is not None

    def load(index: int) -> tuple[NDArray[np.uint8], float]:
        started = time.perf_counter()
        return inputs.fit(crop_of(job, index)), time.perf_counter() - started

    waiting: deque[tuple[Indices, list[Future[tuple[NDArray[np.uint8], float]]]]] = deque()
    with ThreadPoolExecutor(usable_cpus()) as threads:
        try:
            for batch in batches:
                waiting.append((batch, [threads.submit(load, int(index)) for index in batch]))
                if len(waiting) == _AHEAD:
                    yield _gather(job, *waiting.popleft())
            while waiting:
                yield _gather(job, *waiting.popleft())
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def feed_landmarks(job: Job, batches: Sequence[Indices], cache: LandmarkCache, pool: ExtractionPool) -> Iterator[Fed]:
    """Batches of landmarks: those that the cache has come from there, the others are found, and kept in it."""
    for group in _groups(batches, _SHARD):
        by_batch = [[_task(job, int(index)) for index in batch] for batch in group]
        ahead = [task for own in by_batch for task in own]
        spent: dict[bytes, float] = {}
        for batch, own in zip(group, by_batch, strict=True):
            landmarks = look_up(own, ahead, cache, pool, spent)
            seconds = np.zeros((len(batch), 3))
            # What came from the cache was timed in another run, if at all.
            seconds[:, 1] = [spent.get(task.key, np.nan) for task in own]
            scaled = _scaled(job, landmarks.astype(np.float64), own)
            yield batch, Batch(seeds=sample_seeds(job, batch), landmarks=scaled), seconds


def feed_given_landmarks(job: Job, batches: Sequence[Indices]) -> Iterator[Fed]:
    """Batches of landmarks that the dataset itself gives."""
    for batch in batches:
        given = [given_landmarks(job.selected.dataset, job.selected.labels.ids[index]) for index in batch]
        landmarks = np.stack(given) if given else np.zeros((0, 468, 3))
        yield batch, Batch(seeds=sample_seeds(job, batch), landmarks=landmarks), np.zeros((len(batch), 3))


def sample_seeds(job: Job, indices: Indices) -> NDArray[np.uint64]:
    """A seed a sample, of the run's seed and the sample's id."""
    ids = job.selected.labels.ids
    digests = (hashlib.sha256(f"{job.seed}\0{ids[index]}".encode()).digest() for index in indices)
    return np.array([int.from_bytes(digest[:8], "little") for digest in digests], dtype=np.uint64)


def crop_of(job: Job, index: int, rule: CropRule | None = None) -> NDArray[np.uint8]:
    """What a rule cuts out of the image of a sample (H, W, 3), RGB; the job's, where none is given."""
    rule = rule or job.rule
    assert rule is not None
    sample = job.selected.dataset.sample(job.selected.labels.ids[index])
    pixels = _source(sample).pixels()
    return cut(pixels, resolve_box(rule, sample.points, pixels.shape[1], pixels.shape[0], f"sample {sample.id}"))


def _source(sample: Sample) -> ImageSource:
    if sample.image is None:
        raise SampleError(f"sample {sample.id} has no image")
    return as_source(sample.image)


def _gather(job: Job, batch: Indices, futures: list[Future[tuple[NDArray[np.uint8], float]]]) -> Fed:
    loaded = [future.result() for future in futures]
    images: Any = [image for image, _ in loaded]
    if isinstance(job.inputs, Images) and job.inputs.size is not None:
        images = np.stack(images)
    seconds = np.zeros((len(batch), 3))
    seconds[:, 0] = [spent for _, spent in loaded]
    return batch, Batch(seeds=sample_seeds(job, batch), images=images), seconds


def _task(job: Job, index: int) -> Task:
    assert job.rule is not None
    sample = job.selected.dataset.sample(job.selected.labels.ids[index])
    source = _source(sample)
    points = None if sample.points is None else np.asarray(sample.points, dtype=np.float64)
    return Task(landmark_key(source, job.rule, points), f"sample {sample.id}", source, job.rule, points)


def _scaled(job: Job, landmarks: NDArray[np.float64], tasks: Sequence[Task]) -> NDArray[np.float64]:
    """Landmarks (n, points, 3) in pixels of the crops of n tasks, in the units that are asked for.

    Only the image says how large the crop is; one in which no face was found is not opened for it.
    """
    assert isinstance(job.inputs, Landmarks)
    if job.inputs.units == "pixels":
        return landmarks

    def box(task: Task, found: np.bool_) -> Box:
        if not found:
            return 0, 0, 1, 1
        height, width = task.image.pixels().shape[:2]
        return resolve_box(task.rule, task.points, width, height, task.where)

    with ThreadPoolExecutor(usable_cpus()) as threads:
        boxes = list(threads.map(box, tasks, np.isfinite(landmarks).all(axis=(1, 2))))
    return job.inputs.scaled(landmarks, boxes)


def given_landmarks(dataset: Dataset, id: str) -> NDArray[np.float64]:
    """The landmarks (points, 3) that a dataset gives of a sample; :class:`SampleError` where they are none."""
    given = dataset.sample(id).landmarks
    landmarks = np.asarray(given() if callable(given) else given, dtype=np.float64)
    if landmarks.ndim != 2 or landmarks.shape[1] != 3:
        raise SampleError(f"sample {id}: landmarks are (points, 3), not {landmarks.shape}")
    return landmarks


def _groups(batches: Sequence[Indices], size: int) -> Iterator[list[Indices]]:
    group: list[Indices] = []
    for batch in batches:
        group.append(batch)
        if sum(map(len, group)) >= size:
            yield group
            group = []
    if group:
        yield group
