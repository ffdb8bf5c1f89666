"""MATLAB files of version 5, and 4, as far as labels need them: arrays of numbers by name.

SciPy's reader takes the process down where a file is damaged (a segmentation fault for a block of zeros in a header).
The layout: https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

_HEADER = 128
_ORDER = {b"IM": "<", b"MI": ">"}
_MATRIX, _COMPRESSED = 14, 15
_INT8, _INT32, _UINT32 = 1, 5, 6
#: NumPy's letters of how numbers are stored, and of what they are.
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX = 0x0800
_HEADER_4 = 20
_STORED_4 = {0: "f8", 1: "f4", 2: "i4", 3: "i2", 4: "u2", 5: "u1"}
_MOST_DIMENSIONS = 8


def read_matrices(content: bytes, names: Collection[str], most: int = 2**24) -> dict[str, NDArray[np.generic]]:
    """The arrays of these names, those that the file has, as MATLAB shows them: of two axes or more.

    ValueError in a line for a file that is damaged or of another version, for an array under one of the names that is
    not one of real numbers, and for more than ``most`` bytes.
    """
    if _is_4(content):
        return _read_4(content, names)
    order = _ORDER.get(content[126:128])
    if order is None or len(content) < _HEADER:
        raise ValueError("not a MATLAB file of version 5, 4 or 7.3")
    found: dict[str, NDArray[np.generic]] = {}
    for kind, body in _elements(content[_HEADER:], order):
        if kind == _COMPRESSED:
            (kind, body), *more = _elements(_inflated(body, most), order)
            if more:
                raise ValueError("damaged: two arrays where one is compressed")
        if kind == _MATRIX and body:
            read = _matrix(body, order, names)
            if read is not None:
                found.setdefault(*read)
        if len(found) == len(names):
            break
    return found


def _is_4(content: bytes) -> bool:
    """Whether a file begins with an array of version 4: its kind is a small number, and a name follows its head."""
    if len(content) < _HEADER_4:
        return False
    kind, rows, columns, _, letters = struct.unpack_from(f"{_order_4(content)}5i", content)
    return kind // 1000 in (0, 1) and kind % 10 <= 2 and min(rows, columns) >= 0 and 1 < letters <= 64


def _order_4(content: bytes) -> str:
    return "<" if struct.unpack_from("<i", content)[0] in range(1000) else ">"


def _read_4(content: bytes, names: Collection[str]) -> dict[str, NDArray[np.generic]]:
    found: dict[str, NDArray[np.generic]] = {}
    place, order = 0, _order_4(content)
    while place < len(content):
        if place + _HEADER_4 > len(content):
            raise ValueError("cut short")
        kind, rows, columns, imaginary, letters = struct.unpack_from(f"{order}5i", content, place)
        stored = _STORED_4.get(kind % 1000 // 10)
        if stored is None or kind // 1000 not in (0, 1) or min(rows, columns, letters) < 0:
            raise ValueError("damaged: an array without a head")
        name = content[place + _HEADER_4 : place + _HEADER_4 + letters].rstrip(b"\0").decode("latin-1")
        place += _HEADER_4 + letters
        size = rows * columns * np.dtype(stored).itemsize * (2 if imaginary else 1)
        if place + size > len(content):
            raise ValueError("cut short")
        if name in names:
            if imaginary or kind % 10:
                raise ValueError(f"{name} is no array of real numbers")
            numbers = np.frombuffer(content[place : place + size], f"{order}{stored}")
            found.setdefault(name, numbers.reshape((rows, columns), order="F").astype(stored))
        place += size
    return found


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """The kind and the content of each element."""
    place = 0
    while place < len(content):
        if place + 8 > len(content):
            raise ValueError("cut short")
        kind, size = struct.unpack_from(f"{order}II", content, place)
        if kind >> 16:  # up to four bytes, within the tag
            kind, size, start, following = kind & 0xFFFF, kind >> 16, place + 4, place + 8
            if size > 4:
                raise ValueError("damaged: a small element of more than four bytes")
        else:
            start = place + 8
            following = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if start + size > len(content):
            raise ValueError("cut short")
        yield kind, content[start : start + size]
        place = following


def _inflated(body: bytes, most: int) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(body, most)
    except zlib.error as error:
        raise ValueError(f"damaged ({error})") from error
    if not unpacking.eof:
        raise ValueError("cut short, or larger than any label")
    return content


def _matrix(body: bytes, order: str, names: Collection[str]) -> tuple[str, NDArray[np.generic]] | None:
    """The name and the content of an array; None where it has none of the names."""
    parts = _elements(body, order)
    (flags_kind, flags), (sizes_kind, sizes), (name_kind, letters) = (next(parts, (0, b"")) for _ in range(3))
    if flags_kind != _UINT32 or len(flags) != 8 or sizes_kind != _INT32 or name_kind != _INT8:
        raise ValueError("damaged: an array without a head")
    name = letters.decode("latin-1")
    if name not in names:
        return None
    (about,) = struct.unpack_from(f"{order}I", flags)
    shape = tuple(int(size) for size in np.frombuffer(sizes[: len(sizes) // 4 * 4], f"{order}i4"))
    kind, numbers = next(parts, (0, b""))
    if about & 0xFF not in _CLASSES or about & _COMPLEX or kind not in _STORED:
        raise ValueError(f"{name} is no array of real numbers")
    if not 2 <= len(shape) <= _MOST_DIMENSIONS or min(shape) < 0:
        raise ValueError(f"damaged: {name} has the shape {shape}")
    stored = np.dtype(f"{order}{_STORED[kind]}")
    if math.prod(shape) * stored.itemsize != len(numbers):
        raise ValueError(f"damaged: {name} has {len(numbers)} bytes where {stored} {shape} belongs")
    return name, np.frombuffer(numbers, stored).reshape(shape, order="F").astype(_CLASSES[about & 0xFF])
