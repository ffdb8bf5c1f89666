"""What is said of chance: limits of every figure, and who is told from the best, from few samples and by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from hpe_bench.comparison.statistics import significance
from hpe_bench.comparison.statistics.bootstrap import bootstrap_means, holm, paired_p_values
from hpe_bench.comparison.statistics.errors import EVERY, MEANS, run_errors
from hpe_bench.comparison.statistics.percentiles import bootstrap_percentiles, percentile_limits, shares_below
from hpe_bench.comparison.statistics.significance import against_best, describe, intervals

GE, MEDIAN, P95, ROLL = ("ge", "mean"), ("ge", "median"), ("ge", "p95"), ("mae", "roll")


@pytest.fixture
def errors(turned):
    """Errors of heads turned about their z by normally distributed degrees with the means given, of some samples."""

    def make(*means, n=24, seed=0, **columns):
        rng = np.random.default_rng(seed)
        degrees = np.abs(rng.normal(np.array(means)[:, None], 1, (len(means), n)))
        return [run_errors(turned(f"run{place}", row, **columns)) for place, row in enumerate(degrees)]

    return make


# Intervals


def test_the_limits_of_a_mean_are_those_of_its_bootstrap_and_of_a_percentile_those_of_its_share(errors):
    (own,) = errors(5)
    (found,) = intervals([own], [GE, P95])
    assert found[GE] == pytest.approx(bootstrap_means(own.geodesic[:, None], own.clusters).interval()[:, 0])
    shares = bootstrap_means(shares_below(own.geodesic[:, None], 95), own.clusters).interval()
    assert found[P95] == pytest.approx(percentile_limits(own.geodesic[:, None], 95, shares)[:, 0])


def test_every_figure_of_a_record_has_limits_around_it(errors):
    (own,) = errors(5)
    (found,) = intervals([own])
    assert set(found) == set(EVERY)
    for path, (low, high) in found.items():
        assert low - 1e-9 <= own.figure(path) <= high + 1e-9
    assert found[ROLL] != found[MEDIAN] != found[P95]


def test_the_limits_of_a_run_do_not_depend_on_the_runs_beside_it(errors):
    few, many = errors(5, 7, n=10), errors(3, n=24)
    together = intervals([few[0], many[0], few[1]], [GE, P95])
    for found, own in zip(together, (few[0], many[0], few[1]), strict=True):
        alone = intervals([own], [GE, P95])[0]
        assert found[GE] == pytest.approx(alone[GE]) and found[P95] == pytest.approx(alone[P95])


def test_no_limit_lies_below_zero(errors):
    own = replace(errors(5, n=6)[0], geodesic=np.array([0.0, 0.0, 0.0, 0.0, 0.1, 9.0]))
    (found,) = intervals([own], [GE])
    assert found[GE][0] == 0 and found[GE][1] > own.geodesic.mean()


def test_of_no_samples_and_of_two_clusters_no_limit_is_known(errors):
    (own,) = errors(5, n=6)
    none, two = own.part(np.zeros(6, dtype=bool)), replace(own, clusters=np.array(["a", "b"] * 3))
    for found in intervals([none, two], [GE, P95]):
        assert set(found) == {GE, P95} and all(math.isnan(limit) for pair in found.values() for limit in pair)


def test_runs_of_the_same_samples_in_other_clusters_have_limits_of_their_own(errors):
    (own,) = errors(5)
    by_sequence = replace(own, clusters=np.repeat(["a", "b", "c", "d", "e", "f"], 4))
    alone, together = intervals([own, by_sequence], [GE])
    assert alone == intervals([own], [GE])[0] and together == intervals([by_sequence], [GE])[0] and alone != together


# Against the best


def test_p_values_of_means_are_of_the_differences_from_the_best_of_each_figure(errors):
    rows = errors(5, 4, 4.5)
    found = against_best(rows, [GE, ROLL])
    table = np.stack([own.geodesic for own in rows], axis=1)
    expected = paired_p_values(table - table[:, [1]], rows[0].clusters)
    assert [own[GE] for own in found] == pytest.approx(expected)
    assert found[1][GE] == 1 and found[0][GE] < 0.05


def test_each_figure_has_its_own_best(errors):
    first, second = errors(5, 5)
    first = replace(first, geodesic=first.geodesic + 3)
    second = replace(second, euler=second.euler + np.array([0, 0, 3]))
    one, other = against_best([first, second], [GE, ROLL])
    assert (other[GE], one[ROLL]) == (1, 1) and one[GE] < 0.001 and other[ROLL] < 0.001


def test_p_values_of_percentiles_are_corrected_for_the_rows_compared_with_the_best(errors):
    rows = errors(5, 4, 4.2, 4.4)
    found = against_best(rows, [MEDIAN, P95])
    table = np.stack([own.geodesic for own in rows], axis=1)
    for path, resampled in zip(
        (MEDIAN, P95), bootstrap_percentiles(table, rows[0].clusters, [50.0, 95.0]), strict=True
    ):
        best = int(np.argmin(resampled.value))
        others = [place for place in range(4) if place != best]
        expected = holm(resampled.differences(best).p_values()[others])
        assert found[best][path] == 1
        assert [found[place][path] for place in others] == pytest.approx(expected)


def test_without_a_rival_with_other_samples_and_without_samples_nothing_is_compared(errors):
    one, other = errors(5, 9)
    shorter = other.part(np.arange(24) < 20)
    none = one.part(np.zeros(24, dtype=bool))
    assert against_best([one]) == [{}] and against_best([]) == []
    assert against_best([one, shorter]) == [{}, {}] and against_best([none, none]) == [{}, {}]


def test_five_clusters_are_too_few_to_compare_and_six_are_not(errors):
    for number, known in ((5, False), (6, True)):
        rows = [replace(own, clusters=(np.arange(24) % number).astype(str)) for own in errors(5, 60)]
        for found in against_best(rows, [GE, P95]):
            assert set(found) == {GE, P95} and all(math.isnan(value) != known for value in found.values())


# What a record says


def test_a_record_says_of_every_figure_its_limits_its_p_value_and_whether_it_is_told_from_the_best(errors):
    good, worse = describe(errors(3, 9), [True, True], ["sample", "person"])
    for section, names in (("mae", 4), ("vmae", 4), ("ge", 3)):
        for part in ("intervals", "p_values", "distinguishable"):
            assert len(good[part][section]) == names
    assert good["distinguishable"]["ge"] == {"mean": False, "median": False, "p95": False}
    assert worse["distinguishable"]["ge"] == {"mean": True, "median": True, "p95": True}
    assert good["p_values"]["ge"]["mean"] == 1 and worse["p_values"]["ge"]["mean"] < 0.01
    assert good["statistics"] == {
        "level": 0.95,
        "clusters": 24,
        "unit": "sample",
        "resamples": 10_000,
        "rows_compared": 2,
    }
    assert worse["statistics"]["unit"] == "person"


def test_only_rivals_are_compared_and_the_others_have_limits_alone(errors):
    rows = errors(1, 5, 9, 3)
    found = describe(rows, [False, True, True, False], ["sample"] * 4, [GE])
    assert [record["distinguishable"]["ge"]["mean"] for record in found] == [None, False, True, None]
    assert [record["p_values"]["ge"]["mean"] is None for record in found] == [True, False, False, True]
    assert all(record["intervals"]["ge"]["mean"] for record in found)
    assert {record["statistics"]["rows_compared"] for record in found} == {2}
    alone = describe(rows, [False, True, False, False], ["sample"] * 4, [GE])
    assert {record["statistics"]["rows_compared"] for record in alone} == {0}
    assert {record["distinguishable"]["ge"]["mean"] for record in alone} == {None}
    assert describe(rows, [False] * 4, ["sample"] * 4, [GE])[0]["statistics"]["rows_compared"] == 0


def test_what_is_not_known_is_null(errors):
    rows = [replace(own, clusters=np.array(["a", "b"] * 12)) for own in errors(3, 9)]
    (record, _) = describe(rows, [True, True], ["sequence"] * 2, [GE])
    assert record["intervals"]["ge"]["mean"] is record["p_values"]["ge"]["mean"] is None
    assert record["distinguishable"]["ge"]["mean"] is None and record["statistics"]["clusters"] == 2


@pytest.mark.parametrize(("p_value", "told"), [(0.0, True), (0.0499, True), (0.0501, False), (1.0, False)])
def test_a_row_is_told_from_the_best_below_a_p_value_of_5_percent(errors, monkeypatch, p_value, told):
    monkeypatch.setattr(significance, "against_best", lambda errors, figures: [{GE: p_value} for _ in errors])
    (record, _) = describe(errors(3, 9), [True, True], ["sample"] * 2, [GE])
    assert record["distinguishable"]["ge"]["mean"] is told and record["p_values"]["ge"]["mean"] == p_value


def test_limits_and_p_values_have_four_decimals(errors, monkeypatch):
    monkeypatch.setattr(significance, "against_best", lambda errors, figures: [{GE: 0.123456789} for _ in errors])
    monkeypatch.setattr(significance, "intervals", lambda errors, figures: [{GE: (1.23456789, 2.0)} for _ in errors])
    (record, _) = describe(errors(3, 9), [True, True], ["sample"] * 2, [GE])
    assert record["intervals"]["ge"]["mean"] == [1.2346, 2.0] and record["p_values"]["ge"]["mean"] == 0.1235


def test_an_open_limit_is_no_limit(errors, monkeypatch):
    monkeypatch.setattr(significance, "intervals", lambda errors, figures: [{GE: (0.0, math.inf)} for _ in errors])
    (record,) = describe(errors(3), [True], ["sample"], [GE])
    assert record["intervals"]["ge"]["mean"] is None


def test_all_figures_are_told_unless_some_are_named(errors):
    (record,) = describe(errors(3), [True], ["sample"])
    assert [(section, name) for section, names in record["intervals"].items() for name in names] == list(EVERY)
    assert list(against_best(errors(3, 4))[0]) == list(EVERY) and len(MEANS) == 9


def test_of_no_figure_there_is_no_limit(errors):
    assert intervals(errors(5, 6), ()) == [{}, {}]


def test_limits_are_of_those_figures_alone_that_are_asked_for(errors):
    first, second = describe(errors(5, 6), [True, True], ["samples", "samples"], [GE, MEDIAN], [GE])
    for record in (first, second):
        assert set(record["intervals"]) == {"ge"} and set(record["intervals"]["ge"]) == {"mean"}
        assert set(record["p_values"]["ge"]) == {"mean", "median"}


def test_a_value_of_exactly_the_bound_tells_nothing_apart():
    assert significance._told_apart(significance.ALPHA) is False
    assert significance._told_apart(np.nextafter(significance.ALPHA, 0)) is True
