"""Landmark grids: identity x yaw x pitch x roll x 468 points, of any length along the first axis.

What a dataset offers to methods that learn from a whole grid of poses. A grid is read in chunks of identities and
never needs to be in memory at once; on disk it is one HDF5 file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.declarations import values as declared
from hpe_bench.errors import DataError, MissingError
from hpe_bench.pose import ANGLES, GridConvention, rotation_from_grid
from hpe_bench.reading import parse_json
from hpe_bench.storage import checked_dataset, create_hdf5, file_digest, storage_errors

POINTS = 468
#: How much of a grid is held at once where nobody says otherwise, bytes.
CHUNK_BYTES = 24 * 2**20
_FORMAT = "hpe-bench landmark grid, 2"
#: Without digests.
_OLD_FORMAT = "hpe-bench landmark grid, 1"
_MOST_CELLS = 1_000_000


@dataclass(frozen=True)
class GridAxes:
    """The bins of yaw, pitch and roll in degrees, ascending, and how the three make a rotation."""

    yaw: tuple[float, ...]
    pitch: tuple[float, ...]
    roll: tuple[float, ...]
    convention: GridConvention = "pitch-yaw-roll"

    def __post_init__(self) -> None:
        """ValueError where the bins are not finite and ascending, or there is no such convention."""
        for name in ANGLES:
            bins = np.asarray(getattr(self, name), dtype=np.float64)
            if bins.ndim != 1 or not len(bins) or not np.isfinite(bins).all() or (np.diff(bins) <= 0).any():
                raise ValueError(f"the bins of {name} are not ascending numbers: {getattr(self, name)}")
        if self.convention not in get_args(GridConvention):
            raise ValueError(f"no convention '{self.convention}'; there is {' and '.join(get_args(GridConvention))}")

    @staticmethod
    def bins(limit: float, step: float) -> tuple[float, ...]:
        """Bins in degrees, ``step`` apart, from 0 as far as ``limit`` on either side."""
        half = np.arange(0.0, limit + 1e-9, step)
        return tuple(float(angle) for angle in np.concatenate([-half[:0:-1], half]))

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
    """Landmarks of identities over a grid of poses; a subclass gives :meth:`read`.

    ``about`` says where the landmarks come from, JSON-ready. ``regular``: every cell has the pose of its bins; else
    poses are scattered around them, and :meth:`rotations` says where. ``computed``: code alone makes the landmarks, of
    axes, identities and ``about``.
    """

    about: Mapping[str, Any] = MappingProxyType({})
    regular: bool = True
    computed: bool = False

    def __init__(self, axes: GridAxes, identities: Sequence[str]) -> None:
        """:class:`DeclarationError`, a ValueError, where the axes or the names are not what they may be."""
        declared.instance("Grid", "axes", axes, GridAxes)
        declared.names("Grid", "identities", identities)
        self.axes = axes
        self.identities = tuple(identities)

    def __len__(self) -> int:
        return len(self.identities)

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Landmarks (n, Y, P, R, 468, 3) of identities ``start`` to ``stop``: finite, x, y and z on one scale,
        camera axes x right, y down, z smaller towards the camera."""
        raise TypeError(f"{type(self).__name__} has no read()")

    def rotations(self, start: int, stop: int) -> NDArray[np.float64]:
        """The rotations (n, Y, P, R, 3, 3) of what :meth:`read` gives, in the harness's frame."""
        cells = self.axes.rotations()
        return np.broadcast_to(cells, (len(range(len(self))[start:stop]), *cells.shape))

    def chunks(self, max_bytes: int = CHUNK_BYTES) -> Iterator[NDArray[np.float32]]:
        """The whole grid, in order, in pieces of at most ``max_bytes``, but at least one identity."""
        size = max(1, max_bytes // (int(np.prod(self.axes.shape)) * POINTS * 3 * 4))
        for start in range(0, len(self), size):
            yield self.read(start, min(start + size, len(self)))

    def digest(self) -> str:
        """SHA-256 over what is learned from it: axes, identities, what it says of itself, poses and landmarks.

        The landmarks of a grid that is ``computed`` follow from the rest, and are not read for it.
        """
        told = [asdict(self.axes), self.identities, dict(self.about)]
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
        for row in range(len(self)):
            if not self.regular:
                digest.update(np.ascontiguousarray(self.rotations(row, row + 1)).tobytes())
            if not self.computed:
                digest.update(np.ascontiguousarray(self.read(row, row + 1)).tobytes())
        return digest.hexdigest()

    def first(self, count: int) -> Grid:
        """The grid of the first ``count`` identities."""
        return _Part(self, np.arange(len(self))[:count])

    def part(self, indices: ArrayLike) -> Grid:
        """The grid of some identities, by their places."""
        return _Part(self, np.asarray(indices, dtype=np.int64))


class _Part(Grid):
    def __init__(self, whole: Grid, indices: NDArray[np.int64]) -> None:
        super().__init__(whole.axes, [whole.identities[i] for i in indices])
        self.about, self.regular = whole.about, whole.regular
        self._whole, self._indices = whole, indices

    def digest(self) -> str:
        return hashlib.sha256(f"{self._whole.digest()} {self._indices.tolist()}".encode()).hexdigest()

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        return self._gather(self._whole.read, start, stop)

    def rotations(self, start: int, stop: int) -> NDArray[np.float64]:
        return self._gather(self._whole.rotations, start, stop)

    def _gather(self, read: Callable[[int, int], NDArray[Any]], start: int, stop: int) -> NDArray[Any]:
        wanted = self._indices[start:stop]
        if not len(wanted):
            return read(0, 0)
        if np.array_equal(wanted, np.arange(wanted[0], wanted[0] + len(wanted))):
            return read(int(wanted[0]), int(wanted[-1]) + 1)
        return np.concatenate([read(int(i), int(i) + 1) for i in wanted])


class GridFile(Grid):
    """A grid in an HDF5 file. ``filled`` (N, Y, P, R) marks cells whose landmarks were not found but made up.

    A file with ``angles`` (N, Y, P, R, 3), degrees in the convention of its axes, is of a grid that is not regular. Of
    every identity the SHA-256 is compared when it is read, but in files of before, which have none.

    :class:`MissingError` where there is no file, :class:`DataError` where it is not a grid, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        import h5py

        self.path = path
        if not path.is_file():
            raise MissingError(f"no grid {path}")
        try:
            with h5py.File(path, "r", locking=False) as file:
                text = bytes(checked_dataset(file, "about", "S", 2**26))
                about = parse_json(text)
                if about["format"] not in (_FORMAT, _OLD_FORMAT):
                    raise DataError(f"{path}: not a grid of this program ({about['format']})")
                axes = GridAxes(**{name: _frozen(value) for name, value in about["axes"].items()})
                super().__init__(axes, [str(identity) for identity in about["identities"]])
                self.filled: NDArray[np.bool_] = checked_dataset(file, "filled", "b", 2**30)
                _check_landmarks(file, (len(self), *axes.shape, POINTS, 3))
                self.regular = "angles" not in file
                self._angles = None if self.regular else checked_dataset(file, "angles", "f", 2**30)
                if self.filled.shape != (len(self), *axes.shape) or len(set(self.identities)) != len(self):
                    raise DataError(f"{path}: its parts do not fit together; make it anew")
                self._digests: list[str] = []
                if about["format"] == _FORMAT:
                    stated = bytes(checked_dataset(file, "about_sha256", "S", 64))
                    self._digests = [str(digest) for digest in about["digests"]]
                    if stated.decode() != hashlib.sha256(text).hexdigest() or len(self._digests) != len(self):
                        raise DataError(f"{path}: what it says of itself is damaged; make it anew")
                own = self._angles
                if own is not None and not (own.shape == (*self.filled.shape, 3) and np.isfinite(own).all()):
                    raise DataError(f"{path}: its angles are not three numbers a cell; make it anew")
        except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{path}: not a readable grid ({error}); make it anew") from error
        self.about = about

    def digest(self) -> str:
        if not self._digests:
            return file_digest(self.path)
        return hashlib.sha256(json.dumps(dict(self.about), sort_keys=True).encode()).hexdigest()  # it has theirs

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        import h5py

        try:
            with h5py.File(self.path, "r", locking=False) as file:
                found = np.asarray(file["landmarks"][start:stop])
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise DataError(f"{self.path}: cannot be read ({error}); make it anew") from error
        for row, digest in zip(range(len(self))[start:stop], self._digests[start:stop], strict=bool(self._digests)):
            angles = None if self._angles is None else self._angles[row]
            if _digest(found[row - start], self.filled[row], angles) != digest:
                raise DataError(f"{self.path}: identity {self.identities[row]} is damaged; make it anew")
        return found

    def rotations(self, start: int, stop: int) -> NDArray[np.float64]:
        if self._angles is None:
            return super().rotations(start, stop)
        return rotation_from_grid(self._angles[start:stop], self.axes.convention)


class _Writer:
    """Takes one identity after the other."""

    def __init__(self, file: Any, path: Path, shape: tuple[int, ...]) -> None:
        self.identities: list[str] = []
        self.digests: list[str] = []
        self._file, self._path, self._shape = file, path, shape

    def add(
        self, identity: str, landmarks: ArrayLike, filled: ArrayLike = False, angles: ArrayLike | None = None
    ) -> None:
        """Landmarks (Y, P, R, 468, 3) of one identity; ``filled`` (Y, P, R) marks those that were made up.

        ``angles`` (Y, P, R, 3) are those of its cells where the grid is not regular, degrees, as its axes count them.
        ValueError where one has another shape, or holds a number that is not finite.
        """
        points = np.asarray(landmarks, dtype=np.float32)
        if points.shape != (*self._shape, POINTS, 3) or not np.isfinite(points).all():
            raise ValueError(f"{identity}: landmarks {points.shape} are not finite numbers over {self._shape}")
        if identity in self.identities:
            raise ValueError(f"{identity} is there already")
        marks = np.broadcast_to(np.asarray(filled, dtype=np.bool_), self._shape)
        parts: dict[str, NDArray[Any]] = {"landmarks": points, "filled": marks}
        if "angles" in self._file:
            stated = np.asarray(angles, dtype=np.float64)
            if stated.shape != (*self._shape, 3) or not np.isfinite(stated).all():
                raise ValueError(f"{identity}: angles {stated.shape} are not finite numbers over {self._shape}")
            parts["angles"] = stated
        elif angles is not None:
            raise ValueError(f"{identity}: angles of its own, in a regular grid")
        row = len(self.identities)
        with storage_errors(self._path):
            for name, value in parts.items():
                self._file[name].resize(row + 1, axis=0)
                self._file[name][row] = value
        self.identities.append(identity)
        self.digests.append(_digest(points, marks, parts.get("angles")))


@contextmanager
def write_grid(path: Path, axes: GridAxes, about: Mapping[str, Any], regular: bool = True) -> Iterator[_Writer]:
    """Write a grid, one identity at a time; the file stands at ``path`` when the block ends well, else not at all.

    ``about`` is kept with it as JSON, as it is at the end of the block: where the landmarks come from. Where the grid
    is not ``regular``, every identity is added with its angles.
    """
    with create_hdf5(path) as file:
        with storage_errors(path):
            _create(file, "landmarks", (*axes.shape, POINTS, 3), "f4", (1, 1, *axes.shape[1:], POINTS, 3))
            _create(file, "filled", axes.shape, "?", (1, *axes.shape))
            if not regular:
                _create(file, "angles", (*axes.shape, 3), "f8", (1, *axes.shape, 3))
        writer = _Writer(file, path, axes.shape)
        yield writer
        told = {**about, "format": _FORMAT, "axes": asdict(axes)}
        text = json.dumps({**told, "identities": writer.identities, "digests": writer.digests}).encode()
        with storage_errors(path):
            file["about"] = np.bytes_(text)
            file["about_sha256"] = np.bytes_(hashlib.sha256(text).hexdigest())


def _create(file: Any, name: str, shape: tuple[int, ...], kind: str, chunks: tuple[int, ...]) -> None:
    """An empty column of identities, with checksums."""
    file.create_dataset(name, (0, *shape), kind, maxshape=(None, *shape), chunks=chunks, fletcher32=True)


def _check_landmarks(file: Any, shape: tuple[int, ...]) -> None:
    """:class:`DataError` where a stranger's landmarks are not float32 numbers of that shape, held in the file."""
    import h5py

    if not isinstance(file.get("landmarks", getlink=True), h5py.HardLink):
        raise DataError(f"{file.filename}: landmarks are missing, or a link to elsewhere, which is not followed")
    found = file["landmarks"]
    inside = isinstance(found, h5py.Dataset) and not found.external and not found.is_virtual
    if not inside or found.compression not in (None, "gzip") or found.scaleoffset is not None:
        raise DataError(f"{file.filename}: landmarks are not held in the file itself, or stored in an unexpected way")
    if found.shape != shape or found.dtype != np.float32:
        raise DataError(f"{file.filename}: landmarks are {found.dtype} {found.shape} where float32 {shape} belong")
    if np.prod(shape[1:4]) > _MOST_CELLS:
        raise DataError(f"{file.filename}: {np.prod(shape[1:4]):,} cells an identity; at most {_MOST_CELLS:,} are read")


def _digest(landmarks: NDArray[Any], filled: NDArray[Any], angles: NDArray[Any] | None) -> str:
    """SHA-256 of an identity; the checksum that HDF5 keeps of a chunk is 0 for one of zeros, as a hole in a file is."""
    parts = [landmarks.astype("<f4"), filled.astype(np.uint8), *([] if angles is None else [angles.astype("<f8")])]
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
