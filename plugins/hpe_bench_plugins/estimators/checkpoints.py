"""Checkpoints of image networks: which form of a network tensors are of, and our own files in safetensors.

They may come from strangers: every key and shape is compared with those of the network before it is filled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from hpe_bench import DataError, instead_of, require_regular
from hpe_bench_plugins.estimators.official_checkpoints import State, looks_like

Shapes = Mapping[str, tuple[int, ...]]
#: The forms in which a network may come, by name, each with what builds it.
Forms = Mapping[str, Callable[[], nn.Module]]

_SHOWN = 3  # of the keys that do not fit


def recognise(path: Path, state: State, name: str, forms: Forms) -> str:
    """The form of the network ``name`` whose keys and shapes a state dict has.

    :class:`DataError` that says what does not fit the nearest form, or which numbers are not finite.
    """
    misfits = {form: _misfit(_shapes(state), _shapes_of(make)) for form, make in forms.items()}
    form = min(misfits, key=lambda form: misfits[form][0])
    check(path, state, f"{name} ({form})", _shapes_of(forms[form]))
    return form


def check(path: Path, state: State, what: str, expected: Shapes) -> None:
    """:class:`DataError` where a state dict has not the keys and shapes of ``what``, or numbers that are not finite."""
    count, said = _misfit(_shapes(state), expected)
    if count:
        whose = looks_like(state)
        raise DataError(f"{path} does not fit {what}: {f'its tensors look like {whose}; it ' if whose else ''}{said}")
    broken = [key for key, tensor in state.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise DataError(f"{path}: holds numbers that are not finite, in {_some(broken)}")


def build(make: Callable[[], nn.Module], state: State) -> nn.Module:
    """A network in eval mode, filled with a state dict that fits it, in the precision of the network."""
    with torch.device("meta"):
        network = make()
    own = network.state_dict()
    network.load_state_dict({key: value.to(own[key].dtype) for key, value in state.items()}, assign=True)
    return network.eval()


def network_bytes(form: str, network: nn.Module) -> bytes:
    """The content of a safetensors file with a network and the name of its form."""
    state = {key: tensor.detach().cpu().contiguous() for key, tensor in network.state_dict().items()}
    # One key alone: the order of several would change from file to file, and the file's hash with it.
    return safetensors.torch.save(state, {"form": form})


def read_network(path: Path, name: str, forms: Forms) -> tuple[str, nn.Module]:
    """The form and the network ``name`` of a file of :func:`network_bytes`; :class:`DataError` for anything else."""
    try:
        require_regular(path)
        with safe_open(path, framework="pt") as file:
            form = (file.metadata() or {}).get("form", "")
            if form not in forms:
                raise DataError(f"{path}: not a checkpoint of {name}: its form is '{form}', not {' or '.join(forms)}")
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        why = instead_of(path, "safetensors") or f"{error}; import or train it anew"
        raise DataError(f"{path}: not a readable safetensors file: {why}") from error
    check(path, state, f"{name} ({form})", _shapes_of(forms[form]))
    return form, build(forms[form], state)


def names_of(forms: Forms) -> set[str]:
    """The tensors that the forms of a network have, by name."""
    return {key for make in forms.values() for key in _shapes_of(make)}


def _shapes(state: State) -> Shapes:
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def _shapes_of(make: Callable[[], nn.Module]) -> Shapes:
    with torch.device("meta"):
        return _shapes(make().state_dict())


def _misfit(found: Shapes, expected: Shapes) -> tuple[int, str]:
    """How many tensors do not fit, and which."""
    missing = [key for key in expected if key not in found]
    unknown = [key for key in found if key not in expected]
    reshaped = [
        f"{key} is {found[key]}, not {shape}" for key, shape in expected.items() if found.get(key, shape) != shape
    ]
    said = {
        f"lacks {len(missing)} of its {len(expected)} tensors": missing,
        f"has {len(unknown)} unknown to it": unknown,
        f"has {len(reshaped)} of another shape": reshaped,
    }
    text = "; ".join(f"{what} ({_some(names)})" for what, names in said.items() if names)
    return len(missing) + len(unknown) + len(reshaped), text


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
