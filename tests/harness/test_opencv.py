"""Where OpenCV cannot be imported, every command that needs it says so in a line, with the mend."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from hpe_bench import MissingError
from hpe_bench.opencv import opencv, without_opencv

WITHOUT_LIBGL = 'raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")'


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """An environment in which importing OpenCV fails as it does without libGL."""
    (tmp_path / "broken" / "cv2").mkdir(parents=True)
    (tmp_path / "broken" / "cv2" / "__init__.py").write_text(WITHOUT_LIBGL)
    before = [path for path in sys.path if path]
    return {"PYTHONPATH": ":".join([str(tmp_path / "broken"), *before])}


def test_opencv_is_given_where_it_can_be_imported():
    assert opencv() is cv2


def test_its_absence_is_an_error_that_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingError, match="pip install 'opencv-contrib-python"):
        opencv()


def test_an_import_that_failed_elsewhere_is_none_of_its_affairs():
    with pytest.raises(ImportError) as caught:
        import there_is_no_such_module  # noqa: F401
    assert without_opencv(caught.value) is None


@pytest.mark.parametrize("command", ["verify", "eval", "predict", "doctor"])
def test_every_command_that_needs_it_says_what_to_install(aflw2000, hpe_bench, tmp_path, broken, command):
    root = aflw2000([(10, 5, -3), (20, 5, 2)])
    cv2.imwrite(str(tmp_path / "one.png"), np.zeros((20, 20, 3), np.uint8))
    (root / "image00001.jpg").write_bytes((tmp_path / "one.png").read_bytes())
    given = {
        "verify": ["verify", "aflw2000"],
        "eval": ["eval", "procrustes", "--dataset", "aflw2000"],
        "predict": ["predict", "procrustes", str(tmp_path / "one.png")],
        "doctor": ["doctor", "--json"],
    }
    done = hpe_bench(*given[command], **broken)
    said = done.stdout if command == "doctor" else done.stderr
    assert done.returncode == 3, done.stderr
    assert "libGL.so.1" in said and "apt-get install libgl1" in said and "headless" in said
    assert "Traceback" not in done.stderr


def test_images_that_need_no_opencv_are_verified_without_it(aflw2000, hpe_bench, broken):
    aflw2000([(10, 5, -3), (20, 5, 2)])
    done = hpe_bench("verify", "aflw2000", **broken)
    assert "images that open, and crop                      2" in done.stdout
