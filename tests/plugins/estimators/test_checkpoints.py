"""Checkpoints of image networks: what is read, however it is wrapped, and what is refused, and why."""

from __future__ import annotations

import argparse
import io
import os
import pickle
import warnings
import zipfile

import numpy as np
import pytest

from hpe_bench import DataError

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.checkpoints import (  # noqa: E402
    build,
    names_of,
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


def saved(content) -> bytes:
    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()


def prefixed(prefix, state):
    return {f"{prefix}{key}": value for key, value in state.items()}


SHAPES = {
    "compiled": lambda state: prefixed("_orig_mod.", state),
    "of a class around it": lambda state: prefixed("model.", state),
    "compiled, on several GPUs": lambda state: prefixed("module._orig_mod.", state),
    "under model": lambda state: {"model": state, "epoch": 3},
    "under net": lambda state: {"net": state},
    "lightning": lambda state: {"state_dict": prefixed("model.", state), "pytorch-lightning_version": "2.1"},
    "twice wrapped": lambda state: {"model": {"state_dict": state, "epoch": 1}},
    "beside numbers of NumPy": lambda state: {"model_state_dict": state, "mae": np.float64(4.9), "n": np.int64(3)},
    "beside parsed arguments": lambda state: {"state_dict": state, "args": argparse.Namespace(lr=1e-4, name="x")},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_checkpoint_is_read_in_the_shapes_that_people_pass_on(path, shape):
    state = state_of(small)
    path.write_bytes(saved(SHAPES[shape](state)))
    found = read_official(path, names_of(FORMS))
    assert list(found) == list(state) and all(torch.equal(found[key], state[key]) for key in state)


def test_what_stands_before_every_name_stays_where_it_is_the_networks_own(path):
    path.write_bytes(saved({"model.weight": torch.ones(2)}))
    assert list(read_official(path, ["model.weight", "model.bias"])) == ["model.weight"]
    assert list(read_official(path)) == ["weight"]


@pytest.mark.parametrize("kind", ["half", "bfloat16"])
def test_half_precision_is_read_and_becomes_the_networks_own(path, kind):
    state = {
        key: value.to(getattr(torch, kind)) if value.is_floating_point() else value
        for key, value in state_of(small).items()
    }
    torch.save(state, path)
    network = build(small, read_official(path))
    assert torch.equal(network[0].weight, state["0.weight"].float())


def test_the_old_format_and_safetensors_are_read_whatever_they_are_called(path):
    state = state_of(small)
    torch.save(state, path, _use_new_zipfile_serialization=False)
    assert recognise(path, read_official(path), "Net", FORMS) == "small form"
    safetensors_torch.save_file(state, path)
    assert recognise(path, read_official(path), "Net", FORMS) == "small form"
    path.write_bytes(path.read_bytes()[:-9])
    refused(lambda: read_official(path), "not a whole safetensors file")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"<!DOCTYPE html><title>Google Drive - Quota exceeded</title>",
            ("web page ('Google Drive - Quota", "browser"),
        ),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1234567\n", ("1,234,567", "git lfs pull")),
        (b"\x08\x07\x12\x07pytorch" + b"\x9c" * 500, ("ONNX",)),
        (b'{"message": "Not Found"}', ("JSON",)),
        (b"\x1f\x8b\x08" + b"\x9c" * 50, ("gzip", "unpack it")),
        (b"", ("empty",)),
    ],
)
def test_what_stands_in_place_of_a_checkpoint_is_called_what_it_is(path, content, words):
    path.write_bytes(content)
    refused(lambda: read_official(path), "not a PyTorch checkpoint", *words)
    refused(lambda: read_network(path, "Net", FORMS), "not a readable safetensors file", *words)


def test_a_torchscript_program_is_refused_by_its_kind_and_not_run(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refused(lambda: read_official(path), "TorchScript", "state_dict() alone")


@pytest.mark.parametrize(
    ("names", "whose"),
    [
        (["conv1.weight", "fc_yaw.weight", "fc_pitch.weight", "fc_roll.weight"], "Hopenet's"),
        (["conv1.weight", "layer1.0.conv1.weight", "linear_reg.weight"], "6DRepNet360's"),
        (["layer0.rbr_reparam.weight"], "without its head"),
        (["stage0.rbr_dense.conv.weight", "linear.weight"], "-o start=FILE"),
        (["cls_token", "patch_embed.proj.weight"], "vision transformer's"),
    ],
)
def test_weights_of_another_network_are_called_by_its_name(path, names, whose):
    state = {name: torch.zeros(1) for name in names}
    refused(lambda: recognise(path, state, "Net", FORMS), "does not fit Net", "look like", whose, "lacks 7 of its 7")


def test_a_checkpoint_with_a_byte_changed_is_refused(path):
    torch.save(state_of(small), path)
    content = bytearray(path.read_bytes())
    weights = next(iter(state_of(small).values())).numpy().tobytes()
    content[content.index(weights) + 1] ^= 4
    path.write_bytes(content)
    refused(lambda: read_official(path), str(path), "damaged", "fetch it anew")


def test_an_archive_that_unpacks_to_far_more_than_it_has_is_refused_before_it_is_unpacked(path, monkeypatch):
    monkeypatch.setattr("hpe_bench_plugins.estimators.official_checkpoints._MOST_UNPACKED", 10**6)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"\0" * 2 * 10**6)
    refused(lambda: read_official(path), str(path), "unpacks to 2,000,002 bytes")
