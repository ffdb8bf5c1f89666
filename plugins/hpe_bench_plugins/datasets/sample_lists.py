"""Lists of samples, as the peers' scripts write them and people pass them on: one sample a line."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

from hpe_bench import DataError, MissingError, instead_of

_SUFFIX = re.compile(r"\.(?:jpe?g|png|mat)(?=$|[\s,;\"'])", re.IGNORECASE)
#: Columns behind the name: numbers alone.
_COLUMNS = re.compile(r"(?<=\S)[\s,;]+(?:[-+]?(?:[\d.]+(?:[eE][-+]?\d+)?|nan|inf)(?:[\s,;]+|$))+$")
_MOST_BYTES = 2**28
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # which begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What editors and old systems put around a line, or at the end of a file.
_AROUND = " \t\r\f\v\0\x1a\"'"


def read_list(path: Path, root: Path, hint: str) -> Sequence[str]:
    """The samples of a list, each once, by their path below the root, with / and without suffix.

    UTF-8, 16 or 32, any ends of lines; suffixes, columns of numbers behind the name, quotes, a leading ./ and \\ are as
    good as none, and so are the root's own path and lines that begin with #. :class:`MissingError`, which ends with
    ``hint``, where the list cannot be read; :class:`DataError` where it leaves the root.
    """
    try:
        if path.exists() and not (path.is_file() and path.stat().st_size <= _MOST_BYTES):
            raise MissingError(f"{path}: no file, or one of more than {_MOST_BYTES:,} bytes: no list; {hint}")
        content = path.read_bytes()
        text = content.decode(_encoding(content))
    except UnicodeDecodeError as error:
        raise MissingError(f"{path}: the list cannot be read, it is not UTF-8: save it as that; {hint}") from error
    except OSError as error:
        raise MissingError(f"{path}: the list cannot be read ({error}); {hint}") from error
    if wrong := instead_of(path, "text", "json", "zeros"):
        raise MissingError(f"{path}: no list of samples: {wrong}; {hint}")
    names = [name for line in text.splitlines() if (name := _name(line))]
    if not names:
        raise MissingError(f"{path}: the list is empty; {hint}")
    return list(dict.fromkeys(_below(path, root, name) for name in names))


def _encoding(content: bytes) -> str:
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    if marked or b"\0" not in content[:4]:
        return marked or "utf-8"
    return "utf-16-be" if content[:1] == b"\0" else "utf-16-le"


def _name(line: str) -> str:
    """The sample of a line; "" for an empty one, and a comment."""
    line = line.strip(_AROUND)
    if line.startswith("#"):
        return ""
    suffix = _SUFFIX.search(line)
    return (line[: suffix.start()] if suffix else _COLUMNS.sub("", line)).strip(_AROUND)


def _below(path: Path, root: Path, name: str) -> str:
    """A sample's id; a list of absolute paths is good for the root that they are below."""
    id = name.replace("\\", "/")
    if Path(id).is_absolute():
        place = next((base for base in (root.absolute(), root.resolve()) if Path(id).is_relative_to(base)), None)
        if place is None:
            raise DataError(f"{path}: '{name}' leaves the folder of the dataset, {root}")
        id = Path(id).relative_to(place).as_posix()
    parts = Path(id).parts
    if ".." in parts or PureWindowsPath(name).drive:
        raise DataError(f"{path}: '{name}' leaves the folder of the dataset, {root}")
    return "/".join(parts)
