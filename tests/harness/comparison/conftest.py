"""Made-up runs for the tests of comparisons."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench.pose import euler_from_rotation, rotation_about
from hpe_bench.runs.runfile import Run


@pytest.fixture
def turned(rotations, manifest, tmp_path):
    """A function of a label and errors (n,): a run whose predictions are turned about the head's z by that many
    degrees, so that its geodesic errors are those; with other settings of the run by name."""

    def make(label, degrees, *, cluster="sample", estimator=None, **columns):
        n = len(degrees)
        truth = rotations(n)
        columns = {"person": np.full(n, ""), "sequence": np.full(n, ""), "confidence": np.full(n, np.nan), **columns}
        return Run(
            path=tmp_path / f"{label}.h5",
            manifest=manifest(label=label, estimator=estimator or label, protocol__cluster=cluster),
            ids=np.array([f"{place:05d}" for place in range(n)]),
            truth=truth,
            euler=euler_from_rotation(truth),
            prediction=truth @ rotation_about("z", degrees),
            seconds=np.zeros((n, 3)),
            **columns,
        )

    return make
