"""How TokenHPE learns: its regions, its loss, its recipe."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hpe_bench import Images, ImageTarget, UsageError, pose

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.tokenhpe.estimator import TokenHPEEstimator  # noqa: E402
from hpe_bench_plugins.estimators.tokenhpe.training import loss, recipe, regions  # noqa: E402
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
    assert regions(torch.tensor([[float(yaw), float(pitch), 77.0]])).tolist() == [region]


def test_a_mirrored_head_is_in_the_mirrored_region():
    euler = torch.rand((50, 3), generator=torch.Generator().manual_seed(0)) * 180 - 90
    mirrored = regions(euler * torch.tensor([-1.0, 1.0, -1.0]))
    row, column = regions(euler) // 3, regions(euler) % 3
    assert torch.equal(mirrored, 3 * row + 2 - column)


def test_the_loss_is_the_error_of_the_prediction_and_of_the_token_of_the_true_region():
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
        expected += 0.95 * (prediction[sample] * true[sample].inv()).magnitude() / 20
        expected += 0.05 * (token * true[sample].inv()).magnitude() / 20
    output = (
        torch.from_numpy(prediction.as_matrix()),
        torch.from_numpy(np.stack([token.as_matrix() for token in tokens])),
    )
    target = ImageTarget(torch.from_numpy(true.as_matrix()), torch.from_numpy(euler))
    assert float(loss(output, target)) == pytest.approx(expected, abs=1e-9)


def test_eleven_regions_whose_bounds_nobody_published_are_refused():
    training = SimpleNamespace(options=TokenHPETraining(regions=11))
    with pytest.raises(UsageError, match="11 regions are published nowhere"):
        recipe(training, Images(size=(224, 224)))


def test_the_official_preset_is_what_its_authors_state():
    options = TokenHPETraining(**TokenHPEEstimator.presets["official"].options)
    assert (options.optimizer, options.rate, options.batch, options.epochs) == ("adam", 1e-5, 64, 60)
    assert [options.rate_at(epoch) for epoch in (0, 20, 40)] == [1e-5, 0.5e-5, 0.25e-5]
    assert (options.view, options.resize, options.mirror, options.blur) == ("random-crop", 240, 0.5, 0.05)
