"""The tensors of a TorchScript archive by name, read as data: nothing of its program is run, and nothing unpickled.

Such an archive is a ZIP file. ``data.pkl`` in it says, as a pickle, how modules hold tensors; ``data/N`` are the
numbers, and ``code/`` is the program. The pickle's few kinds of opcodes are read here one by one, and put together as
plain values: what it would call is looked at by its name, and never called.
"""

from __future__ import annotations

import math
import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from hpe_bench import DataError
from hpe_bench_plugins.estimators.official_checkpoints import State, check_archive

_MOST_PICKLE = 2**22
_KINDS = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
}
_TENSORS = ("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter")


@dataclass(frozen=True)
class _Name:
    """What the pickle would import."""

    text: str


@dataclass(frozen=True)
class _Stored:
    """Where numbers lie, as the pickle says it."""

    told: Any


@dataclass(frozen=True)
class _Tensor:
    storage: _Stored
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(eq=False)
class _Module:
    """A module of the program: its attributes by name."""

    attributes: dict[Any, Any] = field(default_factory=dict)


class _Mark:
    """Where a group of values begins on the stack."""


def read_torchscript(path: Path) -> State:
    """The tensors of a program's modules, by the names that its ``state_dict()`` would have.

    :class:`DataError` for a file that is damaged, or that holds anything but modules, plain values and tensors.
    """
    check_archive(path)
    try:
        with zipfile.ZipFile(path) as archive:
            (described,) = (name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl"))
            if archive.getinfo(described).file_size > _MOST_PICKLE:
                raise ValueError("its data.pkl is larger than that of any network here")
            root = _put_together(archive.read(described))
            folder = described.removesuffix("data.pkl")
            found = {name: _numbers(archive, folder, tensor) for name, tensor in _tensors(root, "", 0)}
    except DataError:
        raise
    except Exception as error:  # a stranger's file may be wrong in any way
        why = str(error) or type(error).__name__
        raise DataError(
            f"{path}: not a TorchScript network whose tensors can be read ({why}); fetch it anew"
        ) from error
    if not found:
        raise DataError(
            f"{path}: a TorchScript program whose modules hold no tensors, as a frozen one; save it before freezing, "
            "or the network's state_dict() alone"
        )
    return found


def _tensors(value: Any, prefix: str, depth: int) -> Iterator[tuple[str, _Tensor]]:
    if depth > 100:
        raise ValueError("its modules are nested too deeply")
    if isinstance(value, _Module):
        for name, inner in value.attributes.items():
            yield from _tensors(inner, f"{prefix}.{name}" if prefix else str(name), depth + 1)
    elif isinstance(value, _Tensor):
        yield prefix, value


def _numbers(archive: zipfile.ZipFile, folder: str, tensor: _Tensor) -> torch.Tensor:
    told = tensor.storage.told
    if not (isinstance(told, tuple) and len(told) == 5 and told[0] == "storage" and isinstance(told[1], _Name)):
        raise ValueError("a tensor's numbers are in no storage")
    kind = _KINDS.get(told[1].text.rpartition(" ")[2])
    if kind is None:
        raise ValueError(f"a tensor is of {told[1].text}, not of floating point numbers")
    if folder + "byteorder" in archive.namelist() and archive.read(folder + "byteorder") != b"little":
        raise ValueError("its numbers are big-endian")
    content = archive.read(f"{folder}data/{told[2]}")
    flat = torch.frombuffer(bytearray(content), dtype=kind) if content else torch.empty(0, dtype=kind)
    numbers = (tensor.offset, *tensor.shape, *tensor.stride)
    if len(tensor.shape) != len(tensor.stride) or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError("a tensor's shape is no shape")
    if math.prod(tensor.shape) > len(flat):
        raise ValueError("a tensor has more numbers than are stored")
    return torch.as_strided(flat, tensor.shape, tensor.stride, tensor.offset).clone()


def _put_together(content: bytes) -> Any:
    """What a pickle describes, of plain values, :class:`_Module` and :class:`_Tensor`; ValueError for anything else."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}

    def to_mark() -> list[Any]:
        place = max(place for place, value in enumerate(stack) if isinstance(value, _Mark))
        group = stack[place + 1 :]
        del stack[place:]
        return group

    for opcode, told, _ in pickletools.genops(content):
        argument: Any = told
        match opcode.name:
            case "PROTO" | "FRAME":
                continue
            case "STOP":
                (whole,) = stack
                return whole
            case "MARK":
                stack.append(_Mark())
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(opcode.name == "NEWTRUE")
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE" | "SHORT_BINUNICODE":
                stack.append(argument)
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE":
                stack.append(tuple(to_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(opcode.name[-1])
                stack[-count:] = [tuple(stack[-count:])]
            case "EMPTY_LIST":
                stack.append([])
            case "APPEND":
                value = stack.pop()
                stack[-1].append(value)
            case "APPENDS":
                group = to_mark()
                stack[-1].extend(group)
            case "EMPTY_DICT":
                stack.append({})
            case "SETITEM" | "SETITEMS":
                group = to_mark() if opcode.name == "SETITEMS" else [stack.pop(), stack.pop()][::-1]
                stack[-1].update(zip(group[::2], group[1::2], strict=True))
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(_Name(argument))
            case "BINPERSID":
                stack.append(_Stored(stack.pop()))
            case "NEWOBJ":
                stack[-2:] = [_Module()]
            case "REDUCE":
                stack[-2:] = [_called(*stack[-2:])]
            case "BUILD":
                state = stack.pop()
                if not isinstance(stack[-1], _Module) or not isinstance(state, Mapping):
                    raise ValueError("it would set up more than modules")
                stack[-1].attributes.update(state)
            case other:
                raise ValueError(f"its data.pkl has a {other}")
    raise ValueError("its data.pkl has no end")


def _called(callee: Any, arguments: Any) -> Any:
    """What a call stands for; ValueError for one that makes something else than tensors and mappings."""
    name = callee.text if isinstance(callee, _Name) else ""
    if name == "collections OrderedDict" and not arguments:
        return {}
    if name == _TENSORS[1] or name.startswith("torch.jit._pickle build_"):
        return arguments[0]
    if name == _TENSORS[0]:
        storage, offset, shape, stride = arguments[:4]
        if isinstance(storage, _Stored) and isinstance(shape, tuple) and isinstance(stride, tuple):
            return _Tensor(storage, offset, shape, stride)
    raise ValueError(f"it wants to call {name or 'what is no name'}, and only tensors are read")
