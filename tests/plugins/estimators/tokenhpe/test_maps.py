"""What TokenHPE shows of its answers: the attention of the very pass that gave them, and how alike its tokens are."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import Batch, pose

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.tokenhpe.estimator import TokenHPEEstimator  # noqa: E402
from hpe_bench_plugins.estimators.tokenhpe.maps import attention_maps, watched  # noqa: E402
from hpe_bench_plugins.estimators.tokenhpe.network import TokenHPE, token_weights  # noqa: E402
from hpe_bench_plugins.estimators.tokenhpe.regions import region_bounds, region_names, region_of  # noqa: E402


@pytest.fixture
def opened(monkeypatch, scramble):
    """A function of the number of regions: an estimator whose small network has random weights."""
    monkeypatch.setattr("hpe_bench_plugins.estimators.tokenhpe.network._LAYERS", 1)

    def make(regions=9):
        estimator = TokenHPEEstimator()
        estimator._device = torch.device("cpu")
        with torch.no_grad():
            estimator._network = scramble(TokenHPE(regions))
        return estimator

    return make


@pytest.fixture
def batch():
    """Three images of noise, one of them with a white half."""
    images = np.random.default_rng(0).integers(0, 255, (3, 224, 224, 3), dtype=np.uint8)
    images[1, :, :112] = 255
    return Batch(np.zeros(3, np.uint64), images=images)


@pytest.mark.parametrize("regions", [9, 11])
def test_the_answers_are_the_same_with_maps_and_without(opened, batch, regions):
    estimator = opened(regions)
    answers, maps = estimator.predict_with_maps(batch)
    np.testing.assert_array_equal(answers, estimator.predict(batch))
    assert set(maps) == set(TokenHPEEstimator.maps)
    assert maps["attention"].values.shape == (3, regions, 14, 14) and maps["similarity"].values.shape == (regions,) * 2
    assert not estimator._network.Ori_blocks.last_attention.to_qkv._forward_hooks, "it is still watched"


def test_the_attention_is_that_which_the_last_block_mixed_its_values_by(opened, batch):
    """The weights of each head, times the values, through the last layer, are what that block gave in this pass."""
    network = opened()._network
    block, given = network.Ori_blocks.last_attention, []
    handle = block.register_forward_hook(lambda module, inputs, output: given.append(output))
    with torch.no_grad(), watched(network) as seen:
        network(torch.from_numpy(batch.images).permute(0, 3, 1, 2) / 255.0)
    handle.remove()
    (qkv,) = seen
    query, key, value = (part.unflatten(-1, (8, 16)).transpose(1, 2) for part in qkv.split(128, dim=-1))
    weights = torch.softmax(torch.einsum("nhid,nhjd->nhij", query, key) / 128**0.5, dim=-1)
    torch.testing.assert_close(token_weights(qkv), weights.mean(dim=1))
    mixed = torch.einsum("nhij,nhjd->nihd", weights, value).flatten(2)
    torch.testing.assert_close(block.to_out(mixed), given[0], atol=1e-4, rtol=1e-4)


def test_what_a_token_gives_to_the_patches_and_to_the_tokens_is_all_of_it(opened, batch):
    estimator = opened()
    shown = estimator.predict_with_maps(batch)[1]["attention"].values
    sums = shown.sum(axis=(2, 3))
    assert (shown > 0).all() and (sums < 100).all() and (sums > 50).all()
    assert np.abs(shown[0] - shown[1]).max() > 1e-3, "it does not depend on the image"


def test_a_patch_stands_where_it_is_in_the_image(opened):
    """Made of numbers that only keys have: patch 17 of the 196 is the fourth of the second row."""
    qkv = torch.zeros(1, 9 + 196, 3 * 128)
    qkv[0, :9, :128] = 1.0
    qkv[0, 9 + 17, 128:256] = 1.0
    shown = attention_maps(qkv, np.eye(3)[None]).values
    assert {np.unravel_index(one.argmax(), one.shape) for one in shown[0]} == {(1, 3)}


def test_the_region_of_the_answer_is_marked(opened, batch):
    answers, maps = opened(11).predict_with_maps(batch)
    expected = region_of(torch.from_numpy(pose.euler_from_rotation(answers)), 11)
    assert maps["attention"].marked.tolist() == expected.tolist()
    assert tuple(maps["attention"].rows) == (3, 5, 3)


def test_the_similarity_is_the_cosine_of_the_learned_tokens_whatever_they_see(opened, batch):
    estimator = opened()
    tokens = estimator._network.Ori_blocks.ori_tokens.detach().numpy()[0]
    shown = estimator.predict_with_maps(batch)[1]["similarity"].values
    for row, column in ((0, 0), (2, 7), (7, 2)):
        angle = np.arccos(np.clip(shown[row, column], -1, 1))
        cosine = tokens[row] @ tokens[column] / np.linalg.norm(tokens[row]) / np.linalg.norm(tokens[column])
        assert np.cos(angle) == pytest.approx(cosine, abs=1e-6)


@pytest.mark.parametrize("regions", [9, 11])
def test_regions_are_called_after_where_such_heads_look_in_the_picture(regions):
    """The face looks against its z axis: a large yaw to the picture's left, a large pitch up."""
    random = np.random.default_rng(0)
    euler = np.stack([random.uniform(-89, 89, 400), random.uniform(-89, 89, 400), random.uniform(-5, 5, 400)], axis=1)
    names = region_names(regions)
    assert len(set(names)) == len(names) == len(region_bounds(regions)) == regions
    for angles, region in zip(euler, region_of(torch.from_numpy(euler), regions).tolist(), strict=True):
        looks = -pose.rotation_from_euler([angles[0], angles[1], 0.0])[:, 2]
        words = names[region].split()
        assert ("left" in words) <= (looks[0] < 0) and ("right" in words) <= (looks[0] > 0)
        assert ("up" in words) <= (angles[1] > 30) and ("down" in words) <= (angles[1] < -30)
    assert region_bounds(9)[0] == "pitch > 30°\nyaw > 40°" and region_bounds(11)[4] == "pitch -30 to 30°\nyaw 20 to 60°"
