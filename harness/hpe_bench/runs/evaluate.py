"""Evaluating several estimators on one dataset: all that are named, or all that can run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpe_bench.errors import HpeBenchError, SampleError, StorageError, UsageError
from hpe_bench.faults import failures_of
from hpe_bench.options import parse_pairs
from hpe_bench.plugins import ORACLE, Registry
from hpe_bench.protocols import Protocol
from hpe_bench.runs.apart.processes import Processes
from hpe_bench.runs.execute import execute
from hpe_bench.runs.job import Job, plan
from hpe_bench.runs.progress import Progress, advancing
from hpe_bench.runs.runfile import Run
from hpe_bench.runs.selection import Selected, find_protocol, open_dataset, select
from hpe_bench.settings import Folders


@dataclass(frozen=True)
class Request:
    """What to evaluate, on what, and how. ``estimators`` are names, or ``name:option=value:...``; none means all."""

    estimators: Sequence[str] = ()
    dataset: str | None = None
    protocol: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    dataset_options: Mapping[str, Any] = field(default_factory=dict)
    root: Path | None = None
    crop: str | None = None
    extractor: str | None = None
    limit: int | None = None
    skip_bad: bool = False
    seed: int = 0
    device: str = "auto"
    again: bool = False
    batch_size: int = 64
    workers: int | None = None


@dataclass(frozen=True)
class Result:
    """What became of one estimator: its run, with the job that it is of, or why there is none."""

    estimator: str
    label: str
    protocol: str
    run: Run | None = None
    job: Job | None = None
    reused: bool = False
    error: HpeBenchError | None = None


def evaluate_all(request: Request, registry: Registry, folders: Folders, progress: Progress) -> list[Result]:
    """One result an estimator. What concerns the dataset or the names is raised at once, before anything runs."""
    if request.batch_size < 1 or (request.workers is not None and request.workers < 1):
        raise UsageError("--batch-size and --workers are at least 1")
    if request.options and not request.estimators:
        raise UsageError("-o is for estimators that are named: their options differ")
    protocol = find_protocol(registry, request.dataset, request.protocol)
    wanted = [parse_estimator(registry, spec, request.options) for spec in request.estimators]
    with Processes() as processes:
        processes.warm_up()  # beside the labels
        selected = _selected(request, protocol, registry, folders, progress)
        names = wanted or [(name, dict(request.options)) for name in [*registry.names("estimators"), ORACLE]]
        return [
            result
            for name, options in names
            for result in _one(name, options, selected, request, registry, folders, progress, processes)
        ]


def _selected(
    request: Request, protocol: Protocol, registry: Registry, folders: Folders, progress: Progress
) -> Selected:
    options = {**protocol.dataset_options, **request.dataset_options}
    owner = registry.get("datasets", protocol.dataset).plugin.distribution
    try:
        with failures_of(f"dataset {protocol.dataset} ({owner})"):
            dataset = open_dataset(
                registry, protocol.dataset, folders, request.root, options, given=request.dataset_options
            )
            with progress.task(f"labels of {protocol.dataset}", len(dataset.ids())) as advance:
                selected = select(
                    protocol.dataset,
                    dataset,
                    protocol,
                    limit=request.limit,
                    skip_bad=request.skip_bad,
                    progress=advancing(advance),
                    cache=folders.cache,
                )
    except SampleError as error:
        raise _with_hint(error, request) from error
    if selected.faults:
        progress.note(
            f"{len(selected.faults)} bad samples left out (--skip-bad), the first: {selected.faults[0].reason}"
        )
    return selected


def parse_estimator(registry: Registry, spec: str, shared: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name and the options of ``name:option=value:...``, over the options that all share."""
    name, *pairs = spec.split(":")
    if name != ORACLE:
        registry.get("estimators", name)
    return name, {**shared, **parse_pairs(pairs, flag=f"{name}:")}


def _one(
    name: str,
    options: Mapping[str, Any],
    selected: Selected,
    request: Request,
    registry: Registry,
    folders: Folders,
    progress: Progress,
    processes: Processes,
) -> Iterator[Result]:
    label = ":".join([name, *(f"{key}={value}" for key, value in options.items())])
    protocol = selected.protocol.name
    try:
        with failures_of(label):
            job = plan_requested(request, registry, folders, selected, name, options, processes.finds_cuda)
        label = job.label
        outcome = execute(
            job,
            registry,
            folders,
            progress,
            again=request.again,
            batch_size=request.batch_size,
            workers=request.workers,
            processes=processes,
        )
    except StorageError:
        raise  # no other estimator could store its run either
    except SampleError as error:
        yield Result(name, label, protocol, error=_with_hint(error, request))
    except HpeBenchError as error:
        yield Result(name, label, protocol, error=error)
    else:
        yield Result(name, label, protocol, run=outcome.run, job=job, reused=outcome.reused)


def plan_requested(
    request: Request,
    registry: Registry,
    folders: Folders,
    selected: Selected,
    name: str,
    options: Mapping[str, Any],
    finds_cuda: Callable[[], bool] | None = None,
) -> Job:
    """The job of one estimator of a request."""
    return plan(
        registry,
        name,
        selected,
        folders,
        options=options,
        crop=request.crop,
        extractor=request.extractor,
        device=request.device,
        seed=request.seed,
        finds_cuda=finds_cuda,
    )


def _with_hint(error: SampleError, request: Request) -> SampleError:
    return SampleError(f"{error}{'' if request.skip_bad else '. --skip-bad leaves such samples out, and records them'}")
