"""The run file of a training: what came of each stage, and its curves, in one HDF5 file that is never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hpe_bench.errors import DamagedError, UsageError
from hpe_bench.runs.stored import (
    Line,
    Part,
    PluginPart,
    check_manifest,
    is_training,
    open_stored,
    read_manifest,
    store_manifest,
)
from hpe_bench.storage import checked_dataset, hdf5_bytes, write_atomically

_MAX_NUMBERS = 256 * 2**20


class _Stage(Part):
    name: Line
    figures: dict[Line, float | None]
    seconds: float


class _Curves(Part):
    stage: Line
    names: Annotated[list[Line], Field(min_length=1)]


class _Dataset(Part):
    name: Line
    options: dict[str, Any]


class _Weights(Part):
    folder: Line
    files: dict[Line, Line]


class TrainingManifest(Part):
    """What readers of a training's run rely on; a manifest holds more."""

    kind: Literal["training"]
    job: Line
    label: Line
    estimator: Line
    name: Line
    preset: Line
    status: Literal["complete"]
    command: Line
    options: dict[str, Any]
    datasets: list[_Dataset]
    trained_on: Line
    plugin: PluginPart
    weights: _Weights
    stages: list[_Stage]
    curves: list[_Curves]
    versions: dict[Line, Line]
    device: Line
    started: Line
    finished: Line
    seconds: float
    tries: int
    seed: int
    git_commit: Line | None
    no_better: Line = ""


@dataclass(frozen=True)
class TrainingRun:
    """A training as it was stored. ``curves`` are by stage and name, float64 of one length a stage, NaN where a point
    has no such value."""

    path: Path
    manifest: Mapping[str, Any]
    curves: Mapping[str, Mapping[str, NDArray[np.float64]]]

    @property
    def label(self) -> str:
        """The estimator and the name of the set of weights, as ``estimator/set``."""
        return str(self.manifest["label"])

    @property
    def figures(self) -> dict[str, dict[str, float | None]]:
        """The figures of each stage, in the order of the stages."""
        return {stage["name"]: dict(stage["figures"]) for stage in self.manifest["stages"]}


def write_training(run: TrainingRun) -> None:
    """Store a training's run at its path, whole or not at all; the names of the curves go into its manifest."""
    tables = [(stage, list(curves), np.stack(list(curves.values()), axis=-1)) for stage, curves in run.curves.items()]
    listed = [{"stage": stage, "names": names} for stage, names, _ in tables]

    def build(file: Any) -> None:
        store_manifest(file, {**run.manifest, "curves": listed})
        for place, (_, _, table) in enumerate(tables):
            file.create_dataset(f"curves/{place}", data=table, chunks=table.shape, compression="gzip", fletcher32=True)

    write_atomically(run.path, hdf5_bytes(build))


def open_training(path: str | Path) -> TrainingRun:
    """Read a training's run file, also a stranger's, with the errors of :func:`~hpe_bench.open_run`."""
    path = Path(path)
    with open_stored(path) as stored:
        manifest = read_manifest(path, stored)
        if not is_training(manifest):
            raise UsageError(f"{path} is not of a training")
        return read_training(path, stored.file, manifest)


def read_training(path: Path, file: Any, manifest: Mapping[str, Any]) -> TrainingRun:
    """The training of a file that :func:`~hpe_bench.runs.stored.open_stored` opened."""
    check_manifest(path, manifest, TrainingManifest)
    curves = {}
    for place, listed in enumerate(manifest["curves"]):
        table = np.asarray(checked_dataset(file, f"curves/{place}", "f", _MAX_NUMBERS), dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != len(listed["names"]):
            raise DamagedError(f"{path}: curves/{place} has shape {table.shape}, not a column for each of its names")
        curves[listed["stage"]] = dict(zip(listed["names"], table.T, strict=True))
    return TrainingRun(path, manifest, curves)
