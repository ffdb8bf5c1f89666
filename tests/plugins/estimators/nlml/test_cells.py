"""Every cell once, in an order that the seed decides, whatever fits into memory."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from hpe_bench import Grid, GridAxes, pose
from hpe_bench_plugins.estimators.nlml import cells as module
from hpe_bench_plugins.estimators.nlml.cells import Cells


def drawn(cells, seed):
    parts = [(points.numpy().copy(), rotations.numpy().copy()) for points, rotations in cells.batches(50, [seed])]
    return np.concatenate([p for p, _ in parts]), np.concatenate([r for _, r in parts])


@pytest.mark.parametrize("in_memory", [10**9, 400_000, 1])
def test_every_cell_comes_once_with_its_rotation(heads, monkeypatch, in_memory):
    monkeypatch.setattr(module, "_MIXED_BYTES", in_memory)
    grids = [heads(identities=6).grid("train"), heads(identities=3).grid("train")]
    cells = Cells(grids)
    whole = np.concatenate([grid.read(0, len(grid)).reshape(-1, 468, 3) for grid in grids])
    rotations = np.concatenate([np.tile(g.axes.rotations().reshape(-1, 3, 3), (len(g), 1, 1)) for g in grids])
    by_sum = np.lexsort(whole[:, :3].reshape(len(whole), -1).T)
    for seed in (0, 1):
        points, turned = drawn(cells, seed)
        assert len(points) == len(cells) == len(whole)
        order = np.lexsort(points[:, :3].reshape(len(points), -1).T)
        np.testing.assert_array_equal(points[order], whole[by_sum])
        # The face turned by its rotation: the nose tip lies where the rotation says.
        assert np.abs(turned[order] - rotations[by_sum]).max() < 1e-6
    assert not np.array_equal(drawn(cells, 0)[0], drawn(cells, 1)[0])
    np.testing.assert_array_equal(drawn(cells, 1)[0], drawn(cells, 1)[0])


def test_a_sample_of_cells_is_spread_over_identities(heads):
    points, rotations = Cells([heads(identities=6).grid("train")]).spread(12)
    assert len(points) == len(rotations) == 12 and len(np.unique(points[:, 0], axis=0)) == 12
    everything, _ = Cells([heads(identities=2).grid("train")]).spread(10_000)
    assert len(everything) == 2 * 45


class Scattered(Grid):
    """Cells whose first number is the yaw that they have, which is not that of their bin."""

    regular = False

    def _yaws(self, start, stop):
        return np.random.default_rng(0).uniform(-60, 60, (len(self), 3, 1, 1))[start:stop]

    def read(self, start, stop):
        yaws = self._yaws(start, stop)
        return np.broadcast_to(yaws[..., None, None], (*yaws.shape, 468, 3)).astype(np.float32)

    def rotations(self, start, stop):
        return pose.rotation_about("y", self._yaws(start, stop))


def test_poses_that_are_scattered_come_with_their_own_rotations(heads):
    grid = Scattered(GridAxes((-10.0, 0.0, 10.0), (0.0,), (0.0,)), [str(i) for i in range(9)])
    cells = Cells([grid])
    for points, rotations in (drawn(cells, 3), cells.spread(100)):
        assert len(points) == 27
        np.testing.assert_allclose(rotations, pose.rotation_about("y", points[:, 0, 0].astype(np.float64)), atol=1e-5)
