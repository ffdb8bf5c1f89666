"""What TokenHPE shows of its answers: where its orientation tokens look, and how alike they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hpe_bench import HeatMaps, Matrix, pose
from hpe_bench_plugins.estimators.tokenhpe.network import GRID, TOKEN_HEADS, TOKEN_LAYERS, TokenHPE, token_weights
from hpe_bench_plugins.estimators.tokenhpe.regions import COLUMNS, region_bounds, region_names, region_of


@contextmanager
def watched(network: TokenHPE) -> Iterator[list[Tensor]]:
    """What the last attention of the orientation tokens is computed from, of every forward pass in the block.

    It is only looked at: what the network returns is what it returns unwatched.
    """
    seen: list[Tensor] = []
    handle = network.Ori_blocks.last_attention.to_qkv.register_forward_hook(lambda *passed: seen.append(passed[-1]))
    try:
        yield seen
    finally:
        handle.remove()


def attention_maps(qkv: Tensor, rotations: NDArray[np.float64]) -> HeatMaps:
    """Each token's attention to the patches, percent, from what :func:`watched` saw and the answers (N, 3, 3).

    The mean of all heads in the last block. What is missing from 100 percent is attention to the tokens.
    """
    regions = qkv.shape[1] - GRID**2
    shares = np.asarray(token_weights(qkv)[:, :regions, regions:].cpu().numpy(), dtype=np.float64) * 100
    euler = torch.from_numpy(np.nan_to_num(pose.euler_from_rotation(rotations)))
    return HeatMaps(
        title=f"Attention of the orientation tokens, in the last of {TOKEN_LAYERS} blocks, mean of {TOKEN_HEADS} heads",
        names=[f"{name}\n{bounds}" for name, bounds in zip(region_names(regions), region_bounds(regions), strict=True)],
        values=shares.reshape(len(shares), regions, GRID, GRID),
        unit="% of a token's attention, each patch",
        rows=[len(bounds) + 1 for bounds in COLUMNS[regions]],
        marked=region_of(euler, regions).numpy(),
        note="Outlined is the region that the answer lies in; left and right are the picture's.",
    )


def similarity(network: TokenHPE) -> Matrix:
    """The cosines between the orientation tokens, as they are learned, before they have seen anything."""
    tokens = network.Ori_blocks.ori_tokens.detach()[0].double()
    tokens = tokens / tokens.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return Matrix(
        title="Cosine similarity of the learned orientation tokens",
        names=region_names(len(tokens)),
        values=(tokens @ tokens.T).cpu().numpy(),
        unit="cosine",
        note="Left and right are the picture's.",
    )
