"""Where a job's estimator is loaded and asked: in a process of its own, or here, where no other could find it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from importlib import metadata
from pathlib import Path
from typing import Protocol

from hpe_bench.estimators import Batch
from hpe_bench.faults import faults_of
from hpe_bench.plugins import GROUP, Plugin, Registry
from hpe_bench.runs.answers import answers_of, parameters_of
from hpe_bench.runs.apart.processes import Processes
from hpe_bench.runs.apart.remote import Answer, RemoteEstimator
from hpe_bench.runs.job import Job
from hpe_bench.runs.weights import weights_name
from hpe_bench.settings import Folders


class Opened(Protocol):
    """An estimator that answers batches, wherever it does so."""

    def load(self) -> int | None:
        """Get ready; how many numbers it learned, where it says that."""

    def predict(self, batch: Batch) -> Answer:
        """Its answer to a batch."""


def opened(job: Job, registry: Registry, folders: Folders, processes: Processes) -> AbstractContextManager[Opened]:
    """The estimator of a job, to be loaded and asked."""
    assert job.estimator is not None
    if not _found_anew(job.entry.plugin, registry):
        return nullcontext(_Here(job))
    kind, target = type(job.estimator), job.entry.target
    return RemoteEstimator(
        processes,
        name=job.entry.name,
        label=job.label,
        target=target if isinstance(target, str) and job.entry.plugin.origin != "file" else "",
        paths=registry.paths,
        requires=kind.requires,
        options=job.estimator.options,
        folders=folders.weight_folders(weights_name(kind, job.entry.name)),
        weights=job.weights,
        device=job.device,
    )


def _found_anew(plugin: Plugin, registry: Registry) -> bool:
    """Whether another process finds the plugin too, where it looks: one that is only in memory it does not."""
    if plugin.origin == "file":
        own = Path(plugin.where)
        return any(own == Path(path) or Path(path) in own.parents for path in registry.paths)
    points = metadata.entry_points(group=GROUP)
    return any((plugin.name, plugin.where) == (point.name, point.value) for point in points)


class _Here:
    """An estimator in this very process."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def load(self) -> int | None:
        estimator = self._job.estimator
        assert estimator is not None
        with faults_of(self._job.label):
            estimator.load(self._job.weights, self._job.device)
            return parameters_of(estimator, self._job.label)

    def predict(self, batch: Batch) -> Answer:
        estimator = self._job.estimator
        assert estimator is not None
        with faults_of(self._job.label):
            started = time.perf_counter()
            predicted = estimator.predict(batch)
            spent = time.perf_counter() - started
            rotations, *confidence = answers_of(predicted, len(batch), self._job.label)
            return rotations, confidence[0] if confidence else None, spent
