"""TokenHPE: a vision transformer's patches, seen by one learned token for each region of orientations.

Zhang et al.: TokenHPE, CVPR 2023; Dosovitskiy et al.: An image is worth 16 x 16 words, ICLR 2021. The names of the
modules are those of the official checkpoints.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from hpe_bench_plugins.estimators.rotation6d import gram_schmidt

Regions = Literal[9, 11]
REGIONS: tuple[Regions, ...] = get_args(Regions)

_PATCH = 16  # pixels
GRID = 14  # patches along a side
_WIDTH, _LAYERS, _HEADS = 768, 12, 12  # of the vision transformer
_TOKEN_WIDTH, TOKEN_LAYERS, TOKEN_HEADS = 128, 3, 8  # of the transformer with the orientation tokens


def _attend(qkv: Tensor, heads: int, scale: float) -> Tensor:
    """Queries, keys and values (N, tokens, 3 x width), each of all heads in turn, to (N, tokens, width)."""
    query, key, value = torch.unflatten(qkv, -1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    return functional.scaled_dot_product_attention(query, key, value, scale=scale).transpose(1, 2).flatten(2)


def token_weights(qkv: Tensor) -> Tensor:
    """The weights (N, tokens, tokens) of a :class:`TokenAttention`, mean of its heads, from its ``to_qkv``'s output."""
    query, key, _ = torch.unflatten(qkv, -1, (3, TOKEN_HEADS, -1)).permute(2, 0, 3, 1, 4)
    return cast(Tensor, (query @ key.mT * _TOKEN_WIDTH**-0.5).softmax(dim=-1).mean(dim=1))


class PatchAttention(nn.Module):
    """Self-attention of the vision transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(_WIDTH, 3 * _WIDTH)
        self.proj = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """(N, tokens, 768) to the same."""
        return cast(Tensor, self.proj(_attend(self.qkv(x), _HEADS, (_WIDTH // _HEADS) ** -0.5)))


class PatchLayer(nn.Module):
    """A layer of the vision transformer: attention and two dense layers, each added to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(_WIDTH, eps=1e-6)
        self.attn = PatchAttention()
        self.norm2 = nn.LayerNorm(_WIDTH, eps=1e-6)
        fc1, fc2 = nn.Linear(_WIDTH, 4 * _WIDTH), nn.Linear(4 * _WIDTH, _WIDTH)
        self.mlp = nn.Sequential(OrderedDict(fc1=fc1, act=nn.GELU(), fc2=fc2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, tokens, 768) to the same."""
        x = x + self.attn(self.norm1(x))
        return cast(Tensor, x + self.mlp(self.norm2(x)))


class VisionTransformer(nn.Module):
    """ViT-B/16 at 224, without the class token in its output."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, _WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + GRID**2, _WIDTH))
        self.patch_embed = nn.Sequential(OrderedDict(proj=nn.Conv2d(3, _WIDTH, _PATCH, _PATCH)))
        self.blocks = nn.Sequential(*(PatchLayer() for _ in range(_LAYERS)))
        self.norm = nn.LayerNorm(_WIDTH, eps=1e-6)
        # Nothing uses the head, but the official checkpoints have one.
        self.head = nn.Linear(_WIDTH, 6)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, 224, 224) to patches (N, 196, 768), row by row."""
        patches = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], dim=1)
        return cast(Tensor, self.norm(self.blocks(x + self.pos_embed))[:, 1:])


class TokenAttention(nn.Module):
    """Self-attention of orientation tokens and patches, scaled by the whole width, not by a head's."""

    def __init__(self) -> None:
        super().__init__()
        self.to_qkv = nn.Linear(_TOKEN_WIDTH, 3 * _TOKEN_WIDTH, bias=False)
        self.to_out = nn.Sequential(nn.Linear(_TOKEN_WIDTH, _TOKEN_WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """(N, tokens, 128) to the same."""
        return cast(Tensor, self.to_out(_attend(self.to_qkv(x), TOKEN_HEADS, _TOKEN_WIDTH**-0.5)))


class Residual(nn.Module):
    """The input, and what a module makes of the normalised input."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.fn = nn.Sequential(OrderedDict(norm=nn.LayerNorm(_TOKEN_WIDTH), fn=module))

    def forward(self, x: Tensor) -> Tensor:
        """(N, tokens, 128) to the same."""
        return cast(Tensor, x + self.fn(x))


def _token_layer() -> nn.Sequential:
    dense = nn.Sequential(
        nn.Linear(_TOKEN_WIDTH, 3 * _TOKEN_WIDTH),
        nn.GELU(),
        nn.Identity(),  # keeps the number of the layer behind it what it is in the official checkpoints
        nn.Linear(3 * _TOKEN_WIDTH, _TOKEN_WIDTH),
    )
    return nn.Sequential(Residual(TokenAttention()), Residual(nn.Sequential(OrderedDict(net=dense))))


class OrientationTokens(nn.Module):
    """One learned token for each region of orientations, which attend to the patches and to each other."""

    def __init__(self, regions: Regions) -> None:
        super().__init__()
        self.ori_tokens = nn.Parameter(torch.zeros(1, regions, _TOKEN_WIDTH))
        self.pos_embedding = nn.Parameter(sine_positions(), requires_grad=False)
        self.patch_to_embedding = nn.Linear(_WIDTH, _TOKEN_WIDTH)
        layers = nn.Sequential(*(_token_layer() for _ in range(TOKEN_LAYERS)))
        self.transformer = nn.Sequential(OrderedDict(layers=layers))
        self.to_dir_6_d = nn.Sequential(nn.Linear(_TOKEN_WIDTH, 6))

    @property
    def last_attention(self) -> TokenAttention:
        """The attention of the last layer."""
        attention, _ = cast(nn.Sequential, cast(nn.Sequential, self.transformer.layers)[-1])
        return cast(TokenAttention, cast(nn.Sequential, attention.fn).fn)

    def forward(self, patches: Tensor) -> Tensor:
        """Patches (N, 196, 768) to one rotation for each region (N, regions, 3, 3)."""
        tokens = self.ori_tokens.expand(len(patches), -1, -1)
        patches = self.patch_to_embedding(patches) + self.pos_embedding
        seen = self.transformer(torch.cat([tokens, patches], dim=1))[:, : tokens.shape[1]]
        return gram_schmidt(self.to_dir_6_d(seen))


class TokenHPE(nn.Module):
    """From normalised RGB images of 224 x 224 to rotations in the convention G of :mod:`hpe_bench.pose`."""

    def __init__(self, regions: Regions = 9) -> None:
        super().__init__()
        self.feature_extractor = VisionTransformer()
        self.Ori_blocks = OrientationTokens(regions)
        self.mlp_head = nn.Sequential(nn.Linear(9 * regions, 27 * regions), nn.Tanh(), nn.Linear(27 * regions, 6))
        self.apply(_initialise)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, 3, 224, 224) to the prediction (N, 3, 3) and the orientation tokens' (N, regions, 3, 3)."""
        tokens = self.Ori_blocks(self.feature_extractor(images))
        return gram_schmidt(self.mlp_head(tokens.flatten(1))), tokens


def sine_positions() -> Tensor:
    """Fixed positions (1, 196, 128) of the patches, row by row: 64 sines and cosines of y, and then of x.

    As in Carion et al.: DETR, ECCV 2020; a side counts from 1, and is 2 pi long.
    """
    half = _TOKEN_WIDTH // 2
    place = torch.arange(1, GRID + 1) / (GRID + 1e-6) * 2 * math.pi
    angle = place[:, None] / 10_000 ** (torch.arange(0, half, 2) / half)
    waves = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # (14, 64)
    y, x = waves[:, None].expand(-1, GRID, -1), waves[None].expand(GRID, -1, -1)
    return torch.cat([y, x], dim=-1).reshape(1, GRID**2, _TOKEN_WIDTH)


def _initialise(module: nn.Module) -> None:
    """Small normal weights and no biases, as vision transformers start."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, VisionTransformer):
        nn.init.trunc_normal_(module.cls_token, std=0.02)
        nn.init.trunc_normal_(module.pos_embed, std=0.02)
    elif isinstance(module, OrientationTokens):
        nn.init.trunc_normal_(module.ori_tokens, std=0.02)
