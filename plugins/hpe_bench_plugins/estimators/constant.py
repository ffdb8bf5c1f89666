"""Rows that every table should hold: what no knowledge of the image scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench import Batch, Estimator, Nothing


class Zero(Estimator):
    """The zero pose, R = identity: its MAE is the mean absolute label."""

    inputs = Nothing()

    def predict(self, batch: Batch) -> NDArray[Any]:
        return np.broadcast_to(np.eye(3), (len(batch), 3, 3))


class Random(Estimator):
    """Uniformly distributed rotations, each from its sample's seed (unit quaternions, Shoemake 1992)."""

    inputs = Nothing()

    def predict(self, batch: Batch) -> NDArray[Any]:
        from scipy.spatial.transform import Rotation

        normals = np.array([np.random.default_rng(int(seed)).normal(size=4) for seed in batch.seeds])
        return np.asarray(Rotation.from_quat(normals.reshape(-1, 4)).as_matrix())
