"""What all stored files share: an HDF5 file with a manifest, read with suspicion."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hpe_bench.errors import DamagedError, DataError
from hpe_bench.reading import parse_json, read_regular, writable
from hpe_bench.storage import checked_dataset, storage_errors

SCHEMA = 1
#: What the manifest of a training has as its kind.
TRAINING = "training"

_MAX_FILE = 2**30
_MAX_MANIFEST = 16 * 2**20

Line = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class Part(BaseModel):
    """A part of a manifest: what readers rely on; there may be more in it."""

    model_config = ConfigDict(strict=True, extra="allow")


class PluginPart(Part):
    """What a manifest says of the plugin that an estimator came from."""

    name: Line
    distribution: Line
    version: Line


@dataclass(frozen=True)
class Stored:
    """A stored file: open, and as its bytes."""

    file: Any
    content: bytes


@contextmanager
def open_stored(path: Path) -> Iterator[Stored]:
    """A stored HDF5 file, open for reading. :class:`DataError` where it cannot be read, and :class:`DamagedError` where
    reading finds it damaged; each names the path."""
    import h5py

    try:
        content = read_regular(path, _MAX_FILE)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            yield Stored(file, content)
    except DamagedError:
        raise
    except (DataError, OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError) as error:
        raise DamagedError(f"{path}: damaged, or not a run file ({_in_a_line(error)})") from error


def store_manifest(file: Any, manifest: Mapping[str, Any]) -> None:
    """Put a manifest into a file that is being made, with its checksum."""
    text = json.dumps(writable(manifest), indent=1, allow_nan=False).encode()
    file["manifest"] = np.bytes_(text)
    file["manifest"].attrs["sha256"] = np.bytes_(hashlib.sha256(text).hexdigest())


def read_manifest(path: Path, stored: Stored) -> dict[str, Any]:
    """The manifest of an open file, its checksum and its schema's number checked.

    The checksum is looked for in the file's bytes, not read as the attribute that it is: runs of before have it in
    HDF5's heap of texts of any length, which has no checksum of its own, and where libhdf5 hangs on one flipped bit.
    """
    text = bytes(checked_dataset(stored.file, "manifest", "S", _MAX_MANIFEST))
    if hashlib.sha256(text).hexdigest().encode() not in stored.content:
        raise DamagedError(f"{path}: the manifest does not match its checksum")
    manifest = parse_json(text)
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise DamagedError(f"{path}: not of run schema {SCHEMA}: made by another version of hpe-bench")
    return manifest


def is_training(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest is of a training; else it is of an evaluation."""
    return manifest.get("kind") == TRAINING


def check_manifest(path: Path, manifest: Mapping[str, Any], model: type[Part]) -> None:
    """:class:`DamagedError` that names the part, where a manifest is not what ``model`` says."""
    try:
        model.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DamagedError(f"{path}: the manifest's {where} is not what a run has ({first['msg']})") from None


def _in_a_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def move_aside(path: Path) -> Path:
    """Keep a damaged or foreign file under another name, which is returned."""
    aside = path.with_suffix(f".damaged-{int(time.time())}")
    with storage_errors(path):
        path.rename(aside)
    return aside
