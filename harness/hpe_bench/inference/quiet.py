"""MediaPipe greets on the raw standard error, whatever Python does with its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from hpe_bench import interrupts


@contextlib.contextmanager
def quiet_standard_error() -> Iterator[None]:
    """What native code writes to the standard error in the block goes nowhere; Python's errors are raised as ever."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        if not interrupts.received():  # else there is silence to the end
            os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
