"""What worker processes share."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
import time


def end_with_parent() -> None:
    """Let this worker process end when its parent does: a killed parent cannot end its workers, so they watch it."""
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(started_by: int) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
    while parent is None and os.getppid() == started_by:
        time.sleep(1.0)
    os._exit(1)
