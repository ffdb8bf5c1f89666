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
    there = [path for path in files if os.path.isfile(path)]
    if there:
        more = f" and {len(there) - 1:,} more" if len(there) > 1 else ""
        what = "are" if more else "is"
        raise UsageError(
            f"{shown_path(there[0])}{more} {what} there already: --overwrite replaces {'them' if more else 'it'}"
        )
