"""Messages between two processes: a text of JSON, and arrays as they lie in memory."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTH = struct.Struct("<Q")
_MAX_HEADER = 2**26

#: Writes all of the bytes; fills all of the bytes, and raises EOFError where the other side has closed.
Write = Callable[[memoryview], None]
Fill = Callable[[memoryview], None]


def send(write: Write, told: Mapping[str, Any], arrays: Sequence[NDArray[Any]] = ()) -> None:
    """Send what JSON can say, and arrays of numbers."""
    forms = [[array.dtype.str, array.shape] for array in arrays]
    header = json.dumps({"told": told, "arrays": forms}).encode()
    write(memoryview(_LENGTH.pack(len(header)) + header))
    for array in arrays:
        if array.size:
            write(np.ascontiguousarray(array).data.cast("B"))


def receive(fill: Fill, kinds: str, max_bytes: int) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """What was sent; the arrays are the receiver's own.

    :class:`ValueError` where it is no such message, holds arrays of another kind than ``kinds`` (NumPy's letters), or
    more bytes than ``max_bytes``.
    """
    (length,) = _LENGTH.unpack(_filled(fill, _LENGTH.size))
    if length > _MAX_HEADER:
        raise ValueError("no message")
    header = json.loads(bytes(_filled(fill, length)))
    try:
        told, forms = dict(header["told"]), [(np.dtype(kind), tuple(shape)) for kind, shape in header["arrays"]]
    except (TypeError, KeyError) as error:
        raise ValueError("no message") from error
    if any(kind.kind not in kinds for kind, _ in forms):
        raise ValueError("a message with arrays of another kind")
    if sum(kind.itemsize * math.prod(shape) for kind, shape in forms) > max_bytes:
        raise ValueError("a message that is too large")
    arrays = [np.empty(shape, kind) for kind, shape in forms]
    for array in arrays:
        if array.size:
            fill(array.data.cast("B"))
    return told, arrays


def _filled(fill: Fill, size: int) -> bytearray:
    buffer = bytearray(size)
    fill(memoryview(buffer))
    return buffer
