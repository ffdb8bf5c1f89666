"""Several processes that do one training: one leads, and the others, which a launcher started, help it and end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from hpe_bench.datasets import Dataset, Labels
from hpe_bench.label_index import indexed_labels
from hpe_bench.runs.train.job import TrainingJob
from hpe_bench.settings import Folders


def follows(job: TrainingJob, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process helps another one with a job that asks for several.

    The rank is where torchrun, Lightning Fabric and Slurm put it. A job of one process has none: under Slurm it may be
    one of many that have nothing to do with each other.
    """
    if getattr(job.options, "processes", 1) == 1:
        return False
    if "RANK" in environ:
        return int(environ["RANK"]) > 0
    return any(int(environ.get(name, "0")) > 0 for name in ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"))


class Following:
    """The :class:`~hpe_bench.training.Training` of a process that helps."""

    leads = False

    def __init__(self, job: TrainingJob, folders: Folders, logs: Path) -> None:
        self.datasets: Mapping[str, Dataset] = dict(job.datasets)
        self.options: Any = job.options
        self.seed, self.device = job.seed, job.device
        self.logs = logs
        self._cache = folders.cache

    def labels(self, dataset: Dataset) -> Labels:
        return indexed_labels(dataset, self._cache)

    def report(self, stage: str, **figures: float) -> None:
        pass

    def record(self, stage: str, **values: float) -> None:
        pass

    def progress(self, what: str, total: int, done: int = 0) -> AbstractContextManager[Callable[[int], None]]:
        return contextlib.nullcontext(lambda steps: None)

    def save(self, name: str, content: bytes) -> None:
        pass

    def restore(self, name: str) -> bytes | None:
        return None
