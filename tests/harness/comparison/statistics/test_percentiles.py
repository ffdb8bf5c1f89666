"""Intervals of percentiles and of their differences, by hand and against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hpe_bench.comparison.statistics import percentiles
from hpe_bench.comparison.statistics.percentiles import (
    Differences,
    Percentiles,
    bootstrap_percentiles,
    percentile_limits,
    shares_below,
)

# Differences


def test_the_error_of_a_difference_is_its_spread_over_resamples_corrected_for_k_clusters():
    drawn = np.array([[1.0, 2.0], [3.0, 7.0], [2.0, 2.0]])
    found = Percentiles(np.array([2.0, 5.0]), drawn, clusters=4).differences(0)
    assert found.value.tolist() == [0, 3] and found.freedom == 3
    assert found.error == pytest.approx([0, np.std([1, 4, 0], ddof=1) * np.sqrt(4 / 3)])


def test_differences_are_taken_from_the_column_of_reference():
    found = Percentiles(np.array([2.0, 5.0]), np.array([[1.0, 2.0], [3.0, 7.0]]), clusters=3).differences(1)
    assert found.value.tolist() == [-3, 0] and found.error[1] == 0 and found.error[0] > 0


def test_of_two_clusters_no_difference_has_an_error_and_of_three_it_has():
    estimates = Percentiles(np.array([2.0, 5.0]), np.array([[1.0, 2.0], [3.0, 7.0]]), clusters=2)
    found = estimates.differences(0)
    assert found.value.tolist() == [0, 3] and found.error.shape == (2,) and np.isnan(found.error).all()
    assert found.freedom == 1
    assert np.isnan(found.interval()).all() and np.isnan(found.p_values()[1])
    assert np.isfinite(Percentiles(estimates.value, estimates.drawn, clusters=3).differences(0).error).all()


def test_the_interval_of_a_difference_is_students():
    found = Differences(np.array([3.0, -1.0]), np.array([2.0, 0.5]), freedom=7)
    for level, limits in ((0.95, found.interval()), (0.8, found.interval(0.8))):
        low, high = stats.t.interval(level, 7, loc=found.value, scale=found.error)
        assert limits == pytest.approx(np.stack([low, high]))


def test_the_p_value_of_a_difference_is_students_whatever_its_sign():
    found = Differences(np.array([3.0, -3.0, 0.5]), np.array([2.0, 2.0, 0.5]), freedom=7).p_values()
    assert found == pytest.approx(2 * stats.t.sf([1.5, 1.5, 1.0], 7))


def test_no_difference_is_no_evidence_and_one_without_any_spread_is_certain():
    with np.errstate(all="raise"):
        found = Differences(np.array([0.0, 0.0, 2.0]), np.array([0.0, 1.0, 0.0]), freedom=7).p_values()
    assert found.tolist() == [1, 1, 0]


# Limits of a percentile


def test_the_share_below_a_percentile_counts_the_percentile_itself():
    shares = shares_below([[1, 40], [2, 30], [3, 20], [9, 10]], 50)
    assert shares.tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]] and shares.dtype == np.float64
    assert shares_below([[1], [2], [3]], 50).tolist() == [[1], [1], [0]]


def test_the_limits_are_the_percentiles_at_the_limits_of_the_share():
    values = np.column_stack([np.arange(101.0), np.arange(101.0)[::-1] * 2])
    limits = percentile_limits(values, 50, [[0.4, 0.45], [0.6, 0.55]])
    assert limits == pytest.approx(np.array([[40, 90], [60, 110]]))
    assert percentile_limits(values[:, :1], 95, [[0.94], [1.0]]) == pytest.approx(np.array([[92], [98]]))


def test_a_tail_that_is_left_open_ends_at_the_extreme_values():
    values = np.arange(101.0)[:, None]
    assert percentile_limits(values, 95, [[0.75], [1.15]]).ravel() == pytest.approx([75, 100])
    assert percentile_limits(values, 5, [[-0.2], [0.3]]).ravel() == pytest.approx([0, 30])
    assert percentile_limits(values, 50, [[-np.inf], [np.inf]]).ravel().tolist() == [0, 100]


def test_where_the_share_is_unknown_so_are_the_limits_and_only_there():
    values = np.column_stack([np.arange(101.0)] * 2)
    limits = percentile_limits(values, 50, [[np.nan, 0.4], [np.nan, 0.6]])
    assert np.isnan(limits[:, 0]).all() and limits[:, 1] == pytest.approx([40, 60])


def test_errors_of_single_precision_are_reckoned_in_double():
    values = np.random.default_rng(12).gamma(2, 3, (9, 2)).astype(np.float32)
    shares = np.array([[0.301, 0.402], [0.703, 0.804]], dtype=np.float32)
    double = values.astype(float)
    assert (percentile_limits(values, 50, shares) == percentile_limits(double, 50, shares.astype(float))).all()
    assert (shares_below(values, 37) == shares_below(double, 37)).all()
    found, expected = (bootstrap_percentiles(own, np.arange(9), [37], resamples=5)[0] for own in (values, double))
    assert (found.value == expected.value).all() and (found.drawn == expected.drawn).all()


# Resampled percentiles


def written_out(values, names, percentile, resamples, seed):
    """What NumPy makes of every resample, its clusters repeated as often as they were drawn."""
    unique = np.unique(names)
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        picks = generator.integers(0, len(unique), len(unique))
        rows = np.concatenate([values[names == unique[pick]] for pick in picks])
        found.append(np.percentile(rows, percentile, axis=0))
    return np.array(found)


@pytest.mark.parametrize("at_once", [4_000_000, 40, 1])
def test_percentiles_of_whole_clusters_are_those_of_their_samples_written_out(monkeypatch, at_once):
    monkeypatch.setattr(percentiles, "_AT_ONCE", at_once)
    names = np.repeat(["a", "b", "c", "d"], [3, 5, 2, 6])
    values = np.random.default_rng(9).gamma(2, 3, (16, 2))
    found = bootstrap_percentiles(values, names, (50, 95), resamples=9, seed=2)
    assert [own.clusters for own in found] == [4, 4]
    for own, percentile in zip(found, (50, 95), strict=True):
        assert own.value == pytest.approx(np.percentile(values, percentile, axis=0))
        assert own.drawn == pytest.approx(written_out(values, names, percentile, 9, 2))


def test_a_thousand_resamples_with_one_seed_are_drawn_unless_told_otherwise():
    values, names = np.arange(6.0)[:, None], np.arange(6)
    (found,) = bootstrap_percentiles(values, names, [50])
    (seeded,) = bootstrap_percentiles(values, names, [50], seed=0)
    assert found.drawn.shape == (1000, 1) and (found.drawn == seeded.drawn).all()
