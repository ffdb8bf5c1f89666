"""The cells of grids in random order, a bounded part of them in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hpe_bench import Grid
from hpe_bench_plugins.estimators.nlml.features import POINTS

#: Identities are read this many at a time, and mixed with others until this much is in memory.
_PIECE = 4
_MIXED_BYTES = 512 * 2**20


@dataclass
class Cells:
    """Landmarks (468, 3) and rotations of every cell of several grids, for learning."""

    grids: Sequence[Grid]

    def __post_init__(self) -> None:
        self._sizes = [int(np.prod(grid.axes.shape)) for grid in self.grids]
        self._held: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def __len__(self) -> int:
        return sum(len(grid) * size for grid, size in zip(self.grids, self._sizes, strict=True))

    def batches(self, size: int, seed: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Every cell once, in an order that follows from ``seed``: landmarks (N, 468, 3), rotations (N, 3, 3)."""
        rng = np.random.default_rng(seed)
        for points, rotations in self._mixtures(rng):
            order = rng.permutation(len(points))
            for start in range(0, len(order), size):
                rows = order[start : start + size]
                yield torch.from_numpy(points[rows]), torch.from_numpy(rotations[rows])

    def spread(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """At most ``count`` cells of each grid, evenly spread: landmarks (N, 468, 3), rotations (N, 3, 3)."""
        points, rotations = [], []
        for grid, size in zip(self.grids, self._sizes, strict=True):
            total = len(grid) * size
            chosen = np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(np.int64))
            for identity in map(int, np.unique(chosen // size)):
                rows = chosen[chosen // size == identity] % size
                points.append(grid.read(identity, identity + 1).reshape(size, -1, 3)[rows])
                rotations.append(grid.rotations(identity, identity + 1).reshape(size, 3, 3)[rows])
        return np.concatenate(points), np.concatenate(rotations)

    def _mixtures(self, rng: np.random.Generator) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        pieces = [(place, start) for place, grid in enumerate(self.grids) for start in range(0, len(grid), _PIECE)]
        if len(self) * POINTS * 3 * 4 <= _MIXED_BYTES:
            self._held = self._held or self._read(pieces)
            yield self._held
            return
        mixed: list[tuple[int, int]] = []
        size = 0
        for piece in rng.permutation(len(pieces)):
            place, start = pieces[piece]
            mixed.append((place, start))
            size += min(_PIECE, len(self.grids[place]) - start) * self._sizes[place] * POINTS * 3 * 4
            if size >= _MIXED_BYTES:
                yield self._read(mixed)
                mixed, size = [], 0
        if mixed:
            yield self._read(mixed)

    def _read(self, pieces: Sequence[tuple[int, int]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        points, rotations = [], []
        for place, start in pieces:
            grid = self.grids[place]
            stop = min(start + _PIECE, len(grid))
            points.append(grid.read(start, stop).reshape(-1, POINTS, 3))
            rotations.append(grid.rotations(start, stop).reshape(-1, 3, 3).astype(np.float32))
        return np.concatenate(points), np.concatenate(rotations)
