"""6DRepNet as an estimator, in its training or its deployed form, as its checkpoint is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from hpe_bench import DataError, Images, Trained, Training, UsageError, train_image_network
from hpe_bench_plugins.estimators.image_network import NETWORK, ImageNetwork
from hpe_bench_plugins.estimators.training_options import SIXDREPNET_PRESETS, SixDRepNetTraining

if TYPE_CHECKING:
    from hpe_bench_plugins.estimators.checkpoints import Forms

_TOLERANCE = 1e-4  # of a rotation's entries, between both forms


class SixDRepNetEstimator(ImageNetwork):
    """Rotation from a loose crop (Hempel, Abdelrahman, Al-Hamadi: 6DRepNet, ICIP 2022), on RepVGG-B1g2."""

    name = "6drepnet"
    title = "6DRepNet"
    source = "https://github.com/thohemp/6DRepNet (Fine-tuned Models)"
    licence = "MIT"

    inputs = Images(crop="6drepnet", size=(224, 224), interpolation="antialias", shorter_side=256)

    TrainingOptions = SixDRepNetTraining
    presets = SIXDREPNET_PRESETS

    @classmethod
    def train(cls, training: Training) -> Trained:
        from hpe_bench_plugins.estimators.sixdrepnet.training import recipe

        return train_image_network(training, recipe(training, cls.inputs))

    @classmethod
    def forms(cls) -> Forms:
        """That which is trained, and that which is deployed."""
        from hpe_bench_plugins.estimators.sixdrepnet.network import Form, SixDRepNet

        return {f"{form} form": partial(SixDRepNet, form) for form in get_args(Form)}

    @classmethod
    def deploy_weights(cls, weights: Mapping[str, Path], report: Callable[[str], None]) -> Mapping[str, bytes]:
        """Three branches and their batch norms to one convolution, in every block."""
        import torch

        from hpe_bench_plugins.estimators.checkpoints import network_bytes, read_network
        from hpe_bench_plugins.estimators.sixdrepnet.network import SixDRepNet

        network = cast(SixDRepNet, read_network(weights["network"], cls.title, cls.forms())[1])
        if network.form == "deployed":
            raise UsageError(f"{weights['network']} is in its deployed form already")
        deployed = network.deployed()
        images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            difference = (deployed(images) - network(images)).abs().max().item()
        if not difference < _TOLERANCE:
            raise DataError(f"{weights['network']}: its deployed form would change its rotations by {difference:.1g}")
        parameters = sum(p.numel() for p in deployed.parameters())
        report(f"{parameters:,} parameters; entries of the rotations change by {difference:.0e} at most")
        return {NETWORK: network_bytes("deployed form", deployed)}
