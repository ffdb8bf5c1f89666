"""The cluster bootstrap on examples small enough to be worked out by hand, or written out resample by resample."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

from hpe_bench.comparison.statistics import bootstrap
from hpe_bench.comparison.statistics.bootstrap import (
    Estimates,
    bootstrap_means,
    cluster_index,
    cluster_sums,
    draw_counts,
    paired_p_values,
)


def every_sign(clusters):
    return np.array(list(itertools.product((-1, 1), repeat=clusters)))


# Intervals


def test_the_interval_reaches_as_far_as_95_of_100_resamples_on_either_side():
    away = np.random.default_rng(0).permutation(np.arange(1.0, 101)) * np.tile([1, -1], 50)
    found = Estimates(np.array([7.0]), np.array([2.0]), away[:, None])
    assert found.interval().tolist() == [[7 - 2 * 95], [7 + 2 * 95]]
    assert found.interval(0.5).tolist() == [[7 - 2 * 50], [7 + 2 * 50]]
    assert found.interval(1.0).tolist() == [[7 - 2 * 100], [7 + 2 * 100]]


def test_a_level_between_two_resamples_takes_the_farther():
    found = Estimates(np.zeros(1), np.ones(1), np.arange(1.0, 11)[:, None])
    assert found.interval(0.81).tolist() == [[-9], [9]]


def test_each_estimate_has_its_own_resamples_and_an_infinite_one_has_no_limit():
    t = np.array([[1.0, 1.0], [2.0, np.inf], [3.0, np.inf]])
    found = Estimates(np.array([10.0, 20.0]), np.array([1.0, 1.0]), t)
    assert found.interval(0.6).tolist() == [[8, -np.inf], [12, np.inf]]


def test_a_mean_without_an_error_has_no_limit_beyond_any_of_its_resamples():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(Estimates(np.zeros(1), np.zeros(1), np.full((3, 1), np.inf)).interval()).all()


def test_of_no_resamples_nothing_is_known_but_how_many_estimates_there_are():
    limits = Estimates(np.arange(4.0), np.full(4, np.nan), np.empty((0, 4))).interval()
    assert limits.shape == (2, 4) and np.isnan(limits).all()


# Means


@pytest.mark.parametrize("sizes", [[3, 3, 3, 3], [2, 3, 1, 4]], ids=["equal", "unequal"])
def test_every_resampled_mean_is_studentised_by_its_own_standard_error_of_k_clusters(sizes):
    names = np.repeat(np.arange(4), sizes)
    values = np.random.default_rng(1).gamma(2, 3, (len(names), 2))
    found = bootstrap_means(values, names, resamples=60, seed=5)

    def mean_and_error(pieces):
        rows = np.concatenate(pieces)
        mean = rows.mean(axis=0)
        rest = np.array([(piece - mean).sum(axis=0) for piece in pieces])
        return mean, np.sqrt(4 / 3 * (rest**2).sum(axis=0)) / len(rows)

    pieces = [values[names == name] for name in range(4)]
    mean, error = mean_and_error(pieces)
    assert found.value == pytest.approx(mean) and found.error == pytest.approx(error)
    counts = np.concatenate([part for _, part in draw_counts(4, 60, 5)]).astype(int)
    for counted, t in zip(counts, found.t, strict=True):
        own, spread = mean_and_error(
            [piece for piece, times in zip(pieces, counted, strict=True) for _ in range(times)]
        )
        if counted.max() < 4:  # a resample of one cluster alone has no spread, and is infinitely far off
            assert t == pytest.approx((own - mean) / spread, rel=1e-6, abs=1e-9)


def test_a_resample_of_one_cluster_alone_is_infinitely_far_off():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bootstrap_means([[1.0], [2.0], [4.0]], [0, 1, 2], resamples=200)
    counts = np.concatenate([part for _, part in draw_counts(3, 200, 0)])
    alone = counts.max(axis=1) == 3
    assert alone.any() and np.isinf(found.t[alone, 0]).all() and np.isfinite(found.t[~alone, 0]).all()


def test_three_clusters_are_enough_for_an_interval_and_two_are_not():
    values = [[1.0], [2.0], [4.0], [5.0]]
    assert len(bootstrap_means(values, [0, 1, 2, 2], resamples=10).t) == 10
    two = bootstrap_means(values, [0, 1, 1, 1])
    assert two.value == 3 and np.isnan(two.error).all() and two.t.shape == (0, 1)


def test_of_no_samples_not_even_the_mean_is_known():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bootstrap_means(np.empty((0, 2)), [])
    assert found.value.shape == (2,) and np.isnan(found.value).all() and np.isnan(found.interval()).all()


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_how_far_a_resample_is_off_does_not_depend_on_the_unit(unit):
    values = np.random.default_rng(10).gamma(2, 3, (12, 1))
    plain, scaled = (bootstrap_means(values * factor, np.arange(12), resamples=50) for factor in (1, unit))
    assert scaled.t == pytest.approx(plain.t, rel=1e-6) and scaled.error == pytest.approx(plain.error * unit)


def test_ten_thousand_resamples_are_drawn_unless_told_otherwise():
    assert len(bootstrap_means([[1.0], [2.0], [4.0]], [0, 1, 2]).t) == 10_000


def test_a_table_of_whole_numbers_has_the_mean_of_its_fractions():
    assert bootstrap_means([[1], [2], [2]], ["a", "b", "c"], resamples=10).value == pytest.approx(5 / 3)


# P-values


def test_a_p_value_of_drawn_signs_counts_the_data_itself_as_one_drawing():
    gross = np.full((40, 2), 50.0)
    assert paired_p_values(gross, np.arange(40), resamples=99).tolist() == [0.01, 0.01]
    assert paired_p_values(gross, np.arange(40), resamples=399).tolist() == [0.0025, 0.0025]


def test_every_sign_is_counted_where_there_are_no_more_than_resamples():
    differences = np.random.default_rng(2).normal(0.5, 1, (7, 1))
    sums = np.abs(every_sign(7) @ differences)
    exact = np.mean(sums >= np.abs(differences.sum()) - 1e-9)
    for resamples in (2**7, 2**7 + 1, 10_000):
        assert paired_p_values(differences, np.arange(7), resamples) == pytest.approx(exact)
    drawn = paired_p_values(differences, np.arange(7), 2**7 - 1)
    assert (drawn * 2**7)[0] == pytest.approx(round((drawn * 2**7)[0])) and drawn == pytest.approx(exact, abs=0.15)


def test_drawn_signs_give_about_what_all_signs_give():
    differences = np.random.default_rng(3).normal([0.5, 0.3, 0.0], 1, (13, 3))
    exact, drawn = (paired_p_values(differences, np.arange(13), resamples) for resamples in (2**13, 2**13 - 1))
    assert drawn == pytest.approx(exact, abs=0.03) and (exact != drawn).any()


def test_the_same_seed_draws_the_same_signs_and_another_one_others():
    differences = np.random.default_rng(4).normal(0.2, 1, (60, 3))
    first, again, other = (paired_p_values(differences, np.arange(60), 500, seed) for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()
    assert (paired_p_values(differences, np.arange(60), 500) == first).all()


def test_more_clusters_than_bits_of_a_number_are_drawn_too():
    differences = np.random.default_rng(5).normal(1, 1, (70, 1))
    assert paired_p_values(differences, np.arange(70), resamples=2**14) < 0.001


def test_a_column_is_never_surer_than_one_that_stands_out_more():
    # Nearly equal means whose signs hang together little: held against itself alone the second would come out surer.
    differences = np.random.default_rng(1).normal([0.80, 0.78], 1, (8, 2))
    observed = np.abs(differences.sum(axis=0)) / np.sqrt((differences**2).sum(axis=0))
    drawn = np.abs(every_sign(8) @ differences) / np.sqrt((differences**2).sum(axis=0))
    first, second = np.argsort(-observed)
    both = np.mean(drawn.max(axis=1) >= observed[first] - 1e-9)
    alone = np.mean(drawn[:, second] >= observed[second] - 1e-9)
    assert alone < both
    assert paired_p_values(differences, np.arange(8)) == pytest.approx([both, both])


def test_each_row_of_a_stack_is_corrected_for_its_own_columns():
    stack = np.random.default_rng(6).normal([[0.9, 0.4, 0.1], [0.0, 0.7, 1.5]], 1, (8, 2, 3))
    found = paired_p_values(stack, np.arange(8))
    assert found.shape == (2, 3)
    for row in range(2):
        assert found[row] == pytest.approx(paired_p_values(stack[:, row], np.arange(8)))


def test_the_units_of_the_columns_make_no_difference():
    differences = np.random.default_rng(11).normal([0.9, 0.5, 0.2], 1, (8, 3))
    found = paired_p_values(differences * [1e-6, 1, 1e6], np.arange(8))
    assert found == pytest.approx(paired_p_values(differences, np.arange(8)))


def test_the_order_of_the_columns_makes_no_difference():
    differences = np.random.default_rng(7).normal([0.9, 0.5, 0.2, 0.0], 1, (8, 4))
    found = paired_p_values(differences, np.arange(8))
    assert paired_p_values(differences[:, ::-1], np.arange(8))[::-1] == pytest.approx(found)


def test_sums_that_differ_only_by_rounding_are_equal():
    tenths = np.array([1, 2, -3, 10, 10, 10, 7, -7])
    sums = np.abs(every_sign(8) @ tenths)
    expected = np.mean(sums >= abs(tenths.sum()))
    assert paired_p_values(tenths[:, None] / 10, np.arange(8)) == pytest.approx(expected)


def test_a_column_without_differences_is_no_evidence_beside_one_of_gross_ones():
    found = paired_p_values(np.column_stack([np.zeros(10), np.full(10, 9.0)]), np.arange(10))
    assert found.tolist() == [1, 2 / 2**10]


def test_too_few_clusters_give_no_p_value_in_any_place_of_a_stack():
    found = paired_p_values(np.ones((5, 2, 3)), np.arange(5))
    assert found.shape == (2, 3) and np.isnan(found).all()


# Drawing and summing


@pytest.mark.parametrize("at_once", [1, 10, 11, 24])
def test_what_is_drawn_in_pieces_is_what_is_drawn_at_once(monkeypatch, at_once):
    (whole,) = (part for _, part in draw_counts(4, 7, 3))
    differences = np.random.default_rng(8).normal(0.3, 1, (40, 2))
    at_one_go = paired_p_values(differences, np.arange(40), 50)
    monkeypatch.setattr(bootstrap, "_AT_ONCE", at_once)
    places, parts = zip(*draw_counts(4, 7, 3), strict=True)
    assert (np.concatenate(parts) == whole).all()
    assert [(place.start, place.stop) for place in places] == [
        (start, min(start + max(1, at_once // 4), 7)) for start in range(0, 7, max(1, at_once // 4))
    ]
    assert max(part.size for part in parts) <= max(4, at_once)
    assert paired_p_values(differences, np.arange(40), 50) == pytest.approx(at_one_go, abs=0.25)


def test_every_cluster_is_drawn_about_as_often_as_any_other():
    (counts,) = (part for _, part in draw_counts(5, 4000, 0))
    assert counts.mean(axis=0) == pytest.approx(np.ones(5), abs=0.06) and (counts.sum(axis=1) == 5).all()
    assert counts.dtype == np.float64


def test_clusters_are_numbered_by_name_and_counted():
    index, sizes = cluster_index(["b", "a", "b", "c", "b"])
    assert index.tolist() == [1, 0, 1, 2, 1] and sizes.tolist() == [1, 3, 1]


def test_sums_are_taken_over_each_cluster_column_by_column():
    sums = cluster_sums(np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]), np.array([0, 2, 0]), 3)
    assert sums.tolist() == [[5, 50], [0, 0], [2, 20]]
    assert cluster_sums(np.array([[1.0], [2.0]]), np.array([0, 1]), 4).ravel().tolist() == [1, 2, 0, 0]
    assert cluster_sums(np.empty((3, 0)), np.array([0, 2, 0]), 3).shape == (3, 0)
