"""Smoothing of rotations, against the definitions for numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hpe_bench import Smoothing, UsageError, pose
from hpe_bench.inference.smoothing import Exponential, OneEuro, smoother_of, smoothing_of


class Published:
    """Algorithm 1 of Casiez, Roussel and Vogel (CHI 2012), for one number."""

    def __init__(self, min_cutoff, beta, d_cutoff):
        self.min_cutoff, self.beta, self.d_cutoff = min_cutoff, beta, d_cutoff
        self.first, self.x_hat, self.dx_hat = True, None, None

    @staticmethod
    def alpha(rate, cutoff):
        tau, te = 1.0 / (2 * math.pi * cutoff), 1.0 / rate
        return 1.0 / (1.0 + tau / te)

    def filter(self, x, rate):
        if self.first:
            self.first, dx, self.x_hat, self.dx_hat = False, 0.0, x, 0.0
        else:
            dx = (x - self.x_hat) * rate
        a = self.alpha(rate, self.d_cutoff)
        self.dx_hat = a * dx + (1 - a) * self.dx_hat
        a = self.alpha(rate, self.min_cutoff + self.beta * abs(self.dx_hat))
        self.x_hat = a * x + (1 - a) * self.x_hat
        return self.x_hat


@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("settings", [(1.0, 0.1, 1.0), (0.3, 0.01, 2.0), (5.0, 0.0, 0.5)])
def test_about_one_axis_it_is_the_published_filter_of_the_angle(axis, settings):
    rng = np.random.default_rng(0)
    gaps = rng.uniform(0.02, 0.08, 120)
    angles = 150 + 60 * np.sin(np.cumsum(gaps) * 2) + rng.normal(0, 2, 120)  # beyond 180 and back
    published, filter = Published(*settings), OneEuro(Smoothing(*settings))
    for time, gap, angle in zip(np.cumsum(gaps), gaps, angles, strict=True):
        expected = pose.rotation_about(axis, published.filter(angle, 1 / gap))
        np.testing.assert_allclose(filter.smooth(pose.rotation_about(axis, angle), time), expected, atol=1e-9)


def test_where_the_camera_is_does_not_matter():
    rng = np.random.default_rng(1)
    turns = pose.rotation_from_euler(rng.uniform(-80, 80, (30, 3)))
    camera = pose.rotation_from_euler([40, -70, 130])
    one, other = OneEuro(Smoothing()), OneEuro(Smoothing())
    for number, turn in enumerate(turns):
        expected = camera @ one.smooth(turn, number / 30)
        np.testing.assert_allclose(other.smooth(camera @ turn, number / 30), expected, atol=1e-9)


def test_a_still_head_is_left_alone_and_a_shaking_one_calmed():
    rng = np.random.default_rng(2)
    still = pose.rotation_from_euler([20, 10, 5])
    shaking = [pose.rotation_from_euler(rng.normal(0, 2, 3)) @ still for _ in range(200)]
    filter = OneEuro(Smoothing())
    for number in range(5):
        np.testing.assert_allclose(filter.smooth(still, number / 30), still, atol=1e-12)
    filter = OneEuro(Smoothing())
    calmed = [filter.smooth(rotation, number / 30) for number, rotation in enumerate(shaking)]
    assert pose.rotation_defect(np.stack(calmed)).max() < 1e-9
    assert np.std(calmed[20:], axis=0).max() < 0.6 * np.std(shaking[20:], axis=0).max()


def test_no_answer_stays_none_and_disturbs_nothing():
    filter, without = OneEuro(Smoothing()), OneEuro(Smoothing())
    a, b = pose.rotation_from_euler([[0, 0, 0], [30, 0, 0]])
    for one in (filter, without):
        one.smooth(a, 0.0)
    assert np.isnan(filter.smooth(np.full((3, 3), np.nan), 0.1)).all()
    np.testing.assert_array_equal(filter.smooth(b, 0.2), without.smooth(b, 0.2))


def test_an_option_of_it_means_that_it_is_wanted():
    assert smoothing_of(False, None, None, None) is None
    assert smoothing_of(True, None, None, None) == Smoothing()
    assert smoothing_of(False, None, 0.5, None) == Smoothing(growth=0.5)
    assert smoothing_of(False, None, None, None, 0.4) == Smoothing(alpha=0.4)
    assert isinstance(smoother_of(Smoothing(alpha=0.4)), Exponential) and isinstance(smoother_of(Smoothing()), OneEuro)
    with pytest.raises(UsageError, match="no cutoffs"):
        smoothing_of(True, 1.0, None, None, 0.4)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("alpha", [0.4, 1.0])
def test_exponential_smoothing_about_one_axis_is_that_of_the_angle_whatever_time_passes(axis, alpha):
    angles = 170 + np.cumsum(np.random.default_rng(3).normal(0, 8, 50))
    smoother, expected = Exponential(alpha), angles[0]
    for number, angle in enumerate(angles):
        expected = alpha * angle + (1 - alpha) * expected
        found = smoother.smooth(pose.rotation_about(axis, angle), number**2 / 10)
        np.testing.assert_allclose(found, pose.rotation_about(axis, expected), atol=1e-9)


def test_exponential_smoothing_passes_over_frames_without_an_answer():
    smoother = Exponential(0.4)
    smoother.smooth(pose.rotation_about("y", 0), 0.0)
    assert np.isnan(smoother.smooth(np.full((3, 3), np.nan), 0.1)).all()
    np.testing.assert_allclose(smoother.smooth(pose.rotation_about("y", 10), 0.2), pose.rotation_about("y", 4))


@pytest.mark.parametrize("alpha", [0, -0.1, 1.5, float("nan"), "x"])
def test_a_share_is_above_0_and_at_most_1(alpha):
    with pytest.raises(UsageError, match="alpha is a share"):
        Smoothing(alpha=alpha)


@pytest.mark.parametrize("wrong", [{"cutoff": 0}, {"growth": -1}, {"speed_cutoff": float("nan")}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(UsageError, match="above 0"):
        Smoothing(**wrong)


@pytest.mark.parametrize(
    ("given", "says"), [({"alpha": 1.4}, "at most 1, not 1.4"), ({"cutoff": 0}, "not 0, 0.1, 1.0")]
)
def test_what_is_refused_is_told_by_its_value_and_not_as_a_python_object(given, says):
    with pytest.raises(UsageError, match=says) as caught:
        Smoothing(**given)
    assert "Smoothing(" not in str(caught.value)
