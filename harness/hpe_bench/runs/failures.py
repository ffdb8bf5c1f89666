"""What a failed run leaves beside the runs: its manifest, the error and the traceback, as JSON."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpe_bench.errors import HpeBenchError
from hpe_bench.reading import writable
from hpe_bench.storage import write_atomically


def failure_path(path: Path) -> Path:
    """Where the failure of the run that would stand at ``path`` is recorded."""
    return path.with_suffix(".failed.json")


def record_failure(path: Path, manifest: Mapping[str, Any], error: BaseException) -> dict[str, Any] | None:
    """Leave the record, and return it; where it cannot be written, say so on standard error, and return None."""
    record = {**manifest, "status": "failed", "error": f"{type(error).__name__}: {error}"}
    record["traceback"] = "".join(traceback.format_exception(error))
    try:
        write_atomically(failure_path(path), json.dumps(writable(record), indent=1).encode())
    except HpeBenchError as second:
        print(f"the failure could not be recorded: {second}", file=sys.stderr)
        return None
    return record
