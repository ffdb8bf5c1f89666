"""What was written by one command is not replaced by another, unless somebody says so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hpe_bench.errors import UsageError
from hpe_bench.inference.words import shown_path


def require_absent(files: Sequence[Path], overwrite: bool = False) -> None:
    """:class:`UsageError` where one of the files that are to be written is there already, and is not to be replaced.

    What is no file, as a device is, may be written to.
    """
    if overwrite:
        return
    there = [shown_path(path) for path in files if os.path.isfile(path)]
    if len(there) == 1:
        raise UsageError(f"{there[0]} is there already: --overwrite replaces it")
    if there:
        raise UsageError(f"{there[0]} and {len(there) - 1:,} more are there already: --overwrite replaces them")
