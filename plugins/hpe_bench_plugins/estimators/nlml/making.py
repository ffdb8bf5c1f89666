"""The tensor of a training: decomposed from a grid, or read; with the rows that the encoder is to learn."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hpe_bench import DataError, Grid, MissingError, Training, UsageError, pose, read_arrays
from hpe_bench_plugins.estimators.nlml.features import SIZE, landmark_features
from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids, fit_sinusoids
from hpe_bench_plugins.estimators.nlml.options import FACTORS
from hpe_bench_plugins.estimators.nlml.rotations import angles_from_rotation
from hpe_bench_plugins.estimators.nlml.tucker import tucker
from hpe_bench_plugins.estimators.nlml.weights import LandmarkTensor, read_tensor

_MOST_BYTES = 2**26
#: How near to a bin an angle is, so that it is the bin's, degrees.
_NEAR = 0.01
Rows = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Made:
    """A tensor, and, where they are known, its factors (bins, rank) of yaw, pitch, roll with their bins in degrees."""

    tensor: LandmarkTensor
    factors: tuple[NDArray[Any], ...] = ()
    bins: tuple[tuple[float, ...], ...] = ()

    def rows(self, device: str) -> Rows:
        """The function from rotations (N, 3, 3) to rows (N, r_yaw + r_pitch + r_roll) of the factors, at their bins; of
        the curves, at their angles, where there are no factors."""
        parts = [TorchCurve(curve, device) for curve in self.tensor.curves]
        if self.factors:
            bins = zip(self.factors, self.bins, strict=True)
            steps = [_Bins(factor, np.radians(angles), device) for factor, angles in bins]
        looked_up: Sequence[Rows] = steps if self.factors else parts

        def rows(rotations: Tensor) -> Tensor:
            angles = angles_from_rotation(rotations, self.tensor.convention)
            return torch.cat([part(angles[:, place]) for place, part in enumerate(looked_up)], dim=-1)

        return rows


class TorchCurve:
    """An angle's sinusoids in torch."""

    def __init__(self, curve: Sinusoids, device: str) -> None:
        self._parameters = torch.as_tensor(curve.parameters.T, dtype=torch.float32, device=device)

    def __call__(self, angles: Tensor) -> Tensor:
        a, b, c, d = self._parameters
        rows: Tensor = a * torch.cos(b * angles[:, None] + c) + d
        return rows


class _Bins:
    """An angle's factor: the row of the bin that is nearest."""

    def __init__(self, factor: NDArray[Any], bins: NDArray[Any], device: str) -> None:
        self._factor = torch.as_tensor(factor, dtype=torch.float32, device=device)
        self._bins = torch.as_tensor(bins, dtype=torch.float32, device=device)

    def __call__(self, angles: Tensor) -> Tensor:
        return self._factor[(angles[:, None] - self._bins).abs().argmin(dim=-1)]


def make_tensor(grids: Sequence[Grid], held: Sequence[Grid], training: Training) -> Made:
    """The tensor that the options ask for: read, or of the first grid. :class:`UsageError` where the ``grids`` that are
    learned from, or those that are ``held`` out, have poses for which it has no rows."""
    options = training.options
    made = _decompose(grids[0], training) if options.tensor is None else _read(options.tensor, options, training)
    if options.rows == "curves":
        made = Made(made.tensor)
    if options.tensor is not None or options.rows == "factors":
        for grid in [*grids, *held]:
            _check_covered(grid, made, options)
    return made


def feature_chunks(grid: Grid, frontal: bool = False) -> Callable[[], Iterator[NDArray[np.float32]]]:
    """The grid's features (n, Y, P, R, 1404), chunk by chunk, as often as they are wanted.

    ``frontal``: those of each identity's cell at 0, 0, 0, turned as each cell is, whatever the cell itself holds.
    """

    def chunks() -> Iterator[NDArray[np.float32]]:
        for landmarks in grid.chunks():
            yield landmark_features(landmarks.reshape(-1, *landmarks.shape[-2:])).reshape(*landmarks.shape[:-2], SIZE)

    def turned() -> Iterator[NDArray[np.float32]]:
        yaw, pitch, roll = (getattr(grid.axes, angle).index(0.0) for angle in pose.ANGLES)
        rotations = grid.axes.rotations().astype(np.float32)
        for landmarks in grid.chunks():
            faces = landmark_features(landmarks[:, yaw, pitch, roll]).reshape(len(landmarks), -1, 3)
            cells = faces[:, None, None, None] @ np.swapaxes(rotations, -1, -2)
            yield cells.reshape(*landmarks.shape[:-2], SIZE).astype(np.float32)

    return turned if frontal else chunks


def _decompose(grid: Grid, training: Training) -> Made:
    options = training.options
    stored = training.restore("tensor.npz")
    if stored is not None:
        with np.load(io.BytesIO(stored), allow_pickle=False) as content:
            core, factors, error = content["core"], [content[f"factor{i}"] for i in range(3)], float(content["error"])
    else:
        if not grid.regular:
            raise UsageError("a tensor needs a grid whose poses are not scattered: name such a dataset first")
        ranks = (min(options.ranks[0], len(grid)), *options.ranks[1:])
        if any(rank > bins for rank, bins in zip(ranks[1:], grid.axes.shape, strict=True)):
            raise UsageError(f"ranks {ranks} do not fit a grid of {grid.axes.shape} bins of yaw, pitch and roll")
        if options.rotation_features and not all(0.0 in getattr(grid.axes, angle) for angle in pose.ANGLES):
            raise UsageError("rotation_features=true turns the frontal cell, and this grid has none at 0, 0, 0")
        with training.progress("tensor", 1) as advance:
            chunks = feature_chunks(grid, options.rotation_features)
            found = tucker(chunks, ranks, device=None if training.device == "cpu" else training.device)
            advance(1)
        core, factors, error = found.core, list(found.factors[1:]), found.relative_error
        buffer = io.BytesIO()
        np.savez(buffer, core=core, error=error, **{f"factor{i}": factor for i, factor in enumerate(factors)})
        training.save("tensor.npz", buffer.getvalue())
    training.report("tensor", relative_error=error, identities=len(grid))
    axes = (grid.axes.yaw, grid.axes.pitch, grid.axes.roll)
    curves, residuals = [], {}
    for angle, factor, bins in zip(pose.ANGLES, factors, axes, strict=True):
        curve, residual = fit_sinusoids(factor, np.radians(bins))
        curves.append(curve)
        residuals[f"{angle}_relative_residual"] = _relative(residual, factor)
    training.report("curves", **residuals)
    limits = tuple(float(max(map(abs, bins))) for bins in axes)
    tensor = LandmarkTensor(core.astype(np.float32), tuple(curves), limits, grid.axes.convention)  # type: ignore[arg-type]
    return Made(tensor, tuple(factors), axes)


def _read(path: Path, options: Any, training: Training) -> Made:
    """A tensor that was made elsewhere, with its factors where these are asked for."""
    if not path.is_file():
        raise MissingError(f"no file {path} (-o tensor=)")
    tensor = read_tensor(path)
    figures = {f"{angle}_rank": len(curve.parameters) for angle, curve in zip(pose.ANGLES, tensor.curves, strict=True)}
    training.report("tensor", identity_rank=len(tensor.w), **figures)
    if options.rows == "curves":
        return Made(tensor)
    if options.factors is None:
        raise MissingError(
            f"no {FACTORS} beside {path}, whose rows the encoder is to learn: put it there, name it with -o factors=, "
            "or learn the curves' with -o rows=curves"
        )
    factors = _read_factors(options.factors, tensor)
    bins = tuple(
        tuple(np.linspace(-limit, limit, len(factor)).round(6).tolist())
        for limit, factor in zip(tensor.limits, factors, strict=True)
    )
    residuals = {}
    for angle, factor, curve, at in zip(pose.ANGLES, factors, tensor.curves, bins, strict=True):
        apart = float(np.sqrt(np.mean((curve(np.radians(at)) - factor) ** 2)))
        residuals[f"{angle}_relative_residual"] = _relative(apart, factor)
    training.report("curves", **residuals)
    return Made(tensor, factors, bins)


def _read_factors(path: Path, tensor: LandmarkTensor) -> tuple[NDArray[np.float64], ...]:
    names = [f"U_{angle}" for angle in pose.ANGLES]
    try:
        content = read_arrays(path, names, _MOST_BYTES)
    except (OSError, ValueError, MemoryError) as error:
        raise DataError(f"{path}: not a readable {FACTORS} ({error})") from error
    for name, curve in zip(names, tensor.curves, strict=True):
        array, rank = content[name], len(curve.parameters)
        if array.ndim != 2 or len(array) < rank or array.shape[1] != rank:
            raise DataError(
                f"{path}: {name} has shape {array.shape}; a row a bin of the tensor's rank, {rank}, belongs"
            )
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise DataError(f"{path}: {name} holds numbers that are not finite")
    return tuple(content[name].astype(np.float64) for name in names)


def _check_covered(grid: Grid, made: Made, options: Any) -> None:
    """:class:`UsageError` where a grid has poses that the factors have no row for, or the curves do not reach."""
    tensor = made.tensor
    angles = pose_angles(grid, tensor.convention)
    limits = np.array(tensor.limits)
    reach = ", ".join(f"{angle} {limit:g}" for angle, limit in zip(pose.ANGLES, limits, strict=True))
    mend = f"the tensor is of the convention {tensor.convention}, with {reach} at most: give the dataset such a grid"
    if not made.factors:
        if (np.abs(angles) > limits + options.margin + _NEAR).any():
            furthest = ", ".join(f"{value:.0f}" for value in np.abs(angles).max(axis=0))
            raise UsageError(
                f"the grid turns heads by {furthest} degrees of yaw, pitch and roll, beyond the tensor and its margin; "
                f"{mend} (-d convention=, yaw=, pitch=, roll=)"
            )
        return
    for place, bins in enumerate(made.bins):
        off = np.abs(angles[:, place, None] - np.array(bins)).min(axis=1)
        if not grid.regular or (off > _NEAR).any():
            raise UsageError(
                f"the grid's poses are not at the {len(bins)} bins of {pose.ANGLES[place]} that the factors have rows "
                f"for; {mend} (-d convention=, yaw=, pitch=, roll=, step=), or learn the curves' rows (-o rows=curves)"
            )


def pose_angles(grid: Grid, convention: pose.GridConvention) -> NDArray[np.float64]:
    """Yaw, pitch, roll (cells, 3) in degrees of the cells of a grid's axes, as a convention counts them."""
    rotations = torch.from_numpy(grid.axes.rotations().reshape(-1, 3, 3))
    return np.asarray(torch.rad2deg(angles_from_rotation(rotations, convention)).numpy())


def _relative(residual: float, factor: NDArray[Any]) -> float:
    return residual / float(np.sqrt(np.mean(np.square(factor))))
