"""Standard output and error that end well: closed, full, with nobody who reads, or of another encoding than names."""

from __future__ import annotations

import atexit
import contextlib
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from hpe_bench.interrupts import open_standard_descriptors
from hpe_bench.text import SafeWriter

if TYPE_CHECKING:
    from typing_extensions import Buffer


class OutputGone(BaseException):
    """Nothing more can be printed; not an error that a command could take for one of its own files'."""

    def __init__(self, error: OSError) -> None:
        #: As a shell says of what ended by SIGPIPE, where nobody reads any more.
        self.exit_code = 141 if error.errno == errno.EPIPE else 3
        self.message = "" if error.errno == errno.EPIPE else f"standard output cannot be written to: {error.strerror}"
        super().__init__(self.message)


class _Output(io.FileIO):
    def write(self, content: Buffer, /) -> int:
        try:
            return super().write(content)
        except OSError as error:
            # What is still in buffers goes nowhere, rather than to a second error when Python ends.
            _to_nowhere(self.fileno())
            raise OutputGone(error) from None


class _Messages(io.FileIO):
    def write(self, content: Buffer, /) -> int:
        try:
            return super().write(content)
        except OSError:  # there is no other place to say so
            return memoryview(content).nbytes


def prepare_streams() -> None:
    """Make standard output raise :class:`OutputGone` where it cannot be written to, let lost messages on standard error
    be lost, and replace what neither can encode, or what would act on a terminal. What is closed is as if it were
    /dev/null."""
    open_standard_descriptors()
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(_Output(_own_output(), "w", closefd=False), sys.stdout, "replace")
        atexit.register(_flush_quietly)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Messages(2, "w", closefd=False), sys.stderr, "backslashreplace")


def flush_output() -> None:
    """Print what is in buffers still; :class:`OutputGone` where that fails."""
    sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()


def _flush_quietly() -> None:
    """At the end, after an error that has been told of: Python itself would print a traceback."""
    with contextlib.suppress(OutputGone, ValueError):
        sys.stdout.flush()


def _text(raw: io.FileIO, before: TextIO | None, errors: str) -> TextIO:
    if before is not None:
        before.flush()
    encoding = "utf-8" if before is None else before.encoding
    lines = raw.isatty() or errors == "backslashreplace"
    return SafeWriter(io.BufferedWriter(raw), encoding, errors, line_buffering=lines, write_through=False)


def _own_output() -> int:
    """A descriptor of standard output that is the harness's alone: what a library, or a process that is started, writes
    to the one that everybody has goes to standard error."""
    own = os.dup(1)
    os.dup2(2, 1)
    return own


def _to_nowhere(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
