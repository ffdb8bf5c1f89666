"""Files of weights: what was written is read, what is something else is refused by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hpe_bench import DataError, MissingError
from hpe_bench_plugins.estimators.nlml.estimator import NLML, NLMLTensor
from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids
from hpe_bench_plugins.estimators.nlml.weights import (
    Factors,
    LandmarkTensor,
    network_bytes,
    read_extractor,
    read_network,
    read_tensor,
    tensor_bytes,
)

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.numpy")


@pytest.fixture
def tensor():
    rng = np.random.default_rng(0)
    curves = tuple(Sinusoids(rng.normal(size=(3, 4))) for _ in range(3))
    return LandmarkTensor(
        rng.normal(size=(5, 3, 3, 3, 1404)).astype(np.float32), curves, (50.0, 40.0, 30.0), "yaw-pitch-roll"
    )


def test_a_tensor_survives_the_disk(tensor, tmp_path):
    path = tmp_path / "tensor.safetensors"
    path.write_bytes(tensor_bytes(tensor, "facemesh-always"))
    read = read_tensor(path)
    np.testing.assert_array_equal(read.w, tensor.w)
    angles = np.random.default_rng(1).uniform(-1, 1, (7, 3))
    np.testing.assert_array_equal(read.rows(angles), tensor.rows(angles))
    assert read.limits == tensor.limits and read.convention == "yaw-pitch-roll" and read.factors is None
    assert read_extractor(path) == "facemesh-always"


def test_a_tensor_keeps_what_its_curves_were_fitted_to(tensor, tmp_path):
    path = tmp_path / "tensor.safetensors"
    bins = tuple(np.linspace(-20, 20, count) for count in (5, 4, 3))
    factors = Factors(bins, tuple(np.ones((len(own), 3)) for own in bins), {"yaw": np.array([3.0, 1.0])})
    path.write_bytes(tensor_bytes(replace(tensor, factors=factors), "facemesh"))
    read = read_tensor(path).factors
    assert [own.tolist() for own in read.bins] == [own.tolist() for own in bins]
    assert [rows.shape for rows in read.rows] == [(5, 3), (4, 3), (3, 3)]
    assert {mode: values.tolist() for mode, values in read.singular.items()} == {"yaw": [3.0, 1.0]}
    path.write_bytes(tensor_bytes(replace(tensor, factors=replace(factors, rows=factors.rows[::-1])), "facemesh"))
    with pytest.raises(DataError, match="do not fit its curves"):
        read_tensor(path)


def test_a_network_survives_the_disk(tmp_path):
    from hpe_bench_plugins.estimators.nlml.network import Network

    network = Network((3, 4, 5))
    path = tmp_path / "network.safetensors"
    path.write_bytes(network_bytes(network, "yaw-pitch-roll", "facemesh-always"))
    read, convention = read_network(path)
    x = torch.randn(4, 1404)
    assert torch.equal(read(x), network(x)) and convention == "yaw-pitch-roll" and read.ranks == (3, 4, 5)


@pytest.mark.parametrize("read", [read_tensor, read_network])
def test_something_else_is_refused_by_name(read, tmp_path):
    path = tmp_path / "some.safetensors"
    path.write_bytes(b"not a safetensors file")
    with pytest.raises(DataError, match=r"some\.safetensors"):
        read(path)
    path.write_bytes(safetensors.save({"w": np.zeros((2, 2), np.float32)}, metadata={"about": "[3]"}))
    with pytest.raises(DataError, match=r"some\.safetensors"):
        read(path)


@pytest.mark.parametrize("change", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(tensor, tmp_path, change):
    tensor.w[0, 0, 0, 0, 0] = change
    path = tmp_path / "tensor.safetensors"
    path.write_bytes(tensor_bytes(tensor, "facemesh-always"))
    with pytest.raises(DataError, match="not finite"):
        read_tensor(path)


def test_missing_weights_say_what_there_is_and_how_to_train(tmp_path):
    with pytest.raises(MissingError, match="hpe-bench train nlml --as mine"):
        NLML(NLML.Options(weights="mine")).find_weights(tmp_path / "nlml")
    (tmp_path / "nlml" / "full").mkdir(parents=True)
    (tmp_path / "nlml" / "full" / "tensor.safetensors").write_bytes(b"")
    with pytest.raises(MissingError, match="There is full"):
        NLMLTensor(NLMLTensor.Options(weights="mine")).find_weights(tmp_path / "nlml")


def test_an_estimator_asks_for_the_landmarks_that_its_weights_learned_from(tensor, tmp_path):
    folder = tmp_path / "nlml"
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "tensor.safetensors").write_bytes(tensor_bytes(tensor, "facemesh-always"))
    estimator = NLMLTensor(NLMLTensor.Options(weights="mine"))
    assert estimator.inputs.extractor == "facemesh"
    estimator.find_weights(folder)
    assert estimator.inputs.extractor == "facemesh-always"


@pytest.mark.parametrize("read", [read_tensor, read_network])
def test_what_stands_in_place_of_weights_is_called_what_it_is(read, tmp_path):
    for name in ("x.safetensors", "Trained_data.npz"):
        (tmp_path / name).write_bytes(b"version https://git-lfs.github.com/spec/v1\nsize 5\n")
        with pytest.raises(DataError, match="git lfs pull"):
            read(tmp_path / name)
