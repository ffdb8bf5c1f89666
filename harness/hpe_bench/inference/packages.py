"""Packages of compiled code that may be installed and all the same not to be imported."""

from __future__ import annotations

from typing import Any

from hpe_bench.errors import MissingError


def require_opencv() -> Any:
    """OpenCV; :class:`MissingError` with the mend where it cannot be imported, as without libGL."""
    try:
        import cv2
    except ImportError as error:
        raise MissingError(
            f"OpenCV cannot be imported here ({_first_line(error)}): apt-get install libgl1 libglib2.0-0, or install "
            "opencv-contrib-python-headless in place of opencv-contrib-python"
        ) from error
    return cv2


def require_av() -> Any:
    """PyAV, which reads and writes videos; :class:`MissingError` where it cannot be imported."""
    try:
        import av
    except ImportError as error:
        raise MissingError(
            f"videos need PyAV, which cannot be imported here ({_first_line(error)}): pip install av"
        ) from error
    return av


def _first_line(error: ImportError) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
