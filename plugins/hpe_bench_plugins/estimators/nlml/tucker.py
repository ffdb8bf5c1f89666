"""Tucker decomposition of a tensor of any length along its first mode, never holding more than a chunk of it.

The tensor is identity x yaw x pitch x roll x features, and every mode but the last is given a low rank. The feature
mode keeps its full rank: its factor would be a rotation that the core undoes, so it is left out, and the core here is
what the reference work calls W = core x_5 U_5.

Higher-order orthogonal iteration (De Lathauwer, De Moor, Vandewalle, SIAM J. Matrix Anal. 2000) in two kinds of pass
over the chunks. One projects every identity on the three angle factors, 27 x 1,404 numbers each, from whose Gram matrix
the identity factor follows. The other sums the identities up along the identity factor, rank x 693 x 1,404 numbers in
all, on which the three angle factors are then iterated without looking at the data again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
#: Gives the tensor anew, in order, in chunks (n, yaw, pitch, roll, features) of identities.
Chunks = Callable[[], Iterable[Array]]
_Multiply = Callable[[Array, Array], Array]

_ANGLE_ROUNDS = 50


@dataclass(frozen=True)
class Tucker:
    """``core`` (r_id, r_yaw, r_pitch, r_roll, features); the ``factors`` (size, rank) of the first four modes, columns
    orthonormal; ``relative_error`` |X - core x factors| / |X| in the Frobenius norm; ``passes`` over the data."""

    core: Array
    factors: tuple[Array, Array, Array, Array]
    relative_error: float
    passes: int


def tucker(
    chunks: Chunks, ranks: Sequence[int], rounds: int = 10, tolerance: float = 1e-5, device: str | None = None
) -> Tucker:
    """Decompose a streamed tensor to ``ranks`` (identity, yaw, pitch, roll).

    NumPy multiplies, or torch where a ``device`` is named: "cpu", "cuda".

    Chunks of float32 are multiplied in float32; sums over chunks, Gram matrices and norms are in float64. The rounds
    end when the relative error falls by less than ``tolerance`` of itself. ValueError where a rank is larger than its
    mode, or the tensor is empty or not finite.
    """
    multiply = np.matmul if device is None else _torch_multiply(device)
    angles = _start(chunks, ranks[1:])
    found: Tucker | None = None
    for number in range(max(rounds, 1)):
        projected, square = _project(chunks, angles, multiply)
        if len(projected) < ranks[0]:
            raise ValueError(f"{len(projected)} identities are fewer than the rank {ranks[0]}")
        flat = projected.reshape(len(projected), -1)
        identity = _leading(_gram(flat), ranks[0])
        core = (identity.T @ flat.astype(np.float64)).reshape(ranks[0], *projected.shape[1:])
        error = float(np.sqrt(max(square - float(np.vdot(core, core)), 0.0) / square))
        del projected, flat
        settled = found is not None and found.relative_error - error <= tolerance * found.relative_error
        if found is None or error < found.relative_error:
            yaw, pitch, roll = angles
            found = Tucker(core, (identity, yaw, pitch, roll), error, 2 * number + 2)
        if settled or number == rounds - 1:
            break
        angles = _iterate_angles(_sum_along(chunks, identity, multiply), angles)
    assert found is not None
    return found


def reconstruct(decomposition: Tucker) -> Array:
    """The tensor that a decomposition stands for: core x factors."""
    identity, yaw, pitch, roll = decomposition.factors
    return np.asarray(
        np.einsum("iypre,ai,by,cp,dr->abcde", decomposition.core, identity, yaw, pitch, roll, optimize=True)
    )


def _start(chunks: Chunks, ranks: Sequence[int]) -> list[Array]:
    """Angle factors of the first chunk alone (HOSVD): near enough, since the rounds settle them on all of the data."""
    for chunk in chunks():
        if not np.isfinite(chunk).all():
            raise ValueError("the tensor holds a number that is not finite; fill missing cells first")
        return [_leading(_mode_gram(chunk, mode), rank) for mode, rank in enumerate(ranks, start=1)]
    raise ValueError("the tensor is empty")


def _project(chunks: Chunks, angles: Sequence[Array], multiply: _Multiply) -> tuple[Array, float]:
    """Every identity on the angle factors (identities, r_yaw, r_pitch, r_roll, features), and |X|^2."""
    basis = _kronecker(angles)
    parts, square = [], 0.0
    for chunk in chunks():
        cells = chunk.reshape(len(chunk), basis.shape[0], chunk.shape[-1])
        square += float(np.einsum("nce,nce->nc", cells, cells).sum(dtype=np.float64))
        parts.append(multiply(basis.T.astype(chunk.dtype), cells))
    projected = np.concatenate(parts)
    if not np.isfinite(square):
        raise ValueError("the tensor holds a number that is not finite; fill missing cells first")
    return projected.reshape(len(projected), *(factor.shape[1] for factor in angles), -1), square


def _sum_along(chunks: Chunks, identity: Array, multiply: _Multiply) -> Array:
    """The tensor times the identity factor along the first mode: (r_id, yaw, pitch, roll, features), float64."""
    total: Any = 0.0
    done = 0
    for chunk in chunks():
        rows = identity[done : done + len(chunk)].T.astype(chunk.dtype)
        part = multiply(rows, chunk.reshape(len(chunk), -1))
        total = total + part.astype(np.float64).reshape(-1, *chunk.shape[1:])
        done += len(chunk)
    return np.asarray(total)


def _iterate_angles(tensor: Array, angles: Sequence[Array]) -> list[Array]:
    """Each angle's factor from the other two, in turn, until they no longer turn."""
    factors = list(angles)
    for _ in range(_ANGLE_ROUNDS):
        turned = 0.0
        for place in range(3):
            partly = tensor
            for other in {0, 1, 2} - {place}:
                partly = np.moveaxis(np.tensordot(partly, factors[other], axes=(other + 1, 0)), -1, other + 1)
            updated = _leading(_mode_gram(partly, place + 1), factors[place].shape[1])
            kept = float(np.linalg.norm(updated.T @ factors[place])) ** 2
            turned = max(turned, factors[place].shape[1] - kept)
            factors[place] = updated
        if turned < 1e-12:
            break
    return factors


def _torch_multiply(device: str) -> _Multiply:
    import torch

    def multiply(left: Array, right: Array) -> Array:
        a, b = (torch.from_numpy(np.ascontiguousarray(part)).to(device) for part in (left, right))
        return np.asarray((a @ b).cpu())

    return multiply


def _kronecker(factors: Sequence[Array]) -> Array:
    yaw, pitch, roll = factors
    product: Array = np.einsum("ay,bp,cr->abcypr", yaw, pitch, roll)
    return product.reshape(len(yaw) * len(pitch) * len(roll), -1)


def _mode_gram(tensor: Array, mode: int) -> Array:
    unfolded = np.moveaxis(tensor, mode, 0)
    return _gram(unfolded.reshape(len(unfolded), -1))


def _gram(rows: Array) -> Array:
    """The Gram matrix (n, n) of rows (n, any), float64, the products summed up in float64 piece by piece."""
    total = np.zeros((len(rows), len(rows)))
    for start in range(0, rows.shape[1], 16384):
        part = rows[:, start : start + 16384]
        total += part @ part.T
    return total


def _leading(gram: Array, rank: int) -> Array:
    """The leading eigenvectors (n, rank) of a Gram matrix, the largest entry of each positive."""
    if not 1 <= rank <= len(gram):
        raise ValueError(f"rank {rank} does not fit a mode of size {len(gram)}")
    vectors = np.linalg.eigh(gram)[1][:, ::-1][:, :rank]
    largest = np.abs(vectors).argmax(axis=0)
    return np.asarray(vectors * np.sign(vectors[largest, range(rank)]))
