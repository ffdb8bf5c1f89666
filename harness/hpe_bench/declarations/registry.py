"""Everything that is registered, loaded and looked at, with what only shows where the one stands beside the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hpe_bench.declarations.things import doubts
from hpe_bench.errors import HpeBenchError, MissingError, UnknownName, did_you_mean
from hpe_bench.options import build_options
from hpe_bench.plugins import KINDS, Entry, Plugin, Registry


def look(registry: Registry) -> None:
    """Load every entry, and put down what is wrong among the problems of its plugin, where it is not known yet."""
    loaded: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for kind in KINDS:
        for entry in registry.entries(kind):
            try:
                loaded[kind][entry.name] = entry.load()
            except MissingError:  # of a package, which the commands that need it tell
                continue
            except HpeBenchError as error:
                _tell(entry.plugin, str(error).removeprefix(f"plugin {entry.plugin.name}: "))
                continue
            for doubt in [*doubts(kind, loaded[kind][entry.name]), *(_of_metric(entry) if kind == "metrics" else ())]:
                _tell(entry.plugin, f"{kind.removesuffix('s')} '{entry.name}': {doubt}")
    for kind, of in (("protocols", _of_protocol), ("datasets", _of_dataset), ("estimators", _of_estimator)):
        for entry in registry.entries(kind):
            if entry.name in loaded[kind]:
                for problem in of(registry, entry, loaded[kind][entry.name], loaded):
                    _tell(entry.plugin, f"{kind.removesuffix('s')} '{entry.name}': {problem}")


def _tell(plugin: Plugin, problem: str) -> None:
    if problem not in plugin.problems:
        plugin.problems.append(problem)


def _of_protocol(registry: Registry, entry: Entry, protocol: Any, loaded: dict[str, dict[str, Any]]) -> Iterator[str]:
    if protocol.dataset not in registry.names("datasets"):
        yield str(UnknownName("dataset", protocol.dataset, registry.names("datasets")))
        return
    others = [p.name for p in loaded["protocols"].values() if p.dataset == protocol.dataset and p.default]
    if protocol.default and others[0] != protocol.name:
        yield f"is the default of {protocol.dataset}, and so is {others[0]}, which is taken: leave one default=True out"
    dataset = loaded["datasets"].get(protocol.dataset)
    if dataset is None:
        return
    try:
        build_options(dataset.Options, protocol.dataset_options, f"dataset {protocol.dataset}")
    except HpeBenchError as error:
        yield f"dataset_options do not fit: {error}"
    from hpe_bench.datasets import Dataset

    meant = did_you_mean(protocol.crop, dataset.crops)
    # Rules of its own may depend on what is on disk, and have other names than these: then only a near miss is told of.
    sure = meant or dataset.crop_rules is Dataset.crop_rules
    if "images" in dataset.provides and protocol.crop not in dataset.crops and sure:
        yield f"crop='{protocol.crop}' is none of {protocol.dataset}'s{meant}"


def _of_dataset(registry: Registry, entry: Entry, dataset: Any, loaded: dict[str, dict[str, Any]]) -> Iterator[str]:
    held_out, known = dataset.held_out, [name for name in registry.names("protocols") if "/" in name]
    own = [name.partition("/")[2] for name in known if name.startswith(f"{entry.name}/")]
    if held_out and held_out not in own:
        yield f"held_out='{held_out}' is no protocol of {entry.name}{did_you_mean(held_out, own)}"


def _of_metric(entry: Entry) -> Iterator[str]:
    from hpe_bench.comparison.columns import COLUMNS, LABEL

    if entry.name.lower() in {name.lower() for name in (LABEL.name, *COLUMNS)}:
        yield "a column of every table has that name already, and --columns shows that one: choose another"


def _of_estimator(registry: Registry, entry: Entry, kind: Any, loaded: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, preset in kind.presets.items() if "presets" in vars(kind) else ():
        for dataset in preset.datasets:
            if dataset not in registry.names("datasets"):
                yield f"presets['{name}']: {UnknownName('dataset', dataset, registry.names('datasets'))}"
        for dataset, options in preset.dataset_options.items():
            if dataset in loaded["datasets"]:
                try:
                    build_options(loaded["datasets"][dataset].Options, options, f"dataset {dataset}")
                except HpeBenchError as error:
                    yield f"presets['{name}']: {error}"
    for other in kind.companions:
        if other not in registry.names("estimators"):
            yield f"companions: {UnknownName('estimator', other, registry.names('estimators'))}"
    extractor = getattr(kind.inputs, "extractor", None)
    if extractor is not None and extractor not in registry.names("extractors"):
        yield f"inputs: {UnknownName('extractor', extractor, registry.names('extractors'))}"
