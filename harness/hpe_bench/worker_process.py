"""What runs in a worker process of :mod:`hpe_bench.worker_pool`."""

from __future__ import annotations

import os
import pickle
import queue
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from hpe_bench.errors import RunFailed

#: What a reply is: one of a task's results, the end of a task, or what was raised in it, with the traceback's text.
RESULT, DONE, RAISED = range(3)
#: The message after which a worker ends.
END = b""
_LOOK = 1.0  # seconds between looks at whether the parent is there


def serve(tasks: int, replies: int) -> None:
    """Do the tasks that come through one pipe, and answer through the other, until told to end or the parent is gone.

    The first message says how work is set up.
    """
    outgoing = Connection(replies, readable=False)
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    arguments = Connection(tasks, writable=False), waiting, os.getppid()
    threading.Thread(target=_read, args=arguments, daemon=True).start()
    start: bytes | None = waiting.get()
    work: Callable[[Any], Any] | None = None
    while (message := waiting.get()) != END:
        try:
            if start is not None:
                setup, given = pickle.loads(start)
                work, start = setup(*given), None
            assert work is not None
            for result in work(pickle.loads(message)):
                _send(outgoing, RESULT, result)
        except BaseException as error:
            _send(outgoing, RAISED, _portable(error))
        else:
            _send(outgoing, DONE, None)


def _send(outgoing: Connection, kind: int, what: Any) -> None:
    content = pickle.dumps((kind, what))
    try:
        outgoing.send_bytes(content)
    except OSError:
        os._exit(1)  # nobody is there any more


def _read(incoming: Connection, waiting: queue.SimpleQueue[bytes], parent: int) -> None:
    """Take messages in, so that the parent never waits for a busy worker; and end with the parent, busy or not."""
    try:
        while os.getppid() == parent:
            if incoming.poll(_LOOK):
                waiting.put(incoming.recv_bytes())
    except (EOFError, OSError):
        pass
    os._exit(1)


def _portable(error: BaseException) -> tuple[Exception, str]:
    """The error as one that another process can raise, and its traceback."""
    told = traceback.format_exc()
    if not isinstance(error, Exception):  # sys.exit() of a plugin ends no command
        return RunFailed(f"a worker was made to end: {error!r}"), told
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RunFailed(f"{type(error).__name__}: {error}"), told
    return error, told
