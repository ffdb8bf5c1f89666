"""Alignment of predictions to the labels of the test, sequence by sequence: an oracle, to tell a constant offset from
other errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench.errors import UsageError
from hpe_bench.pose import nearest_rotation
from hpe_bench.runs.runfile import Run


def align_sequences(run: Run) -> Run:
    """The run with the rotation taken out of each sequence that its predictions are off by throughout; its manifest
    says so under ``aligned``. :class:`UsageError` where a sample belongs to no sequence.
    """
    if not len(run) or (run.sequence == "").any():
        raise UsageError(f"{run.label}: these samples belong to no sequence to be aligned by")
    aligned = run.prediction.copy()
    for name in np.unique(run.sequence):
        own = (run.sequence == name) & run.found
        aligned[own] = run.prediction[own] @ constant_offset(run.truth[own], run.prediction[own])
    return replace(run, prediction=aligned, manifest={**run.manifest, "aligned": "sequence"})


def oracle_note(aligned: str) -> str:
    """What has to be said of a figure of runs that were aligned."""
    return f"ORACLE: aligned per {aligned} with the labels of the test"


def constant_offset(truth: ArrayLike, prediction: ArrayLike) -> NDArray[np.float64]:
    """The rotation C (3, 3) in the head's frame that minimises the sum of |T - P C|^2 over rotations (N, 3, 3), the
    identity of none: where two annotations differ in which way a neutral head faces, T = P C."""
    t, p = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    return nearest_rotation(np.einsum("nji,njk->ik", p, t)) if len(t) else np.eye(3)
