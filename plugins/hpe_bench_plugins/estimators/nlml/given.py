"""The rows of a tensor that the encoder is to learn, and a tensor that was made elsewhere to learn them of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hpe_bench import DataError, Grid, MissingError, Training, UsageError, pose, read_arrays
from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids
from hpe_bench_plugins.estimators.nlml.options import FACTORS
from hpe_bench_plugins.estimators.nlml.rotations import angles_from_rotation
from hpe_bench_plugins.estimators.nlml.weights import Factors, LandmarkTensor, read_tensor

_MOST_BYTES = 2**26
#: How near to a bin an angle is, so that it is the bin's, degrees.
_NEAR = 0.01
Rows = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Made:
    """A tensor, and whether the encoder is to learn the rows of its factors, at their bins, or those of its curves."""

    tensor: LandmarkTensor
    factors: Factors | None = None

    def rows(self, device: str) -> Rows:
        """The function from rotations (N, 3, 3) to rows (N, r_yaw + r_pitch + r_roll) of the factors, at their bins; of
        the curves, at their angles, where there are no factors."""
        looked_up: list[Rows] = [TorchCurve(curve, device) for curve in self.tensor.curves]
        if self.factors is not None:
            bins = zip(self.factors.rows, self.factors.bins, strict=True)
            looked_up = [_Bins(factor, np.radians(angles), device) for factor, angles in bins]

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


def read_given(path: Path, options: Any, training: Training) -> LandmarkTensor:
    """A tensor that was made elsewhere, with its factors where these are asked for."""
    if not path.is_file():
        raise MissingError(f"no file {path} (-o tensor=)")
    tensor = read_tensor(path)
    figures = {f"{angle}_rank": len(curve.parameters) for angle, curve in zip(pose.ANGLES, tensor.curves, strict=True)}
    training.report("tensor", identity_rank=len(tensor.w), **figures)
    if options.rows == "curves":
        return tensor
    if options.factors is None:
        raise MissingError(
            f"no {FACTORS} beside {path}, whose rows the encoder is to learn: put it there, name it with -o factors=, "
            "or learn the curves' with -o rows=curves"
        )
    factors = _read_factors(options.factors, tensor)
    bins = tuple(
        np.linspace(-limit, limit, len(factor)).round(6) for limit, factor in zip(tensor.limits, factors, strict=True)
    )
    residuals = {}
    for angle, factor, curve, at in zip(pose.ANGLES, factors, tensor.curves, bins, strict=True):
        apart = float(np.sqrt(np.mean((curve(np.radians(at)) - factor) ** 2)))
        residuals[f"{angle}_relative_residual"] = relative(apart, factor)
    training.report("curves", **residuals)
    return replace(tensor, factors=Factors(bins, factors, {}))


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


def check_covered(grid: Grid, made: Made, options: Any) -> None:
    """:class:`UsageError` where a grid has poses that the factors have no row for, or the curves do not reach."""
    tensor = made.tensor
    angles = _angles(grid, tensor.convention)
    limits = np.array(tensor.limits)
    if grid.axes.convention != tensor.convention:
        mend = f"give the dataset the tensor's convention (-d convention={tensor.convention})"
    else:
        reach = " ".join(f"-d {angle}={limit:g}" for angle, limit in zip(pose.ANGLES, limits, strict=True))
        mend = f"give the dataset the tensor's grid ({reach})"
    if made.factors is None:
        if (np.abs(angles) > limits + options.margin + _NEAR).any():
            furthest = ", ".join(f"{value:.0f}" for value in np.abs(angles).max(axis=0))
            raise UsageError(
                f"the grid turns heads by {furthest} degrees of yaw, pitch and roll, as the tensor counts them, beyond "
                f"its {', '.join(f'{limit:g}' for limit in limits)} and the margin of {options.margin:g}: {mend}"
            )
        return
    for place, bins in enumerate(made.factors.bins):
        off = np.abs(angles[:, place, None] - bins).min(axis=1)
        if not grid.regular or (off > _NEAR).any():
            raise UsageError(
                f"the grid's poses are not at the {len(bins)} bins of {pose.ANGLES[place]} from {bins[0]:g} to "
                f"{bins[-1]:g} degrees that the factors have rows for: {mend}, or learn the rows of the curves (-o "
                "rows=curves)"
            )


def _angles(grid: Grid, convention: pose.GridConvention) -> NDArray[np.float64]:
    """Yaw, pitch, roll (cells, 3) in degrees of the cells of a grid's axes, as a convention counts them."""
    rotations = torch.from_numpy(grid.axes.rotations().reshape(-1, 3, 3))
    return np.asarray(torch.rad2deg(angles_from_rotation(rotations, convention)).numpy())


def relative(residual: float, factor: NDArray[Any]) -> float:
    """The RMS residual of curves as a share of the factor's own RMS."""
    return residual / float(np.sqrt(np.mean(np.square(factor))))
