"""Damage to files, and what their readers make of it: the same numbers, or a refusal in a line, within seconds.

``HPE_BENCH_DAMAGES`` is the number of damages to each file; a few by default, thousands by ``make damage``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import select
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hpe_bench import HpeBenchError

#: Damages to each file.
COUNT = int(os.environ.get("HPE_BENCH_DAMAGES", "120"))
#: Seconds after which a reader hangs: many times what any needs, since the machine may be busy.
GUARD = 30.0
_SIZES = (1, 2, 4, 8, 64, 512, 4096)


@dataclasses.dataclass
class Survey:
    """What became of the damages: how many gave the same, and were refused; and those that should not have happened."""

    same: int = 0
    refused: int = 0
    other: list[str] = dataclasses.field(default_factory=list)
    crashed: list[str] = dataclasses.field(default_factory=list)
    hung: list[str] = dataclasses.field(default_factory=list)
    slowest: float = 0.0

    @property
    def clean(self) -> bool:
        return not (self.other or self.crashed or self.hung)


def survey(path: Path, read: Callable[[], Any], count: int = COUNT, seed: int = 0) -> Survey:
    """Damage the file at ``path`` in ``count`` ways, one at a time, and ``read`` it each time, in a child process.

    ``read`` gives what is to stay the same, of arrays, containers and dataclasses; it may raise an
    :class:`HpeBenchError`. The file is whole again at the end.
    """
    good = path.read_bytes()
    expected = told(read())
    cases = list(damages(good, count, seed))
    found, place = Survey(), 0
    try:
        while place < len(cases):
            place = _batch(path, read, expected, cases, place, found)
    finally:
        path.write_bytes(good)
    return found


def damages(good: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Flipped bits, zeroed and random blocks, and cuts, anywhere, and more of them at the two ends."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        near = rng.integers(3)
        place = int(rng.integers(min(len(good), 4096 if near else len(good))))
        place = len(good) - 1 - place if near == 2 else place
        size = int(rng.choice(_SIZES))
        if number % 2:
            bit = int(rng.integers(8))
            yield f"bit {bit} of byte {place} flipped", _put(good, place, bytes([good[place] ^ 1 << bit]))
        elif number % 8 == 0:
            yield f"cut at {place}", good[:place]
        elif number % 8 == 4:
            yield f"{size} random bytes at {place}", _put(good, place, rng.bytes(size))
        else:
            aligned = place - place % size
            yield f"{size} zeros at {aligned}", _put(good, aligned, bytes(size))


def told(value: Any) -> str:
    """A digest of what a reader gave; NaN is as good as NaN."""
    digest = hashlib.sha256()

    def take(value: Any) -> None:
        digest.update(type(value).__name__.encode())
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        if isinstance(value, np.ndarray):
            digest.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
        elif isinstance(value, Mapping):
            for key in value:
                take(key)
                take(value[key])
        elif isinstance(value, (list, tuple)):
            for part in value:
                take(part)
        else:
            digest.update(repr(value).encode())

    take(value)
    return digest.hexdigest()


def _put(good: bytes, place: int, block: bytes) -> bytes:
    return (good[:place] + block + good[place + len(block) :])[: len(good)]


def _batch(path: Path, read: Callable[[], Any], expected: str, cases: Any, start: int, found: Survey) -> int:
    """Read the cases from ``start`` on in one child; gives where to go on: behind what ended it, or at the end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(path, read, expected, cases[start:], writing)
    os.close(writing)
    place, since = start, time.monotonic()
    with open(reading, "rb", buffering=0) as answers:
        while place < len(cases):
            ready, _, _ = select.select([answers], [], [], GUARD)
            answer = answers.readline() if ready else b""
            if not answer.endswith(b"\n"):
                (found.crashed if ready else found.hung).append(cases[place][0])
                place += 1
                break
            kind, words = json.loads(answer)
            if kind in ("same", "refused"):
                setattr(found, kind, getattr(found, kind) + 1)
            else:
                getattr(found, kind).append(f"{cases[place][0]}: {words}")
            found.slowest = max(found.slowest, time.monotonic() - since)
            place, since = place + 1, time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return place


def _answer(path: Path, read: Callable[[], Any], expected: str, cases: Any, writing: int) -> None:
    """In the child: one line of JSON a case."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    warnings.simplefilter("ignore")
    for _, content in cases:
        path.write_bytes(content)
        try:
            same = told(read()) == expected
            answer = ["same" if same else "other", ""]
        except HpeBenchError as error:
            lines = str(error).splitlines()
            answer = ["refused", ""] if len(lines) <= 2 else ["crashed", f"{len(lines)} lines: {lines[0]}"]
        except BaseException as error:
            answer = ["crashed", f"{type(error).__name__}: {error}"[:200]]
        os.write(writing, json.dumps(answer).encode() + b"\n")
    os._exit(0)
