"""The run file: one evaluation of one estimator under one protocol, in one HDF5 file that is never changed."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hpe_bench.errors import DamagedError, DataError
from hpe_bench.pose import rotation_defect
from hpe_bench.storage import checked_dataset, hdf5_bytes, write_atomically

SCHEMA = 1
STAGES = ("crop", "landmarks", "network")

_MAX_FILE = 2**30
_MAX_MANIFEST = 16 * 2**20
_MAX_TEXT = 64 * 2**20
_MAX_NUMBERS = 256 * 2**20

Line = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Dataset(_Part):
    name: Line
    fingerprint: Line
    n_protocol: Annotated[int, Field(ge=0)]
    limit: Annotated[int, Field(ge=1)] | None
    skipped: list[dict[str, Line]]
    variant: dict[str, Any]


class _Protocol(_Part):
    name: Line
    digest: Line
    expected: Annotated[int, Field(ge=0)] | None
    headline: Literal["mae", "vmae", "ge"]


class _Weights(_Part):
    file: Line
    sha256: Line


class Manifest(_Part):
    """What readers of a run rely on; a manifest holds more."""

    job: Line
    label: Line
    estimator: Line
    status: Literal["complete"]
    dataset: _Dataset
    protocol: _Protocol
    options: dict[str, Any]
    overrides: dict[str, Line | int]
    plugin: dict[str, Line]
    weights: dict[Line, _Weights]
    inputs: dict[str, Any]
    versions: dict[Line, Line]
    crop: Line | None
    device: Line
    started: Line
    seconds: float
    seed: int
    git_commit: Line | None


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
    def found(self) -> NDArray[np.bool_]:
        """Whether each sample (N,) has a prediction."""
        return np.asarray(np.isfinite(self.prediction).all(axis=(-2, -1)))


def write_run(run: Run) -> None:
    """Store a run at its path, whole or not at all."""

    def build(file: Any) -> None:
        text = json.dumps(run.manifest, indent=1, allow_nan=False).encode()
        file["manifest"] = np.bytes_(text)
        file["manifest"].attrs["sha256"] = hashlib.sha256(text).hexdigest()
        for name, column in (("id", run.ids), ("person", run.person), ("sequence", run.sequence)):
            encoded = np.char.encode(column, "utf-8") if len(column) else np.zeros(0, "S1")
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
    its content is damaged or not a run; each names the path."""
    import h5py

    path = Path(path)
    try:
        size = path.stat().st_size
        if size > _MAX_FILE:
            raise DamagedError(f"{path}: {size:,} bytes are more than any run has")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            return _read(path, file)
    except DamagedError:
        raise
    except (DataError, OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path}: damaged, or not a run file ({error})") from error


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


def _read(path: Path, file: Any) -> Run:
    text = bytes(checked_dataset(file, "manifest", "S", _MAX_MANIFEST))
    if hashlib.sha256(text).hexdigest() != file["manifest"].attrs.get("sha256"):
        raise DamagedError(f"{path}: the manifest does not match its checksum")
    manifest = json.loads(text, parse_constant=_no_constant)
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise DamagedError(f"{path}: not of run schema {SCHEMA}: made by another version of hpe-bench")
    try:
        Manifest.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DamagedError(f"{path}: the manifest's {where} is not what a run has ({first['msg']})") from None
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
    if not np.isfinite(run.euler).all():
        raise DamagedError(f"{path}: truth/euler holds a number that is not finite")
    return run


def _no_constant(name: str) -> float:
    raise ValueError(f"the manifest holds {name}")


def _text(file: Any, name: str, n: int | None = None) -> NDArray[np.str_]:
    column = checked_dataset(file, name, "S", _MAX_TEXT)
    if column.ndim != 1 or (n is not None and len(column) != n):
        raise DamagedError(f"{name} has shape {column.shape}, not one entry a sample")
    return np.asarray(np.char.decode(column, "utf-8")) if len(column) else np.zeros(0, "U1")


def _numbers(file: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    column = checked_dataset(file, name, "f", _MAX_NUMBERS)
    if column.shape != shape:
        raise DamagedError(f"{name} has shape {column.shape} where {shape} belongs")
    return np.asarray(column, dtype=np.float64)
