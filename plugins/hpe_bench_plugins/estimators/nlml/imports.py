"""The authors' files as sets of weights: their network, in four files or whole, and their tensor.

Their scripts leave Encoder.pth, yaw_network.pth, pitch_network.pth and roll_network.pth, and make of them
combined_model_scripted.pth, a TorchScript file. All are read as data; see :mod:`..official_checkpoints` and
:mod:`..torchscript`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field, field_validator

from hpe_bench import (
    Card,
    DataError,
    MissingError,
    Options,
    UsageError,
    file_digest,
    parse_json,
    pose,
    read_regular,
    write_atomically,
)
from hpe_bench_plugins.estimators.nlml.weights import (
    NETWORK,
    RELEASED,
    RELEASED_LIMITS,
    SOURCE,
    TENSOR,
    Units,
    network_bytes,
    read_about,
    read_released,
    tensor_bytes,
)

if TYPE_CHECKING:
    from hpe_bench_plugins.estimators.nlml.network import Network
    from hpe_bench_plugins.estimators.official_checkpoints import State

#: What finds the landmarks that the scripts train on.
_EXTRACTOR = "facemesh"
_ENCODER = "encoder"
_FILES = {_ENCODER: "Encoder.pth", **{angle: f"{angle}_network.pth" for angle in pose.ANGLES}}
_WHOLE = "combined_model_scripted.pth"
_SUFFIXES = (".pth", ".pt", ".safetensors")
_MOST_RANK = 64
_MOST_CARD = 2**20


class ImportOptions(Options):
    """What the files do not say of what they were trained on."""

    convention: pose.GridConvention = Field(
        "yaw-pitch-roll", description="how the angles of the images trained on make a rotation; that of the released"
    )
    units: Units = Field(
        "pixels",
        description="image: of images that were not square, whose aspect the scripts leave in the features; of square "
        "ones both are the same",
    )


class TensorImportOptions(ImportOptions):
    """What the file does not say of the grid that its tensor was made from."""

    limits: tuple[float, float, float] = Field(
        RELEASED_LIMITS, description="largest yaw, pitch and roll of the grid in degrees; those of the released"
    )

    @field_validator("limits")
    @classmethod
    def _are_angles(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if not all(0 < limit <= 180 for limit in value):
            raise ValueError("each above 0 and at most 180 degrees")
        return value


def import_network(
    paths: Sequence[Path], folder: Path, name: str | None, report: Callable[[str], None], options: ImportOptions
) -> Sequence[Path]:
    """The authors' encoder and heads, in four files or one, to ``folder``/``name``; returns what was written."""
    name = _checked_name(folder, name)
    files = _files(paths)
    parts, origins = _parts(files)
    network = _network(parts, origins)
    for path in files:
        held = [_in_words(part) for part, origin in origins.items() if origin == path]
        report(f"{path.name} is NLML-HPE's {' and '.join(held) if len(held) < len(_FILES) else 'whole network'}")
    report(f"{sum(p.numel() for p in network.parameters()):,} parameters, ranks {', '.join(map(str, network.ranks))}")
    content = network_bytes(network, options.convention, _EXTRACTOR, units=options.units)
    _tell_reading("nlml", name, options, report)
    return _write(folder / name, NETWORK, content, files, options)


def import_tensor(
    paths: Sequence[Path], folder: Path, name: str | None, report: Callable[[str], None], options: TensorImportOptions
) -> Sequence[Path]:
    """The authors' Trained_data.npz to ``folder``/``name``; returns what was written."""
    name = _checked_name(folder, name)
    if len(paths) != 1 or (paths[0].is_dir() and not (paths[0] / RELEASED).is_file()):
        raise UsageError(f"a tensor is made from one file, {RELEASED}: give that file alone")
    path = paths[0] / RELEASED if paths[0].is_dir() else paths[0]
    if path.suffix in _SUFFIXES:
        raise DataError(f"{path}: not the tensor, {RELEASED}: a network is imported by weights import nlml")
    tensor = replace(read_released(path), convention=options.convention, limits=options.limits)
    shape = " x ".join(map(str, tensor.w.shape))
    reach = ", ".join(f"{limit:g}" for limit in tensor.limits)
    report(f"{path.name} is NLML-HPE's tensor, {shape}, with the curves of yaw, pitch and roll, to {reach} degrees")
    content = tensor_bytes(tensor, _EXTRACTOR, units=options.units)
    _tell_reading("nlml-tensor", name, options, report)
    return _write(folder / name, TENSOR, content, [path], options)


def _checked_name(folder: Path, name: str | None) -> str:
    """The name of the set; :class:`UsageError` where there is none, or it is taken by another kind of set."""
    if name is None:
        raise UsageError("say what this set is to be called: --as authors, or another name")
    if name == "released":
        raise UsageError(f"--as released: that name is of {RELEASED} as it lies in the weights folder; choose another")
    if _card_there(folder / name).get("training"):
        raise UsageError(f"{folder / name} holds a set that was trained here: choose another name with --as")
    return name


def _card_there(target: Path) -> Mapping[str, Any]:
    """What the card of a set says; nothing where there is none, or none that can be read."""
    try:
        stated = parse_json(read_regular(target / Card.FILE, _MOST_CARD))
    except (OSError, ValueError):
        return {}
    return stated if isinstance(stated, dict) else {}


def _files(paths: Sequence[Path]) -> list[Path]:
    """The files that are meant: of a folder all checkpoints in it, or of a folder that has the four, these alone."""
    files: list[Path] = []
    for path in paths:
        four = [path / file for file in _FILES.values()]
        if path.is_dir() and all(file.is_file() for file in four):
            files += four
        elif path.is_dir():
            files += sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)
        else:
            files.append(path)
    if not files:
        raise MissingError(f"no checkpoint in {', '.join(map(str, paths))}: {_expected()}")
    return files


def _expected() -> str:
    return f"give {', '.join(_FILES.values())}, or {_WHOLE} alone"


def _in_words(part: str) -> str:
    return part if part == _ENCODER else f"{part} head"


def _parts(files: Sequence[Path]) -> tuple[dict[str, State], dict[str, Path]]:
    """The state dicts of the encoder and of the three heads, each with its file."""
    parts: dict[str, State] = {}
    origins: dict[str, Path] = {}
    for path in files:
        for part, state in _read(path).items():
            if part in parts:
                raise UsageError(f"{origins[part]} and {path} both hold the {_in_words(part)}: {_expected()}")
            parts[part], origins[part] = state, path
    missing = [_in_words(part) for part in _FILES if part not in parts]
    if missing:
        raise MissingError(
            f"{', '.join(p.name for p in files)}: the {', the '.join(missing)} is missing: {_expected()}"
        )
    return parts, origins


def _read(path: Path) -> Mapping[str, State]:
    """What a file holds, by part: told by its keys, and a head's angle by the file's name."""
    from hpe_bench_plugins.estimators.official_checkpoints import is_torchscript, looks_like, read_official
    from hpe_bench_plugins.estimators.torchscript import read_torchscript

    if _is_npz(path):
        raise DataError(
            f"{path}: arrays of NumPy, no network; the tensor, {RELEASED}, is imported by weights import nlml-tensor"
        )
    whole = {f"{_ENCODER}.": _ENCODER, **{f"{angle}_network.": angle for angle in pose.ANGLES}}
    own = {"model.0.weight", "encoder.0.weight", *(f"{prefix}model.0.weight" for prefix in whole)}
    state = read_torchscript(path) if is_torchscript(path) else read_official(path, own)
    if any(key.startswith(prefix) for prefix in list(whole)[1:] for key in state):
        strange = [key for key in state if not key.startswith(tuple(whole))]
        if strange:
            raise DataError(f"{path}: no network of NLML-HPE: it holds {strange[0]} beside encoder and heads")
        return {
            part: {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}
            for prefix, part in whole.items()
            if any(key.startswith(prefix) for key in state)
        }
    if any(key.startswith("encoder.") for key in state):
        return {_ENCODER: state}
    if any(key.startswith("model.") for key in state):
        return {_angle(path): state}
    known = looks_like(state)
    raise DataError(f"{path}: no part of NLML-HPE's network{f', but {known}' if known else ''}: {_expected()}")


def _is_npz(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _angle(path: Path) -> str:
    named = [angle for angle in pose.ANGLES if angle in path.name.lower()]
    if len(named) != 1:
        raise UsageError(
            f"{path}: a head of NLML-HPE's network, and all three have equal shapes: call it {_FILES['yaw']}, "
            f"{_FILES['pitch']} or {_FILES['roll']}, as its angle is"
        )
    return named[0]


def _network(parts: Mapping[str, State], origins: Mapping[str, Path]) -> Network:
    """The network of the four parts, each checked against it."""
    import torch

    from hpe_bench_plugins.estimators.checkpoints import build, check
    from hpe_bench_plugins.estimators.nlml.network import Network

    ranks = [_rank(parts[angle]) for angle in pose.ANGLES]
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in Network(ranks).state_dict().items()}
    filled = {}
    for part, own, theirs in [
        (_ENCODER, "encoder.", "encoder."),
        *((angle, f"heads.{place}.", "model.") for place, angle in enumerate(pose.ANGLES)),
    ]:
        expected = {f"{theirs}{key.removeprefix(own)}": shapes[key] for key in shapes if key.startswith(own)}
        beside = f" before heads of {', '.join(map(str, ranks))} numbers" if part == _ENCODER else ""
        check(origins[part], parts[part], f"NLML-HPE's {_in_words(part)}{beside}", expected)
        filled.update({f"{own}{key.removeprefix(theirs)}": value for key, value in parts[part].items()})
    # What standardises features and rows stays as the reference work has it: it does not.
    buffers = Network(ranks).state_dict()
    state = {key: filled.get(key, buffers[key]) for key in shapes}
    return cast("Network", build(lambda: Network(ranks), state))


def _rank(head: State) -> int:
    """How many numbers a head takes, as far as its first layer says; 3 where it does not."""
    first = head.get("model.0.weight")
    sized = first is not None and first.ndim == 2 and 1 <= first.shape[1] <= _MOST_RANK
    return int(first.shape[1]) if first is not None and sized else 3


def _tell_reading(estimator: str, name: str, options: ImportOptions, report: Callable[[str], None]) -> None:
    report(
        f"{estimator}:weights={name} reads its angles as {options.convention}, and asks for landmarks in "
        f"{'image units' if options.units == 'image' else 'pixels'}; "
        f"{estimator}:weights={name}:choices=authors does all as its authors do"
    )


def _write(target: Path, file: str, content: bytes, origins: Sequence[Path], options: ImportOptions) -> Sequence[Path]:
    """A file of a set, and the card of the whole: network and tensor lie in one folder."""
    before = _card_there(target).get("origin")
    write_atomically(target / file, content)
    there = [target / name for name in (NETWORK, TENSOR) if (target / name).is_file()]
    # Of this file what was imported before it is gone; the other one's stays.
    of_tensor = file == TENSOR
    others = before if isinstance(before, dict) and len(there) > 1 else {}
    others = {name: digest for name, digest in others.items() if name.endswith(".npz") != of_tensor}
    card = Card(
        "nlml",
        target.name,
        {path.name: file_digest(path) for path in there},
        licence="MIT where its authors released it; else that of whoever trained it",
        data_licence="not known: that of what it was trained on; FaceScape, its authors' own, is for research only",
        source=SOURCE,
        origin={**others, **{path.name: file_digest(path) for path in origins}},
        about={
            "convention": _of_each({path.stem: str(read_about(path).get("convention", "")) for path in there}),
            "units": _of_each({path.stem: str(read_about(path).get("units", "pixels")) for path in there}),
            "extractor": _EXTRACTOR,
        },
    )
    return [target / file, card.write(target)]


def _of_each(stated: Mapping[str, str]) -> str:
    """What all state alike, or what each does."""
    alike = set(stated.values())
    return alike.pop() if len(alike) == 1 else ", ".join(f"{name} {value}" for name, value in stated.items())
