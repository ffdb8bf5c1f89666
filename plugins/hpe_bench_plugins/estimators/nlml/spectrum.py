"""The singular values of a streamed tensor's unfoldings: how many columns of each factor the data has use for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench import pose
from hpe_bench_plugins.estimators.nlml.tucker import Chunks

Array = NDArray[np.float64]

MODES = ("identity", *pose.ANGLES)
#: Of the tensor that is held at a time, and how often it is read for it at most.
_MEMORY, _PASSES = 2**30, 4
_COLUMNS = 16_384


def singular_values(
    chunks: Chunks, identities: int, memory: int = _MEMORY, passes: int = _PASSES
) -> Mapping[str, Array]:
    """The singular values, falling, of the unfoldings along identity, yaw, pitch and roll, by the name of the mode.

    Those of the angles take one pass. The identities have to be held together for theirs, as many columns of them at a
    time as ``memory`` bytes of float32 have room for: where that takes more than so many ``passes``, they are none.
    """
    angles: list[Any] = [0.0, 0.0, 0.0]
    gram, start, columns = np.zeros((identities, identities)), 0, 1
    width = max(memory // (4 * max(identities, 1)), 1)
    while start < columns:
        parts = []
        for chunk in chunks():
            columns = int(np.prod(chunk.shape[1:]))
            parts.append(np.array(chunk.reshape(len(chunk), -1)[:, start : start + width], dtype=np.float32))
            if start == 0:
                for cells in chunk:
                    angles = [total + _gram(np.moveaxis(cells, mode, 0)) for mode, total in enumerate(angles)]
        if -(-columns // width) > passes:
            gram = np.zeros((0, 0))
            break
        gram += _gram(np.concatenate(parts))
        start += width
    return dict(zip(MODES, map(_roots, (gram, *angles)), strict=True))


def shares(values: Array) -> Array:
    """Each singular value's share of their sum, in percent."""
    total = float(values.sum())
    return np.asarray(100 * values / total) if total > 0 else np.zeros(len(values))


def _gram(rows: Any) -> Array:
    """The Gram matrix (n, n) in float64 of rows (n, ...): half the digits of a singular value are lost in it."""
    flat = rows.reshape(len(rows), -1)
    total = np.zeros((len(flat), len(flat)))
    for start in range(0, flat.shape[1], _COLUMNS):
        part = flat[:, start : start + _COLUMNS].astype(np.float64)
        total += part @ part.T
    return total


def _roots(gram: Array) -> Array:
    return np.asarray(np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1], 0.0)))
