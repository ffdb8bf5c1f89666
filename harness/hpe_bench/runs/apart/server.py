"""The process that estimators' processes are forked from.

It has one thread, has imported what they have in common, and has never used it: no device is opened, no pool of
threads is running. So a fork of it is sound, and costs milliseconds where a fresh Python that imports PyTorch costs
more than a second. It ends when the process that started it does, however that ends, and takes its children with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from hpe_bench.interrupts import kill_descendants

#: What may be imported ahead of a fork: it starts no thread by being imported.
PRELOADED = ("torch",)
#: Linux's prctl: the signal that a process gets when its parent ends.
_PR_SET_PDEATHSIG = 1
#: And: whatever a child started, and left behind, is a child of this process from then on.
_PR_SET_CHILD_SUBREAPER = 36
#: The child, if memory runs out, rather than the harness.
_OOM_SCORE = b"500"


def main(descriptor: int) -> None:
    """Serve at the socket of a descriptor until the other side has closed it."""
    import hpe_bench.estimators
    import hpe_bench.runs.apart.child  # noqa: F401

    control = socket.socket(fileno=descriptor)
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    children: set[int] = set()
    while True:
        ready, _, _ = select.select([descriptor, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            for pid, status in _ended(children):
                _tell(control, {"ended": pid, "status": status})
        if descriptor not in ready:
            continue
        request, descriptors, _, _ = socket.recv_fds(control, 2**12, 3)
        if not request:
            for pid in children:
                with contextlib.suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
            kill_descendants()
            return
        wanted = json.loads(request)
        for package in wanted["preload"]:
            with contextlib.suppress(Exception):  # the child is told of it when it imports the package itself
                importlib.import_module(package)
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            _tell(control, {"refused": error.strerror})
            pid = -1
        if pid == 0:
            control.close()
            os.close(woken)
            os.close(wake)
            _become(parent, wanted["what"], descriptors)
        for own in descriptors:
            os.close(own)
        if pid > 0:
            with contextlib.suppress(OSError):  # whoever is first makes the group
                os.setpgid(pid, pid)
            children.add(pid)
            _tell(control, {"started": pid})


def _become(parent: int, what: str, descriptors: Sequence[int]) -> None:
    """What a child does from its fork to its end: serve an estimator, or see whether PyTorch finds a CUDA device."""
    status = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)  # so that it is killed with whatever it starts, and the terminal's Ctrl-C is not for it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            return
        if what == "cuda":
            import torch  # it is asked here, since a process that has asked it cannot be forked any more

            status = 0 if torch.cuda.is_available() else 1
            return
        channel, output, crash = descriptors
        for standard in (1, 2):
            os.dup2(output, standard)
        os.close(output)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
            file.write(_OOM_SCORE)
        from hpe_bench.runs.apart.child import serve

        with socket.socket(fileno=channel) as connection:
            serve(connection, crash)
        status = 0
    except BaseException:  # nothing of the estimator's: that is answered
        traceback.print_exc()
    finally:
        # Not by way of the interpreter's end: what is left running there could hold it up for ever.
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
        with contextlib.suppress(BaseException):
            sys.stderr.flush()
        os._exit(status)


def _ended(children: set[int]) -> list[tuple[int, int]]:
    """The children that have ended, each with its exit code, or -signal; what they started is ended as well."""
    ended = []
    while children:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            break
        if found.si_pid in children:
            children.remove(found.si_pid)
            if children or not os.path.isdir("/proc/self"):
                with contextlib.suppress(OSError):  # before its number can be another's
                    os.killpg(found.si_pid, signal.SIGKILL)
        pid, status = os.waitpid(found.si_pid, 0)
        ended.append((pid, os.waitstatus_to_exitcode(status)))
    if ended and not children:
        kill_descendants()  # also those that are in a session of their own
    return ended


def _tell(control: socket.socket, told: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the other side is gone: the next look at it says so
        control.send(json.dumps(told).encode())
