"""Photographs of a face, of 300W-LP."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def frontal(shared):
    return _read(shared("data/300w_lp-mini/AFW_134212_1_0.jpg"))


@pytest.fixture
def profile(shared):
    """Its label says a yaw of -90 degrees."""
    return _read(shared("data/300w_lp-mini/AFW_134212_2_16.jpg"))


def _read(path):
    import cv2

    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
