"""6DRepNet's network: the official outputs in both forms, and the one made from the other."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.sixdrepnet.network import SixDRepNet, TrainingBlock  # noqa: E402

FORMS = {"training": "sixdrepnet", "deployed": "sixdrepnet_deploy"}


def outline(form: str):
    """A network without numbers."""
    with torch.device("meta"):
        return SixDRepNet(form)


@pytest.fixture(scope="module")
def trained(golden):
    """The golden training checkpoint in its network, and what belongs to it."""
    found = golden("sixdrepnet")
    network = outline("training")
    network.load_state_dict(found.state(), assign=True)
    return network.eval(), found


def test_both_forms_have_their_numbers_of_parameters():
    count = {form: sum(p.numel() for p in outline(form).parameters()) for form in FORMS}
    assert count == {"training": 43_745_670, "deployed": 39_323_398}


@pytest.mark.parametrize("form", FORMS)
def test_the_keys_are_the_official_ones_in_their_order(golden, form):
    ours = [(key, tuple(t.shape), str(t.dtype)) for key, t in outline(form).state_dict().items()]
    assert ours == [(key, shape, f"torch.{kind}") for key, shape, kind in golden(FORMS[form]).keys]


@torch.inference_mode()
def test_the_training_form_gives_the_official_outputs_and_so_does_what_is_deployed_of_it(trained):
    network, found = trained
    images = torch.from_numpy(found.images)
    before = network(images).numpy()
    assert np.abs(before - found.outputs[0]).max() < 1e-4
    deployed = network.deployed()
    assert deployed.form == "deployed" and not deployed.training and deployed.deployed() is deployed
    assert np.abs(deployed(images).numpy() - before).max() < 1e-5
    assert network.state_dict().keys() == outline("training").state_dict().keys()


@torch.inference_mode()
def test_the_deployed_form_gives_the_official_outputs(golden):
    found = golden("sixdrepnet_deploy")
    network = outline("deployed")
    network.load_state_dict(found.state(), assign=True)
    assert np.abs(network.eval()(torch.from_numpy(found.images)).numpy() - found.outputs[0]).max() < 1e-4


@pytest.mark.parametrize(("inputs", "outputs", "stride", "groups"), [(6, 8, 2, 1), (8, 8, 1, 1), (8, 8, 1, 2)])
@torch.inference_mode()
def test_three_branches_are_one_convolution(scramble, inputs, outputs, stride, groups):
    block = scramble(TrainingBlock(inputs, outputs, stride, groups))
    assert (block.rbr_identity is None) == (stride == 2)
    x = torch.randn(3, inputs, 10, 12, generator=torch.Generator().manual_seed(0))
    weight, bias = block.fused()
    assert weight.dtype == torch.float32 and weight.shape == (outputs, inputs // groups, 3, 3)
    one = torch.relu(torch.nn.functional.conv2d(x, weight, bias, stride, 1, groups=groups))
    torch.testing.assert_close(one, block(x), atol=1e-5, rtol=1e-5)


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = SixDRepNet()
    network(torch.randn(2, 3, 32, 32)).square()[:, 0].sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
