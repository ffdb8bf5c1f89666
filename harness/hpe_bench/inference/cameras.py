"""Cameras, by OpenCV."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hpe_bench.errors import MissingError
from hpe_bench.inference.frames import Frame, Input

_RATE = 30.0


class Camera:
    """An open camera, by OpenCV; times count from when it began."""

    def __init__(self, source: Input) -> None:
        import cv2

        _require_camera(source.number)
        self.source, self.end = source, 0.0
        self.count: int | None = None
        self.notes: list[str] = []
        self._capture: Any = cv2.VideoCapture(source.number)
        self._first = self._capture.read()[1] if self._capture.isOpened() else None
        if self._first is None:
            self._capture.release()
            raise MissingError(f"camera {source.number} gives no picture: another program may use it")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = float(rate) if 0.1 < rate < 1000 else _RATE
        self.frame_bytes = int(self._first.nbytes)

    def frames(self, limit: int | None, every: int) -> Iterator[Frame]:
        import cv2

        started, index, given = time.monotonic(), 0, 0
        pixels = self._first
        while limit is None or given < limit:
            if pixels is not None:
                seen = time.monotonic() - started
                self.end = seen + every / self.rate
                yield Frame(
                    self.source, index, seen, np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)
                )
                given += 1
            index += 1
            if not self._capture.grab():
                return
            pixels = self._capture.retrieve()[1] if index % every == 0 else None

    def close(self) -> None:
        self._capture.release()


def _require_camera(number: int) -> None:
    """On Linux a camera is a device file; elsewhere opening it tells."""
    devices = Path("/dev")
    if devices.is_dir() and os.uname().sysname == "Linux" and not (devices / f"video{number}").exists():
        there = sorted(device.name.removeprefix("video") for device in devices.glob("video[0-9]*"))
        raise MissingError(f"no camera {number} here; there is {', '.join(there) if there else 'none'}")
