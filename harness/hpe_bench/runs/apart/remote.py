"""The harness's side of estimators in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hpe_bench import errors
from hpe_bench.errors import HpeBenchError, PluginError, RunFailed
from hpe_bench.estimators import Batch
from hpe_bench.runs.apart import wire
from hpe_bench.runs.apart.child import packed_batch
from hpe_bench.runs.apart.output import Output
from hpe_bench.runs.apart.processes import Processes
from hpe_bench.runs.apart.server import PRELOADED
from hpe_bench.text import one_line

#: Rotations (N, 3, 3), a confidence (N,) or None, and the seconds that it took.
Answer = tuple[NDArray[np.float64], NDArray[np.float64] | None, float]

#: How long a process may take to end once it is done, or has closed its side, before it is killed; seconds.
_GRACE = 2.0
#: In place of an exit code that cannot be known.
_UNKNOWN = 2**16
_NO_ANSWER = "its process answered with what is no answer"
#: Errors of the harness that an estimator may raise, and that keep their class and exit code on the way here.
_KEPT = {"MissingError", "DataError", "SampleError", "DamagedError", "UsageError"}


class EstimatorRaised(RunFailed):
    """What an estimator raised in its process, or how that ended."""


class RemoteEstimator:
    """An estimator that is loaded in a process of its own. Use as a context manager."""

    def __init__(
        self,
        processes: Processes,
        *,
        name: str,
        label: str,
        target: str,
        paths: Sequence[str],
        requires: Sequence[str],
        options: Any,
        folders: Sequence[Path],
        weights: Mapping[str, Path],
        device: str,
    ) -> None:
        try:
            state = np.frombuffer(pickle.dumps(options.__getstate__()), dtype=np.uint8)
        except Exception as error:
            raise PluginError(f"{label}: its options cannot be sent to its process: {one_line(str(error))}") from error
        self._label = label
        self._channel, theirs = socket.socketpair()
        output, printed = os.pipe2(os.O_CLOEXEC)
        self._crash, crash = os.pipe2(os.O_CLOEXEC)
        self._output = Output(output, label)
        self._pid: int | None = None
        self._status: int | None = None
        try:
            preload = [package for package in PRELOADED if package in requires]
            self._pid, self._control = processes.fork("estimator", preload, (theirs.fileno(), printed, crash))
        except BaseException:
            self.close()
            raise
        finally:
            theirs.close()
            os.close(printed)
            os.close(crash)
        self._channel.setblocking(False)
        self._start = {
            "name": name,
            "label": label,
            "target": target,
            "paths": list(paths),
            "folders": [str(folder) for folder in folders],
            "weights": {role: str(path) for role, path in weights.items()},
            "device": device,
        }
        self._options = state

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            self._kill()
        self.close()

    def load(self) -> int | None:
        """Find and load it; how many numbers it learned, where it says that."""
        self._send(self._start, [self._options])
        parameters = self._receive(0)[0].get("parameters")
        return None if parameters is None else int(parameters)

    def predict(self, batch: Batch) -> Answer:
        """Its answer to a batch. :class:`RunFailed` where it raised, or its process ended; the harness's own errors
        that an estimator may raise are raised here as they are."""
        told, arrays = packed_batch(batch)
        self._send(told, arrays)
        count = len(batch)
        answer, given = self._receive(16 * 8 * count)
        if not 1 <= len(given) <= 2 or given[0].shape != (count, 3, 3) or (given[1:] and given[1].shape != (count,)):
            raise self._lost(_NO_ANSWER)
        return given[0], given[1] if len(given) > 1 else None, float(answer["seconds"])

    def close(self) -> None:
        """End the process: it is asked to, and killed where it does not."""
        self._channel.close()
        if self._pid is not None and self._status is None:
            self._await_end()
            self._kill()
        self._pid = None
        self._output.close()
        os.close(self._crash)

    def _kill(self) -> None:
        if self._pid is not None and self._status is None:
            with contextlib.suppress(OSError):
                os.killpg(self._pid, signal.SIGKILL)

    def _send(self, told: Mapping[str, Any], arrays: Sequence[NDArray[Any]]) -> None:
        def write(content: memoryview) -> None:
            while content:
                self._wait(select.POLLOUT)
                try:
                    content = content[self._channel.send(content) :]
                except BlockingIOError:
                    if self._status is not None:  # whatever it started holds its side open
                        raise BrokenPipeError from None

        with contextlib.suppress(OSError):  # it has closed its side: what it said before is still to be read
            wire.send(write, told, arrays)

    def _receive(self, max_bytes: int) -> tuple[dict[str, Any], list[NDArray[Any]]]:
        def fill(buffer: memoryview) -> None:
            while buffer:
                self._wait(select.POLLIN)
                try:
                    count = self._channel.recv_into(buffer)
                except BlockingIOError:
                    if self._status is not None:
                        raise EOFError from None
                    continue
                if not count:
                    raise EOFError
                buffer = buffer[count:]

        try:
            told, arrays = wire.receive(fill, "f", max_bytes)
        except (EOFError, OSError):
            self._await_end()
            raise self._lost(_ending(self._status)) from None
        except ValueError:
            raise self._lost(_NO_ANSWER) from None
        if "failed" in told:
            raise self._failure(told["failed"])
        return told, arrays

    def _wait(self, event: int) -> None:
        """Until the process can be written to, or has said something, or has ended."""
        while self._status is None and not self._heard(None, event):
            pass

    def _await_end(self) -> None:
        """Until the process has ended, for a moment at most."""
        until = time.monotonic() + _GRACE
        while self._status is None and (left := until - time.monotonic()) > 0:
            self._heard(left)

    def _heard(self, seconds: float | None, event: int = 0) -> bool:
        """Take what it prints and word of its end, whichever comes; whether the event has come in the channel."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        if event:
            poll.register(self._channel, event)
        if not self._output.ended:
            poll.register(self._output.descriptor, select.POLLIN)
        ready = dict(poll.poll(None if seconds is None else seconds * 1000))
        if self._output.descriptor in ready:
            self._output.read()
        if self._control.fileno() in ready:
            message = self._control.recv(2**12)
            if not message:
                self._status = _UNKNOWN
            elif (told := json.loads(message)).get("ended") == self._pid:
                self._status = int(told["status"])
        return bool(event) and self._channel.fileno() in ready

    def _lost(self, said: str) -> EstimatorRaised:
        """Its process is gone, or of no more use."""
        self._kill()
        self._await_end()
        self._output.read_all()
        os.set_blocking(self._crash, False)
        trace = ""
        with contextlib.suppress(OSError):
            trace = os.read(self._crash, 2**16).decode(errors="replace")
        words = self._output.last_words()
        last = f"; its last words: {words}" if words else ""
        return EstimatorRaised(f"{said}{last}", traceback=trace, output=self._output.tail)

    def _failure(self, told: Mapping[str, Any]) -> HpeBenchError:
        """What it raised, as an error here."""
        self._output.read_all()
        kinds, said = list(told["kinds"]), one_line(str(told["said"]))
        message = said.partition(": ")[2] or said
        if kept := next((kind for kind in kinds if kind in _KEPT), None):
            error: HpeBenchError = getattr(errors, kept)(message)
            return error
        known = {"traceback": str(told["traceback"]), "output": self._output.tail}
        return RunFailed(message, **known) if "RunFailed" in kinds else EstimatorRaised(said, **known)


def _ending(status: int | None) -> str:
    """How a process ended, of its exit code, or -signal; None where it has not."""
    if status is None:
        return "its process closed its connection"
    if status == _UNKNOWN:
        return "its process was ended, nobody knows how"
    if status >= 0:
        return f"its process ended itself, with exit code {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hints = {"SIGSEGV": " (segmentation fault)", "SIGKILL": " (as the system does where memory runs out)"}
    return f"its process was ended by {name}{hints.get(name, '')}"
