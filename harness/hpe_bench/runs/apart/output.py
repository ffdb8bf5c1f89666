"""What an estimator's process prints: passed on to the standard error, bounded, and its end kept."""

from __future__ import annotations

import contextlib
import os
import sys

from hpe_bench.text import one_line, printable

#: Of one process: the characters that are passed on, and those at the end that are kept.
PASSED_ON, KEPT = 2**16, 2**12
_PIECE, _PIECES = 2**16, 64


class Output:
    """The reading end of a process's standard output and error. What it prints never enters ours."""

    def __init__(self, descriptor: int, label: str) -> None:
        self.descriptor, self._label = descriptor, label
        self._line, self._left = "", PASSED_ON
        self.tail, self.ended = "", False
        os.set_blocking(descriptor, False)

    def read(self) -> bool:
        """Take what there is; whether there may be more."""
        try:
            piece = os.read(self.descriptor, _PIECE)
        except BlockingIOError:
            return False
        self.ended = not piece
        text = piece.decode(errors="replace")
        self.tail = (self.tail + text)[-KEPT:]
        *lines, self._line = (self._line + text).replace("\r", "\n").split("\n")
        if self.ended or len(self._line) >= KEPT:
            lines.append(self._line)
            self._line = ""
        for line in lines:
            self._pass_on(line)
        return not self.ended

    def read_all(self) -> None:
        """Take all there is, but not for ever: a process of the process may go on printing."""
        for _ in range(_PIECES):
            if self.ended or not self.read():
                return

    def close(self) -> None:
        """Take what is left, and close."""
        self.read_all()
        self._pass_on(self._line)
        os.close(self.descriptor)

    def last_words(self) -> str:
        """The last line that was printed."""
        return one_line(next((line for line in reversed(self.tail.splitlines()) if line.strip()), ""), 300)

    def _pass_on(self, line: str) -> None:
        if not line.strip() or self._left <= 0:
            return
        shown = f"{self._label} | {printable(line.expandtabs().rstrip()[:KEPT])}"
        self._left -= len(shown)
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            print(shown, file=sys.stderr)
            if self._left <= 0:
                print(f"{self._label} | ... and what else it prints is left out", file=sys.stderr)
            sys.stderr.flush()
