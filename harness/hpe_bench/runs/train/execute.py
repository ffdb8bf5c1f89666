"""Doing a training: use its weights again, or train, from where an interrupted try stopped, and store what comes."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpe_bench.errors import HpeBenchError, LearnedNothing, RunFailed
from hpe_bench.estimators import Card
from hpe_bench.faults import error_in_words, failures_of, faults_of
from hpe_bench.options import changed_options, written_pairs
from hpe_bench.plugins import Registry, reference
from hpe_bench.provenance.differences import differences
from hpe_bench.runs.failures import failure_path, record_failure
from hpe_bench.runs.manifest import circumstances, dataset_reference, now, plugin_record
from hpe_bench.runs.progress import Progress
from hpe_bench.runs.stored import SCHEMA, TRAINING, move_aside
from hpe_bench.runs.train.job import Request, TrainingJob, plan_training
from hpe_bench.runs.train.learning import Learning
from hpe_bench.runs.train.processes import Following, follows
from hpe_bench.runs.train.runfile import TrainingRun, open_training, write_training
from hpe_bench.runs.train.verdict import no_better_than_zero
from hpe_bench.runs.train.weightset import check_replaceable, check_writable, put_set, stored_set, tidy
from hpe_bench.runs.train.work import Work, aligned, is_begun
from hpe_bench.settings import Folders
from hpe_bench.text import one_line, printable
from hpe_bench.training import Trained
from hpe_bench.workers import end_with_parent

#: Under which a card, and the run of a training, say that it is no better than the zero pose.
NO_BETTER = "no_better"


@dataclass(frozen=True)
class Outcome:
    """A training that is done: its job, the card of its weights, its run where that is still there."""

    job: TrainingJob
    card: Card
    run: TrainingRun | None
    reused: bool


def train(request: Request, registry: Registry, folders: Folders, progress: Progress) -> Outcome:
    """Train, or use the weights again where the identical training made them before."""
    with failures_of(request.estimator):
        job = plan_training(request, registry, folders)
    return execute(job, folders, progress, again=request.again, keep_anyway=request.keep_anyway)


def run_path(job: TrainingJob, folders: Folders) -> Path:
    """results/training/<estimator>/<set>-<first ten digits of the training's hash>.h5"""
    return folders.results / "training" / job.entry.name / f"{job.name}-{job.digest[:10]}.h5"


def logs_path(path: Path) -> Path:
    """Where a training whose run is to stand at ``path`` may keep logs of its own."""
    return path.with_suffix(".logs")


def execute(
    job: TrainingJob, folders: Folders, progress: Progress, *, again: bool = False, keep_anyway: bool = False
) -> Outcome:
    """The outcome of a job: stored before, or made now. :class:`RunFailed` leaves a record beside the runs,
    :class:`LearnedNothing` the run itself, and its checkpoints: with ``keep_anyway`` it goes on from there, and stores
    the weights.

    A process that only helps another one with the job ends here, when that is done.
    """
    path = run_path(job, folders)
    if follows(job):
        if again or stored_set(job.target, job.digest) is None:
            end_with_parent()
            with faults_of(job.label):
                job.kind.train(Following(job, folders, logs_path(path)))
        raise SystemExit(0)
    tidy(job.target)
    folder = folders.cache / "training" / job.digest[:16]
    if not again and not is_begun(folder) and (stored := _stored(job, path, progress)) is not None:
        return stored
    check_writable(job.target)
    check_replaceable(job.target, job.digest, again, lambda card: _differences(job, card, path))
    with Work(
        folder,
        job.digest,
        lambda: progress.note(f"{job.label}: waiting for another process with this very training"),
    ) as work:
        # Whoever held the lock may have stored the weights meanwhile.
        if not again and (stored := _stored(job, path, progress)) is not None:
            work.remove()
            return stored
        if again:
            work.clear()
        if not work.resumed:
            shutil.rmtree(logs_path(path), ignore_errors=True)
        manifest = describe(job)
        if work.resumed:
            progress.note(f"{job.label}: resumed; {_time_in_words(work.seconds)} were spent before")
        try:
            with faults_of(f"{job.label} ({job.entry.plugin.distribution})"):
                trained = job.kind.train(Learning(job, work, progress, folders, logs_path(path)))
            trained = _checked(job, trained)
        except RunFailed as error:
            record_failure(path, manifest, error)
            raise RunFailed(f"{error}. What is known of it is in {failure_path(path)}") from error
        except HpeBenchError:
            raise
        except Exception as error:
            record_failure(path, manifest, error)
            raise RunFailed(
                f"{job.label} ({job.entry.plugin.distribution}) failed: {error_in_words(error)}. "
                f"Its traceback is in {failure_path(path)}"
            ) from error
        short = no_better_than_zero(work.stages.values())
        kept = not short or keep_anyway
        card = _card(job, trained, work, short)
        run = _finish(job, path, manifest, card, work, short, kept)
        if path.exists() and not _whole(job, path):
            progress.note(f"{path} is damaged, or another training's run; moved to {move_aside(path).name}")
        # The run first: where the weights stand, everything does.
        write_training(run)
        failure_path(path).unlink(missing_ok=True)
        if not kept:
            raise LearnedNothing(
                f"{job.label} learned nothing: {short}. No weights are stored; its curves are in {path}, and "
                "--keep-anyway stores them all the same"
            )
        put_set(job.target, trained.files, card, again)
        work.remove()
    return Outcome(job, card, run, reused=False)


def describe(job: TrainingJob) -> dict[str, Any]:
    """The manifest of a training that starts now, JSON-ready."""
    return {
        "schema": SCHEMA,
        "kind": TRAINING,
        "job": job.digest,
        "key": dict(job.key),
        "label": job.label,
        "estimator": job.entry.name,
        "name": job.name,
        "preset": job.preset,
        "command": printable(job.command()),
        "options": job.options.model_dump(mode="json"),
        "options_changed": changed_options(job.options),
        "datasets": [
            {
                "name": name,
                "options": dataset.options.model_dump(mode="json"),
                "variant": dict(dataset.variant()),
                "reference": dataset_reference(dataset),
            }
            for name, dataset in job.datasets.items()
        ],
        "plugin": plugin_record(job.entry.plugin),
        "reference": reference(job.entry),
        "seed": job.seed,
        **circumstances(job.device),
    }


def _stored(job: TrainingJob, path: Path, progress: Progress) -> Outcome | None:
    """What the identical training left; None where there is none, or its weights are not whole."""
    card = stored_set(job.target, job.digest)
    if card is None:
        return None
    run = None
    if path.exists():
        try:
            run = open_training(path)
        except HpeBenchError as error:
            progress.note(f"the weights are there, but not the run of their training: {error}")
    return Outcome(job, card, run, reused=True)


def _differences(job: TrainingJob, card: Card, path: Path) -> str:
    """What the training of a card had that this one has not, where its run is there still: " (seed 1, was 0)"."""
    try:
        other = open_training(path.with_name(f"{job.name}-{card.training[:10]}.h5")).manifest
    except HpeBenchError:
        return ""
    parts = differences(other.get("key", {}), job.key)
    return f" ({'; '.join(parts)})" if parts else ""


def _whole(job: TrainingJob, path: Path) -> bool:
    try:
        return bool(open_training(path).manifest["job"] == job.digest)
    except HpeBenchError:
        return False


def _checked(job: TrainingJob, trained: Any) -> Trained:
    """What ``train`` returned, where it is files that can be stored."""
    if not isinstance(trained, Trained) or not trained.files:
        raise RunFailed(f"{job.label}: train() returned {type(trained).__name__} where Trained with files belongs")
    for name, content in trained.files.items():
        if not re.fullmatch(r"\w[\w.-]*", name) or name == Card.FILE or not isinstance(content, bytes):
            raise RunFailed(f"{job.label}: train() returned a file '{name}' of {type(content).__name__}; bytes belong")
    if not isinstance(trained.about, Mapping) or not all(isinstance(name, str) for name in trained.about):
        raise RunFailed(f"{job.label}: train() returned about={trained.about!r} where text by name belongs")
    return trained


def _card(job: TrainingJob, trained: Trained, work: Work, short: str) -> Card:
    about = {name: str(value) for name, value in trained.about.items()}
    if short:
        about[NO_BETTER] = short
    return Card(
        estimator=job.entry.name,
        name=job.name,
        files={name: hashlib.sha256(content).hexdigest() for name, content in trained.files.items()},
        trained_on=about.pop("trained_on", "") or _datasets_in_words(job),
        licence=about.pop("licence", ""),
        data_licence=about.pop("data_licence", "") or _licences_in_words(job),
        source=about.pop("source", "") or _command(job, short),
        training=job.digest,
        figures={stage.name: dict(stage.figures) for stage in work.stages.values()},
        about=about,
    )


def _datasets_in_words(job: TrainingJob) -> str:
    words = []
    for name, dataset in job.datasets.items():
        changed = ", ".join(written_pairs(changed_options(dataset.options)))
        words.append(f"{name} ({changed})" if changed else name)
    return ", ".join(words)


def _licences_in_words(job: TrainingJob) -> str:
    """The licence of each dataset that was learned from."""
    found = ((name, dataset_reference(dataset)["licence"]) for name, dataset in job.datasets.items())
    return "; ".join(f"{name}: {licence or 'not stated'}" for name, licence in found)


def _command(job: TrainingJob, short: str) -> str:
    return f"{job.command()} --keep-anyway" if short else job.command()


def _finish(
    job: TrainingJob, path: Path, manifest: Mapping[str, Any], card: Card, work: Work, short: str, kept: bool
) -> TrainingRun:
    stages = [
        {"name": stage.name, "figures": dict(stage.figures), "seconds": round(stage.seconds, 3)}
        for stage in work.stages.values()
    ]
    finished = {
        **manifest,
        "status": "complete",
        "finished": now(),
        "seconds": round(work.seconds, 3),
        "tries": work.tries,
        "trained_on": one_line(card.trained_on),
        "licence": one_line(card.licence),
        "data_licence": one_line(card.data_licence),
        "about": {name: one_line(text) for name, text in card.about.items()},
        "weights": {"folder": printable(job.target), "files": dict(card.files)}
        if kept
        else {"folder": "", "files": {}},
        **({"command": printable(_command(job, short)), NO_BETTER: short} if short else {}),
        "stages": stages,
    }
    curves = {
        stage: {name: np.array(values, dtype=np.float64) for name, values in aligned(points).items()}
        for stage, points in work.curves.items()
    }
    listed = [{"stage": stage, "names": list(named)} for stage, named in curves.items()]
    return TrainingRun(path, {**finished, "curves": listed}, curves)


def _time_in_words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
