"""The training contract: what an estimator that learns is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hpe_bench.datasets import Dataset, Labels
from hpe_bench.declarations import values as declared


@dataclass(frozen=True)
class Preset:
    """A named way to train: options of the training, the datasets to learn from, and their options.

    ``datasets`` are names, the first being the main one; ``dataset_options`` are by dataset.
    """

    summary: str
    options: Mapping[str, Any] = field(default_factory=dict)
    datasets: Sequence[str] = ()
    dataset_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """:class:`DeclarationError`, a ValueError, where a field is not what it may be."""
        declared.text("Preset", "summary", self.summary)
        declared.mapping("Preset", "options", self.options)
        declared.names("Preset", "datasets", self.datasets)
        declared.mapping("Preset", "dataset_options", self.dataset_options, "options by dataset")
        for options in self.dataset_options.values():
            declared.mapping("Preset", "dataset_options", options, "options by dataset, each by name")


class Training(Protocol):
    """One training, as :meth:`Estimator.train` sees it.

    ``datasets`` are those to learn from, by name, the main one first; ``options`` is an instance of the estimator's
    ``TrainingOptions``; ``device`` is "cpu" or "cuda". ``logs`` is a folder beside the run, made by whoever has
    anything to write there. ``leads`` is false where several processes do one training, in all of them but one: what
    these report, record and save is dropped, and they restore nothing.
    """

    datasets: Mapping[str, Dataset]
    options: Any
    seed: int
    device: str
    logs: Path
    leads: bool

    def labels(self, dataset: Dataset) -> Labels:
        """The labels of a dataset, or of a part of one; only what has changed on disk is read again."""

    def report(self, stage: str, **figures: float) -> None:
        """Figures of a stage that is done, such as ``relative_error=0.04``: shown at once, and kept in the run.

        Units belong into the name, such as ``validation_mae_degrees``. A stage may be reported more than once: a
        figure of the same name is replaced. The time since the last report counts as the stage's.

        ``zero_mae_degrees`` and ``zero_ge_degrees`` are what the zero pose has on the samples that
        ``validation_mae_degrees`` and ``validation_ge_degrees`` are of. A training whose last stage with both is no
        better than that has failed: its weights are not stored.
        """

    def record(self, stage: str, **values: float) -> None:
        """One more point of a stage's curves, such as the losses of an epoch.

        Record it before :meth:`save`: what came after the last checkpoint is forgotten when a training is resumed.
        """

    def progress(self, what: str, total: int, done: int = 0) -> AbstractContextManager[Callable[[int], None]]:
        """A bar for a stage of ``total`` steps; the function given advances it."""

    def save(self, name: str, content: bytes) -> None:
        """Keep a checkpoint, whole or not at all: a training that was interrupted finds it again.

        A name is letters, digits, "_", "." and "-"; what was kept under it before is replaced.
        """

    def restore(self, name: str) -> bytes | None:
        """The checkpoint of that name from an earlier, interrupted try at the very same training, else None."""


@dataclass(frozen=True)
class Trained:
    """What a training made: ``files`` by name, to be stored beside a card; ``about`` goes into the card.

    Of ``about``, "trained_on", "licence", "data_licence" and "source" are the card's own; what else it says is kept
    beside them, and in the run.
    """

    files: Mapping[str, bytes]
    about: Mapping[str, str] = field(default_factory=dict)
