"""The numbers behind plots, against computations done another way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hpe_bench import UsageError
from hpe_bench.comparison.curves import (
    along,
    bin_edges,
    binned_errors,
    cumulative,
    handy_step,
    range_edges,
    scored_runs,
    worst_samples,
)
from hpe_bench.comparison.statistics.bootstrap import bootstrap_means
from hpe_bench.pose import rotation_from_euler


@pytest.fixture
def two(turned):
    rng = np.random.default_rng(3)
    errors = [rng.uniform(0, 20, 120), rng.uniform(0, 40, 120)]
    return scored_runs([turned(name, own) for name, own in zip("ab", errors, strict=True)])


def test_a_bins_mean_is_that_of_its_samples_and_counts_add_up(two):
    edges = bin_edges([along(run, "yaw") for run in two], 30)
    assert edges.tolist() == [-60, -30, 0, 30, 60]
    for run, binned in zip(two, binned_errors(two, "yaw", edges, ["ge"])["ge"], strict=True):
        yaw, error = run.truth[:, 0], run.error("ge")
        assert binned.count.sum() == 120
        for place, low in enumerate((-60, -30, 0, 30)):
            inside = [e for y, e in zip(yaw, error, strict=True) if low <= y < low + 30]
            assert binned.count[place] == len(inside) and binned.mean[place] == pytest.approx(np.mean(inside))
            limits = bootstrap_means(np.array(inside)[:, None], np.arange(len(inside))).interval()[:, 0]
            assert (binned.low[place], binned.high[place]) == pytest.approx(limits, abs=0.4)


def test_the_last_edge_belongs_to_the_last_bin(two):
    largest = float(np.abs(two[0].truth[:, 0]).max())
    (binned, _) = binned_errors(two, "abs-yaw", np.array([0.0, largest]), ["mae"])["mae"]
    assert binned.count.tolist() == [120] and binned.mean[0] == pytest.approx(two[0].error("mae").mean())


def test_of_too_few_samples_only_the_number_is_known(two):
    binned = binned_errors(two, "abs-yaw", np.array([0.0, 1e-3, 60.0]), ["ge"], least=20)["ge"][0]
    assert binned.count.tolist() == [0, 120] and np.isnan(binned.mean[0]) and np.isnan(binned.low[0])
    assert np.isfinite(binned.mean[1])


def test_a_sample_without_a_prediction_has_the_zero_pose_in_view_all_and_is_absent_elsewhere(turned):
    one, two = turned("a", np.full(5, 3.0)), turned("b", np.full(5, 3.0))
    prediction = one.prediction.copy()
    prediction[2] = np.nan
    one = replace(one, prediction=prediction)
    whole, _ = scored_runs([one, two], "all")
    assert not whole.samples.found[2] and whole.predicted[2] == pytest.approx([0, 0, 0])
    cosine = (np.trace(one.truth[2]) - 1) / 2
    assert whole.error("ge")[2] == pytest.approx(np.degrees(np.arccos(cosine)))
    assert [len(run) for run in scored_runs([one, two], "detected")] == [4, 5]
    assert [len(run) for run in scored_runs([one, two], "common")] == [4, 4]


def test_labels_beyond_a_half_turn_are_where_the_head_is(turned):
    """AFLW2000 states some heads as -327 degrees."""
    run = turned("a", np.random.default_rng(1).uniform(0, 40, 60))
    inside = run.euler.copy()
    run.euler[::2] -= 360
    run.euler[1::4] += 360
    (scored,) = scored_runs([run])
    assert along(scored, "yaw") == pytest.approx(inside[:, 0]) and along(scored, "abs-yaw").max() < 60
    apart = np.abs(scored.predicted - scored.truth)
    assert apart.mean() == pytest.approx(scored.error("mae").mean()) and apart.max() <= 180


def test_a_prediction_beyond_a_half_turn_stands_beside_its_label(turned):
    run = turned("a", np.zeros(1))
    run.euler[:], run.truth[:] = [0, 0, 179], rotation_from_euler([0, 0, 179])
    run.prediction[:] = rotation_from_euler([0, 0, -178])
    (scored,) = scored_runs([run])
    assert scored.predicted[0] == pytest.approx([0, 0, 182])


def test_the_cumulative_curve_says_what_share_errs_by_no_more():
    rng = np.random.default_rng(0)
    errors = rng.gamma(2.0, 4.0, 5_000)
    error, share = cumulative(errors)
    for limit in (1.0, 5.0, 20.0):
        assert share[error <= limit][-1] == (errors <= limit).mean()
    few_errors, few_shares = cumulative(errors, 201)
    assert len(few_errors) == 201 and few_shares[-1] == 1.0 and few_errors[-1] == errors.max()
    assert np.interp(few_errors, error, share) == pytest.approx(few_shares)


def test_edges_enclose_the_data_and_are_multiples_of_the_step():
    assert bin_edges([[3.0, 41.0]], 10).tolist() == [0, 10, 20, 30, 40, 50]
    assert bin_edges([[-12.0], [4.0]], 5).tolist() == [-15, -10, -5, 0, 5]
    assert bin_edges([[0.0, 0.0]], 10).tolist() == [-5, 5]
    assert bin_edges([[-5.0]], 10).tolist() == [-10, 0, 10]


def test_the_angles_of_a_grid_stand_in_the_middle_of_bins():
    assert bin_edges([[-20.0, -10.0, 0.0, 10.0]], 10).tolist() == [-25, -15, -5, 5, 15]


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan, 1e-9])
def test_a_step_that_makes_no_bins_is_refused(step):
    with pytest.raises(UsageError, match="step of"):
        bin_edges([[0.0, 90.0]], step)


def test_a_view_without_samples_has_no_edges():
    for edges in (lambda: bin_edges([[]], 10.0), lambda: range_edges([[]])):
        with pytest.raises(UsageError, match="no sample"):
            edges()


def test_ranges_end_with_the_data():
    assert range_edges([[5.0, 98.7]]).tolist() == [0, 30, 60, 99]
    assert range_edges([[5.0, 12.2]]).tolist() == [0, 13]
    assert range_edges([[0.0]]).tolist() == [0, 1]


@pytest.mark.parametrize(("extent", "step"), [(99.0, 10.0), (8.0, 1.0), (198.0, 20.0), (360.0, 45.0)])
def test_there_are_about_ten_bins(extent, step):
    assert handy_step([np.linspace(0.0, extent, 1000)]) == step


def test_few_samples_are_put_into_few_bins():
    assert handy_step([np.linspace(-60.0, 60.0, 80)]) == 45.0


def test_the_worst_come_first(turned):
    (run,) = scored_runs([turned("a", np.array([1.0, 7.0, 5.0, 9.0]))])
    assert worst_samples(run, 3).tolist() == [3, 1, 2]
    assert len(worst_samples(run, 99)) == 4
