"""Progress on standard error: a bar on a terminal, a line now and then in a log, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hpe_bench.text import safe_console

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

LOG_EVERY = 10.0


def advancing(advance: Callable[[int], None]) -> Callable[[int, int], None]:
    """A function of how much is done, and of how much there is, for one that is told of what was added."""
    before = 0

    def told(done: int, total: int) -> None:
        nonlocal before
        advance(done - before)
        before = done

    return told


class Progress:
    """Tells a person how far the work is."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._bars: Bars | None = None

    def note(self, text: str) -> None:
        """One line that stays, above the bars where there are any."""
        if self.quiet:
            return
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def task(self, what: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
        """A piece of work of ``total`` steps; the function given advances it."""
        if self.quiet or not self._terminal:
            yield self._log(what, total, done)
            return
        if self._bars is not None:  # a task within a task: one more bar below
            yield from self._bar(self._bars, what, total, done)
            return
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=safe_console(sys.stderr), transient=True) as bars:
            self._bars = bars
            try:
                yield from self._bar(bars, what, total, done)
            finally:
                self._bars = None

    def _bar(self, bars: Bars, what: str, total: int, done: int) -> Iterator[Callable[[int], None]]:
        task = bars.add_task(what, total=total, completed=done)
        try:
            yield lambda steps: bars.advance(task, steps)
        finally:
            bars.remove_task(task)

    def _log(self, what: str, total: int, done: int) -> Callable[[int], None]:
        started = last = time.monotonic()
        first = done

        def advance(steps: int) -> None:
            nonlocal last, done
            done += steps
            now = time.monotonic()
            if not self.quiet and now - last >= LOG_EVERY:
                last = now
                left = (total - done) * (now - started) / max(done - first, 1)
                print(f"{what}: {done:,} of {total:,}, {left:,.0f} s left", file=sys.stderr, flush=True)

        return advance
