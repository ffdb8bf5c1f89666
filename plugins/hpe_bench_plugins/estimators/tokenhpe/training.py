"""How TokenHPE is trained: its loss, its regions of orientations, and its start."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from hpe_bench import ImageRecipe, Images, ImageTarget, Training, geodesic_loss
from hpe_bench_plugins.estimators.checkpoints import check, network_bytes
from hpe_bench_plugins.estimators.image_network import NETWORK, normalise
from hpe_bench_plugins.estimators.official_checkpoints import read_official
from hpe_bench_plugins.estimators.tokenhpe.checkpoint import start_from_imagenet
from hpe_bench_plugins.estimators.tokenhpe.network import Regions, TokenHPE
from hpe_bench_plugins.estimators.tokenhpe.regions import region_of


def recipe(training: Training, inputs: Images) -> ImageRecipe:
    """The network with 9 or 11 regions."""
    options = training.options
    start: Path | None = options.start
    return ImageRecipe(
        inputs=inputs,
        network=partial(new_network, start, options.regions),
        loss=partial(loss, alpha=options.alpha),
        files=lambda network: {NETWORK: network_bytes(f"{options.regions} regions", network)},
        prepare=normalise,
        rotations=lambda output: output[0],
        convention="G",
        about={} if start is None else {"start": start.name},
    )


def new_network(start: Path | None, regions: Regions = 9) -> nn.Module:
    """A network with random weights; or those of a checkpoint, or of its vision transformer's ImageNet file."""
    network = TokenHPE(regions)
    if start is None:
        return network
    state = read_official(start)
    if "mlp_head.0.weight" in state:
        own = {key: tuple(value.shape) for key, value in network.state_dict().items()}
        check(start, state, f"TokenHPE ({regions} regions)", own)
        network.load_state_dict(state)
    else:
        start_from_imagenet(network, start, state)
    return network


def loss(output: tuple[Tensor, Tensor], target: ImageTarget, alpha: float) -> Tensor:
    """``alpha`` of the angle that the prediction is off by, the rest of that of the true region's token; radians."""
    prediction, tokens = output
    own = region_of(target.euler, tokens.shape[1])
    chosen = tokens[torch.arange(len(tokens), device=tokens.device), own]
    return alpha * geodesic_loss(prediction, target.rotation) + (1 - alpha) * geodesic_loss(chosen, target.rotation)
