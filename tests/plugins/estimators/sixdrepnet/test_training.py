"""How 6DRepNet learns: its recipe, and its start from an ImageNet file."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hpe_bench import DataError, Images, ImageTarget

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.rotation6d import gram_schmidt  # noqa: E402
from hpe_bench_plugins.estimators.sixdrepnet.estimator import SixDRepNetEstimator  # noqa: E402
from hpe_bench_plugins.estimators.sixdrepnet.network import SixDRepNet  # noqa: E402
from hpe_bench_plugins.estimators.sixdrepnet.training import new_network, recipe  # noqa: E402
from hpe_bench_plugins.estimators.training_options import SixDRepNetTraining  # noqa: E402


@pytest.fixture(scope="module")
def imagenet():
    """A state dict as RepVGG's authors publish it: stages for layers, and a thousand classes."""
    with torch.device("meta"):
        network = SixDRepNet("training")
    own = {key: torch.full(value.shape, 0.5) for key, value in network.state_dict().items()}
    state = {key.replace("layer", "stage", 1): value for key, value in own.items() if not key.startswith("linear_reg")}
    return {**state, "linear.weight": torch.zeros(1000, 2560), "linear.bias": torch.zeros(1000)}


def test_it_starts_from_the_file_of_repvgg_but_for_its_classes(imagenet, big):
    path = big / "RepVGG-B1g2-train.pth"
    torch.save(imagenet, path)
    network = new_network(path)
    state = network.state_dict()
    assert all((value == 0.5).all() for key, value in state.items() if key.startswith("layer") and value.ndim)
    assert not (state["linear_reg.weight"] == 0.5).any()


def test_a_file_of_another_network_is_refused_with_what_does_not_fit(imagenet, tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"stage0.rbr_dense.conv.weight": torch.zeros(48, 3, 3, 3), "linear.bias": torch.zeros(3)}, path)
    with pytest.raises(DataError, match=r"other\.pth does not fit the RepVGG-B1g2 of 6DRepNet .*is \(48, 3, 3, 3\)"):
        new_network(path)


def test_the_official_preset_is_what_its_authors_state():
    options = SixDRepNetTraining(**SixDRepNetEstimator.presets["official"].options)
    assert (options.optimizer, options.rate, options.batch, options.epochs) == ("adam", 1e-4, 80, 80)
    assert options.rate_at(0) == options.rate_at(79) == 1e-4
    assert (options.view, options.least, options.mirror, options.blur) == ("random-resized-crop", 0.8, 0.5, 0.05)
    assert (options.decay, options.warmup, options.clip, options.patience, options.largest) == (0, 0, 0, 0, 99)
    assert (options.last, options.precision) == ("keep", "float32")


def test_rotations_are_exact_where_the_network_computes_in_half_precision():
    vectors = torch.randn((20, 6), generator=torch.Generator().manual_seed(0)).bfloat16()
    rotations = gram_schmidt(vectors)
    assert rotations.dtype == torch.float32
    torch.testing.assert_close(rotations.mT @ rotations, torch.eye(3).expand(20, 3, 3), atol=1e-6, rtol=0)


def test_a_step_of_training_reaches_every_parameter():
    made = recipe(SimpleNamespace(options=SixDRepNetTraining()), Images(size=(64, 64)))
    torch.manual_seed(0)
    network = made.network()
    images = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    target = ImageTarget(torch.eye(3).expand(2, 3, 3), torch.zeros(2, 3))
    made.loss(network(made.prepare(images)), target).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())
