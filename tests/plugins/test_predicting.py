"""Predicting on rendered heads, whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mediapipe")

import hpe_bench


@pytest.mark.parametrize("euler", [(0, 0, 0), (25, 0, 0), (-25, 10, 0), (0, -15, 20)])
def test_a_rendered_head_is_answered_with_its_own_pose(studio, real_heads, euler):
    image, truth, points = studio.picture(euler, 450)
    (row,) = hpe_bench.predict_images("nlml", image).to_dict("records")
    rotation = np.array([[row[f"r{i}{j}"] for j in range(3)] for i in range(3)])
    assert hpe_bench.metrics.geodesic_error(rotation, truth) < 12
    middle = ((row["left"] + row["right"]) / 2, (row["top"] + row["bottom"]) / 2)
    np.testing.assert_allclose(middle, (points.max(axis=1) + points.min(axis=1)) / 2, atol=25)
