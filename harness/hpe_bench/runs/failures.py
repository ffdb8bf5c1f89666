"""What a failed run leaves beside the runs: its manifest, the error and the traceback, as JSON."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpe_bench.errors import HpeBenchError, RunFailed
from hpe_bench.faults import error_in_words
from hpe_bench.reading import writable
from hpe_bench.storage import write_atomically
from hpe_bench.text import one_line


def failure_path(path: Path) -> Path:
    """Where the failure of the run that would stand at ``path`` is recorded."""
    return path.with_suffix(".failed.json")


def record_failure(path: Path, manifest: Mapping[str, Any], error: BaseException) -> dict[str, Any] | None:
    """Leave the record, and return it; where it cannot be written, say so on standard error, and return None."""
    record = {**manifest, "status": "failed"}
    if isinstance(error, RunFailed):
        record["error"] = one_line(str(error))
        record["traceback"] = _text(error.traceback) or trace_of(error)
        record["output"] = _text(error.output)
    else:
        record["error"], record["traceback"] = error_in_words(error), trace_of(error)
    try:
        write_atomically(failure_path(path), json.dumps(writable(record), indent=1).encode())
    except HpeBenchError as second:
        print(f"the failure could not be recorded: {second}", file=sys.stderr)
        return None
    return record


def trace_of(error: BaseException) -> str:
    """The traceback of whatever a plugin raised, as text; at most its last hundred thousand characters."""
    try:
        trace = "".join(traceback.format_exception(error))
    except BaseException as second:  # no memory, or an exception that cannot be shown
        trace = f"{error_in_words(error)}\n(its traceback cannot be shown: {type(second).__name__})"
    return _text(trace[-100_000:])


def _text(text: str) -> str:
    """Text that every file can hold: without halves of surrogate pairs."""
    return text.encode(errors="backslashreplace").decode()
