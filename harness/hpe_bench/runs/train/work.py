"""What an unfinished training has done so far: its checkpoints, figures and curves, kept so that a kill loses little.

A working folder holds the checkpoints and a log with a line an event. A checkpoint knows how long the log was when it
was kept. Points of curves that came later are forgotten when a training goes on: the estimator starts again at the
checkpoint, and records them anew. So is a line that a kill tore.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import shutil
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpe_bench.reading import read_regular
from hpe_bench.storage import make_folder, open_locked, storage_errors, write_atomically

_SCHEMA = 1
_LOG = "log.jsonl"
#: Before a checkpoint's content: the number of events before it, the seconds since the last report; SHA-256 of all.
_HEAD = struct.Struct("<Qd")
#: Of a checkpoint or a log.
_MOST_BYTES = 2**36
_DIGEST = hashlib.sha256().digest_size


@dataclass
class Stage:
    """One stage: its figures, None where one is not finite, and the seconds that it took over all tries."""

    name: str
    figures: dict[str, float | None] = field(default_factory=dict)
    seconds: float = 0.0


class Work:
    """The open, locked working folder of one training. Use as a context manager."""

    def __init__(self, folder: Path, job: str, on_wait: Callable[[], None] | None = None) -> None:
        self.folder, self._job = folder, job
        self._carried = 0.0
        self._lock_path = _lock_path(folder)
        self._lock = open_locked(self._lock_path, on_wait)
        try:
            self._recover()
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> Work:
        return self

    def __exit__(self, *exc: object) -> None:
        self._lock.close()

    @property
    def seconds(self) -> float:
        """The time that was spent so far, over all tries."""
        return sum(stage.seconds for stage in self.stages.values()) + self._pending() + self._carried

    @property
    def resumed(self) -> bool:
        """Whether an earlier try left anything to go on from."""
        return any(self._checkpoints())

    def report(self, stage: str, figures: dict[str, float | None]) -> None:
        """Keep figures of a stage, and count the time since the last report as its own."""
        seconds = self._pending()
        if stage not in self.stages:  # one that is known is told of again; the earlier try was busy with another
            seconds, self._carried = seconds + self._carried, 0.0
        self._append({"report": stage, "figures": figures, "seconds": seconds})

    def record(self, stage: str, values: dict[str, float]) -> None:
        """Keep one more point of a stage's curves."""
        self._append({"record": stage, "values": values})

    def save(self, name: str, content: bytes) -> None:
        """Keep a checkpoint."""
        path = self._checkpoint(name)
        with storage_errors(self._log), open(self._log, "ab") as log:
            os.fsync(log.fileno())
        body = _HEAD.pack(self._events, self._pending() + self._carried) + content
        write_atomically(path, hashlib.sha256(body).digest() + body)

    def restore(self, name: str) -> bytes | None:
        """A checkpoint that was kept; None where there is none, or it is damaged."""
        found = _read_checkpoint(self._checkpoint(name))
        return None if found is None else found[2]

    def clear(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._recover()

    def remove(self) -> None:
        """Delete the folder, while its lock is held: the training is stored, or was given up."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock_path.unlink(missing_ok=True)

    @property
    def _log(self) -> Path:
        return self.folder / _LOG

    def _pending(self) -> float:
        return time.monotonic() - self._since

    def _checkpoints(self) -> list[Path]:
        return list(self.folder.glob("*.checkpoint"))

    def _checkpoint(self, name: str) -> Path:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ValueError(f"a checkpoint cannot be named '{name}': letters, digits, '_', '.' and '-'")
        return self.folder / f"{name}.checkpoint"

    def _append(self, event: dict[str, Any]) -> None:
        with storage_errors(self._log), open(self._log, "ab") as log:
            log.write(_line(event))
        self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        """Bring what is known up to date with an event."""
        self._events += 1
        if "report" in event:
            stage = self.stages.setdefault(event["report"], Stage(event["report"]))
            stage.figures.update(event["figures"])
            stage.seconds += event["seconds"]
            self._since = time.monotonic()
        else:
            self.curves.setdefault(event["record"], []).append(event["values"])

    def _recover(self) -> None:
        """Read the log of earlier tries, drop what will be done again, and write it anew."""
        make_folder(self.folder)
        events, self.tries = _read_log(self._log, self._job)
        self.tries += 1
        place, pending = 0, 0.0
        for path in self._checkpoints():
            found = _read_checkpoint(path)
            if found is None or self.tries == 1:  # damaged, or another training's
                path.unlink(missing_ok=True)
            elif found[0] >= place:
                place, pending = found[:2]
        later = [event for event in events[place:] if "report" in event]
        kept = [*events[:place], *later]
        self.stages: dict[str, Stage] = {}
        self.curves: dict[str, list[dict[str, float]]] = {}
        self._events = 0
        self._since = time.monotonic()
        for event in kept:
            self._take(event)
        # Spent by earlier tries on a stage that they did not come to report.
        self._carried = 0.0 if later else pending
        header = {"training": _SCHEMA, "job": self._job, "tries": self.tries}
        write_atomically(self._log, b"".join(map(_line, [header, *kept])))


def is_begun(folder: Path) -> bool:
    """Whether a training has a working folder: it is not done, or a kill at the last moment left it."""
    return folder.exists() or _lock_path(folder).exists()


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def aligned(points: list[dict[str, float]]) -> dict[str, list[float]]:
    """The points of a stage as a curve a name, all of one length, NaN where a point lacks a name."""
    names = dict.fromkeys(name for point in points for name in point)
    return {name: [point.get(name, math.nan) for point in points] for name in names}


def _line(event: dict[str, Any]) -> bytes:
    text = json.dumps(event).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _parsed(line: bytes) -> Any:
    """The event of a line; ValueError where it is torn or damaged. Logs of before have lines without a checksum."""
    if not line.startswith(b"{"):
        checksum, _, line = line.partition(b" ")
        if int(checksum, 16) != zlib.crc32(line):
            raise ValueError("damaged")
    return json.loads(line)


def _read_log(path: Path, job: str) -> tuple[list[dict[str, Any]], int]:
    """The events of a log up to one that is torn, and the number of tries; none where it is another training's."""
    try:
        first, *lines = read_regular(path, _MOST_BYTES).split(b"\n")
    except FileNotFoundError:
        return [], 0
    events: list[dict[str, Any]] = []
    with contextlib.suppress(ValueError, KeyError, TypeError):
        header = _parsed(first)
        if header["training"] != _SCHEMA or header["job"] != job:
            return [], 0
        tries = int(header["tries"])
        with contextlib.suppress(ValueError):
            for line in lines[:-1]:
                events.append(_parsed(line))
        return events, tries
    return [], 0


def _read_checkpoint(path: Path) -> tuple[int, float, bytes] | None:
    """Events before it, seconds since the last report, content; None where it is absent or damaged."""
    try:
        stored = read_regular(path, _MOST_BYTES)
    except FileNotFoundError:
        return None
    digest, body = stored[:_DIGEST], stored[_DIGEST:]
    if len(body) < _HEAD.size or hashlib.sha256(body).digest() != digest:
        return None
    events, pending = _HEAD.unpack_from(body)
    return events, pending, body[_HEAD.size :]
