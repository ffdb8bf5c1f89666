"""FSA-Net's network: its parts against the paper's formulas, the whole against the official outputs."""

import copy
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.fsanet.checkpoint import read_keras  # noqa: E402
from hpe_bench_plugins.estimators.fsanet.network import (  # noqa: E402
    VARIANTS,
    Capsules,
    FSANet,
    Grouping,
    Regression,
    squash,
)

SHARED = Path(__file__).resolve().parents[4] / ".." / "shared"


@pytest.fixture(scope="module", params=VARIANTS)
def network(request):
    """A network on random weights, whose batch norms have seen images and been moved off their start."""
    torch.manual_seed(7)
    network = FSANet(request.param).train()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        network(images(16))
        for name, parameter in network.named_parameters():
            if "norm" in name or name.endswith("bias"):
                parameter.add_(0.2 * torch.randn_like(parameter))
        network.capsules.weight.mul_(5)  # or the angles hardly depend on the image
        network.regression.bins.weight.mul_(5)
    return network.eval()


def images(count: int):
    """Smooth images of random colours, such as noise would not be after the first pooling."""
    upsample = torch.nn.Upsample(size=64, mode="bilinear")
    return upsample(torch.rand(max(count, 1), 3, 4, 4) * 255)[:count]


def test_the_variants_have_their_numbers_of_parameters():
    widths = (16, 32, 32, 64, 64, 128, 128)
    streams = 2 * sum(9 * i + i * o + o + 2 * o for i, o in zip((3, *widths), widths))
    projections = 2 * sum(c * 64 + 64 for c in (128, 64, 32))
    factors = (64 * 960 + 960) + (192 * 35 + 35)
    heads = 3 * (2 * (4 * 3 + 3) + 8 * 9 + 9)
    expected = {
        "capsule": streams + projections + (64 + 1) + factors + 3 * 21 * 16 * 64 + heads,
        "var_capsule": streams + projections + factors + 3 * 21 * 16 * 64 + heads,
        "noS_capsule": streams + projections + 3 * 192 * 16 * 64 + heads,
    }
    assert expected == {"capsule": 236_615, "var_capsule": 236_550, "noS_capsule": 692_707}
    assert {v: sum(p.numel() for p in FSANet(v).parameters()) for v in VARIANTS} == expected


def test_an_unknown_variant_is_refused_by_name():
    with pytest.raises(ValueError, match="'capsules', only capsule, var_capsule, noS_capsule"):
        FSANet("capsules")


@torch.no_grad()
def test_an_image_has_the_same_angles_alone_and_in_a_batch(network):
    batch = images(5)
    together = network(batch)
    assert together.shape == (5, 3) and together.isfinite().all()
    alone = torch.cat([network(image[None]) for image in batch])
    torch.testing.assert_close(alone, together, atol=1e-3, rtol=0)


@torch.no_grad()
def test_no_images_have_no_angles(network):
    assert network(images(0)).shape == network.fused()(images(0)).shape == (0, 3)


@torch.no_grad()
def test_the_fused_copy_gives_the_same_angles_and_leaves_the_original_alone(network):
    batch = images(40)
    kept, before = batch.clone(), network(batch)
    assert before.std(0).min() > 0.01, "the angles must depend on the image, or this test shows nothing"
    fused = network.fused()
    assert not any("norm" in key for key in fused.state_dict())
    torch.testing.assert_close(fused(batch), before, atol=1e-3, rtol=0)
    torch.testing.assert_close(fused.fused()(batch), before, atol=1e-3, rtol=0)
    assert torch.equal(batch, kept)
    assert torch.equal(network(batch), before)


def test_every_parameter_learns(network):
    network = copy.deepcopy(network).train()
    network(images(4)).abs().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any(), name


@pytest.mark.parametrize("learned", [True, False], ids=["learned score", "variance"])
@torch.no_grad()
def test_grouping_multiplies_the_positions_by_the_normalised_product_of_its_factors(learned):
    torch.manual_seed(1)
    grouping = Grouping(learned)
    u = torch.randn(2, 192, 64)
    got = grouping(u)
    for sample in range(2):
        score = torch.sigmoid(grouping.score(u[sample]))[:, 0] if learned else u[sample].var(1, unbiased=False)
        left = torch.sigmoid(grouping.left(score)).reshape(7, 5)
        for stage in range(3):
            right = torch.sigmoid(grouping.right(score[64 * stage : 64 * stage + 64])).reshape(5, 192)
            s = left @ right
            expected = (s @ u[sample]) / s.sum(1, keepdim=True)
            torch.testing.assert_close(got[sample, 7 * stage : 7 * stage + 7], expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_capsule_that_sees_nothing_has_no_length_and_a_long_one_nearly_1():
    short, long = squash(torch.stack([torch.zeros(16), torch.full((16,), 100.0)]))
    assert not short.any() and 0.999 < float(long.norm()) < 1


@torch.no_grad()
def test_capsules_route_twice_by_agreement():
    torch.manual_seed(2)
    capsules = Capsules(21)
    capsules.weight.normal_(std=0.3)
    u = torch.randn(21, 64)

    def squash(v):
        length = (v @ v).item()
        return v * length / (1 + length) / (length + 1e-7) ** 0.5

    w = capsules.weight.reshape(21, 64, 3, 16)
    u_hat = {(j, i): u[i] @ w[i, :, j] for j in range(3) for i in range(21)}
    b = torch.zeros(3, 21)
    for _ in range(2):
        c = b.softmax(0)
        v = [squash(sum(c[j, i] * u_hat[j, i] for i in range(21))) for j in range(3)]
        b = torch.tensor([[float(v[j] @ u_hat[j, i]) for i in range(21)] for j in range(3)])
    torch.testing.assert_close(capsules(u[None])[0], torch.stack(v), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_regression_sums_the_stages_each_within_a_bin_of_the_one_before():
    torch.manual_seed(3)
    regression = Regression()
    for parameter in regression.parameters():
        parameter.normal_()
    capsules = torch.randn(3, 16)
    expected, divisor = torch.zeros(3), torch.ones(3)
    for stage in range(3):
        v = capsules[stage]
        delta, shift, p = (
            part @ layer.weight[stage] + layer.bias[stage, 0]
            for part, layer in zip(v.split((4, 4, 8)), (regression.delta, regression.shift, regression.bins))
        )
        divisor = divisor * 3 * (1 + torch.tanh(delta))
        for angle in range(3):
            for place, index in enumerate((-1, 0, 1)):
                weight = p[3 * angle + place].clamp(min=0)
                expected[angle] += 99 * (index + torch.tanh(shift[angle])) * weight / divisor[angle]
    torch.testing.assert_close(regression(capsules[None])[0], expected, atol=1e-3, rtol=1e-4)


def crop(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """FSA-Net's crop of AFLW2000: (H, W, 3) and pt2d (2, 21) to (64, 64, 3)."""
    height, width = image.shape[:2]
    right_of_edge, below_edge = points > 0
    valid = below_edge if below_edge.sum() < right_of_edge.sum() else right_of_edge
    x0, y0 = points[:, valid].min(1).astype(int).tolist()
    x1, y1 = points[:, valid].max(1).astype(int).tolist()
    w, h = x1 - x0, y1 - y0
    x0, y0 = max(int(x0 - 0.6 * w), 0), max(int(y0 - 0.6 * h), 0)
    x1, y1 = min(int(x1 + 0.6 * w), width - 1), min(int(y1 + 0.6 * h), height - 1)
    return cv2.resize(image[y0:y1, x0:x1], (64, 64))


@pytest.fixture(scope="module")
def official():
    """The official outputs within 99 degrees, and their crops (491, 3, 64, 64)."""
    table = SHARED / "reference" / "fsanet_aflw2000-dev_official_outputs.csv"
    if not table.exists():
        pytest.skip("the official outputs (../shared/reference) are not here")
    outputs = pd.read_csv(table).query("within_99 == 1")
    stems = [SHARED / "data" / "aflw2000-dev" / name for name in outputs["id"]]
    crops = [crop(cv2.imread(f"{s}.jpg"), loadmat(f"{s}.mat")["pt2d"]) for s in stems]
    return outputs, torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_official_weights_give_the_official_outputs_on_aflw2000(official, variant):
    outputs, crops = official
    assert len(outputs) == 491
    folder = SHARED / "weights" / "fsanet" / "300W_LP"
    found, state = read_keras(next(folder.glob(f"fsanet_{variant}_*.h5")))
    assert found == variant
    network = FSANet(variant).eval()
    network.load_state_dict(state)
    expected = outputs[[f"{variant}_{angle}" for angle in ("yaw", "pitch", "roll")]].to_numpy()
    for each in (network, network.fused()):
        angles = torch.cat([each(batch) for batch in crops.split(64)]).numpy()
        assert np.abs(angles - expected).max() < 0.002
