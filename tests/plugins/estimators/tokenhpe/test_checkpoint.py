"""The ImageNet-21k start: timm's file, its own classes left out."""

from __future__ import annotations

import pytest

from hpe_bench import DataError

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.tokenhpe.checkpoint import start_from_imagenet  # noqa: E402
from hpe_bench_plugins.estimators.tokenhpe.network import TokenHPE, VisionTransformer  # noqa: E402


@pytest.fixture
def few(monkeypatch):
    """Vision transformers of one layer: what is tested is the same, and the file is small."""
    monkeypatch.setattr("hpe_bench_plugins.estimators.tokenhpe.network._LAYERS", 1)


@pytest.fixture
def timm(few, tmp_path):
    """A file such as timm's, of random numbers."""
    torch.manual_seed(1)
    state = {f"{key}": torch.randn_like(value) for key, value in VisionTransformer().state_dict().items()}
    state |= {"pre_logits.fc.weight": torch.zeros(768, 768), "pre_logits.fc.bias": torch.zeros(768)}
    state |= {"head.weight": torch.zeros(21, 768), "head.bias": torch.zeros(21)}
    torch.save(state, tmp_path / "jx_vit_base_patch16_224_in21k.pth")
    return tmp_path / "jx_vit_base_patch16_224_in21k.pth", state


def test_the_vision_transformer_is_filled_but_for_its_head(timm):
    path, state = timm
    network = TokenHPE()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    start_from_imagenet(network, path)
    for key, value in network.state_dict().items():
        inner = key.removeprefix("feature_extractor.")
        filled = key != inner and not inner.startswith("head.")
        assert torch.equal(value, state[inner] if filled else before[key]), key


def test_another_network_is_refused_with_what_does_not_fit(timm, tmp_path):
    _, state = timm
    del state["cls_token"]
    torch.save(state | {"pos_embed": torch.zeros(1, 577, 768)}, tmp_path / "other.pth")
    with pytest.raises(DataError) as error:
        start_from_imagenet(TokenHPE(), tmp_path / "other.pth")
    for words in ("other.pth", "(cls_token)", "pos_embed is (1, 577, 768), not (1, 197, 768)"):
        assert words in str(error.value)
