"""What a plugin may raise beside an Exception: sys.exit, an interrupt that nobody gave, a BaseException of its own."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from hpe_bench.errors import HpeBenchError, RunFailed
from hpe_bench.opencv import without_opencv
from hpe_bench.text import one_line

#: What ends a command by way of a KeyboardInterrupt, where the command line heeds it.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: How the names begin that modules of plugins have that are files.
LOCAL = "hpe_bench_local_"


@contextmanager
def faults_of(who: str) -> Iterator[None]:
    """Within the block, what is no Exception is a failure of ``who``: :class:`RunFailed`, so that nobody else ends.

    An interrupt by the user passes as it is.
    """
    with _folder_kept(), interrupts_noted() as came:
        try:
            yield
        except Exception:
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and came():
                raise
            raise RunFailed(f"{who} failed: {error_in_words(error)}") from error


@contextmanager
def failures_of(who: str) -> Iterator[None]:
    """As :func:`faults_of`, and what is an Exception is a failure of ``who`` too, which says where it came from; the
    harness's own errors pass as they are."""
    with faults_of(who):
        try:
            yield
        except HpeBenchError:
            raise
        except Exception as error:
            if _is_missing_opencv(error):
                raise
            raise RunFailed(f"{who} failed: {error_in_words(error)} ({place_of(error)})") from error


@contextmanager
def exits_of_plugins() -> Iterator[None]:
    """Within the block, only the harness ends the program: a sys.exit, or the like, of others is :class:`RunFailed`,
    and so is an exception that came through a plugin that is a file.

    For what no :func:`faults_of` is closer to: it names the file that it came from.
    """
    with interrupts_noted() as came, _no_sudden_end():
        try:
            yield
        except HpeBenchError:
            raise
        except Exception as error:
            through = any(_is_of_plugin(frame) for frame, _ in traceback.walk_tb(error.__traceback__))
            if not through or _is_missing_opencv(error):
                raise
            raise RunFailed(f"a plugin failed: {error_in_words(error)} ({place_of(error)})") from error
        except BaseException as error:
            frames = list(traceback.walk_tb(error.__traceback__))
            own = bool(frames) and _is_ours(frames[-1][0]) and not isinstance(error, SuddenEnd)
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
    try:
        if isinstance(error, SystemExit):
            return f"SystemExit: it called sys.exit({one_line(repr(error.code), 200)})"
        said = str(error)
    except BaseException:  # its own __str__
        said = ""
    return one_line(f"{type(error).__name__}: {said}" if said else f"it raised {type(error).__name__}")


def place_of(error: BaseException) -> str:
    """The file and the line that an error came from: the last ones of a plugin that is a file, else the very last."""
    frames = list(traceback.walk_tb(error.__traceback__))
    frame, line = next((found for found in reversed(frames) if _is_of_plugin(found[0])), frames[-1])
    return f"{one_line(frame.f_code.co_filename, 300)}, line {line}"


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
        for number, before in heeded.items():  # also where the plugin has put another one in its place
            signal.signal(number, before)


@contextmanager
def _folder_kept() -> Iterator[None]:
    """The current folder is afterwards what it was: the harness's paths start from it."""
    try:
        before = os.getcwd()
    except OSError:  # it has been removed
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            os.chdir(before)


class SuddenEnd(BaseException):
    """In place of an end by os._exit."""


@contextmanager
def _no_sudden_end() -> Iterator[None]:
    """Within the block, os._exit raises in this process, so that no plugin ends a command as if it were done."""
    ends, own = os._exit, os.getpid()

    def end(status: int) -> NoReturn:
        if os.getpid() != own:  # forked
            ends(status)
        raise SuddenEnd(f"it called os._exit({status})")

    os._exit = end
    try:
        yield
    finally:
        os._exit = ends


def _is_ours(frame: FrameType | None) -> bool:
    """Whether a frame is of the harness, or of the library that its command line is made with."""
    module = str(frame.f_globals.get("__name__", "")) if frame else ""
    return module.partition(".")[0] in ("hpe_bench", "click")


def _is_of_plugin(frame: FrameType) -> bool:
    """Whether a frame is of a plugin that is a file, or of a module in a folder that is one."""
    return str(frame.f_globals.get("__name__", "")).startswith(LOCAL)


def _is_missing_opencv(error: Exception) -> bool:
    """Whether it is what the end of the command has words for."""
    return isinstance(error, ImportError) and without_opencv(error) is not None
