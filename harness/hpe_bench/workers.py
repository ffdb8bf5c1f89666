"""What worker processes share."""

from __future__ import annotations

import ctypes
import functools
import math
import mmap
import multiprocessing
import multiprocessing.connection
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: Parameters of glibc's mallopt: the bytes from which on memory is the system's own, and how many free ones are kept.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1


@functools.cache
def usable_cpus() -> int:
    """How many processors this process may use: of those of the machine the ones that it may run on, and no more than
    the quota of its container or job (cgroup v1 or v2), rounded up."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return max(1, allowed if quota is None else min(allowed, math.ceil(quota)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """The processors' worth of time that the control groups of this process grant, the strictest of them; None where
    there is no limit. ``root`` is where /proc and /sys are."""
    try:
        groups = [line.split(":", 2) for line in (root / "proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return None
    quotas = []
    for _, controllers, name in (group for group in groups if len(group) == 3):
        base = root / "sys/fs/cgroup"
        if controllers:
            if "cpu" not in controllers.split(","):
                continue
            base = next((base / folder for folder in (controllers, "cpu") if (base / folder).is_dir()), base)
        # In a container its own group may be what is mounted, whatever the name outside is.
        own = base / name.lstrip("/")
        within = [folder for folder in (own, *own.parents) if folder.is_relative_to(base)]
        quotas += [quota for folder in within if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _quota(group: Path) -> float | None:
    """The limit of one control group."""
    try:
        if (group / "cpu.max").exists():
            granted, period = (group / "cpu.max").read_text().split()
        else:
            granted, period = ((group / f"cpu.cfs_{what}_us").read_text() for what in ("quota", "period"))
        quota = int(granted) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no limit
        return None
    return quota if quota > 0 else None


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
