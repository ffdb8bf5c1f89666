"""6DRepNet on RepVGG-B1g2, in the form that is trained and in the form that is deployed.

Hempel, Abdelrahman, Al-Hamadi: 6DRepNet, ICIP 2022; Ding, Zhang, Ma, Han, Ding, Sun: RepVGG, CVPR 2021. The names of
the modules are those of the official checkpoints.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from hpe_bench_plugins.estimators.rotation6d import gram_schmidt

Form = Literal["training", "deployed"]


class ConvNorm(nn.Module):
    """A convolution without bias, and its batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        return cast(Tensor, self.bn(self.conv(x)))


class TrainingBlock(nn.Module):
    """The sum of a 3x3, a 1x1 and, where the shape stays, an identity branch, each with its batch norm; then ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int) -> None:
        super().__init__()
        self.rbr_identity = nn.BatchNorm2d(inputs) if inputs == outputs and stride == 1 else None
        self.rbr_dense = ConvNorm(inputs, outputs, 3, stride, groups)
        self.rbr_1x1 = ConvNorm(inputs, outputs, 1, stride, groups)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y = self.rbr_dense(x) + self.rbr_1x1(x)
        if self.rbr_identity is not None:
            y = y + self.rbr_identity(x)
        return torch.relu(y)

    def fused(self) -> tuple[Tensor, Tensor]:
        """The weight (outputs, inputs / groups, 3, 3) and bias (outputs) of one convolution that does the same."""
        kernel = self.rbr_dense.conv.weight
        branches = [
            _fold(kernel, self.rbr_dense.bn),
            _fold(functional.pad(self.rbr_1x1.conv.weight, (1, 1, 1, 1)), self.rbr_1x1.bn),
        ]
        if self.rbr_identity is not None:
            identity = torch.zeros_like(kernel)
            channels = torch.arange(len(kernel))
            identity[channels, channels % kernel.shape[1], 1, 1] = 1
            branches.append(_fold(identity, self.rbr_identity))
        weight, bias = (torch.stack(parts).sum(0).to(kernel.dtype) for parts in zip(*branches, strict=True))
        return weight, bias


class DeployedBlock(nn.Module):
    """One 3x3 convolution, and ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int) -> None:
        super().__init__()
        self.rbr_reparam = nn.Conv2d(inputs, outputs, 3, stride, 1, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        return torch.relu(self.rbr_reparam(x))


class SixDRepNet(nn.Module):
    """From normalised RGB images of 224 x 224 to rotations in the convention G of :mod:`hpe_bench.pose`."""

    def __init__(self, form: Form = "training") -> None:
        super().__init__()
        self.form = form
        block = TrainingBlock if form == "training" else DeployedBlock

        def stage(blocks: int, inputs: int, outputs: int) -> nn.Sequential:
            """The first block halves the image; every other one has its channels in two groups."""
            rest = (block(outputs, outputs, 1, 1 + index % 2) for index in range(1, blocks))
            return nn.Sequential(block(inputs, outputs, 2, 1), *rest)

        self.layer0 = block(3, 64, 2, 1)
        self.layer1 = stage(4, 64, 128)
        self.layer2 = stage(6, 128, 256)
        self.layer3 = stage(16, 256, 512)
        self.layer4 = stage(1, 512, 2048)
        self.linear_reg = nn.Linear(2048, 6)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, 224, 224) to rotations (N, 3, 3)."""
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.layer0(images)))))
        return gram_schmidt(self.linear_reg(x.mean(dim=(2, 3))))

    @torch.no_grad()
    def deployed(self) -> SixDRepNet:
        """The same network in its deployed form, in eval mode; this one itself where it is deployed.

        Branches and batch norms are summed in float64: the outputs differ by what float32 rounds off.
        """
        if self.form == "deployed":
            return self
        state = {}
        for name, module in self.named_modules():
            if isinstance(module, TrainingBlock):
                state[f"{name}.rbr_reparam.weight"], state[f"{name}.rbr_reparam.bias"] = module.fused()
        state |= {f"linear_reg.{name}": value.clone() for name, value in self.linear_reg.state_dict().items()}
        with torch.device("meta"):
            network = SixDRepNet("deployed")
        network.load_state_dict(state, assign=True)
        return network.eval()


def _fold(kernel: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The weight and bias, float64, of a convolution with this kernel (outputs, ...) followed by a batch norm."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.double() * torch.rsqrt(norm.running_var.double() + norm.eps)
    return kernel.double() * scale.view(-1, 1, 1, 1), norm.bias.double() - norm.running_mean.double() * scale
