"""Checkpoints as people pass them on, to tensors by name: bare or wrapped, of one GPU or several, half or whole.

They come from strangers: nothing in them is executed. What is no checkpoint, or one of another network, is called what
it is.
"""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hpe_bench import DataError, instead_of

State = dict[str, Tensor]

#: As many bytes as an archive that is packed may unpack to.
_MOST_UNPACKED = 2**30

#: Under which a state dict stands beside an epoch, an optimizer and the like; the first that is there counts.
_WRAPPERS = ("model_state_dict", "state_dict", "model", "net", "network", "state_dict_ema", "model_ema")
#: What parallel and compiled networks, and classes around a network, put before each name.
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
#: By tensors that only they have: what a file is of that some other network's is taken for.
_KNOWN = (
    (("fc_yaw.weight", "fc_pitch.weight"), "Hopenet's, bins of yaw, pitch and roll on a ResNet"),
    (("linear_reg.weight", "conv1.weight"), "6DRepNet360's, on a ResNet-50"),
    (("linear_reg.weight", "layer0.rbr_dense.conv.weight"), "6DRepNet's in training form"),
    (("linear_reg.weight", "layer0.rbr_reparam.weight"), "6DRepNet's in deployed form"),
    (("stage0.rbr_dense.conv.weight",), "RepVGG's of ImageNet, which 6DRepNet's training starts from (-o start=FILE)"),
    (("layer0.rbr_dense.conv.weight",), "RepVGG's alone, 6DRepNet without its head"),
    (("layer0.rbr_reparam.weight",), "RepVGG's alone, 6DRepNet without its head"),
    (("mlp_head.0.weight", "feature_extractor.cls_token"), "TokenHPE's"),
    (("cls_token", "patch_embed.proj.weight"), "a vision transformer's, which TokenHPE's training starts from"),
    (("conv1.weight", "layer1.0.conv1.weight"), "a ResNet's"),
)


def read_official(path: Path, own: Collection[str] = ()) -> State:
    """The tensors of a PyTorch or safetensors file by name, without what wraps them or stands before every name.

    ``own`` are names that the network has: what they begin with stays. Numbers and options beside the state dict are
    passed over. :class:`DataError` for a file that is damaged, that is no state dict, or that holds code or objects.
    """
    content = _unwrapped(_read(path))
    if not isinstance(content, Mapping) or not content:
        raise DataError(f"{path}: holds no state dict (but a {type(content).__name__}, without tensors by name)")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise DataError(f"{path}: holds no state dict: {key!r} is of type {type(value).__name__}, not a tensor")
    state = dict(content)
    while prefix := next((p for p in _PREFIXES if all(key.startswith(p) for key in state)), ""):
        if any(key.startswith(prefix) for key in own):
            break
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def looks_like(state: State) -> str:
    """Whose tensors these are, as far as their names tell; "" where they do not."""
    return next((whose for keys, whose in _KNOWN if all(key in state for key in keys)), "")


def _unwrapped(content: Any) -> Any:
    for _ in _WRAPPERS:
        inside = next((content[key] for key in _WRAPPERS if key in content), None) if _is_mapping(content) else None
        if not _is_mapping(inside):
            return content
        content = inside
    return content


def _is_mapping(content: Any) -> bool:
    return isinstance(content, Mapping)


def _read(path: Path) -> Any:
    if path.is_file() and not instead_of(path, "safetensors") and instead_of(path):
        return _read_safetensors(path)
    check_archive(path)
    try:
        # A TorchScript archive makes it warn before it refuses.
        with warnings.catch_warnings(), torch.serialization.safe_globals(_plain()):
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch raise almost anything
        raise DataError(f"{path}: {_why_unread(path, error)}") from error


def check_archive(path: Path) -> None:
    """:class:`DataError` where a checkpoint that is a ZIP archive is damaged, or unpacks to far more than it has.

    PyTorch reads it without comparing its checksums.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > max(path.stat().st_size, _MOST_UNPACKED):
                raise DataError(f"{path}: unpacks to {size:,} bytes, which no checkpoint does; fetch it anew")
            broken = archive.testzip()
    except (OSError, ValueError, zipfile.BadZipFile):  # another kind of file, or one of which PyTorch knows more
        return
    except (zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path}: a damaged archive ({error}); fetch it anew") from error
    if broken is not None:
        raise DataError(f"{path}: damaged: the checksum of {broken} in it is another; fetch it anew")


def _read_safetensors(path: Path) -> State:
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: not a whole safetensors file ({error}); fetch it anew") from error


def _plain() -> list[Any]:
    """What stands beside tensors and does nothing when it is made: numbers of NumPy, parsed arguments."""
    kinds = {type(np.dtype(code)) for code in "?bBhHiIlLqQefd"}
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    scalar = np.core.multiarray.scalar  # type: ignore[attr-defined]  # NumPy's stubs leave it out
    return [np.dtype, *kinds, *((scalar, name) for name in names), argparse.Namespace]


def _why_unread(path: Path, error: Exception) -> str:
    if is_torchscript(path):
        return "a TorchScript program, which is not run; save the network's state_dict() alone, where its code is"
    if found := instead_of(path, "zip", "pickle"):
        return f"not a PyTorch checkpoint: {found}"
    if refused := re.search(r"GLOBAL (\S+)", str(error)):
        return (
            f"wants to make a {refused[1]}; only plain tensors are read, the network's state_dict() alone: "
            "load it where its code is, and save that"
        )
    if isinstance(error, pickle.UnpicklingError):
        return "not a PyTorch checkpoint, or one of more than plain tensors; fetch it anew"
    reason = re.split(r"[\n.] ", f"{error}".strip() or type(error).__name__)[0]
    return f"not a whole PyTorch checkpoint ({reason}); fetch it anew"


def is_torchscript(path: Path) -> bool:
    """Whether a file is a network together with its program."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
    return any("/code/" in name for name in names) and any(name.endswith("/constants.pkl") for name in names)
