"""Files that one process has at a time, also where the file system knows no locks; and whose a leftover is."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import io
import os
import platform
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: What flock answers where a file system has no locks, such as some that are mounted over a network.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
#: Seconds between a holder's signs of life, and without one until its lock file counts as left behind.
_BEAT, _STALE = 5.0, 60.0
#: Seconds after which what a process of another machine left, unchanged, is nobody's any more.
_ABANDONED = 24 * 3600.0

_told: set[str] = set()


class _Held(io.FileIO):
    """A file that is locked by a file beside it: no other process has it before that is gone, or shows no life."""

    def __init__(self, descriptor: int, lock: Path, mark: bytes) -> None:
        super().__init__(descriptor, "r+")
        self._lock, self._mark = lock, mark
        self._process = os.getpid()
        self._closing = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def write(self, content: Buffer, /) -> int:
        if not self._still_held():  # this process was stopped for longer than others wait
            raise OSError(errno.ESTALE, "another process has taken the file over: run the same command again")
        return super().write(content)

    def close(self) -> None:
        if not self.closed and self._process == os.getpid():  # a fork of this process holds nothing
            self._closing.set()
            if self._still_held():
                self._lock.unlink(missing_ok=True)
        super().close()

    def _still_held(self) -> bool:
        return _read(self._lock) == self._mark

    def _beat(self) -> None:
        while not self._closing.wait(_BEAT):
            if not self._still_held():
                return
            with contextlib.suppress(OSError):
                os.utime(self._lock)


def lock(descriptor: int, path: Path, on_wait: Callable[[], None] | None = None) -> io.FileIO:
    """The open file at ``path``, which no other process has until it is closed or this process ends.

    Where another has it, ``on_wait`` is called once, and this one waits.
    """
    locked = try_lock(descriptor)
    if locked is False:
        if on_wait is not None:
            on_wait()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    if locked is not None:
        return io.FileIO(descriptor, "r+")
    if str(path.parent) not in _told:
        _told.add(str(path.parent))
        print(f"{path.parent}: this file system knows no locks; files beside the locked ones stand in", file=sys.stderr)
    beside, mark = path.with_name(f"{path.name}.held"), f"{owner()} {uuid.uuid4().hex}".encode()
    _take(beside, mark, on_wait)
    return _Held(descriptor, beside, mark)


def try_lock(descriptor: int) -> bool | None:
    """Whether this process has the lock of an open file now, without waiting; None where the file system has no
    locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


def stands(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one at the path: it was neither removed nor replaced meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _take(beside: Path, mark: bytes, on_wait: Callable[[], None] | None) -> None:
    """Make the lock file, as soon as no living process has it."""
    seen: tuple[bytes | None, float] = (None, 0.0)
    since = time.monotonic()
    while True:
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            try:
                os.write(descriptor, mark)
            finally:
                os.close(descriptor)
            return
        try:
            now = (_read(beside), beside.stat().st_mtime)
        except FileNotFoundError:
            continue
        if now != seen:  # compared with itself, and timed here: clocks of two machines differ
            seen, since = now, time.monotonic()
        holder = (now[0] or b"").decode(errors="replace").partition(" ")[0]
        if is_alive(holder) is False or time.monotonic() - since > _STALE:
            _break(beside, now[0])
            continue
        if on_wait is not None:
            on_wait()
            on_wait = None
        time.sleep(0.2)


def _break(beside: Path, mark: bytes | None) -> None:
    """Remove a lock file that was left behind; where another process made a new one meanwhile, it gets that back."""
    aside = beside.with_name(f"{beside.name}-{uuid.uuid4().hex[:8]}")
    try:
        beside.rename(aside)
    except FileNotFoundError:
        return
    if _read(aside) != mark:
        with contextlib.suppress(OSError):
            os.link(aside, beside)
    aside.unlink(missing_ok=True)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def owner() -> str:
    """This process, told from all others on all machines: for the names of files that it has in the works."""
    return f"{_machine()}.{os.getpid()}.{_started(os.getpid()) or ''}"


def is_alive(name: str) -> bool | None:
    """Whether the process of an :func:`owner` runs; None where this cannot be known: it is another machine's, or
    another container's. A bare number, as earlier versions left it, is taken as a process here."""
    machine, _, rest = name.partition(".")
    process, _, started = rest.partition(".")
    if name.isdecimal():
        process, started = name, ""
    elif machine != _machine() or not process.isdecimal():
        return None
    now = _started(int(process))
    if started and now is not None:
        return now == started
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        pass
    return None if started else True  # another process may have its number


def is_abandoned(path: Path, name: str) -> bool:
    """Whether nobody works any more on a file that the process of an :func:`owner` left at ``path``: that process is
    dead, or, where this cannot be known, the file was not touched for a day."""
    alive = is_alive(name)
    if alive is not None:
        return not alive
    try:
        return time.time() - path.lstat().st_mtime > _ABANDONED
    except OSError:
        return False


@functools.cache
def system() -> bytes:
    """16 bytes that tell this machine, since its start, from others: the lock of a file reaches all of its processes,
    whatever container they are in."""
    try:
        return uuid.UUID(Path("/proc/sys/kernel/random/boot_id").read_text().strip()).bytes
    except (OSError, ValueError):
        return hashlib.sha256(platform.node().encode()).digest()[:16]


@functools.cache
def _machine() -> str:
    """What tells this machine, since its start, and this container from others: process ids mean the same here."""
    told = [platform.node(), system().hex()]
    with contextlib.suppress(OSError):
        told.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:8]


def _started(process: int) -> str | None:
    """When a process started, in the clock of the system; an id may be given to another one later.

    Nothing of one that is dead and waits to be noticed; None where the system does not show it: it may be another
    user's.
    """
    try:
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
        return "" if fields[0] == b"Z" else fields[19].decode()
    except (OSError, IndexError):
        return None
