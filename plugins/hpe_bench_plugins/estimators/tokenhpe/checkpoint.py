"""The ImageNet-21k start of TokenHPE's vision transformer."""

from __future__ import annotations

from pathlib import Path

from hpe_bench_plugins.estimators.checkpoints import check
from hpe_bench_plugins.estimators.official_checkpoints import State
from hpe_bench_plugins.estimators.tokenhpe.network import TokenHPE


def start_from_imagenet(network: TokenHPE, path: Path, content: State) -> None:
    """Fill the vision transformer, but for its unused head, from the state of timm's ``jx_vit_base_patch16_224_in21k``.

    What it has for its own classes is left out. :class:`DataError` where the rest does not fit.
    """
    transformer = network.feature_extractor
    state = {key: value for key, value in content.items() if not key.startswith(("head.", "pre_logits."))}
    expected = {
        key: tuple(value.shape) for key, value in transformer.state_dict().items() if not key.startswith("head.")
    }
    check(path, state, "the vision transformer of TokenHPE (ViT-B/16 at 224)", expected)
    transformer.load_state_dict(state, strict=False)
