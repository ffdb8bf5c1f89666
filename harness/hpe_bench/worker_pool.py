"""Tasks for worker processes: in bounded number under way, answered in order, and ended at once where need be.

The processes are plain ones with two pipes each. Nothing of them is left to the interpreter's own handlers, which wait
without a bound; no file, semaphore or third process goes with them.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from hpe_bench import interrupts
from hpe_bench.worker_process import DONE, END, RAISED, RESULT

#: Tasks that a worker has at a time: one that it does, and one for the moment when that is done.
_AT_ONCE = 2
#: Seconds that workers have to end by themselves, and to be gone once they were killed.
_PATIENCE, _DYING = 2.0, 1.0
_WORDS = 600
_NO_MORE = object()
_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[3]); "
    "from hpe_bench.worker_process import serve; serve(int(sys.argv[1]), int(sys.argv[2]))"
)


class WorkerDied(Exception):
    """A worker process ended without being asked to. ``how`` it did; ``words``: the last that workers printed."""

    def __init__(self, how: str, words: str) -> None:
        super().__init__(f"{how}: {words}")
        self.how, self.words = how, words


class WorkerPool:
    """Worker processes that start with the tasks, and end with :meth:`close`.

    ``setup(*arguments)``, called in each, gives the function that does a task there: it takes the task and gives
    results, any number of them, each of which is sent at once. What workers print is kept from the terminal.
    """

    def __init__(
        self, setup: Callable[..., Callable[[Any], Iterable[Any]]], arguments: Sequence[Any], workers: int
    ) -> None:
        self.workers = workers
        self._start = pickle.dumps((setup, tuple(arguments)))
        self._running: list[_Worker] = []
        self._printed: _Printed | None = None

    def map(self, tasks: Iterable[Any], arrived: Callable[[Any], None] | None = None) -> Generator[Any, None, None]:
        """The results of all tasks in the tasks' order; ``arrived`` is called with each as soon as it is there.

        What a task raises is raised at its place; :class:`WorkerDied` where a process is no more. Few tasks are taken
        ahead of the results that were used. After any error, or when it is not wanted to its end, no worker runs.
        """
        source, ordered = iter(tasks), deque[_Ticket]()
        more = True
        try:
            while True:
                while more and len(ordered) < _AT_ONCE * self.workers:
                    task = next(source, _NO_MORE)
                    if task is _NO_MORE:
                        more = False
                        break
                    ordered.append(self._send(task))
                while ordered and (ordered[0].results or ordered[0].done):
                    yield from ordered[0].take()
                    if not ordered[0].results and ordered[0].done:
                        ordered.popleft().finish()
                        break  # another task may be sent
                else:
                    if not ordered:
                        return
                    self._receive(arrived)
        except BaseException:
            self.kill()
            raise

    def close(self) -> None:
        """End the workers: those that are idle by themselves, the others, or all when time is short, by force."""
        try:
            if not interrupts.received():
                for worker in self._running:
                    with contextlib.suppress(OSError):
                        worker.tasks.send_bytes(END)
                self._await(_PATIENCE)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the workers at once."""
        for worker in self._running:
            worker.process.kill()
        try:
            self._await(_DYING)
        finally:
            for worker in self._running:
                worker.tasks.close()
                worker.replies.close()
            self._running = []
            if self._printed is not None:
                self._printed.close()
                self._printed = None

    def _await(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for worker in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(deadline - time.monotonic(), 0.0))

    def _send(self, task: Any) -> _Ticket:
        """Give a task to the worker that has least to do; a new one, where all are busy and there may be more."""
        content = pickle.dumps(task)
        idle = min(self._running, key=lambda worker: len(worker.under_way), default=None)
        if idle is None or (idle.under_way and len(self._running) < self.workers):
            idle = self._new_worker()
        ticket = _Ticket()
        idle.under_way.append(ticket)
        try:
            idle.tasks.send_bytes(content)
        except OSError:
            raise self._death_of(idle) from None
        return ticket

    def _receive(self, arrived: Callable[[Any], None] | None) -> None:
        busy = {worker.replies: worker for worker in self._running if worker.under_way}
        for connection in wait(list(busy)):
            worker = busy[connection]  # type: ignore[index]
            try:
                kind, what = pickle.loads(worker.replies.recv_bytes())
            except (EOFError, OSError):
                raise self._death_of(worker) from None
            ticket = worker.under_way[0]
            if kind == RESULT:
                ticket.results.append(what)
                if arrived is not None:
                    arrived(what)
            else:
                worker.under_way.popleft().done = True
                ticket.raised = what if kind == RAISED else None
                assert kind in (RAISED, DONE)

    def _death_of(self, worker: _Worker) -> WorkerDied:
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(_DYING)
        code, printed = worker.process.poll(), self._printed
        self.kill()
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return WorkerDied(f"by {signal.Signals(-code).name}", printed.words() if printed else "")
        return WorkerDied(f"with exit status {code}", printed.words() if printed else "")

    def _new_worker(self) -> _Worker:
        if self._printed is None:
            self._printed = _Printed()
        theirs: list[int] = []
        ours: list[Connection] = []
        try:
            read, write = os.pipe()
            theirs.append(read)
            ours.append(Connection(write, readable=False))
            read, write = os.pipe()
            theirs.append(write)
            ours.append(Connection(read, writable=False))
            path = json.dumps([os.path.abspath(part) if part == "" else part for part in sys.path])
            with interrupts.kept_from_children():
                process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _BOOT, *map(str, theirs), path],
                    stdin=subprocess.DEVNULL,
                    stdout=self._printed.end,
                    stderr=self._printed.end,
                    pass_fds=theirs,
                )
            worker = _Worker(process, ours[0], ours[1])
            self._running.append(worker)
        except BaseException:
            for connection in ours:
                connection.close()
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        try:
            worker.tasks.send_bytes(self._start)
        except OSError:
            raise self._death_of(worker) from None
        return worker


@dataclass(eq=False)
class _Ticket:
    """A task under way: what came of it so far."""

    results: deque[Any] = field(default_factory=deque)
    done: bool = False
    raised: tuple[Exception, str] | None = None

    def take(self) -> Generator[Any, None, None]:
        while self.results:
            yield self.results.popleft()

    def finish(self) -> None:
        if self.raised is not None:
            error, told = self.raised
            raise error from _InWorker(f"\n{told}")


class _InWorker(Exception):
    """What a traceback shows of the process where an error was raised."""


@dataclass(eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
    tasks: Connection
    replies: Connection
    under_way: deque[_Ticket] = field(default_factory=deque)


class _Printed:
    """What workers print: of a pipe that is read all the time, the last words are kept."""

    def __init__(self) -> None:
        self._read, self.end = os.pipe()
        self._kept = b""
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def words(self) -> str:
        """The last of it, once the workers are gone."""
        self._thread.join(_DYING)
        return self._kept[-_WORDS:].decode(errors="replace").strip()

    def close(self) -> None:
        if self.end >= 0:
            os.close(self.end)
            self.end = -1

    def _keep(self) -> None:
        with contextlib.suppress(OSError):
            while read := os.read(self._read, 65536):
                self._kept = (self._kept + read)[-4 * _WORDS :]
        os.close(self._read)
