"""The harness's hold on the server that estimators' processes are forked from."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import spawn
from typing import Any, Self

from hpe_bench.errors import RunFailed

#: How long the server may take to end before it is killed, seconds: it may be importing.
_GRACE = 0.5
_START = (
    "import sys; n, *sys.path = sys.argv[1:]; del sys.argv[1:]; "
    "from hpe_bench.runs.apart.server import main; main(int(n))"
)


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
                self._server.wait(_GRACE if self._used else 0)
            self._server.kill()
            self._server.wait()
        self._server = self._control = None

    def warm_up(self) -> None:
        """Start the server, which takes a moment, ahead of its use."""
        with contextlib.suppress(OSError):  # whoever uses it is told
            self._start()

    def finds_cuda(self) -> bool:
        """Whether PyTorch finds a CUDA device; it is not imported for that here."""
        for _ in range(2):
            if self._cuda is None:
                pid, control = self.fork("cuda", ["torch"], ())
                told: dict[str, int] = {}
                while told.get("ended") != pid and (message := control.recv(2**12)):
                    told = json.loads(message)
                self._cuda = told.get("status") == 0 if told.get("ended") == pid else None
        if self._cuda is None:
            raise RunFailed(
                "whether there is a CUDA device cannot be told: the process that looks died; try --device cpu"
            )
        return self._cuda

    def fork(self, what: str, preload: Sequence[str], descriptors: Sequence[int]) -> tuple[int, socket.socket]:
        """A process with these descriptors: its number, and the socket at which its end is told of.

        Once more with a new server, where the old one is gone; :class:`RunFailed` where there can be none.
        """
        self._used = True
        request = json.dumps({"what": what, "preload": list(preload)}).encode()
        why = "its server ended"
        for _ in range(2):
            try:
                control = self._start()
                socket.send_fds(control, [request], descriptors)
                while message := control.recv(2**12):
                    told: dict[str, Any] = json.loads(message)
                    if "started" in told:
                        return int(told["started"]), control
                    if "refused" in told:
                        raise RunFailed(f"no process could be started for it: {told['refused']}")
            except OSError as error:
                why = error.strerror or str(error)
            self.close()
        raise RunFailed(f"no process could be started for it: {why}")

    def _start(self) -> socket.socket:
        """The socket to a server that runs."""
        if self._server is not None and self._server.poll() is not None:
            self.close()
        if self._control is not None:
            return self._control
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        with theirs:
            try:
                self._server = subprocess.Popen(
                    [spawn.get_executable(), *flags, "-c", _START, str(theirs.fileno()), *sys.path],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=None if _is_open(2) else subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    # Images are decoded beside the network: OpenMP threads that spin long while they wait would take
                    # the cores from that, and threads that sleep at once would make a small network half as fast.
                    env={"GOMP_SPINCOUNT": "10000", **os.environ},
                    process_group=0,  # an interrupt from the terminal is for the harness, which decides
                )
            except BaseException:
                ours.close()
                raise
        self._control = ours
        return ours


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
