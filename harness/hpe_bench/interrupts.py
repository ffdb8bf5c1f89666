"""Ctrl-C and its kin end a command at once: one line, an exit code, and nothing that is left behind.

The first signal raises KeyboardInterrupt in the main thread, which then has a moment to put things away. Where it does
not come to that, a thread ends the command all the same: the main one may be deep in a computation that heeds nothing,
or wait for a process that does not answer. Further signals only shorten the moment.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

#: What ends a command, and what is said of it then.
_SIGNALS = {signal.SIGINT: "Interrupted", signal.SIGTERM: "Terminated", signal.SIGHUP: "Hung up"}
_KEPT = "Finished batches and checkpoints are kept: the same command resumes."
#: Seconds that the main thread has to put things away; that it has after a second signal; that killed processes have.
_GRACE, _HASTE, _DYING = 0.8, 0.2, 0.3
#: Seconds that exit handlers have.
_PATIENCE = 5.0
_FORGIVEN = b"\0"
#: A plugin is not let to it while a command runs.
_exit = os._exit

_temporary: set[Path] = set()


class _Guard:
    """What heeds the signals of one command."""

    def __init__(self) -> None:
        self.number, self.done, self.kept = 0, False, _KEPT
        self._hushed, self._stderr = False, -1
        open_standard_descriptors()
        with contextlib.suppress(OSError):
            self._stderr = os.dup(2)
        self._lock, self._ending = threading.RLock(), threading.Lock()
        waking, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        # Written to by the interpreter's own handler, whatever the main thread is busy with.
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(waking,), daemon=True).start()
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup, or in the background of a script
                signal.signal(number, self._heed)

    def forgive(self) -> None:
        """Go on: the signal was an order that has been obeyed."""
        self.number = 0
        os.write(self._wake, _FORGIVEN)
        self._speak_again()

    def end(self, number: int) -> NoReturn:
        """End the process, and what it started, with the exit code of the signal."""
        with contextlib.suppress(BaseException):
            if threading.current_thread() is threading.main_thread():
                # PyTorch's handler would raise here that a worker died, which is about to be so.
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._hush()
            if self._ending.acquire(timeout=_GRACE):
                kill_descendants()
                for path in list(_temporary):
                    with contextlib.suppress(OSError):
                        path.unlink(missing_ok=True)
                self._say(number)
        _exit(128 + number)

    def _heed(self, number: int, frame: Any) -> None:
        if self.done or _importing(frame):
            self.end(number)
        if not self.number:
            self.number = number
            self._hush()
            raise KeyboardInterrupt

    def _watch(self, waking: int) -> None:
        first, deadline = 0, None
        while True:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            if not select.select([waking], [], [], left)[0]:
                self.end(first)
            for number in os.read(waking, 64):
                if number == _FORGIVEN[0]:
                    first, deadline = 0, None
                    self._speak_again()
                elif number in _SIGNALS:
                    self._hush()
                    now = time.monotonic()
                    deadline = now + _GRACE if deadline is None else min(deadline, now + _HASTE)
                    first = first or number

    def _hush(self) -> None:
        """From here on nobody but :meth:`_say` is heard: neither a library's complaint nor a traceback."""
        with self._lock, contextlib.suppress(OSError):
            if not self._hushed:
                self._hushed = True
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)

    def _speak_again(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._hushed:
                self._hushed = False
                os.dup2(self._stderr, 2)

    def _say(self, number: int) -> None:
        with contextlib.suppress(OSError):
            if self.done or not select.select([], [self._stderr], [], 0)[1]:
                return
            # A bar may stand in this line, and have hidden the cursor.
            start = "\r\x1b[K\x1b[?25h" if os.isatty(self._stderr) else ""
            os.write(self._stderr, f"{start}{_SIGNALS[signal.Signals(number)]}. {self.kept}\n".encode())


_guard: _Guard | None = None


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """For the whole of a command, in the main thread: a signal ends it, within it and while the interpreter ends."""
    global _guard
    if _guard is None:
        os.register_at_fork(after_in_child=_leave_to_parent)
        _guard = _Guard()
    guard, guard.done = _guard, False
    try:
        yield
    finally:
        if guard.number:  # whatever became of the exception on its way
            guard.end(guard.number)
        guard.done = True


def leave(code: int) -> None:
    """End the process with an exit code, now that its work is done.

    What the interpreter does beyond its exit handlers takes seconds after some libraries, and heeds no signal. Returns
    where the output cannot be written out: the interpreter says so then. What exit handlers print is no result, and one
    that does not end is not waited for.
    """
    patience = threading.Timer(_PATIENCE, _exit, (code,))
    patience.daemon = True
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    patience.start()
    with contextlib.redirect_stdout(sys.stderr):
        atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        sys.stderr.flush()
        _exit(code)


def open_standard_descriptors() -> None:
    """Make what is closed of standard input, output and error /dev/null: else the next file that is opened, such as a
    run, would be printed to."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it takes the lowest number that is free


def received() -> bool:
    """Whether the command is about to end: work that can be done again later is to be left."""
    return _guard is not None and _guard.number != 0


def forgive() -> None:
    """Let the command go on: the signal was an order that has been obeyed."""
    if received():
        assert _guard is not None
        _guard.forgive()


def describe(kept: str) -> None:
    """What the command says of what is kept when a signal ends it."""
    if _guard is not None:
        _guard.kept = kept


@contextlib.contextmanager
def removed(path: Path) -> Iterator[None]:
    """A file for the time being: it is gone afterwards, and also when a signal ends the command meanwhile."""
    _temporary.add(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        _temporary.discard(path)


@contextlib.contextmanager
def kept_from_children() -> Iterator[None]:
    """Processes that are started meanwhile hear none of the signals, from their first instruction on.

    They are for the process that started them to end.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _importing(frame: Any) -> bool:
    """Whether a module is being imported: there is nothing to put away then, and native ones may not bear an error."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _leave_to_parent() -> None:
    """In a process that was forked of a command: Ctrl-C is the parent's affair."""
    global _guard
    if _guard is None:
        return
    _guard = None
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)


def kill_descendants() -> None:
    """Kill all that this process started and that was started by that, and wait a moment until it is gone."""
    deadline = time.monotonic() + _DYING
    while alive := _descendants():
        for pid in alive:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return
        with contextlib.suppress(OSError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def _descendants() -> list[int]:
    """Those that run; none where there is no /proc. Python's resource tracker is let alone: it cleans up, and ends."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdecimal():
            with contextlib.suppress(OSError, ValueError):
                state, parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX" and b"resource_tracker" not in Path(f"/proc/{name}/cmdline").read_bytes():
                    children.setdefault(int(parent), []).append(int(name))
    found, ahead = [], [os.getpid()]
    while ahead:
        born = children.get(ahead.pop(), [])
        found += born
        ahead += born
    return found
