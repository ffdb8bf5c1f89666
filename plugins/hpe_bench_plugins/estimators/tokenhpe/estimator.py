"""TokenHPE as an estimator: with 9 or 11 regions, as its checkpoint has them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from numpy.typing import NDArray

from hpe_bench import Batch, HeatMaps, Images, Matrix, Trained, Training, train_image_network
from hpe_bench_plugins.estimators.image_network import ImageNetwork
from hpe_bench_plugins.estimators.training_options import TOKENHPE_PRESETS, TokenHPETraining

if TYPE_CHECKING:
    from torch import Tensor

    from hpe_bench_plugins.estimators.checkpoints import Forms
    from hpe_bench_plugins.estimators.tokenhpe.network import TokenHPE


class TokenHPEEstimator(ImageNetwork):
    """Rotation by orientation tokens from a loose crop (Zhang et al.: TokenHPE, CVPR 2023)."""

    name = "tokenhpe"
    title = "TokenHPE"
    source = "https://github.com/zc2023/TokenHPE"
    licence = "MIT"

    inputs = Images(crop="6drepnet", size=(224, 224), interpolation="antialias", shorter_side=250)

    TrainingOptions = TokenHPETraining
    presets = TOKENHPE_PRESETS
    maps = ("attention", "similarity")

    @classmethod
    def train(cls, training: Training) -> Trained:
        from hpe_bench_plugins.estimators.tokenhpe.training import recipe

        return train_image_network(training, recipe(training, cls.inputs))

    @classmethod
    def forms(cls) -> Forms:
        """One for each number of regions."""
        from hpe_bench_plugins.estimators.tokenhpe.network import REGIONS, TokenHPE

        return {f"{regions} regions": partial(TokenHPE, regions) for regions in REGIONS}

    def rotations(self, images: Tensor) -> Tensor:
        """The prediction of the whole, without those of the tokens."""
        prediction: Tensor = self._network(images)[0]
        return prediction

    def predict_with_maps(self, batch: Batch) -> tuple[NDArray[Any], Mapping[str, HeatMaps | Matrix]]:
        from hpe_bench_plugins.estimators.tokenhpe.maps import attention_maps, similarity, watched

        network = cast("TokenHPE", self._network)
        with watched(network) as seen:
            rotations = self.predict(batch)
        (qkv,) = seen
        return rotations, {"attention": attention_maps(qkv, rotations), "similarity": similarity(network)}
