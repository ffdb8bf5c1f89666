"""The run file: one evaluation of one estimator under one protocol, in one HDF5 file that is never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hpe_bench.datasets import MOST_NAME_BYTES
from hpe_bench.errors import DamagedError, DataError, UsageError
from hpe_bench.metrics import true_angles
from hpe_bench.orders import DEFAULT_ORDER, EulerOrder
from hpe_bench.pose import rotation_defect
from hpe_bench.protocols import Cluster
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

STAGES = ("crop", "landmarks", "network")

#: The most samples that are read, and the longest name of one, in bytes.
_MOST_SAMPLES, _LONGEST = 2**22, MOST_NAME_BYTES
_MAX_TEXT = 64 * 2**20
_MAX_NUMBERS = 256 * 2**20


class _Dataset(Part):
    name: Line
    fingerprint: Line
    n_protocol: Annotated[int, Field(ge=0)]
    limit: Annotated[int, Field(ge=1)] | None
    skipped: list[dict[str, Line]]
    variant: dict[str, Any]
    about: dict[str, Any] = Field(default_factory=dict)
    notes: list[Line] = Field(default_factory=list)


class _Protocol(Part):
    name: Line
    digest: Line
    expected: Annotated[int, Field(ge=0)] | None
    headline: Literal["mae", "vmae", "ge"]
    cluster: Cluster = "sample"
    warning: Line = ""
    angles: EulerOrder = DEFAULT_ORDER


class _Weights(Part):
    file: Line
    sha256: Line


class _Inputs(Part):
    crop: Line | None
    extractor: Line | None


class Manifest(Part):
    """What readers of a run rely on; a manifest holds more."""

    job: Line
    label: Line
    estimator: Line
    status: Literal["complete"]
    dataset: _Dataset
    protocol: _Protocol
    options: dict[str, Any]
    overrides: dict[str, Line | int]
    plugin: PluginPart
    weights: dict[Line, _Weights]
    inputs: _Inputs
    versions: dict[Line, Line]
    crop: Line | None
    device: Line
    started: Line
    seconds: float
    seed: int
    git_commit: Line | None
    parameters: Annotated[int, Field(ge=0)] | None = None
    aligned: Literal["sequence"] | None = None
    recounted: EulerOrder | None = None


@dataclass(frozen=True)
class Run:
    """A run as it was stored. Rotations are R (N, 3, 3), NaN where the estimator had no answer; ``euler`` (N, 3) is
    yaw, pitch, roll in degrees as the dataset states them; ``seconds`` (N, 3) are spent on crop, landmarks, network."""

    path: Path
    manifest: Mapping[str, Any]
    ids: NDArray[np.str_]
    person: NDArray[np.str_]
    sequence: NDArray[np.str_]
    truth: NDArray[np.float64]
    euler: NDArray[np.float64]
    prediction: NDArray[np.float64]
    confidence: NDArray[np.float64]
    seconds: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def label(self) -> str:
        """The estimator with its changed options, as it is written on the command line."""
        return str(self.manifest["label"])

    @property
    def partial(self) -> bool:
        """Whether it is of a part of the protocol's samples, by --limit: a quick look, and no result."""
        return self.manifest["dataset"].get("limit") is not None

    @property
    def marked_label(self) -> str:
        """The label, with a mark where the run is partial."""
        return marked_label({"label": self.label, "partial": self.partial})

    @property
    def order(self) -> EulerOrder:
        """The order of the angles that MAE is counted in."""
        order: EulerOrder = self.manifest["protocol"].get("angles", DEFAULT_ORDER)
        return order

    @property
    def true_angles(self) -> NDArray[np.float64]:
        """The true yaw, pitch, roll (N, 3) in degrees that MAE compares with; see
        :func:`~hpe_bench.metrics.true_angles`."""
        return true_angles(self.truth, self.euler, self.order)

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether each sample (N,) has a prediction."""
        return np.asarray(np.isfinite(self.prediction).all(axis=(-2, -1)))


def marked_label(record: Mapping[str, Any]) -> str:
    """The label of a record of a run, with a mark where the run is of a part of the samples."""
    return f"{record['label']} (partial)" if record["partial"] else str(record["label"])


def write_run(run: Run) -> None:
    """Store a run at its path, whole or not at all."""

    def build(file: Any) -> None:
        store_manifest(file, run.manifest)
        for name, column in (("id", run.ids), ("person", run.person), ("sequence", run.sequence)):
            encoded = np.char.encode(column, "utf-8", "surrogateescape") if len(column) else np.zeros(0, "S1")
            width = max(encoded.dtype.itemsize, 1)
            _store(file, f"samples/{name}", encoded.astype(f"S{width}"))
        _store(file, "truth/rotation", run.truth)
        _store(file, "truth/euler", run.euler)
        _store(file, "prediction/rotation", run.prediction)
        _store(file, "prediction/confidence", run.confidence)
        for stage, spent in zip(STAGES, run.seconds.T, strict=True):
            _store(file, f"prediction/seconds/{stage}", spent)

    write_atomically(run.path, hdf5_bytes(build))


def open_run(path: str | Path) -> Run:
    """Read a run file, also a stranger's. :class:`DataError` where it cannot be read, and :class:`DamagedError` where
    its content is damaged or not a run; each names the path. :class:`UsageError` where it is of a training."""
    with open_stored(Path(path)) as stored:
        return read_run(Path(path), stored.file, read_manifest(Path(path), stored))


def read_run(path: Path, file: Any, manifest: Mapping[str, Any]) -> Run:
    """The run of a file that :func:`~hpe_bench.runs.stored.open_stored` opened."""
    if is_training(manifest):
        raise UsageError(f"{path} is of a training, and holds no predictions; look at it with: hpe-bench show {path}")
    check_manifest(path, manifest, Manifest)
    ids = _text(file, "samples/id")
    n = len(ids)
    run = Run(
        path=path,
        manifest=manifest,
        ids=ids,
        person=_text(file, "samples/person", n),
        sequence=_text(file, "samples/sequence", n),
        truth=_numbers(file, "truth/rotation", (n, 3, 3)),
        euler=_numbers(file, "truth/euler", (n, 3)),
        prediction=_numbers(file, "prediction/rotation", (n, 3, 3)),
        confidence=_numbers(file, "prediction/confidence", (n,)),
        seconds=np.stack([_numbers(file, f"prediction/seconds/{stage}", (n,)) for stage in STAGES], axis=-1),
    )
    for name, rotations in (("truth", run.truth), ("prediction", run.prediction[run.found])):
        if len(rotations) and not rotation_defect(rotations).max() < 1e-6:
            raise DamagedError(f"{path}: {name}/rotation holds a matrix that is not a rotation")
    if not (np.abs(run.euler) <= 360.0).all():
        raise DamagedError(f"{path}: truth/euler holds a number that is not finite, or beyond 360 degrees")
    return run


def _store(file: Any, name: str, column: NDArray[Any]) -> None:
    chunk = (max(1, min(len(column), 4096)), *column.shape[1:])
    file.create_dataset(
        name,
        data=column,
        chunks=chunk,
        maxshape=(None, *column.shape[1:]),
        compression="gzip",
        fletcher32=True,
    )


def _text(file: Any, name: str, n: int | None = None) -> NDArray[np.str_]:
    column = checked_dataset(file, name, "S", _MAX_TEXT, _MOST_SAMPLES)
    if column.ndim != 1 or (n is not None and len(column) != n):
        raise DamagedError(f"{name} has shape {column.shape}, not one entry a sample")
    if column.itemsize > _LONGEST:
        raise DamagedError(f"{name} has names of {column.itemsize:,} bytes; at most {_LONGEST:,} are read")
    # The name of a file need not be UTF-8.
    text = np.asarray(np.char.decode(column, "utf-8", "surrogateescape")) if len(column) else np.zeros(0, "U1")
    codes = np.ascontiguousarray(text).view(np.uint32).reshape(len(text), -1)
    within = np.arange(codes.shape[1]) < np.char.str_len(text)[:, None]
    if (within & ((codes < 0x20) | ((codes >= 0x7F) & (codes < 0xA0)))).any():
        raise DataError(f"{name} holds control characters, which no name has")
    return text


def _numbers(file: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    column = checked_dataset(file, name, "f", _MAX_NUMBERS, _MOST_SAMPLES)
    if column.shape != shape:
        raise DamagedError(f"{name} has shape {column.shape} where {shape} belongs")
    return np.asarray(column, dtype=np.float64)
