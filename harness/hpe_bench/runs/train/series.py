"""A series: one estimator, and those beside it, trained on growing numbers of identities, and evaluated on the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hpe_bench.datasets import Dataset
from hpe_bench.errors import HpeBenchError, LearnedNothing, UnknownName, UsageError
from hpe_bench.estimators import Estimator, Images
from hpe_bench.label_index import indexed_labels
from hpe_bench.options import changed_options, idle_options
from hpe_bench.plugins import Registry
from hpe_bench.runs import evaluate
from hpe_bench.runs.job import require_packages
from hpe_bench.runs.progress import Progress
from hpe_bench.runs.selection import find_protocol
from hpe_bench.runs.train.execute import Outcome, execute
from hpe_bench.runs.train.job import Request, TrainingJob, default_name, find_preset, plan_training, trainable
from hpe_bench.runs.weights import weights_name
from hpe_bench.settings import Folders


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


@dataclass(frozen=True)
class _Made:
    """The set of weights of a name: the training that made it, or why there is none."""

    name: str
    outcome: Outcome | None = None
    error: LearnedNothing | None = None


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
    evaluated before is used again. Evaluations have the main dataset's options but for the number of identities. Where
    a training ended no better than the zero pose, its estimators have that error there, and the others go on.
    """
    if not counts or min(counts) < 1 or len(set(counts)) < len(counts):
        raise UsageError("--identities takes different numbers from 1 on, such as 1,2,5,10")
    if not seeds or len(set(seeds)) < len(seeds):
        raise UsageError("--seeds takes different numbers, such as 0,1,2")
    option = people_option(request, registry)
    if option in request.dataset_options:
        raise UsageError(f"the series sets the identities: leave -d {option} out")
    # All plans, so that whatever is wrong is said before anything starts.
    plans = [plan_training(_request(request, option, "", count, seeds[0]), registry, folders) for count in counts]
    first = plans[0]
    check_honoured(plans, counts, option, folders)
    base = request.name or default_name(first.preset, tuple(first.datasets), seed=0)
    members = _members(first, registry, progress)
    trainers = dict.fromkeys(member.trainer for member in members if member.trainer)
    places = [(count, seed) for count in counts for seed in seeds]
    trained: dict[tuple[str, int, int], _Made] = {}
    for number, (count, seed) in enumerate(places, start=1):
        main = plan_training(_request(request, option, base, count, seed), registry, folders)
        progress.note(f"{number} of {len(places)}: {_of(count)}" + (f", seed {seed}" if len(seeds) > 1 else ""))
        for name in trainers:
            job = main if name == main.entry.name else _beside(main, name, request, registry, folders)
            trained[name, count, seed] = _trained(job, request, folders, progress)
    made = [(member, count, seed, _made(member, trained, count, seed)) for count, seed in places for member in members]
    specs = [_spec(member, one) for member, _, _, one in made if not (one and one.error)]
    found = _evaluate(first, option, request, list(dict.fromkeys(specs)), registry, folders, progress) if specs else {}
    protocol = find_protocol(registry, first.main_dataset, first.datasets[first.main_dataset].held_out or None).name
    points = []
    for member, count, seed, one in made:
        spec = _spec(member, one)
        result = found.get(spec) or evaluate.Result(member.name, spec, protocol, error=one.error if one else None)
        points.append(Point(count, seed, one.outcome if one else None, result))
    return points


def people_option(request: Request, registry: Registry) -> str:
    """The option of the main dataset that says how many people are learned from.

    :class:`UsageError` where the dataset has none, since it does not know its people.
    """
    entry = registry.get("estimators", request.estimator)
    kind = trainable(registry, entry)
    names = tuple(request.datasets or find_preset(kind, entry.name, request.preset)[1].datasets)
    if not names:
        raise UsageError(f"say what {entry.name} is to learn from: --dataset NAME; see hpe-bench list datasets")
    dataset: type[Dataset] = registry.get("datasets", names[0]).load()
    option = dataset.people_option or "identities"
    if option not in dataset.Options.model_fields:
        hint = f" (dataset {names[0]} cannot be learned from by the number of its people: it does not know them)"
        raise UnknownName("option", option, dataset.Options.model_fields, hint)
    return option


def check_honoured(plans: Sequence[TrainingJob], counts: Sequence[int], option: str, folders: Folders) -> None:
    """:class:`UsageError` where a dataset does not give as many people as its option asks for."""
    for plan, count in zip(plans, counts, strict=True):
        dataset = plan.datasets[plan.main_dataset]
        if isinstance(plan.kind.inputs, Images):
            learned = dataset.part("train")
            people: Sequence[str] = () if learned is None else indexed_labels(learned, folders.cache).person
        else:
            people = dataset.grid("train").identities
        found = len(set(people))
        if found != count or "" in people:
            what = f"{found:,} people" if "" not in people else "people that it does not know"
            raise UsageError(
                f"dataset {plan.main_dataset}: with {option}={count} there are {what} to learn from: no series over "
                "identities can be made of it"
            )


def _request(request: Request, option: str, base: str, count: int, seed: int) -> Request:
    name = f"{base}-n{count}" + (f"-seed{seed}" if seed else "") if base else None
    return replace(request, name=name, seed=seed, dataset_options={**request.dataset_options, option: count})


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
    preset = find_preset(kind, name, main.preset if main.preset in kind.presets else None)[1]
    options: dict[str, Any] = {}
    for dataset, opened in main.datasets.items():
        prefix = "" if dataset == main.main_dataset else f"{dataset}."
        # What nobody set says nothing, unless the companion's preset would set it.
        stated = opened.options.model_fields_set | set(preset.dataset_options.get(dataset, {}))
        values = opened.options.model_dump()
        options.update({f"{prefix}{option}": values[option] for option in stated})
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


def _trained(job: TrainingJob, request: Request, folders: Folders, progress: Progress) -> _Made:
    try:
        outcome = execute(job, folders, progress, again=request.again, keep_anyway=request.keep_anyway)
    except LearnedNothing as error:
        progress.note(str(error))
        return _Made(job.name, error=error)
    return _Made(job.name, outcome)


def _made(member: _Member, trained: Mapping[tuple[str, int, int], _Made], count: int, seed: int) -> _Made | None:
    return trained[member.trainer, count, seed] if member.trainer else None


def _spec(member: _Member, made: _Made | None) -> str:
    return f"{member.name}:weights={made.name}" if made else member.name


def _evaluate(
    first: TrainingJob,
    option: str,
    request: Request,
    specs: Sequence[str],
    registry: Registry,
    folders: Folders,
    progress: Progress,
) -> dict[str, evaluate.Result]:
    main = first.datasets[first.main_dataset]
    protocol = find_protocol(registry, first.main_dataset, main.held_out or None)
    options = changed_options(main.options)
    evaluated = type(main.options)(**{**main.options.model_dump(), **protocol.dataset_options})
    idle = idle_options(evaluated, "evaluate")
    options = {name: value for name, value in options.items() if name != option and name not in idle}
    wanted = evaluate.Request(
        estimators=specs,
        dataset=first.main_dataset,
        protocol=main.held_out or None,
        dataset_options=options,
        root=request.root,
        device=request.device,
        again=request.again,
    )
    return dict(zip(specs, evaluate.evaluate_all(wanted, registry, folders, progress), strict=True))


def _of(count: int) -> str:
    return "1 identity" if count == 1 else f"{count:,} identities"
