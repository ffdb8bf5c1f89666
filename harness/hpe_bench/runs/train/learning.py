"""What an estimator is given while it learns: the contract's Training, on top of a working folder."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from hpe_bench.datasets import Dataset, Labels
from hpe_bench.label_index import indexed_labels
from hpe_bench.runs.progress import Progress, advancing
from hpe_bench.runs.train.job import TrainingJob
from hpe_bench.runs.train.work import Work
from hpe_bench.settings import Folders


class Learning:
    """The :class:`~hpe_bench.training.Training` that an estimator is given."""

    leads = True

    def __init__(self, job: TrainingJob, work: Work, progress: Progress, folders: Folders, logs: Path) -> None:
        self.datasets: Mapping[str, Dataset] = dict(job.datasets)
        self.options: Any = job.options
        self.seed = job.seed
        self.device = job.device
        self.logs = logs
        self._label, self._work, self._progress = job.label, work, progress
        self._cache = folders.cache

    def labels(self, dataset: Dataset) -> Labels:
        with self._progress.task(f"{self._label}, labels", len(dataset.ids())) as advance:
            return indexed_labels(dataset, self._cache, progress=advancing(advance))

    def report(self, stage: str, **figures: float) -> None:
        told = {_name(name): _finite(float(value)) for name, value in figures.items()}
        self._work.report(_name(stage), told)
        self._progress.note(f"{self._label}, {stage}: {figures_in_words(told) or 'done'}")

    def record(self, stage: str, **values: float) -> None:
        if values:
            self._work.record(_name(stage), {_name(name): float(value) for name, value in values.items()})

    def progress(self, what: str, total: int, done: int = 0) -> AbstractContextManager[Callable[[int], None]]:
        return self._progress.task(f"{self._label}, {what}", total, done)

    def save(self, name: str, content: bytes) -> None:
        self._work.save(name, content)

    def restore(self, name: str) -> bytes | None:
        return self._work.restore(name)


def figures_in_words(figures: Mapping[str, float | None]) -> str:
    """Figures as they are shown: four digits, the name's underscores as spaces."""
    shown = ((name.replace("_", " "), figure_in_words(value)) for name, value in figures.items())
    return ", ".join(f"{name} {value}" for name, value in shown)


def figure_in_words(value: float | None) -> str:
    """A figure in four digits; all of them where it is a whole number."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) < 1e9 and value == round(value) else f"{value:.4g}"


def _name(name: str) -> str:
    if not re.fullmatch(r"[^\x00-\x1f\x7f-\x9f]{1,200}", name):
        raise ValueError(f"the name of a stage or of a figure is one line of at most 200 characters, not {name!r}")
    return name


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
