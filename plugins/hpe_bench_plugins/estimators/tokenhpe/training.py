"""How TokenHPE is trained: its loss, its regions of orientations, and its start."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from hpe_bench import ImageRecipe, Images, ImageTarget, Training, UsageError, geodesic_loss
from hpe_bench_plugins.estimators.checkpoints import check, network_bytes, read_official
from hpe_bench_plugins.estimators.image_network import NETWORK, normalise
from hpe_bench_plugins.estimators.tokenhpe.checkpoint import start_from_imagenet
from hpe_bench_plugins.estimators.tokenhpe.network import TokenHPE

#: What the error of the whole prediction counts, the token's making up the rest (Zhang et al., CVPR 2023).
PREDICTION = 0.95
#: Where the nine regions meet, degrees.
YAW, PITCH = 40.0, 30.0


def recipe(training: Training, inputs: Images) -> ImageRecipe:
    """The network with 9 regions; :class:`UsageError` for 11, whose bounds nobody published."""
    options = training.options
    if options.regions != 9:
        raise UsageError(
            f"the bounds of TokenHPE's {options.regions} regions are published nowhere: train with -o regions=9; "
            "checkpoints with 11 can be imported and evaluated"
        )
    start: Path | None = options.start
    return ImageRecipe(
        inputs=inputs,
        network=partial(new_network, start),
        loss=loss,
        files=lambda network: {NETWORK: network_bytes("9 regions", network)},
        prepare=normalise,
        rotations=lambda output: output[0],
        convention="G",
        about={} if start is None else {"start": start.name},
    )


def new_network(start: Path | None) -> nn.Module:
    """A network with random weights; or those of a checkpoint, or of its vision transformer's ImageNet file."""
    network = TokenHPE(9)
    if start is None:
        return network
    state = read_official(start)
    if "mlp_head.0.weight" in state:
        own = {key: tuple(value.shape) for key, value in network.state_dict().items()}
        check(start, state, "TokenHPE (9 regions)", own)
        network.load_state_dict(state)
    else:
        start_from_imagenet(network, start, state)
    return network


def loss(output: tuple[Tensor, Tensor], target: ImageTarget) -> Tensor:
    """The angle that the prediction is off by, and that of the token of the true region, weighted; radians."""
    prediction, tokens = output
    chosen = tokens[torch.arange(len(tokens), device=tokens.device), regions(target.euler)]
    return PREDICTION * geodesic_loss(prediction, target.rotation) + (1 - PREDICTION) * geodesic_loss(
        chosen, target.rotation
    )


def regions(euler: Tensor) -> Tensor:
    """The regions (N,), 0 to 8, that yaw, pitch and roll (N, 3) in degrees lie in.

    Three rows, the first of pitches above 30 and the last of those below -30; in each three regions, the first of yaws
    above 40 and the last of those below -40.
    """
    yaw, pitch, _ = euler.unbind(dim=-1)
    return 3 * _third(pitch, PITCH) + _third(yaw, YAW)


def _third(angle: Tensor, bound: float) -> Tensor:
    return 1 - (angle > bound).long() + (angle < -bound).long()
