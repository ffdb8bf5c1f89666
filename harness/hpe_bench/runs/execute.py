"""Doing a job: reuse its run, or resume its journal, batch by batch, and store the run at the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import DamagedError, HpeBenchError, RunFailed
from hpe_bench.estimators import Landmarks, Nothing
from hpe_bench.faults import error_in_words, faults_of
from hpe_bench.images import as_source
from hpe_bench.landmarks.cache import LandmarkCache
from hpe_bench.landmarks.pool import ExtractionPool
from hpe_bench.plugins import Registry
from hpe_bench.provenance.depends import landmark_identity
from hpe_bench.runs import feed
from hpe_bench.runs.apart.opening import opened
from hpe_bench.runs.apart.processes import Processes
from hpe_bench.runs.apart.remote import EstimatorRaised
from hpe_bench.runs.failures import failure_path, record_failure
from hpe_bench.runs.job import Job
from hpe_bench.runs.journal import RECORD, Journal
from hpe_bench.runs.manifest import describe, job_path, now
from hpe_bench.runs.previous import why_not_used
from hpe_bench.runs.progress import Progress
from hpe_bench.runs.runfile import Run, open_run, write_run
from hpe_bench.runs.stored import move_aside
from hpe_bench.settings import Folders
from hpe_bench.storage import temporary_prefix


@dataclass(frozen=True)
class Outcome:
    """A finished run, and whether it was there already."""

    run: Run
    reused: bool


def execute(
    job: Job,
    registry: Registry,
    folders: Folders,
    progress: Progress,
    *,
    again: bool = False,
    batch_size: int = 64,
    workers: int | None = None,
    processes: Processes | None = None,
) -> Outcome:
    """The run of a job: stored before, or made now. :class:`RunFailed` leaves a record beside the runs.

    Its estimator is loaded and asked in a process of its own, of ``processes`` where they are given.
    """
    path = job_path(job, folders)
    journal_path = path.parent / f".{path.stem}.journal"
    # A journal beside a stored run is what a kill left at the last moment, or another process is about to remove.
    if not again and not journal_path.exists() and (stored := _stored(job, path)) is not None:
        return Outcome(stored, reused=True)
    total = len(job.selected.labels)
    with Journal(
        journal_path,
        job.digest,
        total,
        lambda: progress.note(f"{job.label}: waiting for another process with this very job"),
    ) as journal:
        # Whoever held the lock may have stored the run meanwhile.
        if not again and (stored := _stored(job, path)) is not None:
            journal.remove()
            return Outcome(stored, reused=True)
        if again:
            journal.clear()
        elif path.exists():
            aside = move_aside(path)
            progress.note(f"{path} is damaged, or another job's run; moved to {aside.name}, and evaluated again")
        for leftover in path.parent.glob(f"{temporary_prefix(path)}*"):
            leftover.unlink(missing_ok=True)
        manifest = describe(job, batch_size)
        resumed = int(journal.done.sum())
        if not again and not resumed and (reason := why_not_used(job, path)) is not None:
            progress.note(reason)
        if resumed:
            progress.note(f"{job.label}: resumed at {resumed:,} of {total:,} samples")
        registry.notify("run_started", manifest=manifest, total=total)
        started = time.perf_counter()
        try:
            with progress.task(job.label, total, resumed) as advance:
                remaining = np.flatnonzero(~journal.done)
                for records in _predictions(
                    job, registry, folders, remaining, batch_size, workers, processes, manifest
                ):
                    journal.append(records)
                    advance(len(records))
                    registry.notify("run_progressed", manifest=manifest, done=int(journal.done.sum()), total=total)
        except RunFailed as error:
            _record_failure(path, manifest, error, registry)
            said = f"{error}"
            if isinstance(error, EstimatorRaised):
                said = f"{job.label} ({job.entry.plugin.distribution}) failed: {said}"
            raise RunFailed(f"{said}. What is known of it is in {failure_path(path)}") from error
        except HpeBenchError:
            raise
        except Exception as error:
            _record_failure(path, manifest, error, registry)
            raise RunFailed(
                f"{job.label} ({job.entry.plugin.distribution}) failed: {error_in_words(error)}. "
                f"Its traceback is in {failure_path(path)}"
            ) from error
        run = _finish(job, path, manifest, journal, resumed, time.perf_counter() - started)
        write_run(run)
        failure_path(path).unlink(missing_ok=True)
        journal.remove()
    registry.notify("run_finished", manifest=dict(run.manifest), path=str(path))
    return Outcome(run, reused=False)


def predict(
    job: Job,
    registry: Registry,
    folders: Folders,
    *,
    batch_size: int = 64,
    workers: int | None = None,
    processes: Processes | None = None,
) -> NDArray[np.float64]:
    """The rotations (N, 3, 3) of a job's samples, NaN where there is no answer, in memory: nothing is stored of them.

    Landmarks that are found on the way are kept in the cache.
    """
    rotations = np.full((len(job.selected.labels), 3, 3), np.nan)
    everything = np.arange(len(rotations))
    try:
        for records in _predictions(job, registry, folders, everything, batch_size, workers, processes):
            rotations[records["index"]] = records["rotation"]
    except EstimatorRaised as error:
        raise RunFailed(f"{job.label} failed: {error}") from error
    except HpeBenchError:
        raise
    except Exception as error:
        raise RunFailed(f"{job.label} failed: {error_in_words(error)}") from error
    return rotations


def _stored(job: Job, path: Path) -> Run | None:
    """The run that is stored at the path; None where there is none, or what is there is not this job's, whole."""
    if not path.exists():
        return None
    try:
        run = open_run(path)
    except DamagedError:
        return None
    same = run.manifest["job"] == job.digest and run.ids.tolist() == list(job.selected.labels.ids)
    return run if same else None


def _predictions(
    job: Job,
    registry: Registry,
    folders: Folders,
    remaining: feed.Indices,
    batch_size: int,
    workers: int | None,
    processes: Processes | None,
    manifest: dict[str, Any] | None = None,
) -> Iterator[NDArray[np.void]]:
    if job.rule is not None and job.rule.faceless:
        seen = job.selected.labels.with_points[remaining]
        hidden, remaining = remaining[~seen], remaining[seen]
        if len(hidden):
            yield _records(hidden, np.full((len(hidden), 3, 3), np.nan), None, np.zeros((len(hidden), 3)))
    batches = [remaining[start : start + batch_size] for start in range(0, len(remaining), batch_size)]
    if not batches:
        return
    if job.estimator is None:
        for batch in batches:
            yield _records(batch, job.selected.labels.rotation[batch], None, np.zeros((len(batch), 3)))
        return
    with contextlib.ExitStack() as stack:
        if processes is None:
            processes = stack.enter_context(Processes())
        estimator = stack.enter_context(opened(job, registry, folders, processes))
        parameters = estimator.load()
        if manifest is not None and parameters is not None:
            manifest["parameters"] = parameters
        fed = stack.enter_context(contextlib.closing(feed_of(job, registry, folders, batches, workers, stack)))
        while (given := _next(fed, job)) is not None:
            batch, inputs, seconds = given
            rotations, confidence, spent = estimator.predict(inputs)
            seconds[:, 2] = spent / len(batch)
            yield _records(batch, rotations, confidence, seconds)


def _next(fed: Iterator[feed.Fed], job: Job) -> feed.Fed | None:
    """The next batch; what the dataset or the extractor does to make it is no fault of the estimator."""
    finder = f", or the extractor {job.extractor_name}" if job.extractor else ""
    with faults_of(f"the input of {job.label}: the dataset {job.selected.dataset_name}{finder}"):
        return next(fed, None)


def feed_of(
    job: Job,
    registry: Registry,
    folders: Folders,
    batches: Sequence[feed.Indices],
    workers: int | None,
    stack: contextlib.ExitStack,
) -> Any:
    """What the estimator of a job is given of its samples, batch by batch, of which there is at least one; what has to
    be closed afterwards is left to ``stack``."""
    if isinstance(job.inputs, Nothing):
        return feed.feed_nothing(job, batches)
    if not isinstance(job.inputs, Landmarks):
        return feed.feed_images(job, batches)
    if job.extractor is None:
        return feed.feed_given_landmarks(job, batches)
    dataset = job.selected.dataset
    image = dataset.sample(job.selected.labels.ids[int(batches[0][0])]).image
    identity = landmark_identity(job.extractor, job.rule, None if image is None else as_source(image), type(dataset))
    cache = LandmarkCache(folders.cache, identity, job.extractor.points)
    pool = ExtractionPool(job.extractor_name, registry.paths, job.extractor.points, workers, cache.keep)
    stack.callback(pool.close)
    stack.callback(cache.tidy)
    return feed.feed_landmarks(job, batches, cache, pool)


def _records(batch: Any, rotations: Any, confidence: Any, seconds: Any) -> NDArray[np.void]:
    """A batch's records."""
    records = np.zeros(len(batch), dtype=RECORD)
    records["index"], records["rotation"], records["seconds"] = batch, rotations, seconds
    records["confidence"] = np.nan if confidence is None else confidence
    return records


def _finish(job: Job, path: Path, manifest: dict[str, Any], journal: Journal, resumed: int, seconds: float) -> Run:
    labels = job.selected.labels
    finished = {
        **manifest,
        "status": "complete",
        "finished": now(),
        "seconds": round(seconds, 3),
        "resumed_at": resumed,
    }
    return Run(
        path=path,
        manifest=finished,
        ids=np.array(labels.ids, dtype=np.str_),
        person=np.array(labels.person, dtype=np.str_),
        sequence=np.array(labels.sequence, dtype=np.str_),
        truth=labels.rotation,
        euler=labels.euler,
        prediction=journal.records["rotation"],
        confidence=journal.records["confidence"],
        seconds=journal.records["seconds"],
    )


def _record_failure(path: Path, manifest: dict[str, Any], error: BaseException, registry: Registry) -> None:
    """Record it, and tell the observers; the run's finished batches stay in the journal."""
    if (record := record_failure(path, manifest, error)) is not None:
        registry.notify("run_finished", manifest=record, path=str(failure_path(path)))
