"""A series: one estimator, and those beside it, trained on growing numbers of identities, and evaluated on the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hpe_bench.errors import HpeBenchError, UsageError
from hpe_bench.estimators import Estimator
from hpe_bench.options import changed_options
from hpe_bench.plugins import Registry
from hpe_bench.runs import evaluate
from hpe_bench.runs.job import require_packages
from hpe_bench.runs.progress import Progress
from hpe_bench.runs.train.execute import Outcome, execute
from hpe_bench.runs.train.job import Request, TrainingJob, default_name, plan_training
from hpe_bench.runs.weights import weights_name
from hpe_bench.settings import Folders

#: The option of the main dataset that a series goes through.
IDENTITIES = "identities"


@dataclass(frozen=True)
class Point:
    """One estimator at one number of identities and one seed: the training of its weights, and its evaluation.

    ``training`` is None for an estimator that is not trained: it stands beside the others as it is.
    """

    identities: int
    seed: int
    training: Outcome | None
    result: evaluate.Result


@dataclass(frozen=True)
class _Member:
    """An estimator of the series, and the one that trains what it loads; "" where nobody does."""

    name: str
    trainer: str


def run_series(
    request: Request,
    counts: Sequence[int],
    seeds: Sequence[int],
    registry: Registry,
    folders: Folders,
    progress: Progress,
) -> list[Point]:
    """Train at every number of identities and every seed, then evaluate all on the main dataset's default protocol.

    The set of weights of each is <name>-n<identities>, with -seed<N> where the seed is not 0. What was trained and
    evaluated before is used again. Evaluations have the main dataset's options but for the number of identities.
    """
    if not counts or min(counts) < 1 or len(set(counts)) < len(counts):
        raise UsageError("--identities takes different numbers from 1 on, such as 1,2,5,10")
    if not seeds or len(set(seeds)) < len(seeds):
        raise UsageError("--seeds takes different numbers, such as 0,1,2")
    if IDENTITIES in request.dataset_options:
        raise UsageError("the series sets the identities: leave -d identities out")
    # A first plan, so that whatever is wrong is said before anything starts.
    first = plan_training(_request(request, "", counts[0], seeds[0]), registry, folders)
    base = request.name or default_name(first.preset, tuple(first.datasets), seed=0)
    members = _members(first, registry, progress)
    trainers = dict.fromkeys(member.trainer for member in members if member.trainer)
    places = [(count, seed) for count in counts for seed in seeds]
    trained: dict[tuple[str, int, int], Outcome] = {}
    for number, (count, seed) in enumerate(places, start=1):
        main = plan_training(_request(request, base, count, seed), registry, folders)
        progress.note(f"{number} of {len(places)}: {_of(count)}" + (f", seed {seed}" if len(seeds) > 1 else ""))
        for name in trainers:
            job = main if name == main.entry.name else _beside(main, name, request, registry, folders)
            trained[name, count, seed] = execute(job, folders, progress, again=request.again)
    specs = [_spec(member, trained, count, seed) for count, seed in places for member in members]
    found = _evaluate(first, request, list(dict.fromkeys(specs)), registry, folders, progress)
    return [
        Point(
            count,
            seed,
            trained.get((member.trainer, count, seed)),
            found[_spec(member, trained, count, seed)],
        )
        for count, seed in places
        for member in members
    ]


def _request(request: Request, base: str, count: int, seed: int) -> Request:
    name = f"{base}-n{count}" + (f"-seed{seed}" if seed else "") if base else None
    return replace(request, name=name, seed=seed, dataset_options={**request.dataset_options, IDENTITIES: count})


def _members(first: TrainingJob, registry: Registry, progress: Progress) -> list[_Member]:
    """The estimator and its companions, as far as they can be used here, with who trains the weights of each."""
    own = first.entry.name
    trainer_of = {weights_name(first.kind, own): own}
    members = [_Member(own, own)]
    for name in first.kind.companions:
        try:
            kind: type[Estimator] = registry.get("estimators", name).load()
            require_packages(name, kind)
        except HpeBenchError as error:
            progress.note(f"{name} is left out: {error}")
            continue
        folder = weights_name(kind, name)
        if kind.TrainingOptions is not None:
            trainer_of.setdefault(folder, name)
        members.append(_Member(name, trainer_of.get(folder, "")))
    return members


def _beside(main: TrainingJob, name: str, request: Request, registry: Registry, folders: Folders) -> TrainingJob:
    """The training of a companion on the very data of the main one: its preset of that name, else its first, with the
    options that were given, as far as its training has them."""
    kind: type[Estimator] = registry.get("estimators", name).load()
    known = kind.TrainingOptions.model_fields if kind.TrainingOptions else {}
    options: dict[str, Any] = {}
    for dataset, opened in main.datasets.items():
        prefix = "" if dataset == main.main_dataset else f"{dataset}."
        options.update({f"{prefix}{option}": value for option, value in opened.options.model_dump().items()})
    beside = Request(
        name,
        preset=main.preset if main.preset in kind.presets else None,
        datasets=tuple(main.datasets),
        options={option: value for option, value in request.options.items() if option in known},
        dataset_options=options,
        root=request.root,
        name=main.name,
        seed=main.seed,
        device=request.device,
    )
    return plan_training(beside, registry, folders)


def _spec(member: _Member, trained: Mapping[tuple[str, int, int], Outcome], count: int, seed: int) -> str:
    if not member.trainer:
        return member.name
    return f"{member.name}:weights={trained[member.trainer, count, seed].job.name}"


def _evaluate(
    first: TrainingJob, request: Request, specs: Sequence[str], registry: Registry, folders: Folders, progress: Progress
) -> dict[str, evaluate.Result]:
    options = changed_options(first.datasets[first.main_dataset].options)
    options.pop(IDENTITIES, None)
    wanted = evaluate.Request(
        estimators=specs,
        dataset=first.main_dataset,
        dataset_options=options,
        root=request.root,
        device=request.device,
        again=request.again,
    )
    return dict(zip(specs, evaluate.evaluate_all(wanted, registry, folders, progress), strict=True))


def _of(count: int) -> str:
    return "1 identity" if count == 1 else f"{count:,} identities"
