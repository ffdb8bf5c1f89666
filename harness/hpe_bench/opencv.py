"""OpenCV, which often cannot be imported where there is no screen: its absence is one line that names the mend."""

from __future__ import annotations

from types import ModuleType

from hpe_bench.errors import MissingError

_HEADLESS = "pip uninstall opencv-contrib-python && pip install 'opencv-contrib-python-headless<4.12'"


def opencv() -> ModuleType:
    """OpenCV; :class:`MissingError` with the mend where it cannot be imported, as without libGL."""
    try:
        import cv2
    except ImportError as error:
        raise _missing(error) from error
    module: ModuleType = cv2
    if hasattr(module, "setLogLevel"):
        module.setLogLevel(0)  # what is wrong with a file is told here, once
    return module


def without_opencv(error: ImportError) -> MissingError | None:
    """What to tell the user where an import failed for want of OpenCV, or in it; None where it was another's."""
    if error.name == "cv2":
        return _missing(error)
    step = error.__traceback__
    while step is not None:
        if str(step.tb_frame.f_globals.get("__name__", "")).partition(".")[0] == "cv2":
            return _missing(error)
        step = step.tb_next
    return None


def mend(error: ImportError) -> str:
    """The command that makes OpenCV importable."""
    if error.name == "cv2":
        return "pip install 'opencv-contrib-python<4.12'"
    libraries = "apt-get install libgl1 libglib2.0-0, or without root: " if ".so" in str(error) else ""
    return f"{libraries}{_HEADLESS}"


def _missing(error: ImportError) -> MissingError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return MissingError(f"OpenCV cannot be used ({reason}). Run: {mend(error)}")
