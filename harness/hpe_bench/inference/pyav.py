"""PyAV, which reads and writes videos, and may be installed and all the same not to be imported."""

from __future__ import annotations

from typing import Any

from hpe_bench.errors import MissingError


def pyav() -> Any:
    """PyAV; :class:`MissingError` where it cannot be imported."""
    try:
        import av
    except ImportError as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise MissingError(f"videos need PyAV, which cannot be imported here ({reason}): pip install av") from error
    return av
