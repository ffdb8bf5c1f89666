"""What the header of an image file claims, read without a decoder: size, depth, and whether its end is there."""

from __future__ import annotations

import functools
import io
import re
import warnings
import zlib
from typing import Any

from hpe_bench.content import HEAD

#: Of what TIFF calls its fields.
_WIDTH, _HEIGHT, _DEPTH = 256, 257, 258
_PNG_NEEDED = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
#: As many bytes as deflate makes one of, at most.
_MOST_DEFLATED = 1033


@functools.cache
def pillow() -> Any:
    """Pillow's Image, which keeps to itself what it thinks of a file: errors are told of here."""
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return Image


def _little(content: bytes, start: int, size: int) -> int:
    return int.from_bytes(content[start : start + size], "little")


def _png(content: bytes) -> tuple[int, int, int]:
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big"), content[24]


def _bmp(content: bytes) -> tuple[int, int, int]:
    size = 2 if _little(content, 14, 4) == 12 else 4
    width, height = _little(content, 18, size), _little(content, 18 + size, size)
    return width, min(height, 2**32 - height) if size == 4 else height, 8  # rows from the top have a negative height


def _webp(content: bytes) -> tuple[int, int, int]:
    if content[12:16] == b"VP8X":
        return _little(content, 24, 3) + 1, _little(content, 27, 3) + 1, 8
    if content[12:16] == b"VP8L":
        packed = _little(content, 21, 4)
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1, 8
    return _little(content, 26, 2) & 0x3FFF, _little(content, 28, 2) & 0x3FFF, 8


def _pnm(content: bytes) -> tuple[int, int, int]:
    bare = re.sub(rb"#[^\n]*", b"", content[:HEAD])
    numbers = [int(number) for number in bare.split(maxsplit=4)[1:4] if number.isdigit()]
    deep = content[1:2] not in b"14" and numbers[2] > 255
    return numbers[0], numbers[1], 16 if deep else 8


def _tiff(content: bytes) -> tuple[int, int, int]:
    fields = tiff_fields(content)
    depth = fields.get(_DEPTH, 1)
    # Floating point in LogLuv says 16 bits, and has 32.
    return int(fields[_WIDTH]), int(fields[_HEIGHT]), max(depth) if isinstance(depth, tuple) else int(depth)


def tiff_fields(content: bytes) -> Any:
    """The fields of a TIFF file's first page by their number; any of many errors where there are none."""
    pillow()
    from PIL import TiffImagePlugin

    file = io.BytesIO(content)
    head = file.read(8)
    if head[2:3] == b"+" or head[3:4] == b"+":
        head += file.read(8)
    fields = TiffImagePlugin.ImageFileDirectory_v2(head)
    file.seek(fields.next)
    fields.load(file)
    return fields


def _gif(content: bytes) -> tuple[int, int, int]:
    return _little(content, 6, 2), _little(content, 8, 2), 8


def _jpeg2000(content: bytes) -> tuple[int, int, int]:
    start = content.index(b"\xff\x4f\xff\x51") + 8
    x, y, left, top = (int.from_bytes(content[start + at : start + at + 4], "big") for at in (0, 4, 8, 12))
    return x - left, y - top, (content[start + 34] & 0x7F) + 1


_READERS = {"gif": _gif, "png": _png, "bmp": _bmp, "webp": _webp, "pnm": _pnm, "tiff": _tiff, "jpeg2000": _jpeg2000}
CLAIMING = frozenset(_READERS)


def claimed(content: bytes, kind: str) -> tuple[int, int, int]:
    """Width, height and bits a channel that an image of a kind in :data:`CLAIMING` says it has.

    ValueError where its header is not whole.
    """
    try:
        return _READERS[kind](content)
    except (ValueError, IndexError, KeyError, TypeError, SyntaxError, OSError) as error:
        raise ValueError(str(error)) from error


def is_whole(content: bytes, kind: str) -> bool:
    """False where an image ends before the end that it names; the decoders see it too, but print instead of saying."""
    return kind != "webp" or len(content) >= _little(content, 4, 4) + 8


def bare_png(content: bytes) -> bytes:
    """A PNG with what its pixels need alone: of the rest, and of damage, its decoder prints what it thinks.

    ValueError in a few words where it is cut short, a checksum is wrong, or its data cannot be that many pixels.
    """
    kept, at, name, data = [content[:8]], 8, b"", 0
    while name != b"IEND" and at + 12 <= len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        name, chunk = content[at + 4 : at + 8], content[at:end]
        if name in _PNG_NEEDED and end <= len(content):
            if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
                raise ValueError("damaged")
            kept.append(chunk)
            data += len(chunk) if name == b"IDAT" else 0
        at = end
    if name != b"IEND" or at > len(content):
        raise ValueError("cut short")
    width, height, depth = _png(content)
    if width * height * depth // 8 > data * _MOST_DEFLATED:
        raise ValueError(f"damaged: {data:,} bytes are no {width:,} x {height:,} pixels")
    return b"".join(kept)


def largest_pnm(content: bytes) -> int:
    """The number that white has in a PNM image; 0 for one of two colours, and where there is none."""
    numbers = re.sub(rb"#[^\n]*", b"", content[:HEAD]).split(maxsplit=4)[1:4]
    return int(numbers[2]) if content[1:2] not in b"14" and len(numbers) == 3 and numbers[2].isdigit() else 0
