"""A window on the screen."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import UsageError

_ENDS = (ord("q"), 27)  # q, Esc
#: Opens a window and closes it. Where there is no screen, OpenCV's window library may end the whole process.
_TRIAL = "import cv2; cv2.namedWindow('hpe-bench'); cv2.waitKey(1); cv2.destroyAllWindows()"
_SECONDS = 20


def require_window() -> None:
    """:class:`UsageError` where no window can be opened here, found by a trial in a process of its own."""
    try:
        trial = subprocess.run(
            [sys.executable, "-P", "-c", _TRIAL], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"--show: the screen does not answer within {_SECONDS} s{_screen()}: leave --show out"
        ) from None
    if trial.returncode == 0:
        return
    said = trial.stderr.decode(errors="replace")
    if "The function is not implemented" in said:
        raise UsageError(
            "--show: this OpenCV was built without windows: pip install opencv-contrib-python in place of the headless "
            "one, or leave --show out"
        )
    raise UsageError(f"--show: no window can be opened here{_screen()}: leave --show out, or set DISPLAY to a screen")


def shown(image: NDArray[np.uint8], title: str, wait: bool = False) -> bool:
    """Show an image (H, W, 3), RGB, until a key is pressed where ``wait`` says so; False once q or Esc was."""
    import cv2

    cv2.imshow(title, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return (cv2.waitKey(0 if wait else 1) & 0xFF) not in _ENDS


def _screen() -> str:
    given = {name: os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")}
    stated = [f"{name} is {value!r}" for name, value in given.items() if value]
    return f" ({', '.join(stated) or 'DISPLAY is not set'})"
