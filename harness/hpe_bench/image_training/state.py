"""What a training has learned so far, kept after every epoch: it goes on from there as if nothing had happened."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from hpe_bench.errors import UsageError

CHECKPOINT = "training.pt"


@dataclass
class State:
    """How far a training is, and which epoch was the best by validation.

    ``epoch`` is the number of epochs done, ``best_epoch`` counts from 1, ``best`` are the figures of that epoch, and
    ``best_weights`` its network, on the CPU.
    """

    epoch: int = 0
    best_epoch: int = 0
    best: dict[str, float] = field(default_factory=dict)
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)

    def take(self, figures: dict[str, float], network: nn.Module) -> None:
        """One more epoch is done; the first of the figures decides which is the best, without any none is."""
        self.epoch += 1
        self.last = figures
        if not figures:
            return
        if not self.best or next(iter(figures.values())) < next(iter(self.best.values())):
            self.best_epoch, self.best = self.epoch, figures
            self.best_weights = on_cpu(network)

    def done(self, epochs: int, patience: int) -> bool:
        """Whether there is no further epoch."""
        return self.epoch >= epochs or bool(patience and self.epoch - self.best_epoch >= patience)

    def to_bytes(self, network: nn.Module, optimizer: torch.optim.Optimizer, data: str) -> bytes:
        """A checkpoint; ``data`` is the digest of what is learned from."""
        buffer = io.BytesIO()
        content = {**vars(self), "network": network.state_dict(), "optimizer": optimizer.state_dict(), "data": data}
        torch.save(content, buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, network: nn.Module, optimizer: torch.optim.Optimizer, data: str) -> State:
        """What a checkpoint holds, the network and the optimizer set to it."""
        stored: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if stored.pop("data") != data:
            raise UsageError("the images or labels are not those that this training began with: --again starts it anew")
        network.load_state_dict(stored.pop("network"))
        optimizer.load_state_dict(stored.pop("optimizer"))
        return cls(**stored)


def on_cpu(network: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of a network's state on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
