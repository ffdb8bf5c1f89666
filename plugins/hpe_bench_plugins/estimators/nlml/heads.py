"""Fitting the heads, each of which inverts the curve of an angle; two ways to draw from it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_BATCH = 256
_DECAY = 1e-5
#: Of the reference work: the largest norm of a gradient, and the share of the curve that is learned from.
_CLIP, _LEARNED = 1.0, 0.8


def fit_by_draws(head: nn.Module, rows: Tensor, targets: Tensor, options: Any, generator: torch.Generator) -> None:
    """Random points of the whole curve: ``rows`` (N, rank) to ``targets`` (N, 1)."""
    optimizer = torch.optim.Adam(head.parameters(), lr=options.head_rate, weight_decay=_DECAY)
    steps = options.head_epochs * -(-len(rows) // _BATCH)
    for step in range(steps):
        for group in optimizer.param_groups:
            cosine = 0.5 + 0.5 * np.cos(np.pi * step / steps)
            group["lr"] = options.head_rate * cosine if options.joint else options.head_rate
        chosen = torch.randint(len(rows), (_BATCH,), generator=generator).to(rows.device)
        loss = (head(rows[chosen]) - targets[chosen]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def fit_by_passes(head: nn.Module, rows: Tensor, targets: Tensor, options: Any, generator: torch.Generator) -> None:
    """As the reference work does: passes over four fifths of the curve, validated on the last fifth; weights drawn as
    by He et al. (2015), biases 0, the rate falling to 0.9 every ten passes."""
    for layer in head.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(head.parameters(), lr=options.head_rate, weight_decay=_DECAY)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.9)
    order = torch.randperm(len(rows), generator=generator).to(rows.device)
    cut = round(_LEARNED * len(rows))
    learned, validated = order[:cut], order[cut:]
    best: tuple[float, dict[str, Any]] | None = None
    for _ in range(options.head_epochs):
        shuffled = learned[torch.randperm(len(learned), generator=generator).to(rows.device)]
        for part in torch.split(shuffled, _BATCH):
            loss = (head(rows[part]) - targets[part]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(head.parameters(), _CLIP)
            optimizer.step()
        scheduler.step()
        with torch.inference_mode():
            off = float((head(rows[validated]) - targets[validated]).square().mean())
        if best is None or off < best[0]:
            best = off, copy.deepcopy(head.state_dict())
    if options.keep == "best" and best is not None:
        head.load_state_dict(best[1])
