"""What is wrong with a thing that a plugin registered, in words; nothing of the thing is run but its options' defaults.

:func:`misfits` says why a thing cannot be used; :func:`doubts` what will not do what its author may think.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from hpe_bench.declarations import values as declared
from hpe_bench.errors import DeclarationError, did_you_mean

DEVICES = ("cpu", "cuda")
PROVIDES = ("images", "landmarks")
#: Methods whose answer is one thing.
_ANSWERS = ("predict", "find_weights", "load", "train", "import_weights", "deploy_weights", "sample", "find", "detect")


def misfits(kind: str, name: str, thing: Any) -> Sequence[str]:
    """Why a thing cannot stand for its kind under that name, none where it can; ``kind`` is one of plugins.KINDS."""
    if kind == "metrics":
        return list(_misfits_of_metric(thing))
    if kind == "protocols":
        return list(_misfits_of_protocol(name, thing))
    return _problems_of_class(kind, thing)


def doubts(kind: str, thing: Any) -> list[str]:
    """What does not keep a thing from being used, and yet is not what it seems."""
    if kind == "datasets":
        return [*_misspelt(thing, _contract(kind)), *_doubts_of_dataset(thing)]
    if kind == "extractors":
        return list(_misspelt(thing, _contract(kind)))
    return [*_misspelt(thing, _contract(kind)), *_doubts_of_estimator(thing)] if kind == "estimators" else []


def _misspelt(kind: Any, contract: type) -> Iterator[str]:
    """Values of a class that are almost named like what the harness looks at, and are looked at by nobody."""
    known = [name for name in dir(contract) if not name.startswith("_")]
    for owner in kind.__mro__[: kind.__mro__.index(contract)]:
        for name, value in vars(owner).items():
            own = name.startswith("_") or name in known or isinstance(value, (property, classmethod, staticmethod))
            near = [] if own or inspect.isroutine(value) else difflib.get_close_matches(name, known, 1, 0.85)
            if near and near[0] not in vars(owner):
                yield f"{owner.__name__}.{name} is not looked at; did you mean {near[0]}?"


def _misfits_of_metric(thing: Any) -> Iterator[str]:
    if not callable(thing):
        yield "is not a function"
    elif problem := declared.misfit_of(thing, ("truth", "prediction")):
        yield f"is not a function of (truth, prediction): {problem}"


def _misfits_of_protocol(name: str, thing: Any) -> Iterator[str]:
    from hpe_bench.protocols import Protocol

    if not isinstance(thing, Protocol):
        yield "is not a Protocol"
    elif thing.name != name:
        yield f"names itself '{thing.name}' of dataset '{thing.dataset}'"


@functools.cache
def _problems_of_class(kind: str, thing: Any) -> tuple[str, ...]:
    contract = _contract(kind)
    if not (inspect.isclass(thing) and issubclass(thing, contract)):
        itself = isinstance(thing, contract)
        return (f"is not a subclass of {contract.__name__}{', but a thing made of one' if itself else ''}",)
    look: dict[str, Callable[[Any], Iterator[str]]] = {
        "estimators": _problems_of_estimator,
        "datasets": _problems_of_dataset,
        "extractors": _problems_of_extractor,
    }
    return tuple(look[kind](thing))


def _contract(kind: str) -> type:
    """The class that things of a kind are subclasses of."""
    if kind == "estimators":
        from hpe_bench.estimators import Estimator

        return Estimator
    if kind == "datasets":
        from hpe_bench.datasets import Dataset

        return Dataset
    from hpe_bench.landmarks.extractor import Extractor

    return Extractor


def _problems_of_estimator(kind: Any) -> Iterator[str]:
    from hpe_bench.declarations.options import inherited_by_name, problems_of_options, problems_of_preset
    from hpe_bench.estimators import Estimator, Images, Landmarks, Nothing
    from hpe_bench.training import Preset

    owner = kind.__name__
    yield from _said(declared.instance, owner, "inputs", kind.inputs, (Images, Landmarks, Nothing))
    yield from _problems_of_packages(kind)
    yield from _said(declared.names, owner, "devices", kind.devices)
    if not isinstance(kind.devices, str):
        for device in kind.devices:
            yield from _said(declared.one_of, owner, "devices", device, DEVICES)
        if not kind.devices:
            yield f"{owner}(devices=()): devices is at least one of {', '.join(DEVICES)}"
    if kind.weights_folder != "":
        yield from _said(declared.name, owner, "weights_folder", kind.weights_folder)
    yield from _said(declared.names, owner, "companions", kind.companions)
    yield from _said(declared.names, owner, "maps", kind.maps)
    if bool(kind.maps) != _overrides(kind, Estimator, "predict_with_maps"):
        has, lacks = ("maps", "no predict_with_maps()") if kind.maps else ("predict_with_maps()", "no names in maps")
        yield f"{owner} has {has} but {lacks}"
    yield from problems_of_options(kind, "Options")
    if kind.TrainingOptions is not None:
        yield from problems_of_options(kind, "TrainingOptions")
        yield from inherited_by_name(kind)
        if not _overrides(kind, Estimator, "train"):
            yield f"{owner} has TrainingOptions but no train()"
    if kind.ImportOptions is not None:
        yield from problems_of_options(kind, "ImportOptions")
        if not _overrides(kind, Estimator, "import_weights"):
            yield f"{owner} has ImportOptions but no import_weights()"
    yield from _said(declared.mapping, owner, "presets", kind.presets, "Presets by name")
    if isinstance(kind.presets, Mapping):
        for name, preset in kind.presets.items():
            yield from _said(declared.name, owner, "presets", name)
            yield from _said(declared.instance, owner, f"presets['{name}']", preset, Preset)
            if isinstance(preset, Preset):
                yield from problems_of_preset(kind, name, preset)
    yield from _problems_of_methods(
        kind,
        {
            "predict": ("batch",),
            "predict_with_maps": ("batch",),
            "find_weights": ("folder",),
            "load": ("weights", "device"),
            "parameters": (),
        },
        {
            "train": ("training",),
            "import_weights": ("paths", "folder", "name", "report", *(("options",) if kind.ImportOptions else ())),
            "deploy_weights": ("weights", "report"),
        },
        ("options",),
    )


def _problems_of_dataset(kind: Any) -> Iterator[str]:
    from hpe_bench.crops import CropRule, RandomCrop
    from hpe_bench.datasets import Dataset
    from hpe_bench.declarations.options import problems_of_options

    owner = kind.__name__
    yield from _said(declared.text, owner, "folder", kind.folder)
    path = PurePosixPath(kind.folder) if isinstance(kind.folder, str) else PurePosixPath()
    if path.is_absolute() or ".." in path.parts:
        yield f"{owner}(folder={declared.shown(kind.folder)}): folder is a name below the datasets folder"
    yield from _said(declared.text, owner, "how_to_get", kind.how_to_get)
    yield from _said(declared.names, owner, "provides", kind.provides)
    if not isinstance(kind.provides, str):
        for what in kind.provides:
            yield from _said(declared.one_of, owner, "provides", what, PROVIDES)
    for field, rules, of in (("crops", kind.crops, CropRule), ("random_crops", kind.random_crops, RandomCrop)):
        yield from _said(declared.mapping, owner, field, rules, f"{of.__name__}s by family")
        for family, rule in rules.items() if isinstance(rules, Mapping) else ():
            yield from _said(declared.name, owner, field, family)
            yield from _said(declared.instance, owner, f"{field}['{family}']", rule, of)
    yield from problems_of_options(kind, "Options")
    fields = getattr(kind.Options, "model_fields", {})
    yield from _said(declared.text, owner, "people_option", kind.people_option)
    if kind.people_option and kind.people_option not in fields:
        given = declared.shown(kind.people_option)
        yield f"{owner}(people_option={given}): no such option{did_you_mean(str(kind.people_option), fields)}"
    yield from _said(declared.text, owner, "held_out", kind.held_out)
    for method in ("ids", "sample"):
        if not _overrides(kind, Dataset, method):
            yield f"{owner} has no {method}()"
    yield from _problems_of_methods(
        kind,
        {
            **dict.fromkeys(
                ("ids", "variant", "crop_rules", "about", "notes", "labels_follow_from", "checks", "data_licence"), ()
            ),
            "sample": ("id",),
            "grid": ("part",),
            "part": ("part",),
            "prepare": ("report",),
            "labels": ("skip_bad", "progress"),
        },
        {},
        ("root", "options"),
    )


def _problems_of_extractor(kind: Any) -> Iterator[str]:
    from hpe_bench.landmarks.extractor import Extractor
    from hpe_bench.landmarks.faces import FaceDetector

    owner = kind.__name__
    if not isinstance(inspect.getattr_static(kind, "identity"), property):
        yield from _said(declared.text, owner, "identity", kind.identity, empty=False)
    yield from _said(declared.whole, owner, "points", kind.points, 1)
    yield from _problems_of_packages(kind)
    if issubclass(kind, FaceDetector):
        yield from _said(declared.number, owner, "confidence", kind.confidence, 0.0, 1.0)
        if not (_overrides(kind, FaceDetector, "detect") or _overrides(kind, FaceDetector, "find")):
            yield f"{owner} has no detect()"
    elif not _overrides(kind, Extractor, "find"):
        yield f"{owner} has no find()"
    methods: dict[str, tuple[str, ...]] = {"find": ("image",), "open": (), "close": ()}
    if issubclass(kind, FaceDetector):
        methods["detect"] = ("image",)
    yield from _problems_of_methods(kind, methods, {}, ())


def _doubts_of_estimator(kind: Any) -> Iterator[str]:
    if not _overrides(kind, _contract("estimators"), "predict"):
        yield f"{kind.__name__} has no predict(): it cannot be evaluated"
    if kind.TrainingOptions is None and "train" in vars(kind):
        yield f"{kind.__name__}.train is never called without TrainingOptions: TrainingOptions = Options will do"


def _doubts_of_dataset(kind: Any) -> Iterator[str]:
    from hpe_bench.datasets import Dataset

    for field in ("crops", "random_crops"):
        for family, rule in getattr(kind, field).items():
            try:
                pickle.dumps(rule)
            except Exception as error:  # whatever a stranger's object raises
                yield (
                    f"{kind.__name__}.{field}['{family}'] cannot be sent to worker processes ({error}): its function "
                    "stands at the top of its module, and is no lambda"
                )
    if not _overrides(kind, Dataset, "crop_rules"):
        for family in kind.random_crops:
            if family not in kind.crops:
                yield f"{kind.__name__}.random_crops['{family}'] is never used: crops has no such family to test with"


def _problems_of_packages(kind: Any) -> Iterator[str]:
    yield from _said(declared.names, kind.__name__, "requires", kind.requires)
    for package in kind.requires if isinstance(kind.requires, (tuple, list, set, frozenset)) else ():
        if isinstance(package, str) and not all(part.isidentifier() for part in package.split(".")):
            yield (
                f"{kind.__name__}(requires={declared.shown(kind.requires)}): requires is names that can be imported, "
                f"and {declared.shown(package)} is none"
            )
    yield from _said(declared.text, kind.__name__, "extra", kind.extra)


def _problems_of_methods(
    kind: Any,
    methods: Mapping[str, tuple[str, ...]],
    class_methods: Mapping[str, tuple[str, ...]],
    made_of: tuple[str, ...],
) -> Iterator[str]:
    """What cannot be called as the harness calls it; ``made_of`` is what it makes the thing of."""
    for name, arguments in methods.items():
        found = inspect.getattr_static(kind, name)
        if isinstance(found, property) or not callable(getattr(kind, name)):
            yield f"{kind.__name__}.{name} is not a method"
        elif not isinstance(found, (staticmethod, classmethod)):
            yield from _uncallable(kind, name, getattr(kind, name), ("self", *arguments))
        else:
            yield from _uncallable(kind, name, getattr(kind, name), arguments)
    for name, arguments in class_methods.items():
        found = inspect.getattr_static(kind, name)
        if not isinstance(found, (staticmethod, classmethod)):
            yield f"{kind.__name__}.{name} is called before anything is made: put @classmethod above it"
        else:
            yield from _uncallable(kind, name, getattr(kind, name), arguments)
    if problem := declared.misfit_of(kind, made_of):
        yield f"{kind.__name__} is made of ({', '.join(made_of)}): {problem}"


def _uncallable(kind: Any, name: str, function: Any, arguments: tuple[str, ...]) -> Iterator[str]:
    wanted = ", ".join(arguments)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield f"{kind.__name__}.{name} is a coroutine, which nobody waits for: write def, not async def"
    if name in _ANSWERS and inspect.isgeneratorfunction(function):
        yield f"{kind.__name__}.{name} is a generator: it returns its answer, and does not yield it"
    if problem := declared.misfit_of(function, arguments):
        yield f"{kind.__name__}.{name} is called as {name}({wanted}); {problem}"


def _overrides(kind: Any, contract: Any, method: str) -> bool:
    """Whether a class has a method of its own, and not that of the contract."""
    return inspect.getattr_static(kind, method) is not inspect.getattr_static(contract, method)


def _said(check: Callable[..., None], *arguments: Any, **more: Any) -> Iterator[str]:
    """What a check of :mod:`declarations` says, where it says anything."""
    try:
        check(*arguments, **more)
    except DeclarationError as error:
        yield str(error)
