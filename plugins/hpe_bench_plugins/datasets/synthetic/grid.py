"""The grid of made-up heads, made as it is read: every number follows from the seed, the head and the cell."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench import Grid, GridAxes, canonical_face
from hpe_bench_plugins.datasets.synthetic.heads import SIZE, focal_length, identities

Floats = NDArray[np.float32]
Keys = NDArray[np.uint64]

#: Cells that are computed at once: few enough to stay in a processor's cache.
BLOCK = 64
_NUMBERS = 3 * 468
_WHITE = 2**21
_SMOOTH = 1024


@dataclass(frozen=True)
class Recipe:
    """What a landmark follows from besides head and cell: see the options of the dataset."""

    seed: int
    deformation: float
    noise: float
    wobble: float
    distance: float
    spread: float


class SyntheticGrid(Grid):
    """Heads of consecutive numbers from ``first`` on, over the cells of ``axes``, in pixels of 256 x 256.

    Noise is taken from two tables, of white noise and of smooth fields, at places that a hash of seed, head and angles
    names: as fast as reading memory, and the same for a cell however the grid is read.
    """

    computed = True

    def __init__(self, axes: GridAxes, first: int, count: int, recipe: Recipe) -> None:
        super().__init__(axes, [head_name(number) for number in range(first, first + count)])
        self.about = {"source": "made-up heads of hpe-bench", "recipe": asdict(recipe)}
        self.recipe = recipe
        self._first = first
        self._rotations = axes.rotations().reshape(-1, 3, 3).astype(np.float32)
        self._keys = _cell_keys(axes)

    def read(self, start: int, stop: int) -> Floats:
        places = range(len(self))[start:stop]
        out = np.empty((len(places), len(self._keys), 468, 3), dtype=np.float32)
        heads = self._heads(places.start, places.stop)
        for row, place in enumerate(places):
            for begin in range(0, len(self._keys), BLOCK):
                self._fill(out[row, begin : begin + BLOCK], heads[row], self._first + place, begin)
        return out.reshape(len(places), *self.axes.shape, 468, 3)

    def cell(self, place: int, cell: int) -> Floats:
        """Landmarks (468, 3) of one cell, counted in the order of the axes, of the head at ``place``."""
        return np.asarray(self._block(place, cell // BLOCK)[cell % BLOCK])

    @functools.lru_cache(maxsize=16)  # noqa: B019 - a grid lives as long as its dataset
    def _block(self, place: int, number: int) -> Floats:
        begin = number * BLOCK
        out = np.empty((min(BLOCK, len(self._keys) - begin), 468, 3), dtype=np.float32)
        self._fill(out, self._heads(place, place + 1)[0], self._first + place, begin)
        return out

    def _heads(self, start: int, stop: int) -> Floats:
        """The heads (n, 3, 468), one axis after the other."""
        numbers = range(self._first + start, self._first + stop)
        heads = identities(self.recipe.seed, numbers, self.recipe.deformation)
        return np.ascontiguousarray(np.swapaxes(heads, 1, 2), dtype=np.float32)

    def _fill(self, out: Floats, head: Floats, number: int, begin: int) -> None:
        """Landmarks of the cells from ``begin`` on into ``out`` (n, 468, 3)."""
        recipe, cells = self.recipe, slice(begin, begin + len(out))
        head_key = _mixed(np.array([recipe.seed, number], dtype=np.uint64) * _ODD).sum(dtype=np.uint64)
        keys = _mixed(self._keys[cells] + head_key)
        # One axis after the other until the end: NumPy is fast on what lies together.
        points = (self._rotations[cells].reshape(-1, 3) @ head).reshape(len(out), 3, 468)
        away = recipe.distance * (1.0 + recipe.spread * (2.0 * _uniform(keys) - 1.0))
        away = away.astype(np.float32)[:, None]
        at_head = np.float32(focal_length(1.0))
        points[:, :2] *= (at_head * away / (points[:, 2] + away))[:, None]
        points[:, :2] += np.float32(SIZE / 2)
        points[:, 2] *= at_head
        numbers = points.reshape(len(out), _NUMBERS)
        if recipe.noise:
            windows = _white(recipe.noise)
            numbers += windows[_mixed(keys) % np.uint64(len(windows))]
        if recipe.wobble:
            fields = _smooth(recipe.wobble)
            for salt in (1, 2):
                numbers += fields[_mixed(keys + np.uint64(salt)) % np.uint64(len(fields))]
        for axis in range(3):
            out[..., axis] = points[:, axis]


def head_name(number: int) -> str:
    """The name of a head: its number, of at least five digits."""
    return f"{number:05d}"


_ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], dtype=np.uint64)


def _mixed(keys: Keys) -> Keys:
    """Each key scrambled, one to one (the finaliser of SplitMix64; Steele, Lea, Flood, OOPSLA 2014)."""
    z = keys + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def _uniform(keys: Keys) -> NDArray[np.float64]:
    return np.asarray((keys >> np.uint64(11)) * 2.0**-53)


def _cell_keys(axes: GridAxes) -> Keys:
    """A key for each cell, of its angles in thousandths of a degree."""
    steps = np.round(axes.angles().reshape(-1, 3) * 1000).astype(np.int64).astype(np.uint64)
    keys = np.zeros(len(steps), dtype=np.uint64)
    for axis in range(3):
        keys = _mixed(keys ^ steps[:, axis])
    return keys


@functools.lru_cache(maxsize=4)
def _white(deviation: float) -> Any:
    """Every window (2,095,749, 1404) of a table of normal numbers; a view."""
    table = np.random.default_rng(104729).standard_normal(_WHITE, dtype=np.float32) * np.float32(deviation)
    return np.lib.stride_tricks.sliding_window_view(table, _NUMBERS)


@functools.lru_cache(maxsize=4)
def _smooth(deviation: float) -> Floats:
    """Smooth fields of displacements (1024, 1404), x then y then z; the sum of two has the standard deviation given."""
    smooth = canonical_face().smooth_basis
    basis = smooth / np.linalg.norm(smooth, axis=1, keepdims=True)
    drawn = np.random.default_rng(1299709).standard_normal((_SMOOTH, basis.shape[1], 3))
    fields = np.swapaxes(basis @ drawn, 1, 2).reshape(_SMOOTH, _NUMBERS)
    return np.asarray(fields * (deviation / np.sqrt(2.0)), dtype=np.float32)
