"""How 6DRepNet is trained: its recipe and the ImageNet start of its RepVGG."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from torch import Tensor, nn

from hpe_bench import ImageRecipe, Images, ImageTarget, Training, geodesic_loss
from hpe_bench_plugins.estimators.checkpoints import check, network_bytes
from hpe_bench_plugins.estimators.image_network import NETWORK, normalise
from hpe_bench_plugins.estimators.official_checkpoints import read_official
from hpe_bench_plugins.estimators.sixdrepnet.network import SixDRepNet


def recipe(training: Training, inputs: Images) -> ImageRecipe:
    """The network's training form, on the angle between predicted and true rotation."""
    start: Path | None = training.options.start
    return ImageRecipe(
        inputs=inputs,
        network=partial(new_network, start),
        loss=_loss,
        files=lambda network: {NETWORK: network_bytes("training form", network)},
        prepare=_prepare,
        convention="G",
        about={} if start is None else {"start": start.name},
    )


def new_network(start: Path | None) -> nn.Module:
    """A network with random weights, or those of a file where there is one."""
    network = SixDRepNet("training")
    if start is not None:
        fill(network, start)
    return network


def fill(network: SixDRepNet, path: Path) -> None:
    """Start from a checkpoint of 6DRepNet, or RepVGG-B1g2 from its authors' ``RepVGG-B1g2-train.pth``.

    Of the latter its ImageNet classes are left out. :class:`DataError` where a file is of another network, or form.
    """
    state = read_official(path)
    own = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    if "linear_reg.weight" in state:
        check(path, state, "6DRepNet (training form)", own)
        network.load_state_dict(state)
        return
    state = {
        f"layer{key.removeprefix('stage')}" if key.startswith("stage") else key: value
        for key, value in state.items()
        if not key.startswith("linear.")
    }
    own = {key: shape for key, shape in own.items() if not key.startswith("linear_reg.")}
    check(path, state, "the RepVGG-B1g2 of 6DRepNet (training form)", own)
    network.load_state_dict(state, strict=False)


def _prepare(images: Tensor) -> Tensor:
    """Normalised images, channel by channel: with channels last, PyTorch 2.13 crashes in this network's backward pass
    on the CPU."""
    return normalise(images).contiguous()


def _loss(predicted: Tensor, target: ImageTarget) -> Tensor:
    return geodesic_loss(predicted, target.rotation)
