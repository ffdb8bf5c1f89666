"""Angles from features by the tensor: a batched, bounded Levenberg-Marquardt with the identity projected out.

The objective is 1/2 |x - W u f_yaw(yaw) f_pitch(pitch) f_roll(roll)|^2 over three angles and the identity vector u.
For given angles it is linear in u, so u is eliminated (variable projection, Golub and Pereyra 1973, with Kaufman's
Jacobian), and three unknowns a sample are left. All of W lies in a space of rank_id rank_yaw rank_pitch rank_roll
dimensions (135 of 1,404), on which features are projected first; what that takes away does not depend on the unknowns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids

if TYPE_CHECKING:
    from torch import Tensor

#: The cells of the start grid along yaw, pitch and roll, and how many of the best are gone down from.
START_GRID = (9, 7, 5)
STARTS = 3
_CHUNK = 1024


@dataclass(frozen=True)
class Solution:
    """Angles (N, 3) yaw, pitch, roll in radians, as the tensor's grid counts them; identity vectors (N, rank); the
    length (N,) of the residual in features; whether the minimisation converged (N,); and the standard error (N,) of the
    three angles together in radians, as least squares have it: the residual's spread through the slopes there."""

    angles: NDArray[np.float64]
    identity: NDArray[np.float64]
    residual: NDArray[np.float64]
    converged: NDArray[np.bool_]
    error: NDArray[np.float64]


class TensorSolver:
    """Solves for many samples at once, on any torch device, in float64.

    ``w`` (identity, yaw, pitch, roll, features) is the core tensor times the feature factor; ``curves`` are the
    sinusoids of yaw, pitch and roll; ``bounds`` (3,) the largest |angle|s in radians.
    """

    def __init__(
        self, w: ArrayLike, curves: tuple[Sinusoids, Sinusoids, Sinusoids], bounds: ArrayLike, device: str = "cpu"
    ) -> None:
        import torch

        self._device = torch.device(device)
        tensor = np.asarray(w, dtype=np.float64)
        # W^T = Q T: in the coordinates of Q's columns, W is the small matrix T^T.
        q, t = np.linalg.qr(tensor.reshape(-1, tensor.shape[-1]).T)
        self._rank, self._size = tensor.shape[0], q.shape[1]
        self._q = self._tensor(q)
        self._freedom = tensor.shape[-1] - self._rank - 3
        compressed = t.T.reshape(self._rank, -1, self._size)
        self._w = self._tensor(compressed.transpose(1, 0, 2).reshape(compressed.shape[1], -1))
        self._curves = [self._tensor(curve.parameters) for curve in curves]
        self._bounds = self._tensor(bounds)
        axes = [np.linspace(-limit, limit, cells) for limit, cells in zip(np.asarray(bounds), START_GRID, strict=True)]
        self._cells = self._tensor(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))
        spans = _orthonormal(self._basis(self._cells)[:, 0])[0]
        self._spans = spans.reshape(-1, self._size).T.contiguous()

    def solve(self, features: ArrayLike, iterations: int = 40, tolerance: float = 1e-6) -> Solution:
        """The best of several starts for features (N, 1404); NaN features give NaN and do not converge."""
        import torch

        given = np.asarray(features, dtype=np.float64)
        found = np.isfinite(given).all(axis=-1)
        solved = [
            self._solve(self._tensor(part), iterations, tolerance)
            for part in np.array_split(given[found], max(1, -(-int(found.sum()) // _CHUNK)))
        ]
        angles, identity, residual, converged, error = (
            torch.cat(parts).cpu().numpy() for parts in zip(*solved, strict=True)
        )

        def spread(values: NDArray[Any], empty: Any) -> NDArray[Any]:
            out = np.full((len(found), *values.shape[1:]), empty, dtype=values.dtype)
            out[found] = values
            return out

        return Solution(
            spread(angles, np.nan),
            spread(identity, np.nan),
            spread(residual, np.nan),
            spread(converged, False),
            spread(error, np.nan),
        )

    def error_at(self, features: ArrayLike, angles: ArrayLike) -> NDArray[np.float64]:
        """The standard error (N,) in radians, as of :class:`Solution`, that angles (N, 3) in radians have for features
        (N, 1404), whoever found them; NaN where either is."""
        x, there = np.asarray(features, dtype=np.float64), np.asarray(angles, dtype=np.float64)
        out = np.full(len(x), np.nan)
        found = np.isfinite(x).all(axis=-1) & np.isfinite(there).all(axis=-1)
        if found.any():
            y, rest = self._compress(self._tensor(x[found]))
            residual, _, jacobian = self._linearise(y, self._tensor(there[found]))
            out[found] = self._error(jacobian, (residual.square().sum(-1) + rest).sqrt()).cpu().numpy()
        return out

    def _solve(self, x: Tensor, iterations: int, tolerance: float) -> tuple[Tensor, ...]:
        import torch

        y, rest = self._compress(x)
        # The share of y in the span of each cell's basis: its complement is the cost there, with the best identity.
        share = (y @ self._spans).view(len(y), len(self._cells), self._rank).square().sum(-1)
        starts = self._cells[share.topk(STARTS, dim=1).indices]
        angles, cost, converged = self._minimise(
            y.repeat_interleave(STARTS, 0), starts.reshape(-1, 3), iterations, tolerance
        )
        best = cost.view(-1, STARTS).argmin(1) + STARTS * torch.arange(len(y), device=self._device)
        _, identity, jacobian = self._linearise(y, angles[best])
        residual = (cost[best] + rest).sqrt()
        return angles[best], identity, residual, converged[best], self._error(jacobian, residual)

    def _compress(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, 1404) in the coordinates (N, 135) of W's space, and the squared length (N,) outside of it."""
        y = x @ self._q
        return y, (x.square().sum(-1) - y.square().sum(-1)).clamp(min=0)

    def _error(self, jacobian: Tensor, residual: Tensor) -> Tensor:
        """The standard error (N,) of a jacobian (N, 135, 3) and the length (N,) of the residual."""
        import torch

        # An angle that hardly changes anything makes the sum of the variances huge, and not infinite.
        hessian = jacobian.mT @ jacobian + 1e-9 * torch.eye(3, dtype=jacobian.dtype, device=self._device)
        variance = torch.linalg.inv(hessian).diagonal(dim1=1, dim2=2).sum(-1)
        error: Tensor = residual * (variance / self._freedom).sqrt()
        return error

    def _minimise(self, y: Tensor, angles: Tensor, iterations: int, tolerance: float) -> tuple[Tensor, Tensor, Tensor]:
        """Levenberg-Marquardt on all rows; those that have converged are no longer worked on."""
        import torch

        eye = torch.eye(3, dtype=y.dtype, device=self._device)
        damping = torch.full((len(y),), 1e-3, dtype=y.dtype, device=self._device)
        residual, _, jacobian = self._linearise(y, angles)
        cost = residual.square().sum(-1)
        converged = torch.zeros(len(y), dtype=torch.bool, device=self._device)
        for _ in range(iterations):
            rows = (~converged).nonzero().squeeze(1)
            if not len(rows):
                break
            j, here = jacobian[rows], angles[rows]
            hessian, gradient = j.mT @ j, (j.mT @ residual[rows].unsqueeze(-1)).squeeze(-1)
            # An angle at its bound whose gradient points outwards stays there in this step.
            held = ((here >= self._bounds) & (gradient < 0)) | ((here <= -self._bounds) & (gradient > 0))
            gradient = gradient.masked_fill(held, 0.0)
            hessian = hessian.masked_fill(held.unsqueeze(1) | held.unsqueeze(2), 0.0) + torch.diag_embed(held.to(y))
            damped = hessian + eye * (damping[rows, None] * hessian.diagonal(dim1=1, dim2=2) + 1e-14).unsqueeze(1)
            there = (here - torch.linalg.solve(damped, gradient)).clamp(-self._bounds, self._bounds)
            new_residual, _, new_jacobian = self._linearise(y[rows], there)
            new_cost = new_residual.square().sum(-1)
            better = new_cost <= cost[rows]
            taken = rows[better]
            angles[taken], cost[taken] = there[better], new_cost[better]
            residual[taken], jacobian[taken] = new_residual[better], new_jacobian[better]
            damping[rows] *= torch.where(better, 0.2, 8.0)
            converged[rows] = ((there - here).abs().amax(-1) < tolerance) | (damping[rows] > 1e10)
        return angles, cost, converged

    def _linearise(self, y: Tensor, angles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Residual (N, 135), identity (N, 5) and Kaufman's Jacobian (N, 135, 3) at angles (N, 3)."""
        combined = self._basis(angles)
        basis, slopes = combined[:, 0], combined[:, 1:]
        span, lower = _orthonormal(basis)
        coordinates = span @ y.unsqueeze(-1)
        identity = _solve_triangular(lower.mT, coordinates, upper=True)
        derivative = (identity.mT.unsqueeze(1) @ slopes).squeeze(2).mT
        projected = derivative - span.mT @ (span @ derivative)
        residual = y - (span.mT @ coordinates).squeeze(-1)
        return residual, identity.squeeze(-1), -projected

    def _basis(self, angles: Tensor) -> Tensor:
        """(N, 4, 5, 135): the vectors that the identity combines at angles (N, 3), and their three derivatives."""
        import torch

        values, slopes = [], []
        for column, curve in enumerate(self._curves):
            a, b, c, d = curve.T
            phase = b * angles[:, column, None] + c
            values.append(a * phase.cos() + d)
            slopes.append(-a * b * phase.sin())
        yaw, pitch, roll = values
        combined = torch.stack(
            [
                _outer(yaw, pitch, roll),
                _outer(slopes[0], pitch, roll),
                _outer(yaw, slopes[1], roll),
                _outer(yaw, pitch, slopes[2]),
            ],
            dim=1,
        )
        return (combined.view(-1, combined.shape[-1]) @ self._w).view(-1, 4, self._rank, self._size)

    def _tensor(self, array: ArrayLike) -> Tensor:
        import torch

        return torch.as_tensor(np.ascontiguousarray(array), dtype=torch.float64, device=self._device)


def _outer(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """(N, a), (N, b), (N, c) to their outer products (N, abc)."""
    return (yaw[:, :, None, None] * pitch[:, None, :, None] * roll[:, None, None, :]).flatten(1)


def _orthonormal(basis: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal rows (N, 5, 135) of the span of rows (N, 5, 135), and L (N, 5, 5) with rows = L orthonormal."""
    import torch

    gram = basis @ basis.mT
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    jitter = 1e-12 * gram.diagonal(dim1=1, dim2=2).sum(-1)[:, None, None]
    lower = torch.linalg.cholesky(gram + jitter * eye)
    return _solve_triangular(lower, basis, upper=False), lower


def _solve_triangular(matrix: Tensor, right: Tensor, upper: bool) -> Tensor:
    import torch

    solution: Tensor = torch.linalg.solve_triangular(matrix, right, upper=upper)
    return solution
