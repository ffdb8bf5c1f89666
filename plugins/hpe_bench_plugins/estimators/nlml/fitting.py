"""Fitting a network to a grid's cells: epochs, schedule, early stopping on held-out identities, checkpoints."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hpe_bench import Training, metrics, pose
from hpe_bench_plugins.estimators.nlml.augmentation import Augmentation
from hpe_bench_plugins.estimators.nlml.cells import Cells
from hpe_bench_plugins.estimators.nlml.features import EYE_CORNERS, NOSE_TIP, SIZE, landmark_features
from hpe_bench_plugins.estimators.nlml.rotations import angles_from_rotation

#: The yaw of a profile, and the standard deviation of what is beyond it where likely poses weigh more; degrees.
_PROFILE, _BEYOND = 90.0, 5.0


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: a one-cycle cosine of AdamW, or the reference work's SGD, whose rate falls to 0.9 of what
    it was every ``step`` epochs. ``keep`` is the epoch that is left; without ``zero_gradients`` those of all steps add
    up."""

    epochs: int
    batch: int
    rate: float
    decay: float = 0.0
    optimizer: Literal["adamw", "sgd"] = "adamw"
    patience: int = 0
    clip: float = 0.0
    momentum: float = 0.0
    step: int = 10
    zero_gradients: bool = True
    keep: Literal["best", "last"] = "best"

    def optimise(self, parameters: Iterator[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimizer, new."""
        if self.optimizer == "sgd":
            return torch.optim.SGD(parameters, lr=self.rate, momentum=self.momentum, weight_decay=self.decay)
        return torch.optim.AdamW(parameters, lr=self.rate, weight_decay=self.decay)

    def rate_at(self, epoch: int, share: float) -> float:
        """The learning rate in an epoch, counted from 0, when a ``share`` (0 to 1) of it is done."""
        if self.optimizer == "sgd":
            return float(self.rate * 0.9 ** (epoch // self.step))
        warm, progress = 0.05, (epoch + share) / self.epochs
        if progress < warm:
            return self.rate * (0.02 + 0.98 * progress / warm)
        return self.rate * (0.002 + 0.998 * 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm))))


Loss = Callable[[Tensor, Tensor], Tensor]
Score = Callable[[], dict[str, float]]


def fit(
    stage: str,
    module: nn.Module,
    loss: Loss,
    score: Score,
    cells: Cells,
    augmentation: Augmentation,
    schedule: Schedule,
    training: Training,
) -> dict[str, float]:
    """Fit ``module`` in place and leave it at the epoch that is kept; returns that epoch's score.

    ``loss`` takes features (N, 1404) and rotations (N, 3, 3); the first figure of ``score`` decides which epoch is the
    best. Every random number follows from the seed, the stage and the epoch, so an interrupted fit goes on as it
    would have.
    """
    state = _restore(training, stage)
    optimizer = schedule.optimise(module.parameters())
    best: dict[str, Any] = {"score": None, "state": {}, "epoch": -1}
    first = 0
    if state is not None:
        module.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        best, first = state["best"], state["epoch"] + 1
        for parameter, gradient in zip(module.parameters(), state.get("gradients", ()), strict=False):
            parameter.grad = gradient
    steps = max(1, -(-len(cells) // schedule.batch))
    device = torch.device(training.device)
    with training.progress(stage, schedule.epochs, first) as advance:
        for epoch in range(first, schedule.epochs):
            if schedule.patience and epoch - best["epoch"] > schedule.patience and best["score"] is not None:
                break
            stream = [training.seed, *stage.encode(), epoch]
            generator = torch.Generator().manual_seed(int(np.random.default_rng(stream).integers(2**62)))
            module.train()
            total = 0.0
            for step, (points, rotations) in enumerate(cells.batches(schedule.batch, stream)):
                for group in optimizer.param_groups:
                    group["lr"] = schedule.rate_at(epoch, step / steps)
                points, rotations = augmentation(points.to(device), rotations.to(device), generator)
                value = loss(torch_features(points), rotations)
                if schedule.zero_gradients:
                    optimizer.zero_grad()
                value.backward()  # type: ignore[no-untyped-call]
                if schedule.clip:
                    nn.utils.clip_grad_norm_(module.parameters(), schedule.clip)
                optimizer.step()
                total += float(value.detach()) * len(points)
            module.eval()
            found = score()
            training.record(stage, loss=total / len(cells), **found)
            if (
                schedule.keep == "last"
                or best["score"] is None
                or next(iter(found.values())) < next(iter(best["score"].values()))
            ):
                best = {"score": found, "state": copy.deepcopy(module.state_dict()), "epoch": epoch}
            kept = {} if schedule.zero_gradients else {"gradients": [p.grad for p in module.parameters()]}
            _save(training, stage, module, optimizer, {"epoch": epoch, "best": best, **kept})
            advance(1)
    module.load_state_dict(best["state"])
    module.eval()
    return dict(best["score"])


def torch_features(points: Tensor) -> Tensor:
    """What :func:`landmark_features` gives, in torch."""
    left, right = (points[:, corner] for corner in EYE_CORNERS)
    distance = (left - right).norm(dim=-1)[:, None, None]
    features: Tensor = (points - points[:, NOSE_TIP, None]) / distance
    return features.reshape(-1, SIZE)


@dataclass(frozen=True)
class Held:
    """Held-out features (N, 1404) with their rotations (N, 3, 3), to validate on; weights (N,) as in training."""

    features: NDArray[np.float32]
    rotations: NDArray[np.float64]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, cells: Cells, count: int, convention: pose.GridConvention, likely: float) -> Held:
        """At most ``count`` cells of each grid."""
        points, rotations = cells.spread(count)
        weights = pose_weights(torch.from_numpy(rotations.astype(np.float32)), convention, likely)
        return cls(landmark_features(points).astype(np.float32), rotations, weights.numpy())

    def errors(self, predicted: NDArray[Any]) -> dict[str, float]:
        """Weighted means of the geodesic error and of the MAE of predicted rotations (N, 3, 3), degrees."""
        geodesic = metrics.geodesic_error(self.rotations, predicted)
        euler = metrics.euler_errors(pose.euler_from_rotation(self.rotations), predicted).mean(axis=1)
        found = (float(np.average(errors, weights=self.weights)) for errors in (geodesic, euler))
        return dict(zip(("ge_degrees", "mae_degrees"), found, strict=True))

    def reported(self, found: Mapping[str, float]) -> dict[str, float]:
        """Errors as a stage reports them, with those of the zero pose, which a training has to be better than."""
        zero = self.errors(np.broadcast_to(np.eye(3), self.rotations.shape))
        told = {f"validation_{name}": value for name, value in found.items()}
        return {**told, **{f"zero_{name}": value for name, value in zero.items()}}


def pose_weights(rotations: Tensor, convention: pose.GridConvention, likely: float) -> Tensor:
    """Weights (N,) of heads with rotations (N, 3, 3): those in unlikely poses weigh less; all 1 where ``likely`` is 0.

    A normal density of pitch and roll with a standard deviation of ``likely`` degrees: a grid's corners are as frequent
    as its middle, where a detector that understates a pitch of 40 as one of 30 would otherwise teach that a 30 is most
    likely a 40. Beyond a profile, at a yaw of 90, the density falls within a few degrees: such faces are hardly ever
    photographed. Where the grid has pitch outermost, they are heads upside down, and all but weightless.
    """
    if not likely:
        return rotations.new_ones(len(rotations))
    yaw, *tipped = torch.rad2deg(angles_from_rotation(rotations, convention)).unbind(dim=-1)
    apart = torch.stack([(yaw.abs() - _PROFILE).clamp(min=0) / _BEYOND, *(angle / likely for angle in tipped)])
    return torch.exp(-0.5 * apart.square().sum(dim=0))


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """The mean of values (N,) with weights (N,)."""
    return (weights * values).sum() / weights.sum()


def _save(
    training: Training, stage: str, module: nn.Module, optimizer: torch.optim.Optimizer, state: Mapping[str, Any]
) -> None:
    buffer = io.BytesIO()
    torch.save({**state, "module": module.state_dict(), "optimizer": optimizer.state_dict()}, buffer)
    training.save(f"{stage}.pt", buffer.getvalue())


def _restore(training: Training, stage: str) -> dict[str, Any] | None:
    content = training.restore(f"{stage}.pt")
    if content is None:
        return None
    found: dict[str, Any] = torch.load(io.BytesIO(content), map_location=training.device, weights_only=True)
    return found
