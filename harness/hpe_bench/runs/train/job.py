"""What is to be trained: everything that determines what is learned, settled and hashed before anything is done."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hpe_bench.datasets import Dataset
from hpe_bench.errors import HpeBenchError, UnknownName, UsageError
from hpe_bench.estimators import Estimator, Images
from hpe_bench.label_index import indexed_labels
from hpe_bench.options import Options, Purpose, build_options, option_files, refuse_idle, written
from hpe_bench.plugins import Entry, Registry
from hpe_bench.provenance.depends import digest, training_depends_on
from hpe_bench.runs.job import choose_device, require_packages
from hpe_bench.runs.selection import check_told, fingerprint, open_dataset
from hpe_bench.runs.weights import check_set_name, weights_name
from hpe_bench.settings import Folders
from hpe_bench.training import Preset


@dataclass(frozen=True)
class Request:
    """What to train, on what, and how.

    ``datasets`` are names, the main one first; none means those of the preset. ``dataset_options`` are of the main
    dataset, or as ``dataset.option`` of another; ``root`` is the main dataset's. ``name`` is that of the weights, which
    ``keep_anyway`` stores also where they are no better than the zero pose.
    """

    estimator: str
    preset: str | None = None
    datasets: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    dataset_options: Mapping[str, Any] = field(default_factory=dict)
    root: Path | None = None
    name: str | None = None
    seed: int = 0
    device: str = "auto"
    again: bool = False
    keep_anyway: bool = False


@dataclass(frozen=True)
class TrainingJob:
    """One training, ready to start: ``key`` determines what is learned, and ``digest`` is its hash.

    ``changed`` are the arguments that differ from the preset's.
    """

    entry: Entry
    kind: type[Estimator]
    preset: str
    changed: Sequence[str]
    options: Options
    datasets: Mapping[str, Dataset]
    name: str
    target: Path
    device: str
    seed: int
    key: Mapping[str, Any]

    @property
    def digest(self) -> str:
        return digest(self.key)

    @property
    def label(self) -> str:
        """The estimator and the set, as ``estimator/set``."""
        return f"{self.entry.name}/{self.name}"

    @property
    def main_dataset(self) -> str:
        return next(iter(self.datasets))

    def command(self) -> str:
        """The command that trains it again."""
        words = ["hpe-bench", "train", self.entry.name, *(["--preset", self.preset] if self.preset else [])]
        for dataset in self.datasets:
            words += ["--dataset", dataset]
        seed = ["--seed", str(self.seed)] if self.seed else []
        return shlex.join([*words, *self.changed, *seed, "--as", self.name])


def plan_training(request: Request, registry: Registry, folders: Folders) -> TrainingJob:
    """Settle a training. Raises what says why it cannot be done: names, options, packages or data that are missing."""
    entry = registry.get("estimators", request.estimator)
    kind = trainable(registry, entry)
    require_packages(entry.name, kind)
    preset_name, preset = find_preset(kind, entry.name, request.preset)
    options_kind = kind.TrainingOptions
    assert options_kind is not None
    options = build_options(options_kind, {**preset.options, **request.options}, f"training of {entry.name}")
    names = tuple(dict.fromkeys(request.datasets or preset.datasets))
    if not names:
        raise UsageError(f"say what {entry.name} is to learn from: --dataset NAME; see hpe-bench list datasets")
    given = _dataset_options(names, preset, request.dataset_options, registry)
    purpose: Purpose = "learn-images" if isinstance(kind.inputs, Images) else "learn-landmarks"
    refuse_idle(options, request.options, purpose, f"training of {entry.name}")
    datasets = {
        name: open_dataset(
            *(registry, name, folders, request.root if name == names[0] else None, given[name], purpose),
            given=_given_for(name, names[0], request.dataset_options),
        )
        for name in names
    }
    for dataset in datasets.values():
        check_told(dataset)
    changed: list[str] = []
    for dataset_name, dataset in datasets.items():
        prefix = "" if dataset_name == names[0] else f"{dataset_name}."
        changed += _changed(dataset.options, preset.dataset_options.get(dataset_name, {}), "-d", prefix)
    changed += _changed(options, preset.options, "-o", "")
    name = check_set_name(request.name or default_name(preset_name, names, request.seed))
    device = choose_device(kind, request.device, name=entry.name)
    key = {
        "estimator": entry.name,
        "plugin": entry.plugin.distribution,
        **training_depends_on(kind, map(type, datasets.values())),
        "options": options.model_dump(mode="json", exclude=set(options_kind.bystanders)),
        "files": option_files(options),
        "datasets": [
            {
                "name": name,
                "variant": dict(dataset.variant()),
                "learned_from": content_digest(dataset, kind, folders.cache),
            }
            for name, dataset in datasets.items()
        ],
        "seed": request.seed,
        "device": device,
    }
    target = folders.weights / weights_name(kind, entry.name) / name
    return TrainingJob(entry, kind, preset_name, changed, options, datasets, name, target, device, request.seed, key)


def trainable(registry: Registry, entry: Entry) -> type[Estimator]:
    """The class of an estimator that can be trained; :class:`UsageError` naming those that can, where it cannot."""
    kind: type[Estimator] = entry.load()
    if kind.TrainingOptions is not None:
        return kind
    others = []
    for other in registry.entries("estimators"):
        with contextlib.suppress(HpeBenchError):
            if other.load().TrainingOptions is not None:
                others.append(other.name)
    raise UsageError(f"{entry.name} cannot be trained; those that can: {', '.join(others) or 'none'}")


def find_preset(kind: type[Estimator], name: str, wanted: str | None) -> tuple[str, Preset]:
    """The preset of a name, else the first; an empty one, with the name "", where an estimator has none."""
    if wanted is not None and wanted not in kind.presets:
        raise UnknownName("preset", wanted, kind.presets, f" ({name})")
    if wanted is None:
        wanted = next(iter(kind.presets), "")
    return wanted, kind.presets.get(wanted, Preset(""))


def default_name(preset: str, datasets: Sequence[str], seed: int) -> str:
    """<preset>-<dataset>..., with -seed<N> where the seed is not 0: what is shipped has no dataset in its name."""
    return "-".join([*([preset] if preset else []), *datasets, *([f"seed{seed}"] if seed else [])])


def content_digest(dataset: Dataset, kind: type[Estimator], cache: Path) -> str:
    """SHA-256 over what a dataset gives an estimator to learn from.

    For one that sees images that is the fingerprint of each of its parts, for others the digest of each of its grids;
    where it has none, the fingerprint of all of it.
    """
    content = _part_content if isinstance(kind.inputs, Images) else _grid_content
    try:
        told = [content(dataset, "train", cache), content(dataset, "validation", cache)]
    except UsageError:  # it has no such thing
        told = [fingerprint(indexed_labels(dataset, cache))]
    return digest(told)


def _part_content(dataset: Dataset, part: Literal["train", "validation"], cache: Path) -> str:
    own = dataset.part(part)
    return "" if own is None else fingerprint(indexed_labels(own, cache))


def _grid_content(dataset: Dataset, part: Literal["train", "validation"], cache: Path) -> str:
    return dataset.grid(part).digest()


def _dataset_options(
    names: Sequence[str], preset: Preset, given: Mapping[str, Any], registry: Registry
) -> dict[str, dict[str, Any]]:
    """The options of each dataset: the preset's, with those given as ``option`` or ``dataset.option`` over them."""
    for name in names:
        registry.get("datasets", name)
    found = {name: dict(preset.dataset_options.get(name, {})) for name in names}
    for key, value in given.items():
        dataset, dot, option = key.rpartition(".")
        if not dot:
            dataset = names[0]
        elif dataset not in found:
            raise UnknownName("dataset", dataset, names, f" among those to learn from (-d {key})")
        found[dataset][option] = value
    return found


def _given_for(dataset: str, main: str, options: Mapping[str, Any]) -> list[str]:
    """The options that a user gave for one of the datasets."""
    parts = (key.rpartition(".") for key in options)
    return [option for owner, _, option in parts if (owner or main) == dataset]


def _changed(options: Options, base: Mapping[str, Any], flag: str, prefix: str) -> list[str]:
    """The arguments that turn the options of ``base`` into these."""
    values, before = options.model_dump(mode="json"), type(options)(**base).model_dump(mode="json")
    words: list[str] = []
    for name, value in values.items():
        if value != before[name]:
            words += [flag, f"{prefix}{name}={written(value)}"]
    return words
