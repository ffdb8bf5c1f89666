"""What worker processes share."""

from __future__ import annotations

import ctypes
import math
import mmap
import multiprocessing
import multiprocessing.connection
import os
import threading
import time
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: Parameters of glibc's mallopt: the bytes from which on memory is the system's own, and how many free ones are kept.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1


def end_with_parent() -> None:
    """Let this worker process end when its parent does: a killed parent cannot end its workers, so they watch it."""
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def keep_memory() -> None:
    """Let this process keep the memory of an image for the next.

    Else glibc gives it back, and the system clears it anew, page by page: for half as long as decoding an image takes.
    """
    if (allocator := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        allocator(_MMAP_THRESHOLD, 32 << 20)
        allocator(_TRIM_THRESHOLD, 256 << 20)


def shared_zeros(shape: tuple[int, ...], kind: DTypeLike) -> NDArray[Any]:
    """Zeros that processes share which are forked from now on; not in /dev/shm, which containers keep small."""
    memory = mmap.mmap(-1, max(math.prod(shape) * np.dtype(kind).itemsize, 1))
    return np.frombuffer(memory, kind, math.prod(shape)).reshape(shape)


def _watch(started_by: int) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
    while parent is None and os.getppid() == started_by:
        time.sleep(1.0)
    os._exit(1)
