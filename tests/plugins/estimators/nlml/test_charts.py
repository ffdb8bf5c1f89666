"""What NLML-HPE shows of its model: factors, their sinusoids, singular values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hpe_bench_plugins.estimators.nlml.charts import tensor_charts
from hpe_bench_plugins.estimators.nlml.estimator import NLML, LandmarkMLP, NLMLTensor
from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids
from hpe_bench_plugins.estimators.nlml.weights import Factors, LandmarkTensor, tensor_bytes

pytest.importorskip("safetensors")

BINS = tuple(np.arange(-limit, limit + 1, 10.0) for limit in (50, 40, 30))
CURVES = tuple(Sinusoids(np.array([(2.0, 1.0, -0.5 * angle, column) for column in range(3)])) for angle in range(3))
SINGULAR = {"identity": [8.0, 1, 1], "yaw": [6.0, 2, 1, 0.5, 0.5], "pitch": [4.0, 3, 2, 1], "roll": [1.0, 1, 1]}


@pytest.fixture
def tensor():
    rows = tuple(curve(np.radians(bins)) for curve, bins in zip(CURVES, BINS, strict=True))
    factors = Factors(BINS, rows, {mode: np.array(values) for mode, values in SINGULAR.items()})
    w, limits = np.zeros((2, 3, 3, 3, 1404), np.float32), (50.0, 40.0, 30.0)
    return LandmarkTensor(w, CURVES, limits, "yaw-pitch-roll", factors)


@pytest.fixture
def charts(tmp_path):
    """A function of a tensor: the charts of its file."""

    def show(tensor):
        (tmp_path / "tensor.safetensors").write_bytes(tensor_bytes(tensor, "facemesh"))
        return tensor_charts(tmp_path / "tensor.safetensors")

    return show


def test_every_column_of_a_factor_has_a_panel_with_its_sinusoid_from_180_to_180(tensor, charts):
    factors = charts(tensor)[0]
    assert factors.columns == 3 and len(factors.panels) == 9
    assert [panel.title for panel in factors.panels][2:5] == ["yaw, column 3", "pitch, column 1", "pitch, column 2"]
    panel = factors.panels[4]
    sinusoid, points = panel.lines
    assert (sinusoid.x[0], sinusoid.x[-1]) == (-180, 180) and panel.span == (-40, 40)
    np.testing.assert_allclose(sinusoid.y, 2 * np.cos(np.radians(sinusoid.x) - 0.5) + 1)
    assert panel.note == "2.000 cos(1.000 w - 0.500) + 1.000"
    assert points.x.tolist() == BINS[1].tolist() and points.marks == "points"
    np.testing.assert_allclose(points.y, 2 * np.cos(np.radians(BINS[1]) - 0.5) + 1)


def test_the_singular_values_are_shares_divided_where_the_ranks_are(tensor, charts):
    scree = charts(tensor)[1]
    yaw = scree.panels[1]
    kept, rest = yaw.lines
    assert kept.x.tolist() == [1, 2, 3] and kept.y.tolist() == [60, 20, 10]
    assert rest.x.tolist() == [4, 5] and rest.y.tolist() == [5, 5] and yaw.logarithmic
    assert yaw.title == "yaw: 3 of 5 values hold 90.0%" and len(scree.panels[3].lines) == 1
    identity = replace(tensor.factors, singular={**tensor.factors.singular, "identity": np.zeros(0)})
    assert len(charts(replace(tensor, factors=identity))[1].panels) == 3


def test_a_file_without_factors_shows_the_sinusoids_alone_and_says_so(tensor, charts):
    (factors,) = charts(replace(tensor, factors=None))
    assert [len(panel.lines) for panel in factors.panels] == [1] * 9 and factors.panels[8].span == (-30, 30)
    assert "without the factors" in factors.about


def test_angles_of_fewer_columns_leave_panels_empty(tensor, charts):
    curves = (CURVES[0], Sinusoids(CURVES[1].parameters[:1]), CURVES[2])
    (factors,) = charts(replace(tensor, w=tensor.w[:, :, :1], curves=curves, factors=None))
    assert [len(panel.lines) for panel in factors.panels] == [1, 1, 1, 1, 0, 0, 1, 1, 1]


def test_the_network_shows_the_tensor_that_lies_beside_it_and_one_that_learned_without_shows_nothing(tensor, tmp_path):
    path = tmp_path / "tensor.safetensors"
    path.write_bytes(tensor_bytes(tensor, "facemesh"))
    assert [chart.name for chart in NLML().charts({"network": tmp_path / "network.safetensors"})] == [
        "factors",
        "singular-values",
    ]
    assert len(NLMLTensor().charts({"tensor": path})) == 2
    path.unlink()
    assert not LandmarkMLP().charts({"network": tmp_path / "network.safetensors"})
