"""Names of files as they may stand on a terminal and in a table, whatever bytes they are of."""

from __future__ import annotations

import os
from pathlib import Path


def shown_path(path: Path | str) -> str:
    """A path as text that can be printed: bytes that are no UTF-8, and characters that steer a terminal, as escapes."""
    text = os.fsencode(str(path)).decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
