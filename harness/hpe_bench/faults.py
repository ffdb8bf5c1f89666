"""What a plugin may raise beside an Exception: sys.exit, an interrupt that nobody gave, a BaseException of its own."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from hpe_bench.errors import RunFailed
from hpe_bench.text import one_line

#: What ends a command by way of a KeyboardInterrupt, where the command line heeds it.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def faults_of(who: str) -> Iterator[None]:
    """Within the block, what is no Exception is a failure of ``who``: :class:`RunFailed`, so that nobody else ends.

    An interrupt by the user passes as it is.
    """
    with interrupts_noted() as came:
        try:
            yield
        except (Exception, GeneratorExit):
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and came():
                raise
            raise RunFailed(f"{who} failed: {error_in_words(error)}") from error


@contextmanager
def exits_of_plugins() -> Iterator[None]:
    """Within the block, only the harness ends the program: a sys.exit, or the like, of others is :class:`RunFailed`.

    For what no :func:`faults_of` is closer to: it names the file that it came from.
    """
    with interrupts_noted() as came:
        try:
            yield
        except (Exception, GeneratorExit):
            raise
        except BaseException as error:
            frames = list(traceback.walk_tb(error.__traceback__))
            own = bool(frames) and _is_ours(frames[-1][0])
            if own or (isinstance(error, KeyboardInterrupt) and came()):
                raise
            guilty = next((frame for frame, _ in reversed(frames) if _is_ours(frame.f_back)), None)
            where = guilty.f_code.co_filename if guilty else "a plugin"
            raise RunFailed(f"{one_line(where)} failed: {error_in_words(error)}") from error


def fault_in_words(who: str, error: Exception) -> str:
    """That ``who`` failed, of what came out of its :func:`faults_of`."""
    return str(error) if isinstance(error, RunFailed) else f"{who} failed: {error_in_words(error)}"


def error_in_words(error: BaseException) -> str:
    """An error of a plugin as one printable line."""
    if isinstance(error, SystemExit):
        return f"SystemExit: it called sys.exit({one_line(repr(error.code), 200)})"
    try:
        said = str(error)
    except BaseException:  # its own __str__
        said = ""
    return one_line(f"{type(error).__name__}: {said}" if said else f"it raised {type(error).__name__}")


@contextmanager
def interrupts_noted() -> Iterator[Callable[[], bool]]:
    """A function that says whether a KeyboardInterrupt in the block may be the user's."""
    came = False
    if threading.current_thread() is not threading.main_thread():
        yield lambda: came  # the system's signals are for the main thread
        return

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        heeded[number](number, frame)

    heeded = {int(number): before for number in _SIGNALS if callable(before := signal.getsignal(number))}
    for number in heeded:
        signal.signal(number, note)
    try:
        yield lambda: came
    finally:
        for number, before in heeded.items():
            if signal.getsignal(number) is note:
                signal.signal(number, before)


def _is_ours(frame: FrameType | None) -> bool:
    """Whether a frame is of the harness, or of the library that its command line is made with."""
    module = str(frame.f_globals.get("__name__", "")) if frame else ""
    return module.partition(".")[0] in ("hpe_bench", "click")
