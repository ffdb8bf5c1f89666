"""The harness's side of estimators in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing import spawn
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hpe_bench import errors
from hpe_bench.errors import HpeBenchError, PluginError, RunFailed, one_line
from hpe_bench.estimators import Batch
from hpe_bench.runs.apart import wire
from hpe_bench.runs.apart.child import packed_batch
from hpe_bench.runs.apart.output import Output
from hpe_bench.runs.apart.server import PRELOADED

#: Rotations (N, 3, 3), a confidence (N,) or None, and the seconds that it took.
Answer = tuple[NDArray[np.float64], NDArray[np.float64] | None, float]

#: How long a process may take to end once it is done, or has closed its side, before it is killed; seconds.
_GRACE = 2.0
_START = "import sys; n, *sys.path = sys.argv[1:]; from hpe_bench.runs.apart.server import main; main(int(n))"
#: In place of an exit code that cannot be known.
_UNKNOWN = 2**16
_NO_ANSWER = "its process answered with what is no answer"
#: Errors of the harness that an estimator may raise, and that keep their class and exit code on the way here.
_KEPT = {"MissingError", "DataError", "SampleError", "DamagedError", "UsageError"}


class EstimatorRaised(RunFailed):
    """What an estimator raised in its process, or how that ended."""


class Processes:
    """What estimators' processes come from: started with the first of them, ended with :meth:`close`."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._cuda: bool | None = None
        self._used = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server, and with it whatever runs below it."""
        if self._control is not None:
            self._control.close()
        if self._server is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(_GRACE / 4 if self._used else 0)  # it may be importing
            self._server.kill()
            self._server.wait()
        self._server = self._control = None

    def warm_up(self) -> None:
        """Start the server, which takes a moment, ahead of its use."""
        if self._server is not None and self._server.poll() is not None:
            self.close()
        if self._server is not None:
            return
        self._control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            # Images are decoded beside the network: OpenMP threads that spin long while they wait would take the cores
            # from that, and threads that sleep at once would make a small network half as fast.
            environment = {"GOMP_SPINCOUNT": "10000", **os.environ}
            flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
            self._server = subprocess.Popen(
                [spawn.get_executable(), *flags, "-c", _START, str(other.fileno()), *sys.path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if _is_open(2) else subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                env=environment,
                process_group=0,  # an interrupt from the terminal is for the harness, which decides
            )

    def finds_cuda(self) -> bool:
        """Whether PyTorch finds a CUDA device; it is not imported for that here."""
        if self._cuda is None:
            pid, control = self.fork("cuda", ["torch"], ())
            told: dict[str, int] = {}
            while told.get("ended") != pid and (message := control.recv(2**12)):
                told = json.loads(message)
            self._cuda = told.get("status") == 0
        return self._cuda

    def fork(self, what: str, preload: Sequence[str], descriptors: Sequence[int]) -> tuple[int, socket.socket]:
        """A process with these descriptors: its number, and the socket at which its end is told of."""
        self._used = True
        request = json.dumps({"what": what, "preload": list(preload)}).encode()
        for attempt in range(2):
            self.warm_up()
            assert self._control is not None
            try:
                socket.send_fds(self._control, [request], descriptors)
                while message := self._control.recv(2**12):
                    if "started" in (told := json.loads(message)):
                        return int(told["started"]), self._control
            except OSError:
                pass
            self.close()
            if attempt:
                break
        raise RunFailed("no process for an estimator could be started: the one that starts them ended")


class RemoteEstimator:
    """An estimator that is loaded in a process of its own. Use as a context manager."""

    def __init__(
        self,
        processes: Processes,
        *,
        name: str,
        label: str,
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

    def _failure(self, told: Mapping[str, str]) -> HpeBenchError:
        """What it raised, as an error here."""
        self._output.read_all()
        kind, said = str(told["kind"]), one_line(str(told["said"]))
        message = said.partition(": ")[2] or said
        if kind in _KEPT:
            kept: HpeBenchError = getattr(errors, kind)(message)
            return kept
        known = {"traceback": str(told["traceback"]), "output": self._output.tail}
        return RunFailed(message, **known) if kind == "RunFailed" else EstimatorRaised(said, **known)


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


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
