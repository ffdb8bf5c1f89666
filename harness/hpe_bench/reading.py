"""What strangers made, read with suspicion: only from files, no more than there should be, and nothing unpickled."""

from __future__ import annotations

import errno
import io
import itertools
import json
import math
import os
import stat
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
_MOST_DEPTH = 100


def require_regular(path: str | Path | int) -> os.stat_result:
    """The state of a file. OSError where there is none, or where a folder, a device, a pipe or a socket stands there,
    which a reader would wait for, or never come to the end of."""
    state = os.stat(path)
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, f"{_KINDS.get(stat.S_IFMT(state.st_mode), 'something')}, not a file")
    return state


def read_regular(path: str | Path, most: int) -> bytes:
    """The content of a file. OSError as of :func:`require_regular`, and where it has more than ``most`` bytes."""
    require_regular(path)
    # Not blocking: another process may have put a pipe there since.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        size = require_regular(descriptor).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"{size:,} bytes; at most {most:,} are read")
        content = file.read(size + 1)
        if len(content) > size:
            raise OSError(errno.EAGAIN, "it is being written to")
        return content


def parse_json(text: bytes | str) -> Any:
    """The content of a JSON text that any reader would read alike.

    ValueError in one line for anything else: not JSON, numbers that are not finite or have hundreds of digits, a key
    that is there twice, half a surrogate pair, depths of hundreds.
    """
    try:
        content = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
            object_pairs_hook=_unique,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check(content)
    return content


def writable(content: Any) -> Any:
    """The content with names of files that are not UTF-8 as they are shown: no text can hold them."""
    if isinstance(content, str):
        return content if content.isascii() else content.encode("utf-8", "backslashreplace").decode()
    if isinstance(content, Mapping):
        return {writable(key): writable(value) for key, value in content.items()}
    return [writable(value) for value in content] if isinstance(content, (list, tuple)) else content


def read_arrays(path: str | Path, names: Sequence[str], most: int) -> dict[str, NDArray[Any]]:
    """Arrays of an npz file, each whole: its checksum is compared. OSError as of :func:`read_regular`; ValueError or
    KeyError in one line where the file is damaged, lacks one of the names, or its arrays take more than ``most`` bytes.
    """
    content = read_regular(path, most)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return members(archive, names, most)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, OverflowError) as error:
        raise ValueError(f"not a whole npz: {error}") from error
    except Exception as error:
        if isinstance(error, (ValueError, KeyError, MemoryError)):
            raise
        raise ValueError(f"not a whole npz: {type(error).__name__}: {error}") from error


def members(archive: zipfile.ZipFile, names: Sequence[str], most: int) -> dict[str, NDArray[Any]]:
    """Arrays of an open npz, each whole and its checksum compared."""
    sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    missing = [name for name in names if f"{name}.npy" not in sizes]
    if missing:
        raise ValueError(f"holds no {missing[0]}")
    if sum(sizes[f"{name}.npy"] for name in names) > most:
        raise ValueError(f"its arrays take more than {most:,} bytes")
    return {name: _array(name, archive.read(f"{name}.npy")) for name in names}


def _array(name: str, content: bytes) -> NDArray[Any]:
    import numpy as np

    file = io.BytesIO(content)
    array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)  # type: ignore[no-untyped-call]
    if file.read(1):
        raise ValueError(f"{name} is shorter than its entry")
    return array


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"holds {text[:20]}, which no number is as large as")
    return value


def _bounded(text: str) -> int:
    if len(text) > 20:
        raise ValueError(f"holds a number of {len(text)} digits")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = sorted(key for key, _ in pairs)
        twice = next(key for key, following in itertools.pairwise(keys) if key == following)
        raise ValueError(f"holds the key {twice[:50]!r} twice")
    return found


def _check(content: Any) -> None:
    """ValueError for depths, and for texts that cannot be written anywhere."""
    level, depth = [content], 0
    while level:
        depth += 1
        if depth > _MOST_DEPTH:
            raise ValueError("nested too deeply")
        below: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                below += [*value, *value.values()]
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str) and not value.isascii():
                try:
                    value.encode()
                except UnicodeEncodeError:
                    raise ValueError(f"holds half a character: {value[:50]!r}") from None
        level = below
