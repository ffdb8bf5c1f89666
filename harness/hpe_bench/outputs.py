"""What was written by one command is not replaced by another, unless somebody says so."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hpe_bench.errors import UsageError
from hpe_bench.storage import write_atomically
from hpe_bench.text import printable


def require_absent(files: Sequence[Path], overwrite: bool = False) -> None:
    """:class:`UsageError` where one of the files that are to be written is there already, and is not to be replaced.

    What is no file, as a device is, may be written to.
    """
    there = [] if overwrite else [printable(path) for path in files if os.path.isfile(path)]
    if len(there) == 1:
        raise UsageError(f"{there[0]} is there already: --overwrite replaces it")
    if there:
        raise UsageError(f"{there[0]} and {len(there) - 1:,} more are there already: --overwrite replaces them")


def write_outputs(contents: Mapping[Path, bytes], overwrite: bool = False) -> None:
    """Write files, each whole. Where one is there already, with another content, and is not to be replaced, none is
    written, and :class:`UsageError` says so."""
    require_absent([path for path, content in contents.items() if not _holds(path, content)], overwrite)
    for path, content in contents.items():
        write_atomically(path, content)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return os.path.getsize(path) == len(content) and path.read_bytes() == content
    except OSError:
        return False
