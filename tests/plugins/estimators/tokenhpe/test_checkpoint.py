"""The ImageNet-21k start: timm's file, its own classes left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpe_bench import DataError

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.tokenhpe.checkpoint import start_from_imagenet  # noqa: E402
from hpe_bench_plugins.estimators.tokenhpe.network import TokenHPE, VisionTransformer  # noqa: E402
from hpe_bench_plugins.estimators.tokenhpe.training import new_network  # noqa: E402

FILE = Path("jx_vit_base_patch16_224_in21k.pth")


@pytest.fixture
def few(monkeypatch):
    """Vision transformers of one layer: what is tested is the same, and the file is small."""
    monkeypatch.setattr("hpe_bench_plugins.estimators.tokenhpe.network._LAYERS", 1)


@pytest.fixture
def timm(few):
    """What a file such as timm's holds, of random numbers."""
    torch.manual_seed(1)
    state = {f"{key}": torch.randn_like(value) for key, value in VisionTransformer().state_dict().items()}
    state |= {"pre_logits.fc.weight": torch.zeros(768, 768), "pre_logits.fc.bias": torch.zeros(768)}
    return state | {"head.weight": torch.zeros(21, 768), "head.bias": torch.zeros(21)}


def test_the_vision_transformer_is_filled_but_for_its_head(timm):
    network = TokenHPE()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    start_from_imagenet(network, FILE, timm)
    for key, value in network.state_dict().items():
        inner = key.removeprefix("feature_extractor.")
        filled = key != inner and not inner.startswith("head.")
        assert torch.equal(value, timm[inner] if filled else before[key]), key


def test_a_network_starts_from_its_file(timm, tmp_path):
    torch.save(timm, tmp_path / FILE)
    network = new_network(tmp_path / FILE)
    assert torch.equal(network.state_dict()["feature_extractor.cls_token"], timm["cls_token"])


def test_another_network_is_refused_with_what_does_not_fit(timm):
    del timm["cls_token"]
    with pytest.raises(DataError) as error:
        start_from_imagenet(TokenHPE(), FILE, timm | {"pos_embed": torch.zeros(1, 577, 768)})
    for words in (FILE.name, "(cls_token)", "pos_embed is (1, 577, 768), not (1, 197, 768)"):
        assert words in str(error.value)
