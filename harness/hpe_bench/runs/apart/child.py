"""What an estimator's process does: it finds the estimator by its name, loads it, and answers batch after batch."""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import io
import pickle
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import HpeBenchError, MissingError
from hpe_bench.estimators import Batch, Estimator
from hpe_bench.faults import error_in_words
from hpe_bench.runs.answers import answers_of, parameters_of
from hpe_bench.runs.apart import wire
from hpe_bench.runs.failures import trace_of

_NO_LIMIT = 2**62


def serve(channel: socket.socket, crash: int) -> None:
    """Answer what comes through the socket until the other side closes it, or the estimator fails.

    ``crash`` is a descriptor for what Python has to say of a signal that ends the process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.enable(crash, all_threads=False)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = io.TextIOWrapper(
            io.FileIO(descriptor, "w", closefd=False), "utf-8", "backslashreplace", write_through=True
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    np.random.seed()  # else every process that is forked here would draw the same

    def fill(buffer: memoryview) -> None:
        while buffer:
            count = channel.recv_into(buffer)
            if not count:
                raise EOFError
            buffer = buffer[count:]

    try:
        told, arrays = wire.receive(fill, "u", _NO_LIMIT)
    except EOFError:
        return
    label = told["label"]
    try:
        estimator = _opened(told, arrays[0].tobytes())
        _answer(channel, {"parameters": parameters_of(estimator, label)})
        while True:
            try:
                told, arrays = wire.receive(fill, "biufcSUV", _NO_LIMIT)
            except EOFError:
                return
            batch = unpacked_batch(told, arrays)
            started = time.perf_counter()
            predicted = estimator.predict(batch)
            spent = time.perf_counter() - started
            _answer(channel, {"seconds": spent}, answers_of(predicted, len(batch), label))
    except BaseException as error:
        _answer(channel, {"failed": failure_of(error)})


def packed_batch(batch: Batch) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """A batch as a message."""
    images = batch.images if isinstance(batch.images, list) else [] if batch.images is None else [batch.images]
    landmarks = [] if batch.landmarks is None else [batch.landmarks]
    told = {"images": len(images), "listed": isinstance(batch.images, list), "landmarks": bool(landmarks)}
    return told, [batch.seeds, *images, *landmarks]


def unpacked_batch(told: Mapping[str, Any], arrays: list[NDArray[Any]]) -> Batch:
    """The batch of a message."""
    images: Any = arrays[1 : 1 + told["images"]]
    if not told["listed"]:
        images = images[0] if images else None
    return Batch(seeds=arrays[0], images=images, landmarks=arrays[-1] if told["landmarks"] else None)


def failure_of(error: BaseException) -> dict[str, Any]:
    """What an estimator raised: the classes of it that are the harness's own; in words; the traceback."""
    kinds = [own.__name__ for own in type(error).__mro__ if own.__module__ == HpeBenchError.__module__]
    return {"kinds": kinds, "said": error_in_words(error), "traceback": trace_of(error)}


def _opened(told: Mapping[str, Any], options: bytes) -> Estimator:
    kind = _found(told)
    built = kind.Options.__new__(kind.Options)
    built.__setstate__(pickle.loads(options))  # of the process that started this one, and only now: it may name classes
    estimator = kind(built)
    for folder in told["folders"]:
        with contextlib.suppress(MissingError):
            estimator.find_weights(Path(folder))  # not for the paths: it may keep what it sees there
            break
    estimator.load({role: Path(path) for role, path in told["weights"].items()}, told["device"])
    return estimator


def _found(told: Mapping[str, Any]) -> type[Estimator]:
    """The class: where it is said to be, or as a plugin of a file registers it."""
    kind: type[Estimator]
    if told["target"]:
        module, _, attribute = told["target"].partition(":")
        kind = getattr(importlib.import_module(module), attribute)
        return kind
    from hpe_bench.plugins import discover

    kind = discover(told["paths"], environ={}).get("estimators", told["name"]).load()
    return kind


def _answer(channel: socket.socket, told: Mapping[str, Any], arrays: Any = ()) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        wire.send(channel.sendall, told, arrays)
