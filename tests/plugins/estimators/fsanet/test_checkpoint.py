"""FSA-Net checkpoints: what is read, from files named and numbered in any way, and what is refused."""

import copy
from pathlib import Path

import h5py
import numpy as np
import pytest

from hpe_bench import HpeBenchError

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="needs the 'networks' extra")

from keras_files import random_network, write_keras  # noqa: E402

from hpe_bench_plugins.estimators.fsanet.checkpoint import (  # noqa: E402
    read_keras,
    read_safetensors,
    save_safetensors,
)
from hpe_bench_plugins.estimators.fsanet.network import VARIANTS, FSANet  # noqa: E402

SHARED = Path(__file__).resolve().parents[4] / ".." / "shared"


@pytest.fixture
def keras(tmp_path):
    return write_keras(tmp_path / "fsanet.h5", random_network("var_capsule"))


def refused(path: Path, *words: str) -> None:
    """The file is refused in one or two lines that name it and hold these words."""
    with pytest.raises(ValueError) as error:
        read_keras(path) if path.suffix == ".h5" else read_safetensors(path)
    message = str(error.value)
    assert str(path) in message and len(message.splitlines()) <= 2
    for word in words:
        assert word in message


@pytest.mark.parametrize("built_before", [0, 7, 95])
@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_a_keras_file_is_read_by_order_of_construction_whatever_its_numbers(tmp_path, variant, built_before):
    network = random_network(variant)
    found, state = read_keras(write_keras(tmp_path / "no_name_tells.h5", network, built_before))
    assert found == variant
    assert all(torch.equal(tensor, network.state_dict()[key]) for key, tensor in state.items())
    again = FSANet(found).eval()
    again.load_state_dict(state)
    images = torch.rand(4, 3, 64, 64) * 255
    assert torch.equal(again(images), network(images))


def test_the_official_files_are_read():
    files = sorted((SHARED / "weights" / "fsanet").glob("*/*.h5"))
    if not files:
        pytest.skip("the official checkpoints (../shared/weights/fsanet) are not here")
    for path in files:
        variant, state = read_keras(path)
        assert path.name.startswith(f"fsanet_{variant}_3_16_2")
        FSANet(variant).load_state_dict(state)


def test_a_missing_file_is_a_missing_file(tmp_path):
    for name, read in (("a.h5", read_keras), ("a.safetensors", read_safetensors)):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / name)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_keras_file_is_refused(keras, part):
    keras.write_bytes(keras.read_bytes()[: int(part * keras.stat().st_size)])
    refused(keras, "not a whole HDF5 file")


def test_a_file_of_another_kind_is_refused(tmp_path):
    page = tmp_path / "page.h5"
    page.write_text("<html>Not found</html>")
    refused(page, "not a whole HDF5 file")
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["resnet/conv1/kernel:0"] = np.zeros((7, 7, 3, 64))
    refused(other, "not an FSA-Net checkpoint", "caps/W", "conv1")


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("ssr_G_model/separable_conv2d_9", ("14 separable_conv2d", "13")),
        ("ssr_G_model/conv2d_3", ("6 conv2d", "5")),
        ("ssr_S_model/dense_2", ("1 dense", "from 192 to 35", "0")),
        ("ssr_G_model/batch_normalization_2/moving_mean:0", ("batch_normalization_2/moving_mean",)),
        ("ssr_F_Cap_model/delta_s2", ("delta_s2/kernel",)),
    ],
)
def test_a_missing_layer_is_named(keras, missing, words):
    with h5py.File(keras, "r+") as file:
        del file[missing]
    refused(keras, *words)


def test_a_wrong_shape_is_named_with_the_right_one(keras):
    name = "ssr_G_model/separable_conv2d_4/pointwise_kernel:0"
    with h5py.File(keras, "r+") as file:
        del file[name]
        file[name] = np.zeros((1, 1, 32, 65), np.float32)
    refused(keras, "separable_conv2d_4/pointwise_kernel", "(1, 1, 32, 65)", "needs (1, 1, 32, 64)")


def test_numbers_that_are_not_finite_are_refused(keras):
    with h5py.File(keras, "r+") as file:
        file["ssr_Cap_model/caps/W:0"][0, 0, 0, 0] = np.nan
    refused(keras, "caps/W", "not finite")


def replace_by_external_link(file: h5py.File, name: str) -> None:
    file[name] = h5py.ExternalLink("elsewhere.h5", "/secret")


def replace_by_soft_link(file: h5py.File, name: str) -> None:
    file[name] = h5py.SoftLink("/ssr_G_model/batch_normalization_1/beta:0")


def replace_by_external_storage(file: h5py.File, name: str) -> None:
    file.create_dataset(name, (16,), np.float32, external=[("elsewhere.bin", 0, h5py.h5f.UNLIMITED)])


def replace_by_virtual_dataset(file: h5py.File, name: str) -> None:
    layout = h5py.VirtualLayout((16,), np.float32)
    layout[:] = h5py.VirtualSource("elsewhere.h5", "secret", (16,))
    file.create_virtual_dataset(name, layout)


@pytest.mark.parametrize(
    "replace",
    [replace_by_external_link, replace_by_soft_link, replace_by_external_storage, replace_by_virtual_dataset],
)
def test_what_reaches_outside_the_file_is_refused(keras, replace):
    name = "ssr_G_model/separable_conv2d_1/bias:0"
    with h5py.File(keras, "r+") as file:
        del file[name]
        replace(file, name)
    refused(keras, f"/{name}", "only data inside the file is read")


def test_a_group_inside_itself_is_refused(keras):
    with h5py.File(keras, "r+") as file:
        file["ssr_G_model/again"] = file["ssr_G_model"]
    with pytest.raises(ValueError):
        read_keras(keras)


def test_anything_but_floating_point_numbers_is_refused(keras):
    with h5py.File(keras, "r+") as file:
        file["ssr_G_model/note"] = "text"
    refused(keras, "/ssr_G_model/note", "floating-point")


@pytest.mark.parametrize("variant", VARIANTS)
def test_safetensors_hold_the_variant_and_every_number(tmp_path, variant):
    network = copy.deepcopy(random_network(variant)).to(memory_format=torch.channels_last)
    path = tmp_path / "fsanet.safetensors"
    for _ in range(2):
        save_safetensors(path, variant, network.state_dict())
    found, state = read_safetensors(path)
    assert found == variant
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(tensor, network.state_dict()[key]) for key, tensor in state.items())
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_state_of_other_keys_or_shapes_is_not_written(tmp_path):
    network = random_network("capsule")
    path = tmp_path / "fsanet.safetensors"
    for variant, state, words in (
        ("var_capsule", network.state_dict(), "grouping.score"),
        ("capsule", network.fused().state_dict(), "norm"),
        ("capsule", {**network.state_dict(), "capsules.weight": torch.zeros(3)}, "capsules.weight"),
    ):
        with pytest.raises(ValueError, match=words):
            save_safetensors(path, variant, state)
    assert not any(tmp_path.iterdir())


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    network = random_network("capsule")
    path = tmp_path / "fsanet.safetensors"
    path.write_bytes(b"old")

    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(HpeBenchError, match="no space"):
        save_safetensors(path, "capsule", network.state_dict())
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_damaged_and_foreign_safetensors_are_refused(tmp_path):
    network = random_network("var_capsule")
    path = tmp_path / "fsanet.safetensors"
    save_safetensors(path, "var_capsule", network.state_dict())
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, "not a whole safetensors file")
    safetensors_torch.save_file({"x": torch.zeros(1)}, path)
    refused(path, "not an FSA-Net checkpoint", "None", "noS_capsule")
    safetensors_torch.save_file({"x": torch.zeros(1)}, path, {"variant": "capsule"})
    refused(path, "needs capsules.weight")


@pytest.mark.parametrize("read", [read_keras, read_safetensors])
def test_what_stands_in_place_of_a_checkpoint_is_called_what_it_is(tmp_path, read):
    path = tmp_path / "fsanet.h5"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\nsize 5\n")
    with pytest.raises(ValueError, match="git lfs pull"):
        read(path)
    path.write_bytes(b"<!doctype html><title>Sign in</title>")
    with pytest.raises(ValueError, match=r"web page \('Sign in'\)"):
        read(path)
