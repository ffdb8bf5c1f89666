"""Checkpoints of image networks: what is read, however it is wrapped, and what is refused, and why."""

from __future__ import annotations

import os
import pickle

import pytest

from hpe_bench import DataError

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.checkpoints import (  # noqa: E402
    build,
    network_bytes,
    read_network,
    recognise,
)
from hpe_bench_plugins.estimators.official_checkpoints import read_official  # noqa: E402


def small():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))


def large():
    return torch.nn.Sequential(*small(), torch.nn.Conv2d(4, 5, 1))


FORMS = {"small form": small, "large form": large}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "official.pth"


def state_of(make):
    torch.manual_seed(0)
    return make().state_dict()


def refused(action, *words: str) -> None:
    """The file is refused in one or two lines that name it and hold these words."""
    with pytest.raises(DataError) as error:
        action()
    message = str(error.value)
    assert "official" in message and len(message.splitlines()) <= 2 and len(message) < 400
    for word in words:
        assert word in message


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapper", [None, "model_state_dict", "state_dict"])
def test_a_state_dict_is_found_bare_or_wrapped_and_of_several_gpus(path, wrapper, prefix):
    state = state_of(small)
    content = {f"{prefix}{key}": value for key, value in state.items()}
    optimizer = torch.optim.Adam(small().parameters()).state_dict()
    torch.save({"epoch": 7, wrapper: content, "optimizer_state_dict": optimizer} if wrapper else content, path)
    found = read_official(path)
    assert list(found) == list(state) and all(torch.equal(found[key], state[key]) for key in state)
    assert recognise(path, found, "Net", FORMS) == "small form"


def test_the_form_is_told_from_the_keys(path):
    assert recognise(path, state_of(large), "Net", FORMS) == "large form"


def test_every_kind_of_misfit_is_counted_and_its_first_keys_are_named(path):
    state = {key: value for key, value in state_of(large).items() if not key.startswith("1.")}
    state |= {"2.weight": torch.zeros(6, 4, 1, 1), "head.weight": torch.zeros(2), "extra": torch.zeros(1)}
    refused(
        lambda: recognise(path, state, "Net", FORMS),
        "does not fit Net (large form)",
        "lacks 5 of its 9 tensors (1.weight, 1.bias, 1.running_mean, ...)",
        "has 2 unknown to it (head.weight, extra)",
        "has 1 of another shape (2.weight is (6, 4, 1, 1), not (5, 4, 1, 1))",
    )


def test_numbers_that_are_not_finite_are_refused(path):
    state = state_of(small) | {"0.bias": torch.tensor([1, float("nan"), 3, 4])}
    refused(lambda: recognise(path, state, "Net", FORMS), "not finite", "0.bias")


class Command:
    """Runs a command where it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_pickle_with_a_command_in_it_is_refused_and_not_run(path, tmp_path):
    command = Command(f"touch {tmp_path / 'run'}")
    torch.save({"state_dict": state_of(small), "note": command}, path)
    refused(lambda: read_official(path), "system", "only plain tensors are read")
    path.write_bytes(pickle.dumps(command, protocol=2))
    refused(lambda: read_official(path))
    assert not (tmp_path / "run").exists()


def test_a_whole_network_is_refused_by_the_name_of_its_class(path):
    torch.save(small(), path)
    refused(lambda: read_official(path), "torch.nn.modules.container.Sequential", "state_dict() alone")


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.95])
def test_a_truncated_file_is_refused(path, part):
    torch.save(state_of(small), path)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    refused(lambda: read_official(path), "fetch it anew")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1.0], "a list"),
        ({}, "no state dict"),
        ({"epoch": 3}, "'epoch' is of type int"),
        ({"model_state_dict": {3: torch.zeros(1)}}, "3 is of type Tensor"),
    ],
)
def test_what_is_no_state_dict_is_refused(path, content, words):
    torch.save(content, path)
    refused(lambda: read_official(path), words)


def test_a_page_instead_of_a_file_and_no_file_are_refused(path):
    refused(lambda: read_official(path), "No such file")
    path.write_text("<html>Sign in</html>")
    refused(lambda: read_official(path), "not a PyTorch checkpoint")


def test_a_network_is_read_as_it_was_written(tmp_path):
    network = large().to(memory_format=torch.channels_last).eval()
    content = network_bytes("large form", network)
    assert content == network_bytes("large form", network)
    path = tmp_path / "network.safetensors"
    path.write_bytes(content)
    form, again = read_network(path, "Net", FORMS)
    assert form == "large form" and not again.training
    state, expected = again.state_dict(), network.state_dict()
    assert list(state) == list(expected) and all(torch.equal(state[key], expected[key]) for key in state)


def test_a_network_is_built_in_its_own_precision():
    state = {key: value.half() for key, value in state_of(small).items()}
    network = build(small, state)
    assert network(torch.rand(1, 3, 8, 8)).dtype == torch.float32
    assert network[1].num_batches_tracked.dtype == torch.int64
    assert network[0].weight.requires_grad


def test_damaged_and_foreign_safetensors_are_refused(tmp_path):
    path = tmp_path / "official.safetensors"
    content = network_bytes("small form", small())
    path.write_bytes(content[:-20])
    refused(lambda: read_network(path, "Net", FORMS), "not a readable safetensors file")
    safetensors_torch.save_file({"x": torch.zeros(1)}, path)
    refused(lambda: read_network(path, "Net", FORMS), "its form is '', not small form or large form")
    safetensors_torch.save_file({"x": torch.zeros(1)}, path, {"form": "small form"})
    refused(lambda: read_network(path, "Net", FORMS), "lacks 7 of its 7 tensors", "unknown to it (x)")
