"""What is to be run: everything that determines a result, settled and hashed before anything is predicted."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpe_bench.crops import CropRule
from hpe_bench.errors import MissingError, PluginError, UnknownName, UsageError
from hpe_bench.estimators import Estimator, Images, Inputs, Landmarks, Nothing
from hpe_bench.landmarks.extractor import Extractor
from hpe_bench.landmarks.faces import FaceDetector
from hpe_bench.options import build_options, changed_options, option_files, written_pairs
from hpe_bench.plugins import ORACLE, Entry, Plugin, Registry
from hpe_bench.provenance import packages
from hpe_bench.provenance.depends import digest, prediction_depends_on
from hpe_bench.runs.selection import Selected
from hpe_bench.runs.weights import find_weights
from hpe_bench.settings import Folders
from hpe_bench.storage import file_digest

ORACLE_ENTRY = Entry(
    "estimators",
    ORACLE,
    Estimator,
    Plugin("harness", "hpe-bench", "", "bundled"),
    summary="the true rotation, sent through the whole way by the harness: must score 0",
)


@dataclass(frozen=True)
class Job:
    """One evaluation, ready to start: ``key`` determines the result, and ``digest`` is its hash."""

    entry: Entry
    estimator: Estimator | None
    label: str
    inputs: Inputs
    rule: CropRule | None
    extractor: Extractor | None
    extractor_name: str
    weights: Mapping[str, Path]
    device: str
    seed: int
    overrides: Mapping[str, Any]
    selected: Selected
    key: Mapping[str, Any]

    @property
    def digest(self) -> str:
        return digest(self.key)


def plan(
    registry: Registry,
    name: str,
    selected: Selected,
    folders: Folders,
    *,
    options: Mapping[str, Any] | None = None,
    crop: str | None = None,
    extractor: str | None = None,
    device: str = "auto",
    seed: int = 0,
    finds_cuda: Callable[[], bool] | None = None,
) -> Job:
    """Settle a job. Raises what says why it cannot run: weights, packages or inputs that are missing.

    ``finds_cuda`` as for :func:`choose_device`.
    """
    entry = ORACLE_ENTRY if name == ORACLE else registry.get("estimators", name)
    kind: type[Estimator] = entry.load()
    require_packages(name, kind)
    built = build_options(kind.Options, options or {}, f"estimator {name}")
    estimator = None if name == ORACLE else kind(built)
    _require_provided(selected, kind.inputs)
    weights = find_weights(estimator, name, folders) if estimator else {}
    inputs = estimator.inputs if estimator else kind.inputs  # weights may ask for inputs of their own
    rule = _crop_rule(selected, inputs, crop)
    if extractor is not None:
        registry.get("extractors", extractor)
    finder_name = extractor or (inputs.extractor if isinstance(inputs, Landmarks) else "")
    finder = _extractor(registry, selected, inputs, finder_name)
    chosen_device = choose_device(kind, device, finds_cuda, name)
    changed = changed_options(built)
    key = {
        "estimator": name,
        "plugin": entry.plugin.distribution,
        **prediction_depends_on(kind if estimator else None, type(selected.dataset), inputs, finder, rule),
        "options": built.model_dump(mode="json"),
        "files": option_files(built),
        "inputs": {
            "kind": type(inputs).__name__,
            "crop": rule.version if rule else None,
            "size": list(inputs.size) if isinstance(inputs, Images) and inputs.size else None,
            "order": inputs.order if isinstance(inputs, Images) else None,
            "interpolation": inputs.interpolation if isinstance(inputs, Images) else None,
            "shorter_side": inputs.shorter_side if isinstance(inputs, Images) else None,
            "extractor": finder.identity if finder else None,
            **({"units": inputs.units} if isinstance(inputs, Landmarks) and inputs.units != "pixels" else {}),
        },
        "weights": {role: file_digest(path) for role, path in sorted(weights.items())},
        "dataset": {
            "name": selected.dataset_name,
            "variant": selected.dataset.variant(),
            "fingerprint": selected.fingerprint,
            "files": option_files(selected.dataset.options),
        },
        "protocol": {"name": selected.protocol.name, "digest": selected.protocol.digest()},
        "samples": selected.digest(),
        "seed": seed,
        "device": chosen_device,
    }
    overrides = {"crop": crop if rule else None, "extractor": extractor if finder else None, "seed": seed or None}
    label = ":".join([name, *written_pairs(changed)])
    given = {name: value for name, value in overrides.items() if value is not None}
    return Job(
        entry, estimator, label, inputs, rule, finder, finder_name, weights, chosen_device, seed, given, selected, key
    )


def require_packages(name: str, kind: type[Estimator] | type[Extractor]) -> None:
    """:class:`MissingError` with the command that installs them, where packages are missing."""
    absent = [package for package in kind.requires if importlib.util.find_spec(package) is None]
    if absent:
        mend = f"pip install 'hpe-bench[{kind.extra}]'" if kind.extra else f"pip install {' '.join(absent)}"
        raise MissingError(f"{name} needs {', '.join(absent)}, not installed here: {mend}")


def _require_provided(selected: Selected, inputs: Inputs) -> None:
    """:class:`MissingError` where a dataset has not what an estimator asks for."""
    wanted = "landmarks" if isinstance(inputs, Landmarks) else "images"
    if not isinstance(inputs, Nothing) and not {"images", wanted} & selected.dataset.provides:
        raise MissingError(f"it needs {wanted}, and the dataset {selected.dataset_name} has none")


def _crop_rule(selected: Selected, inputs: Inputs, override: str | None) -> CropRule | None:
    if isinstance(inputs, Nothing):
        return None
    dataset = selected.dataset
    _require_provided(selected, inputs)
    if "images" not in dataset.provides:  # it gives the landmarks themselves
        return None
    family = override or inputs.crop or selected.protocol.crop
    rules = dataset.crop_rules()
    if family not in rules:
        raise UnknownName("crop", family, rules, f" (dataset {selected.dataset_name}; choose with --crop)")
    return rules[family]


def _extractor(registry: Registry, selected: Selected, inputs: Inputs, name: str) -> Extractor | None:
    if not isinstance(inputs, Landmarks) or "images" not in selected.dataset.provides:
        return None
    finder = load_extractor(registry, name)
    if isinstance(finder, FaceDetector):
        raise UsageError(f"{name} finds faces, not landmarks; see hpe-bench list extractors")
    return finder


def load_extractor(registry: Registry, name: str) -> Extractor:
    """A landmark extractor, not opened yet; an error that names the mend where it cannot be used here."""
    kind: type[Extractor] = registry.get("extractors", name).load()
    require_packages(name, kind)
    if not kind.identity:
        raise PluginError(f"extractor {name} has no identity: what it finds could not be told from another's")
    return kind()


def choose_device(
    kind: type[Estimator], requested: str, finds_cuda: Callable[[], bool] | None = None, name: str = "this estimator"
) -> str:
    """The device asked for, "cpu" or "cuda", as far as the estimator can use it; "auto" takes CUDA if there is any.

    ``finds_cuda`` says whether there is; without it, PyTorch is imported and asked. :class:`MissingError` where the
    estimator can use CUDA alone and there is none.
    """
    if "cpu" not in kind.devices and requested == "cpu":
        raise UsageError(f"{name} cannot use the CPU; its devices are {', '.join(kind.devices)}")
    if requested == "cpu" or (requested == "auto" and "cuda" not in kind.devices):
        return "cpu"
    if requested not in ("auto", "cuda"):
        raise UnknownName("device", requested, ("auto", "cpu", "cuda"))
    if "cuda" not in kind.devices:
        return "cpu"
    if (finds_cuda or _torch_finds_cuda)():
        return "cuda"
    if requested == "cuda" or "cpu" not in kind.devices:
        mend = "use --device cpu" if "cpu" in kind.devices else "it cannot use the CPU"
        raise MissingError(f"torch {packages.version('torch')} finds no CUDA device; {mend}")
    return "cpu"


def _torch_finds_cuda() -> bool:
    import torch

    return torch.cuda.is_available()
