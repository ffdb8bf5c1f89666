"""Networks of FSA-Net with random numbers, and the files in which Keras 2 keeps such."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import h5py
import numpy as np
import torch

from hpe_bench_plugins.estimators.fsanet.network import VARIANTS, FSANet


@cache
def random_network(variant: str):
    torch.manual_seed(VARIANTS.index(variant))
    network = FSANet(variant)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor) if "norm" in name else 0.05 * torch.randn_like(tensor))
    return network.eval()


def write_keras(path: Path, network, built_before: int = 0) -> Path:
    """What Keras 2 would save of this network, in a session that had built other models before."""
    state = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    counters = dict.fromkeys(("separable_conv2d", "batch_normalization", "conv2d", "dense"), built_before)

    with h5py.File(path, "w") as file:

        def put(model: str, layer: str, **parameters: np.ndarray) -> None:
            if layer in counters:
                counters[layer] += 1
                layer = f"{layer}_{counters[layer]}"
            for name, array in parameters.items():
                file[f"{model}/{layer}/{name}:0"] = array

        for block in (f"{stream}_stream.blocks.{i}" for stream in "xs" for i in range(7)):
            put(
                "ssr_G_model",
                "separable_conv2d",
                depthwise_kernel=np.einsum("cohw->hwco", state[f"{block}.depthwise.weight"]),
                pointwise_kernel=np.einsum("oihw->hwio", state[f"{block}.pointwise.weight"]),
                bias=state[f"{block}.pointwise.bias"],
            )
            put(
                "ssr_G_model",
                "batch_normalization",
                gamma=state[f"{block}.norm.weight"],
                beta=state[f"{block}.norm.bias"],
                moving_mean=state[f"{block}.norm.running_mean"],
                moving_variance=state[f"{block}.norm.running_var"],
            )
        for project in (f"{stream}_project.{stage}" for stage in range(3) for stream in "sx"):
            kernel = np.einsum("oihw->hwio", state[f"{project}.weight"])
            put("ssr_G_model", "conv2d", kernel=kernel, bias=state[f"{project}.bias"])
        if network.variant == "capsule":
            kernel = state["grouping.score.weight"].reshape(1, 1, 64, 1)
            put("ssr_S_model", "conv2d", kernel=kernel, bias=state["grouping.score.bias"])
        if network.variant != "noS_capsule":
            for factor in ("right", "left"):
                kernel, bias = state[f"grouping.{factor}.weight"].T, state[f"grouping.{factor}.bias"]
                put("ssr_S_model", "dense", kernel=kernel, bias=bias)
        weight = state["capsules.weight"]
        put("ssr_Cap_model", "caps", W=np.einsum("ncjd->jndc", weight.reshape(len(weight), 64, 3, 16)))
        for head, layer in (("bins", "dense"), ("delta", "delta_s{}"), ("shift", "local_delta_stage{}")):
            weight, bias = state[f"regression.{head}.weight"], state[f"regression.{head}.bias"]
            for stage in range(3):
                put("ssr_F_Cap_model", layer.format(stage + 1), kernel=weight[stage], bias=bias[stage, 0])
    return path
