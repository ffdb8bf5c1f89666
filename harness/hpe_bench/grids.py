"""Landmark grids: identity x yaw x pitch x roll x 468 points, of any length along the first axis.

What a dataset offers to methods that learn from a whole grid of poses. A grid is read in chunks of identities and
never needs to be in memory at once; on disk it is one HDF5 file.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.errors import DataError, MissingError
from hpe_bench.pose import GridConvention, rotation_from_grid
from hpe_bench.storage import checked_dataset, make_folder, storage_errors, sync_folder, temporary_prefix

POINTS = 468
#: How much of a grid is held at once where nobody says otherwise, bytes.
CHUNK_BYTES = 64 * 2**20
_FORMAT = "hpe-bench landmark grid, 1"


@dataclass(frozen=True)
class GridAxes:
    """The bins of yaw, pitch and roll in degrees, ascending, and how the three make a rotation."""

    yaw: tuple[float, ...]
    pitch: tuple[float, ...]
    roll: tuple[float, ...]
    convention: GridConvention = "pitch-yaw-roll"

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of bins of yaw, pitch and roll."""
        return len(self.yaw), len(self.pitch), len(self.roll)

    def angles(self) -> NDArray[np.float64]:
        """Yaw, pitch, roll (Y, P, R, 3) of every cell in degrees, as the grid counts them."""
        cells = np.meshgrid(self.yaw, self.pitch, self.roll, indexing="ij")
        return np.asarray(np.stack(cells, axis=-1), dtype=np.float64)

    def rotations(self) -> NDArray[np.float64]:
        """The rotation (Y, P, R, 3, 3) of every cell, in the harness's frame."""
        return rotation_from_grid(self.angles(), self.convention)


class Grid:
    """Landmarks of identities over a grid of poses; a subclass gives :meth:`read`."""

    def __init__(self, axes: GridAxes, identities: Sequence[str]) -> None:
        self.axes = axes
        self.identities = tuple(identities)

    def __len__(self) -> int:
        return len(self.identities)

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Landmarks (n, Y, P, R, 468, 3) of identities ``start`` to ``stop``: finite, x, y and z on one scale,
        camera axes x right, y down, z smaller towards the camera."""
        raise TypeError(f"{type(self).__name__} has no read()")

    def chunks(self, max_bytes: int = CHUNK_BYTES) -> Iterator[NDArray[np.float32]]:
        """The whole grid, in order, in pieces of at most ``max_bytes``, but at least one identity."""
        size = max(1, max_bytes // (int(np.prod(self.axes.shape)) * POINTS * 3 * 4))
        for start in range(0, len(self), size):
            yield self.read(start, min(start + size, len(self)))

    def first(self, count: int) -> Grid:
        """The grid of the first ``count`` identities."""
        return _Part(self, np.arange(len(self))[:count])

    def part(self, indices: ArrayLike) -> Grid:
        """The grid of some identities, by their places."""
        return _Part(self, np.asarray(indices, dtype=np.int64))


class _Part(Grid):
    def __init__(self, whole: Grid, indices: NDArray[np.int64]) -> None:
        super().__init__(whole.axes, [whole.identities[i] for i in indices])
        self._whole, self._indices = whole, indices

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        wanted = self._indices[start:stop]
        if len(wanted) and np.array_equal(wanted, np.arange(wanted[0], wanted[0] + len(wanted))):
            return self._whole.read(int(wanted[0]), int(wanted[-1]) + 1)
        return np.concatenate([self._whole.read(int(i), int(i) + 1) for i in wanted])


class GridFile(Grid):
    """A grid in an HDF5 file. ``filled`` (N, Y, P, R) marks cells whose landmarks were not found but made up.

    :class:`MissingError` where there is no file, :class:`DataError` where it is not a grid.
    """

    def __init__(self, path: Path) -> None:
        import h5py

        self.path = path
        if not path.is_file():
            raise MissingError(f"no grid {path}")
        try:
            with h5py.File(path, "r") as file:
                about = json.loads(bytes(checked_dataset(file, "about", "S", 2**24)))
                self.filled: NDArray[np.bool_] = checked_dataset(file, "filled", "b", 2**30)
                landmarks = file["landmarks"]
                axes = GridAxes(**{name: _frozen(value) for name, value in about["axes"].items()})
                super().__init__(axes, about["identities"])
                if about["format"] != _FORMAT or landmarks.shape != (len(self), *axes.shape, POINTS, 3):
                    raise DataError(f"{path}: not a grid of this program ({about['format']}, {landmarks.shape})")
                if landmarks.external or landmarks.is_virtual or landmarks.dtype != np.float32:
                    raise DataError(f"{path}: its landmarks are not float32 numbers held in the file itself")
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{path}: not a readable grid ({error}); make it anew") from error
        self.about: Mapping[str, Any] = about

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        import h5py

        try:
            with h5py.File(self.path, "r") as file:
                return np.asarray(file["landmarks"][start:stop])
        except (OSError, KeyError) as error:
            raise DataError(f"{self.path}: cannot be read ({error}); make it anew") from error


@dataclass
class _Writer:
    """Takes one identity after the other."""

    file: Any
    identities: list[str] = field(default_factory=list)

    def add(self, identity: str, landmarks: ArrayLike, filled: ArrayLike | bool = False) -> None:
        """Landmarks (Y, P, R, 468, 3) of one identity; ``filled`` (Y, P, R) marks those that were made up."""
        row = len(self.identities)
        for name, value in (("landmarks", landmarks), ("filled", filled)):
            self.file[name].resize(row + 1, axis=0)
            self.file[name][row] = value
        self.identities.append(identity)


@contextmanager
def write_grid(path: Path, axes: GridAxes, about: Mapping[str, Any]) -> Iterator[_Writer]:
    """Write a grid, one identity at a time; the file stands at ``path`` when the block ends well, else not at all.

    ``about`` is kept with it as JSON: where the landmarks come from.
    """
    import h5py

    make_folder(path.parent)
    temporary = path.parent / f"{temporary_prefix(path)}{os.getpid()}-{uuid.uuid4().hex[:8]}"
    cells = axes.shape
    with storage_errors(path):
        try:
            with h5py.File(temporary, "x", libver=("v110", "v110")) as file:
                for name, shape, kind in (("landmarks", (*cells, POINTS, 3), "f4"), ("filled", cells, "?")):
                    file.create_dataset(name, (0, *shape), kind, maxshape=(None, *shape), chunks=(1, *shape))
                writer = _Writer(file)
                yield writer
                told = {**about, "format": _FORMAT, "axes": asdict(axes), "identities": writer.identities}
                file["about"] = np.bytes_(json.dumps(told).encode())
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
