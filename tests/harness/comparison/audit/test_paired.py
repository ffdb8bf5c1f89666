"""Differences on the same samples: their mean, and how sure it is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hpe_bench.comparison.audit.paired import paired


def test_with_a_cluster_a_sample_it_is_the_t_test_of_a_mean():
    scipy_stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(0).normal(0.3, 1, 40)
    found = paired(values, np.arange(40))
    assert found.mean == pytest.approx(values.mean()) and found.error == pytest.approx(values.std(ddof=1) / 40**0.5)
    assert found.p == pytest.approx(scipy_stats.ttest_1samp(values, 0, alternative="greater").pvalue)
    interval = scipy_stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.interval() == pytest.approx((interval.low, interval.high))


def test_a_sample_that_is_there_ten_times_is_no_surer():
    values = np.random.default_rng(0).normal(0.3, 1, 40)
    once, often = paired(values, np.arange(40)), paired(np.repeat(values, 10), np.repeat(np.arange(40), 10))
    assert often.error == pytest.approx(once.error) and often.p == pytest.approx(once.p) and often.clusters == 40


def test_one_cluster_says_nothing_and_no_difference_is_no_gain():
    one = paired(np.array([1.0, 2.0]), np.array([0, 0]))
    assert one.p == 1 and one.interval() == (-math.inf, math.inf)
    assert paired(np.zeros(5), np.arange(5)).p == 1
    assert paired(np.ones(5), np.arange(5)).p == 0
    assert math.isnan(paired(np.zeros(0), np.zeros(0, dtype=int)).mean)
