"""What a plugin may raise beside an Exception: sys.exit, an interrupt that nobody gave, a BaseException of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from hpe_bench.errors import RunFailed, one_line


@contextmanager
def faults_of(who: str) -> Iterator[None]:
    """Within the block, what is no Exception is a failure of ``who``: :class:`RunFailed`, so that nobody else ends.

    An interrupt by the user passes as it is.
    """
    with _interrupts() as came:
        try:
            yield
        except (Exception, GeneratorExit):
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and came():
                raise
            raise RunFailed(f"{who} failed: {error_in_words(error)}") from error


def error_in_words(error: BaseException) -> str:
    """An error of a plugin as one printable line."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({one_line(repr(error.code), 200)})"
    try:
        said = str(error)
    except BaseException:  # its own __str__
        said = ""
    return one_line(f"{type(error).__name__}: {said}" if said else f"it raised {type(error).__name__}")


@contextmanager
def _interrupts() -> Iterator[Any]:
    """A function that says whether a KeyboardInterrupt in the block may be the user's."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # the system's signals are for the main thread
        return
    if not callable(before):
        yield lambda: False  # ignored: no signal raises anything
        return
    came = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: came
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, before)
