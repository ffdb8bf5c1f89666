"""TokenHPE's network: its parts against their formulas, the whole against the official outputs."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.tokenhpe.network import (  # noqa: E402
    PatchAttention,
    TokenAttention,
    TokenHPE,
    sine_positions,
)


def outline(regions: int):
    """A network without numbers."""
    with torch.device("meta"):
        return TokenHPE(regions)


def test_both_variants_have_their_numbers_of_parameters():
    nine, eleven = (sum(p.numel() for p in outline(regions).parameters()) for regions in (9, 11))
    assert nine == 86_445_082
    head = {regions: 81 * 3 * regions**2 + 27 * regions + 27 * regions * 6 for regions in (9, 11)}
    assert eleven - nine == 2 * 128 + head[11] - head[9]


def test_the_keys_are_the_official_ones_in_their_order(golden):
    ours = [(key, tuple(t.shape), str(t.dtype)) for key, t in outline(9).state_dict().items()]
    assert ours == [(key, shape, f"torch.{kind}") for key, shape, kind in golden("tokenhpe").keys]


@torch.inference_mode()
def test_prediction_and_tokens_are_the_official_ones(golden):
    found = golden("tokenhpe")
    network = outline(9)
    network.load_state_dict(found.state() | {"Ori_blocks.pos_embedding": sine_positions()}, assign=True)
    outputs = network.eval()(torch.from_numpy(found.images))
    assert [tuple(output.shape) for output in outputs] == [(4, 3, 3), (4, 9, 3, 3)]
    for ours, official in zip(outputs, found.outputs, strict=True):
        assert np.abs(ours.numpy() - official).max() < 1e-4


def test_positions_are_waves_of_y_and_then_of_x():
    positions = sine_positions()[0]
    assert positions.shape == (196, 128)
    for row, column, channel in ((0, 0, 0), (3, 5, 1), (13, 2, 62), (7, 13, 64), (0, 9, 127)):
        place = (row if channel < 64 else column) + 1
        angle = place / (14 + 1e-6) * 2 * math.pi / 10_000 ** (2 * (channel % 64 // 2) / 64)
        expected = math.cos(angle) if channel % 2 else math.sin(angle)
        assert positions[14 * row + column, channel].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "width", "heads", "scaled_by"), [(PatchAttention, 768, 12, 64), (TokenAttention, 128, 8, 128)]
)
@torch.inference_mode()
def test_attention_is_the_softmax_of_products_head_by_head(kind, width, heads, scaled_by):
    torch.manual_seed(0)
    attention = kind()
    to_qkv, out = list(attention.children())
    x = 3 * torch.randn(1, 5, width)
    query, key, value = to_qkv(x)[0].split(width, dim=-1)
    seen = []
    for head in range(heads):
        part = slice(head * width // heads, (head + 1) * width // heads)
        weights = (query[:, part] @ key[:, part].T / math.sqrt(scaled_by)).softmax(-1)
        seen.append(weights @ value[:, part])
    torch.testing.assert_close(attention(x)[0], out(torch.cat(seen, -1)), atol=1e-5, rtol=1e-4)


def test_a_fresh_network_learns_in_all_that_the_prediction_comes_from(fresh):
    prediction, tokens = fresh(torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)))
    (prediction[:, 0].sum() + tokens[:, :, 0].sum()).backward()
    idle = {name for name, parameter in fresh.named_parameters() if parameter.grad is None}
    assert idle == {"feature_extractor.head.weight", "feature_extractor.head.bias", "Ori_blocks.pos_embedding"}
    fresh.zero_grad()


@pytest.fixture(scope="module")
def fresh():
    torch.manual_seed(0)
    return TokenHPE(11)
