"""FSA-Net checkpoints: the official Keras 2 files, and our own in safetensors.

Both kinds may come from strangers: nothing is unpickled, links and storage outside the file are refused, and
every shape is compared before any number is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import h5py
import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hpe_bench import instead_of, require_regular, write_atomically
from hpe_bench_plugins.estimators.fsanet.network import (
    CAPSULE,
    CHANNELS,
    STAGES,
    TAPS,
    VARIANTS,
    WIDTHS,
    FSANet,
    Variant,
)

Array = npt.NDArray[np.float32]
Shape = tuple[int, ...]
State = dict[str, Tensor]

_MAX_OBJECTS = 1000  # the official files hold about 150
_MAX_DEPTH = 8
_AUTOMATIC = re.compile(r"(separable_conv2d|batch_normalization|conv2d|dense)(?:_(\d+))?")
_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def read_keras(path: Path) -> tuple[Variant, State]:
    """Read a Keras 2 `save_weights` file of FSA-Net: its variant and a state dict for `FSANet(variant)`.

    The variant is told from the contents. Numbers behind Keras's automatic layer names may be shifted; their
    order is the order of construction. Raises ValueError for a file that is damaged, unsafe, or not an
    FSA-Net checkpoint, and FileNotFoundError for none.
    """
    path = Path(path)
    try:
        require_regular(path)
        with h5py.File(path, "r", locking=False) as file:
            layers = _Layers(path, dict(_datasets(path, file)))
            return layers.variant, layers.state()
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError) as error:
        reason = instead_of(path, "hdf5") or (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{path} is not a whole HDF5 file, such as an official FSA-Net checkpoint is: {reason}"
        ) from error


def _datasets(path: Path, root: h5py.Group) -> Iterator[tuple[tuple[str, str], h5py.Dataset]]:
    """Every dataset below root as ((layer, parameter), dataset); refuses what reaches outside the file."""
    pending: list[tuple[str, str, h5py.Group]] = [("", "", root)]
    seen: set[tuple[str, str]] = set()
    objects = 0
    while pending:
        prefix, layer, group = pending.pop()
        for name in group:
            where = f"{prefix}/{name}"
            objects += 1
            if objects > _MAX_OBJECTS or where.count("/") > _MAX_DEPTH:
                raise ValueError(f"{path} holds far more groups than an FSA-Net checkpoint; stopped at {where}")
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise ValueError(f"{path}: {where} is a {type(link).__name__}; only data inside the file is read")
            item = group[name]
            if isinstance(item, h5py.Group):
                pending.append((where, name, item))
                continue
            if not isinstance(item, h5py.Dataset) or item.dtype.kind != "f":
                raise ValueError(f"{path}: {where} is not a dataset of floating-point numbers")
            if item.external or item.is_virtual:
                raise ValueError(f"{path}: {where} is stored in another file; only data inside the file is read")
            key = (layer, name.removesuffix(":0"))
            if key in seen:
                raise ValueError(f"{path} has two layers named {layer}")
            seen.add(key)
            yield key, item


class _Layers:
    """The datasets of a Keras file, by layer, and what FSA-Net needs of them."""

    def __init__(self, path: Path, datasets: dict[tuple[str, str], h5py.Dataset]) -> None:
        self.path = path
        self.datasets = datasets
        numbered: dict[str, list[tuple[int, str]]] = {}
        for layer in {layer for layer, _ in datasets}:
            if match := _AUTOMATIC.fullmatch(layer):
                numbered.setdefault(match[1], []).append((int(match[2] or 0), layer))
        self._in_order = {kind: [name for _, name in sorted(found)] for kind, found in numbered.items()}
        self.variant = self._variant()

    def _variant(self) -> Variant:
        if ("caps", "W") not in self.datasets:
            found = ", ".join(sorted({layer for layer, _ in self.datasets})[:3]) or "no layers"
            raise ValueError(
                f"{self.path} is not an FSA-Net checkpoint: it has no capsule layer caps/W (found {found})"
            )
        capsules = self.datasets["caps", "W"].shape[1:2]
        if capsules == (192,):
            return "noS_capsule"
        return "capsule" if self._layers("conv2d", (1, 1, CHANNELS, 1)) else "var_capsule"

    def _layers(self, kind: str, kernel: Shape) -> list[str]:
        """The layers of an automatic name whose kernel has this shape, in order of construction."""
        return [
            layer
            for layer in self._in_order.get(kind, ())
            if (layer, "kernel") in self.datasets and self.datasets[layer, "kernel"].shape == kernel
        ]

    def _exactly(self, count: int, kind: str, layers: list[str], what: str = "") -> list[str]:
        if len(layers) != count:
            raise ValueError(
                f"{self.path}: FSA-Net ({self.variant}) has {count} {kind} layers{what}, the file has {len(layers)}"
            )
        return layers

    def _dense(self, count: int, inputs: int, outputs: int) -> list[str]:
        layers = self._layers("dense", (inputs, outputs))
        return self._exactly(count, "dense", layers, f" from {inputs} to {outputs}")

    def _read(self, layer: str, parameter: str, shape: Shape) -> Array:
        dataset = self.datasets.get((layer, parameter))
        if dataset is None:
            raise ValueError(f"{self.path}: FSA-Net ({self.variant}) needs {layer}/{parameter}, the file lacks it")
        if dataset.shape != shape:
            raise ValueError(
                f"{self.path}: {layer}/{parameter} has shape {dataset.shape}, FSA-Net ({self.variant}) needs {shape}"
            )
        array = np.asarray(dataset[()], dtype=np.float32)
        if not np.isfinite(array).all():
            raise ValueError(f"{self.path}: {layer}/{parameter} holds numbers that are not finite")
        return array

    def state(self) -> State:
        arrays = {**self._streams(), **self._projections(), **self._grouping(), **self._heads()}
        state = {key: torch.from_numpy(np.array(array, order="C")) for key, array in arrays.items()}
        for key in shapes(self.variant):
            if key.endswith("num_batches_tracked"):
                state[key] = torch.tensor(0)
        return state

    def _streams(self) -> dict[str, Array]:
        arrays = {}
        names = [f"{stream}_stream.blocks.{block}" for stream in "xs" for block in range(len(WIDTHS))]
        separable, norms = (
            self._exactly(len(names), kind, self._in_order.get(kind, []))
            for kind in ("separable_conv2d", "batch_normalization")
        )
        for index, (name, layer, norm) in enumerate(zip(names, separable, norms, strict=True)):
            block = index % len(WIDTHS)
            inputs, outputs = (3, *WIDTHS)[block], WIDTHS[block]
            depthwise = self._read(layer, "depthwise_kernel", (3, 3, inputs, 1))
            pointwise = self._read(layer, "pointwise_kernel", (1, 1, inputs, outputs))
            arrays[f"{name}.depthwise.weight"] = depthwise.transpose(2, 3, 0, 1)
            arrays[f"{name}.pointwise.weight"] = pointwise.transpose(3, 2, 0, 1)
            arrays[f"{name}.pointwise.bias"] = self._read(layer, "bias", (outputs,))
            for keras, ours in _NORM.items():
                arrays[f"{name}.norm.{ours}"] = self._read(norm, keras, (outputs,))
        return arrays

    def _projections(self) -> dict[str, Array]:
        arrays = {}
        score = self._layers("conv2d", (1, 1, CHANNELS, 1))
        layers = [layer for layer in self._in_order.get("conv2d", []) if layer not in score]
        names = [(f"{stream}_project.{stage}", WIDTHS[tap]) for stage, tap in enumerate(TAPS) for stream in "sx"]
        for (name, inputs), layer in zip(names, self._exactly(len(names), "conv2d", layers), strict=True):
            kernel = self._read(layer, "kernel", (1, 1, inputs, CHANNELS))
            arrays[f"{name}.weight"] = kernel.transpose(3, 2, 0, 1)
            arrays[f"{name}.bias"] = self._read(layer, "bias", (CHANNELS,))
        return arrays

    def _grouping(self) -> dict[str, Array]:
        arrays: dict[str, Array] = {}
        if self.variant == "noS_capsule":
            return arrays
        if self.variant == "capsule":
            score = self._exactly(1, "conv2d", self._layers("conv2d", (1, 1, CHANNELS, 1)), " to 1 channel")[0]
            arrays["grouping.score.weight"] = self._read(score, "kernel", (1, 1, CHANNELS, 1)).reshape(1, CHANNELS)
            arrays["grouping.score.bias"] = self._read(score, "bias", (1,))
        for name in ("right", "left"):
            outputs, inputs = shapes(self.variant)[f"grouping.{name}.weight"]
            layer = self._dense(1, inputs, outputs)[0]
            arrays[f"grouping.{name}.weight"] = self._read(layer, "kernel", (inputs, outputs)).T
            arrays[f"grouping.{name}.bias"] = self._read(layer, "bias", (outputs,))
        return arrays

    def _heads(self) -> dict[str, Array]:
        primaries = shapes(self.variant)["capsules.weight"][0]
        weight = self._read("caps", "W", (STAGES, primaries, CAPSULE, CHANNELS))
        arrays = {"capsules.weight": weight.transpose(1, 3, 0, 2).reshape(primaries, CHANNELS, STAGES * CAPSULE)}
        stages = range(1, STAGES + 1)
        layers = {
            "delta": [f"delta_s{stage}" for stage in stages],
            "shift": [f"local_delta_stage{stage}" for stage in stages],
            "bins": self._dense(STAGES, *shapes(self.variant)["regression.bins.weight"][1:]),
        }
        for name, of_stages in layers.items():
            _, inputs, outputs = shapes(self.variant)[f"regression.{name}.weight"]
            arrays[f"regression.{name}.weight"] = np.stack(
                [self._read(layer, "kernel", (inputs, outputs)) for layer in of_stages]
            )
            arrays[f"regression.{name}.bias"] = np.stack(
                [self._read(layer, "bias", (outputs,))[None] for layer in of_stages]
            )
        return arrays


def shapes(variant: Variant) -> dict[str, Shape]:
    """The keys of the state dict of `FSANet(variant)`, with their shapes."""
    with torch.device("meta"):
        return {key: tuple(tensor.shape) for key, tensor in FSANet(variant).state_dict().items()}


def save_safetensors(path: Path, variant: Variant, state: Mapping[str, Tensor]) -> None:
    """Write the state dict of an (unfused) `FSANet(variant)`; the file appears whole or not at all.

    Raises ValueError for a state dict with other keys or shapes.
    """
    path = Path(path)
    _check(path, variant, {key: tuple(tensor.shape) for key, tensor in state.items()})
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in state.items()}
    # One key alone: the order of several would change from file to file, and the file's hash with it.
    write_atomically(path, safetensors.torch.save(tensors, {"variant": variant}))


def read_safetensors(path: Path) -> tuple[Variant, State]:
    """Read what `save_safetensors` wrote: the variant and the state dict.

    Raises ValueError for a file that is damaged or holds something else, and FileNotFoundError for none.
    """
    path = Path(path)
    try:
        require_regular(path)
        with safe_open(path, framework="pt") as file:
            variant = (file.metadata() or {}).get("variant")
            if variant not in VARIANTS:
                raise ValueError(
                    f"{path} is not an FSA-Net checkpoint: its metadata names variant {variant!r}, "
                    f"not one of {', '.join(VARIANTS)}"
                )
            variant = cast(Variant, variant)
            keys = list(file.keys())
            _check(path, variant, {key: tuple(file.get_slice(key).get_shape()) for key in keys})
            return variant, {key: file.get_tensor(key) for key in keys}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a whole safetensors file: {instead_of(path, 'safetensors') or error}"
        ) from error


def _check(path: Path, variant: Variant, found: Mapping[str, Shape]) -> None:
    expected = shapes(variant)
    for key in sorted(expected.keys() | found.keys()):
        if key not in found:
            raise ValueError(f"{path}: FSA-Net ({variant}) needs {key}, which is missing")
        if key not in expected:
            raise ValueError(f"{path}: FSA-Net ({variant}) has no {key}; is it another network, or a fused one?")
        if found[key] != expected[key]:
            raise ValueError(f"{path}: {key} has shape {found[key]}, FSA-Net ({variant}) needs {expected[key]}")
