"""The cluster bootstrap, against scipy's, against counting by hand, and on made-up errors whose truth is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from hpe_bench.comparison.statistics.bootstrap import bootstrap_means, draw_counts, holm, paired_p_values
from hpe_bench.comparison.statistics.percentiles import bootstrap_percentiles, percentile_limits, shares_below


def errors_of_a_cluster_level(seed, clusters, size, between, within, columns=1):
    """Log-normal errors (N, columns) with a mean of 5, and the cluster of each."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(size // 2, size * 3 // 2 + 1, clusters) if size > 1 else np.ones(clusters, dtype=int)
    names = np.repeat(np.arange(clusters), sizes)
    logarithm = rng.normal(0, between, (clusters, columns))[names] + rng.normal(0, within, (len(names), columns))
    return 5 * np.exp(logarithm - (between**2 + within**2) / 2), names


def test_the_standard_error_of_a_mean_of_samples_is_the_textbooks():
    values = np.random.default_rng(0).gamma(2, 3, (300, 2))
    found = bootstrap_means(values, np.arange(300), resamples=100)
    assert found.value == pytest.approx(values.mean(axis=0))
    assert found.error == pytest.approx(values.std(axis=0, ddof=1) / np.sqrt(300))


def test_an_interval_is_close_to_scipys_where_samples_are_many():
    values = np.random.default_rng(1).gamma(2, 3, 400)
    low, high = bootstrap_means(values[:, None], np.arange(400)).interval()[:, 0]
    other = stats.bootstrap((values,), np.mean, method="BCa", random_state=0, n_resamples=4000).confidence_interval
    assert (low, high) == pytest.approx((other.low, other.high), abs=0.1)


def test_equal_samples_of_a_cluster_count_as_one():
    values = np.random.default_rng(2).gamma(2, 3, 40)
    once = bootstrap_means(values[:, None], np.arange(40)).interval()
    ten_times = bootstrap_means(np.repeat(values, 10)[:, None], np.repeat(np.arange(40), 10)).interval()
    assert ten_times == pytest.approx(once)


def test_the_spread_of_the_resampled_means_is_that_of_clusters_drawn_one_by_one():
    values, names = errors_of_a_cluster_level(3, 12, 8, 0.3, 0.5)
    rng = np.random.default_rng(0)
    pieces = [values[names == name, 0] for name in range(12)]
    drawn = [np.concatenate([pieces[pick] for pick in rng.integers(0, 12, 12)]).mean() for _ in range(4000)]
    counts = np.concatenate([part for _, part in draw_counts(12, 4000, 1)])
    sums, sizes = np.array([piece.sum() for piece in pieces]), np.array([len(piece) for piece in pieces])
    assert np.std(counts @ sums / (counts @ sizes)) == pytest.approx(np.std(drawn), rel=0.06)
    assert (counts.sum(axis=1) == 12).all()


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    values = np.random.default_rng(4).gamma(2, 3, (60, 1))
    first, again, other = (bootstrap_means(values, np.arange(60), 500, seed).interval() for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).all()


def test_too_few_clusters_say_nothing():
    values = np.arange(10.0)[:, None]
    assert np.isnan(bootstrap_means(values, np.repeat([0, 1], 5)).interval()).all()
    assert np.isnan(paired_p_values(values, np.repeat([0, 1], 5))).all()


def test_no_difference_is_no_evidence_and_a_constant_error_has_no_width():
    zeros = np.zeros((50, 1))
    assert paired_p_values(zeros, np.arange(50)) == 1
    assert (bootstrap_means(zeros + 3, np.arange(50)).interval() == 3).all()


def test_a_paired_test_of_few_clusters_counts_every_choice_of_signs():
    differences = np.array([1.0, 2.0, -0.5, 3.0, 0.25, 0.75])
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=6)]
    expected = np.mean([value >= abs(differences.sum()) - 1e-9 for value in sums])
    assert paired_p_values(differences[:, None], np.arange(6)) == pytest.approx(expected)


def test_of_several_columns_each_is_held_against_the_largest_t_of_those_that_are_no_larger_by_hand():
    differences = np.random.default_rng(7).normal([0.9, 0.5, 0.2], 1, (7, 3))
    signs = np.array(list(itertools.product((-1, 1), repeat=7)))

    def size(table):
        return np.abs(stats.ttest_1samp(table, 0).statistic)

    observed, drawn = size(differences), np.array([size(row[:, None] * differences) for row in signs])
    expected, least = np.empty(3), 0.0
    for place in np.argsort(-observed):
        largest = drawn[:, observed <= observed[place]].max(axis=1)
        least = expected[place] = max(least, np.mean(largest >= observed[place] - 1e-9))
    assert paired_p_values(differences, np.arange(7)) == pytest.approx(expected)


def test_gross_differences_of_eight_clusters_are_told_apart_however_many_columns_there_are():
    values = np.random.default_rng(8).normal(np.arange(1, 41) * 10.0, 1, (80, 40))
    assert (paired_p_values(values, np.repeat(np.arange(8), 10)) == 2 / 2**8).all()


def test_five_clusters_are_too_few_for_evidence_and_six_are_not():
    values = np.full((30, 2), 50.0)
    assert np.isnan(paired_p_values(values, np.arange(30) % 5)).all()
    assert (paired_p_values(values, np.arange(30) % 6) == 2 / 2**6).all()


def test_a_paired_test_of_many_samples_agrees_with_students():
    differences = np.random.default_rng(5).normal(0.1, 1, 400)
    expected = stats.ttest_1samp(differences, 0).pvalue
    assert paired_p_values(differences[:, None], np.arange(400))[0] == pytest.approx(expected, abs=0.015)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == pytest.approx([1, 1]) and len(holm([])) == 0


def test_a_resampled_percentile_is_that_of_the_samples_written_out():
    values = np.random.default_rng(6).gamma(2, 3, 30)
    (median, p95) = bootstrap_percentiles(values[:, None], np.arange(30), (50, 95), resamples=5)
    counts = np.concatenate([part for _, part in draw_counts(30, 5, 0)]).astype(int)
    order = np.unique(np.arange(30), return_inverse=True)[1]
    written_out = [np.repeat(values, row[order]) for row in counts]
    assert median.drawn[:, 0] == pytest.approx([np.percentile(own, 50) for own in written_out])
    assert p95.drawn[:, 0] == pytest.approx([np.percentile(own, 95) for own in written_out])


# Made-up trials stand side by side as columns of one table: they share the clusters and what is drawn of them.


@pytest.mark.parametrize(("clusters", "size", "between"), [(8, 20, 0.25), (24, 20, 0.3), (200, 1, 0.0)])
def test_95_percent_intervals_hold_the_truth_95_times_in_100(clusters, size, between):
    within, trials = 0.6, 1000
    median = 5 * np.exp(-(between**2 + within**2) / 2)
    values, names = errors_of_a_cluster_level(0, clusters, size, between, within, trials)
    limits = bootstrap_means(np.hstack([values, shares_below(values, 50)]), names, 1000).interval()
    (low, high), (lowest, highest) = limits[:, :trials], percentile_limits(values, 50, limits[:, trials:])
    held = np.array([np.mean((low <= 5) & (high >= 5)), np.mean((lowest <= median) & (highest >= median))])
    # Three standard deviations of 1000 trials below 95%, and what so few clusters take; the other side is no fault, but
    # above 99% is no 95%.
    assert (held > 0.95 - 0.035).all() and (held < 0.995).all()


@pytest.mark.parametrize(("clusters", "size", "between"), [(8, 20, 0.25), (24, 20, 0.3), (200, 1, 0.0)])
def test_equally_good_estimators_are_told_apart_5_times_in_100(clusters, size, between):
    trials = 1000
    values, names = errors_of_a_cluster_level(1, clusters, size, between, 0.6, 2 * trials)
    p_values = paired_p_values((values[:, :trials] - values[:, trials:])[..., None], names, 1000)
    assert p_values.shape == (trials, 1) and np.mean(p_values < 0.05) == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize("clusters", [8, 100])
def test_any_of_six_estimators_as_good_as_a_seventh_is_told_from_it_5_times_in_100(clusters):
    trials = 1000
    values, names = errors_of_a_cluster_level(2, clusters, 4, 0.25, 0.6, 7 * trials)
    table = values.reshape(-1, trials, 7)
    p_values = paired_p_values(table[..., 1:] - table[..., :1], names, 1000)
    assert np.mean((p_values < 0.05).any(axis=-1)) == pytest.approx(0.05, abs=0.025)
