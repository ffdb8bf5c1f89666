"""How TokenHPE learns: its regions, its loss, its recipe."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hpe_bench import Images, ImageTarget, pose

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.sixdrepnet.estimator import SixDRepNetEstimator  # noqa: E402
from hpe_bench_plugins.estimators.tokenhpe.estimator import TokenHPEEstimator  # noqa: E402
from hpe_bench_plugins.estimators.tokenhpe.regions import region_of  # noqa: E402
from hpe_bench_plugins.estimators.tokenhpe.training import recipe  # noqa: E402
from hpe_bench_plugins.estimators.training_options import TokenHPETraining  # noqa: E402


@pytest.mark.parametrize(
    ("yaw", "pitch", "region"),
    [
        (60, 50, 0),
        (0, 50, 1),
        (-60, 50, 2),
        (60, 0, 3),
        (0, 0, 4),
        (-60, 0, 5),
        (60, -50, 6),
        (0, -50, 7),
        (-60, -50, 8),
        (40, 30, 4),
        (40.1, 30.1, 0),
        (-40, -30, 4),
        (-40.1, -30.1, 8),
    ],
)
def test_regions_are_row_by_row_large_pitch_first_and_large_yaw_first(yaw, pitch, region):
    assert region_of(torch.tensor([[float(yaw), float(pitch), 77.0]]), 9).tolist() == [region]


@pytest.mark.parametrize(
    ("pitch", "yaws", "expected"),
    [
        (50, (60, 40.1, 40, -40, -40.1, -90), (0, 0, 1, 1, 2, 2)),
        (30, (90, 60.1, 60, 20.1, 20, 0), (3, 3, 4, 4, 5, 5)),
        (-30, (0, -20, -20.1, -60, -60.1, -90), (5, 5, 6, 6, 7, 7)),
        (-50, (60, 40.1, 40, -40, -40.1, -90), (8, 8, 9, 9, 10, 10)),
    ],
)
def test_of_eleven_regions_five_are_in_the_middle_row(pitch, yaws, expected):
    euler = torch.tensor([[float(yaw), float(pitch), -12.0] for yaw in yaws])
    assert region_of(euler, 11).tolist() == list(expected)


def test_a_mirrored_head_is_in_the_mirrored_region():
    euler = torch.rand((50, 3), generator=torch.Generator().manual_seed(0)) * 180 - 90
    mirrored = region_of(euler * torch.tensor([-1.0, 1.0, -1.0]), 9)
    row, column = region_of(euler, 9) // 3, region_of(euler, 9) % 3
    assert torch.equal(mirrored, 3 * row + 2 - column)


@pytest.mark.parametrize("alpha", [0.95, 0.3, 1.0, 0.0])
def test_the_loss_is_the_error_of_the_prediction_and_of_the_token_of_the_true_region_weighed_by_alpha(alpha):
    random = np.random.default_rng(0)
    euler = random.uniform(-80, 80, (20, 3))
    true = Rotation.from_matrix(pose.to_convention(pose.rotation_from_euler(euler), "G"))
    prediction = Rotation.random(20, random_state=1)
    tokens = [Rotation.random(9, random_state=2 + sample) for sample in range(20)]
    expected = 0.0
    for sample, (yaw, pitch, _) in enumerate(euler):
        row = 0 if pitch > 30 else 1 if pitch >= -30 else 2
        column = 0 if yaw > 40 else 1 if yaw >= -40 else 2
        token = tokens[sample][3 * row + column]
        expected += alpha * (prediction[sample] * true[sample].inv()).magnitude() / 20
        expected += (1 - alpha) * (token * true[sample].inv()).magnitude() / 20
    output = (
        torch.from_numpy(prediction.as_matrix()),
        torch.from_numpy(np.stack([token.as_matrix() for token in tokens])),
    )
    target = ImageTarget(torch.from_numpy(true.as_matrix()), torch.from_numpy(euler))
    learned = recipe(SimpleNamespace(options=TokenHPETraining(alpha=alpha)), Images(size=(224, 224))).loss
    assert float(learned(output, target)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("regions", [9, 11])
def test_the_network_has_as_many_tokens_as_regions_are_asked_for(monkeypatch, regions):
    monkeypatch.setattr("hpe_bench_plugins.estimators.tokenhpe.network._LAYERS", 1)
    made = recipe(SimpleNamespace(options=TokenHPETraining(regions=regions)), Images(size=(224, 224)))
    network = made.network()
    tokens = network(torch.zeros(2, 3, 224, 224))[1]
    assert tokens.shape == (2, regions, 3, 3)
    target = ImageTarget(torch.eye(3).expand(2, 3, 3), torch.zeros(2, 3))
    made.loss((tokens[:, 0], tokens), target).backward()
    assert network.Ori_blocks.ori_tokens.grad is not None
    assert set(made.files(network)) == {"network.safetensors"}


def test_the_official_preset_is_what_its_authors_state():
    options = TokenHPETraining(**TokenHPEEstimator.presets["official"].options)
    assert (options.optimizer, options.rate, options.batch, options.epochs) == ("adam", 1e-5, 64, 60)
    assert [options.rate_at(epoch) for epoch in (0, 20, 40)] == [1e-5, 0.5e-5, 0.25e-5]
    assert (options.view, options.resize, options.mirror, options.blur) == ("random-crop", 240, 0.5, 0.05)
    assert [options.rate_at(epoch) for epoch in (19.99, 39.99, 59)] == [1e-5, 0.5e-5, 0.25e-5]
    assert (options.decay, options.warmup, options.clip, options.patience, options.largest) == (0, 0, 0, 0, 99)
    assert (options.alpha, options.regions) == (0.95, 9)
    assert (options.last, options.precision) == ("keep", "float32")


def test_on_cuda_official_presets_ask_for_float32_and_no_autocast(monkeypatch):
    pytest.importorskip("lightning_fabric", reason="needs the 'training' extra")
    from hpe_bench.image_training import engine

    monkeypatch.setattr(engine, "Fabric", SimpleNamespace)
    for kind in (TokenHPEEstimator, SixDRepNetEstimator):
        options = kind.TrainingOptions(**kind.presets["official"].options)
        fabric = engine._fabric(SimpleNamespace(options=options, device="cuda"))
        assert (fabric.precision, fabric.accelerator) == ("32-true", "cuda")
