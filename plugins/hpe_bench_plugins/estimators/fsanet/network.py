"""The FSA-Net network (Yang, Chen, Lin, Chuang: FSA-Net, CVPR 2019) in its three published variants."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

Variant = Literal["capsule", "var_capsule", "noS_capsule"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)

WIDTHS = (16, 32, 32, 64, 64, 128, 128)  # channels after each block of a stream
TAPS = (6, 4, 2)  # the blocks whose output feeds stages 1, 2, 3
STAGES = 3
CHANNELS = 64  # of a stage's features
CAPSULE = 16  # numbers in an output capsule
_POOLED = (0, 2, 4)  # the blocks followed by a 2x2 pooling
_POSITIONS = 8 * 8  # of a stage's features
_ROWS, _RANK = 7, 5  # primary capsules a stage, and the inner dimension of the two factors of S
_BINS = 3
_ANGLE_RANGE = 99.0  # degrees
_CPU_BATCH = 32  # the first block of more images needs memory that is fetched anew, at a cost, in every call


class Operations(NamedTuple):
    """The activations and 2x2 poolings of a network: (N, C, H, W) to the same, or to (N, C, H/2, W/2)."""

    relu: Callable[[Tensor], Tensor]
    tanh: Callable[[Tensor], Tensor]
    average: Callable[[Tensor], Tensor]
    maximum: Callable[[Tensor], Tensor]


def _tanh_(x: Tensor) -> Tensor:
    # torch's CPU sigmoid takes a third of the time of its tanh
    return x.mul_(2).sigmoid_().mul_(2).sub_(1)


def _average(x: Tensor) -> Tensor:
    # two elementwise passes take a third of the time of the pooling kernel in channels-last memory
    x = x[:, :, ::2] + x[:, :, 1::2]
    return (x[..., ::2] + x[..., 1::2]).mul_(0.25)


def _maximum(x: Tensor) -> Tensor:
    x = torch.maximum(x[:, :, ::2], x[:, :, 1::2])
    return torch.maximum(x[..., ::2], x[..., 1::2])


_DIFFERENTIABLE = Operations(
    relu=torch.relu,
    tanh=torch.tanh,
    average=partial(functional.avg_pool2d, kernel_size=2),
    maximum=partial(functional.max_pool2d, kernel_size=2),
)
_IN_PLACE = Operations(relu=torch.relu_, tanh=_tanh_, average=_average, maximum=_maximum)


class SeparableBlock(nn.Module):
    """Depthwise 3x3, pointwise with bias, batch norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        return cast(Tensor, self.norm(self.pointwise(self.depthwise(x))))

    @torch.no_grad()
    def fold(self) -> None:
        """Fold the batch norm's running statistics into the pointwise convolution."""
        if not isinstance(norm := self.norm, nn.BatchNorm2d):
            return
        assert norm.running_mean is not None and norm.running_var is not None and self.pointwise.bias is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        self.pointwise.weight.mul_(scale.view(-1, 1, 1, 1))
        self.pointwise.bias.sub_(norm.running_mean).mul_(scale).add_(norm.bias)
        self.norm = nn.Identity()


class Stream(nn.Module):
    """Seven blocks; stream "x" has ReLU and average pooling, stream "s" tanh and max pooling."""

    def __init__(self, kind: Literal["x", "s"]) -> None:
        super().__init__()
        self.kind = kind
        self.blocks = nn.ModuleList(map(SeparableBlock, (3, *WIDTHS), WIDTHS))

    def forward(self, x: Tensor, do: Operations) -> list[Tensor]:
        """(N, 3, 64, 64) to the inputs of stages 1, 2, 3: (N, 128, 8, 8), (N, 64, 8, 8), (N, 32, 16, 16)."""
        outputs = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if self.kind == "x":
                x = do.relu(x)
                x = do.average(x) if index in _POOLED else x
            else:  # tanh is monotonic: pooling first gives the same numbers for a quarter of the work
                x = do.maximum(x) if index in _POOLED else x
                x = do.tanh(x)
            outputs.append(x)
        return [outputs[index] for index in TAPS]


class Grouping(nn.Module):
    """The fine-grained structure: groups the positions of the three stages by their scores."""

    def __init__(self, learned_score: bool) -> None:
        super().__init__()
        self.score = nn.Linear(CHANNELS, 1) if learned_score else None
        self.right = nn.Linear(_POSITIONS, _RANK * STAGES * _POSITIONS)
        self.left = nn.Linear(STAGES * _POSITIONS, _ROWS * _RANK)

    def forward(self, u: Tensor) -> Tensor:
        """192 positions (N, 192, 64) to 21 primary capsules (N, 21, 64)."""
        if self.score is None:
            scores = (u - u.mean(-1, keepdim=True)).square().mean(-1)
        else:
            scores = torch.sigmoid(self.score(u)).squeeze(-1)
        left = torch.unflatten(torch.sigmoid(self.left(scores)), 1, (1, _ROWS, _RANK))
        right = torch.sigmoid(self.right(torch.unflatten(scores, 1, (STAGES, _POSITIONS))))
        right = torch.unflatten(right, 2, (_RANK, STAGES * _POSITIONS))
        # S = left right is never formed: S U = left (right U), and likewise its row sums
        rows = left @ torch.unflatten(right.flatten(1, 2) @ u, 1, (STAGES, _RANK))
        sums = left @ right.sum(-1, keepdim=True)
        return (rows / sums).flatten(1, 2)


def squash(v: Tensor) -> Tensor:
    """Vectors (..., 16), shortened to a length below 1."""
    square = v.square().sum(-1, keepdim=True)
    return v * (square / (1 + square) / torch.sqrt(square + 1e-7))


class Capsules(nn.Module):
    """Output capsules, one a stage, by two routings by agreement."""

    def __init__(self, primaries: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(primaries, CHANNELS, STAGES * CAPSULE))

    def forward(self, u: Tensor) -> Tensor:
        """n primary capsules (N, n, 64) to (N, 3, 16)."""
        n = len(self.weight)
        u_hat = torch.unflatten(torch.bmm(u.transpose(0, 1), self.weight), 2, (STAGES, CAPSULE))
        first = squash(u_hat.mean(0) * (n / STAGES))  # the first routing couples all alike
        agreement = (u_hat * first).sum(-1, keepdim=True)
        return squash((agreement.softmax(2) * u_hat).sum(0))


class StageLinear(nn.Module):
    """A dense layer of its own for each stage."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(STAGES, inputs, outputs))
        self.bias = nn.Parameter(torch.empty(STAGES, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(3, N, inputs) to (3, N, outputs)."""
        return torch.baddbmm(self.bias, x, self.weight)


class Regression(nn.Module):
    """Soft stagewise regression (Yang et al.: SSR-Net, IJCAI 2018), three bins a stage."""

    def __init__(self) -> None:
        super().__init__()
        self.delta = StageLinear(4, 3)
        self.shift = StageLinear(4, 3)
        self.bins = StageLinear(8, 3 * _BINS)

    def forward(self, capsules: Tensor) -> Tensor:
        """Capsules (N, 3, 16) to angles (N, 3) in degrees."""
        v = capsules.transpose(0, 1)
        width = _BINS * (1 + torch.tanh(self.delta(v[..., :4])))
        shift = torch.tanh(self.shift(v[..., 4:8])).unsqueeze(-1)
        p = torch.unflatten(torch.relu(self.bins(v[..., 8:])), 2, (3, _BINS))
        index = torch.arange(-(_BINS // 2), _BINS // 2 + 1, device=p.device, dtype=p.dtype)
        step = ((index + shift) * p).sum(-1)
        return _ANGLE_RANGE * (step[0] + (step[1] + step[2] / width[2]) / width[1]) / width[0]


class FSANet(nn.Module):
    """From BGR images of 64 x 64, raw 0..255, to yaw, pitch and roll in degrees.

    `variant` says how the 192 positions become primary capsules: grouped by a learned score ("capsule"),
    by the variance of a position's channels ("var_capsule"), or not at all ("noS_capsule"). ValueError for
    any other.
    """

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"FSA-Net has no variant {variant!r}, only {', '.join(VARIANTS)}")
        self.variant = variant
        self.operations = _DIFFERENTIABLE
        self.x_stream = Stream("x")
        self.s_stream = Stream("s")
        self.x_project = nn.ModuleList(nn.Conv2d(WIDTHS[tap], CHANNELS, 1) for tap in TAPS)
        self.s_project = nn.ModuleList(nn.Conv2d(WIDTHS[tap], CHANNELS, 1) for tap in TAPS)
        grouped = variant != "noS_capsule"
        self.grouping = Grouping(learned_score=variant == "capsule") if grouped else nn.Identity()
        self.capsules = Capsules(STAGES * (_ROWS if grouped else _POSITIONS))
        self.regression = Regression()
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, 64, 64), float, to angles (N, 3)."""
        if self.operations == _IN_PLACE and images.device.type == "cpu":
            return torch.cat([self._angles(part) for part in torch.split(images, _CPU_BATCH)])
        return self._angles(images)

    def _angles(self, images: Tensor) -> Tensor:
        do = self.operations
        images = images.contiguous(memory_format=torch.channels_last)  # twice as fast on a CPU
        xs, ss = self.x_stream(images, do), self.s_stream(images, do)
        features = [
            do.tanh(project_s(s)) * do.relu(project_x(x))
            for x, s, project_x, project_s in zip(xs, ss, self.x_project, self.s_project, strict=True)
        ]
        features[2] = do.average(features[2])
        positions = torch.cat([f.permute(0, 2, 3, 1).flatten(1, 2) for f in features], 1)
        return cast(Tensor, self.regression(self.capsules(self.grouping(positions))))

    def fused(self) -> FSANet:
        """A copy for inference alone, in eval mode: batch norm folded away, activations in place.

        The same angles to about 1e-4 degrees, in less than half the time on a CPU.
        """
        network = copy.deepcopy(self).eval().requires_grad_(False)
        for module in network.modules():
            if isinstance(module, SeparableBlock):
                module.fold()
        network.operations = _IN_PLACE
        return network


def _initialise(module: nn.Module) -> None:
    """Glorot's uniform weights and zero biases, as Keras starts the official network."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, StageLinear):
        _, inputs, outputs = module.weight.shape
        nn.init.uniform_(module.weight, -(limit := math.sqrt(6 / (inputs + outputs))), limit)
    elif isinstance(module, Capsules):  # Keras counts the leading axes of (3, n, 16, 64) as a receptive field
        fan = STAGES * len(module.weight) * (CAPSULE + CHANNELS)
        nn.init.uniform_(module.weight, -(limit := math.sqrt(6 / fan)), limit)
    bias = getattr(module, "bias", None)
    if bias is not None:
        nn.init.zeros_(bias)
