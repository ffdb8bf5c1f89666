"""NLML-HPE's network: an encoder from features to the rows of the three angle factors, and a head an angle."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hpe_bench import pose
from hpe_bench_plugins.estimators.nlml.features import SIZE

ENCODER = (SIZE, 1024, 512, 256, 128, 64)
HEAD = (128, 256, 128, 64)


class Network(nn.Module):
    """Features (N, 1404) to yaw, pitch, roll (N, 3) in radians, as the grid that it was trained on counts them.

    The encoder (1404-1024-512-256-128-64, ReLU, a tanh after the last) regresses the rows of the yaw, pitch and roll
    factors of the Tucker decomposition, 9 numbers for ranks of 3; a head (3-128-256-128-64-1, ReLU) inverts one angle's
    curve. The buffers standardise what goes in and comes out; the reference work leaves them at 0 and 1.
    """

    centre: Tensor
    spread: Tensor
    row_centre: Tensor
    row_spread: Tensor
    limits: Tensor

    def __init__(self, ranks: Sequence[int] = (3, 3, 3)) -> None:
        super().__init__()
        self.ranks = tuple(ranks)
        layers: list[nn.Module] = []
        for inner, outer in pairwise(ENCODER):
            layers += [nn.Linear(inner, outer), nn.ReLU()]
        layers[-1] = nn.Tanh()
        self.encoder = nn.Sequential(*layers, nn.Linear(ENCODER[-1], sum(self.ranks)))
        self.heads = nn.ModuleList(_head(rank) for rank in self.ranks)
        for name, size, value in (
            ("centre", SIZE, 0.0),
            ("spread", SIZE, 1.0),
            ("row_centre", sum(self.ranks), 0.0),
            ("row_spread", sum(self.ranks), 1.0),
            ("limits", len(self.ranks), 1.0),
        ):
            self.register_buffer(name, torch.full((size,), value))

    def forward(self, features: Tensor) -> Tensor:
        """Yaw, pitch, roll (N, 3) in radians."""
        return self.decode(self.encode(features))

    def encode(self, features: Tensor) -> Tensor:
        """The standardised rows (N, 9) of the angle factors."""
        return cast(Tensor, self.encoder((features - self.centre) / self.spread))

    def decode(self, rows: Tensor) -> Tensor:
        """The angles (N, 3) in radians that standardised rows (N, 9) stand for."""
        parts = torch.split(rows, list(self.ranks), dim=-1)
        return torch.cat([head(part) for head, part in zip(self.heads, parts, strict=True)], dim=-1) * self.limits

    def standardise(self, rows: Tensor) -> Tensor:
        """Rows (N, 9) of the factors as the encoder gives them."""
        return (rows - self.row_centre) / self.row_spread


def predict_rotations(
    network: Network, features: NDArray[Any], convention: pose.GridConvention, batch: int = 4096
) -> NDArray[np.float64]:
    """Rotations (N, 3, 3) of features (N, 1404), on the network's device; NaN where they are NaN.

    ``convention`` is that of the grid whose angles the network gives.
    """
    device = network.limits.device
    parts = [np.empty((0, 3, 3))]
    with torch.inference_mode():
        for start in range(0, len(features), batch):
            part = torch.as_tensor(features[start : start + batch], dtype=torch.float32, device=device)
            angles = np.degrees(network(part).double().cpu().numpy())
            parts.append(pose.rotation_from_grid(angles, convention))
    return np.concatenate(parts)


def _head(rank: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inner, outer in pairwise((rank, *HEAD)):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(HEAD[-1], 1))
