"""The errors of a run sample by sample, and what of a run the statistics resample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hpe_bench.comparison.statistics.errors import EVERY, cluster_names, cluster_unit, run_errors, same_samples
from hpe_bench.metrics import euler_errors, geodesic_error, summarise, vector_errors

DEGREES = np.array([4.0, 1.0, 9.0, 2.0])
SAMPLES = ["00000", "00001", "00002", "00003"]


def lose(run, *places):
    prediction = run.prediction.copy()
    prediction[list(places)] = np.nan
    return replace(run, prediction=prediction)


def shuffled(run, order):
    names = ("ids", "truth", "euler", "prediction", "seconds", "person", "sequence", "confidence")
    return replace(run, **{name: getattr(run, name)[order] for name in names})


# Sample by sample


def test_errors_stand_in_the_order_of_the_ids_each_with_all_that_is_known_of_its_sample(turned):
    columns = {
        "person": np.array(["p", "q", "r", "s"]),
        "sequence": np.array(["1", "2", "3", "4"]),
        "confidence": np.array([0.1, 0.2, 0.3, 0.4]),
    }
    run = turned("x", DEGREES, cluster="person", **columns)
    errors = run_errors(shuffled(run, [2, 0, 3, 1]))
    assert errors.ids.tolist() == SAMPLES and errors.geodesic == pytest.approx(DEGREES)
    assert errors.person.tolist() == errors.clusters.tolist() == ["p", "q", "r", "s"]
    assert errors.sequence.tolist() == ["1", "2", "3", "4"] and errors.confidence.tolist() == [0.1, 0.2, 0.3, 0.4]
    assert (errors.truth == run.truth).all() and (errors.angles == run.euler).all()
    assert errors.euler == pytest.approx(euler_errors(run.euler, run.prediction))
    assert errors.vectors == pytest.approx(vector_errors(run.truth, run.prediction))
    assert errors.found.all() and len(errors) == 4


def test_a_missing_prediction_is_the_zero_pose_in_all_and_left_out_of_detected(turned):
    run = lose(turned("x", DEGREES), 2)
    everything, detected = run_errors(run), run_errors(run, "detected")
    assert everything.found.tolist() == [True, True, False, True]
    assert everything.geodesic[2] == pytest.approx(geodesic_error(run.truth[2:3], np.eye(3)[None])[0])
    assert everything.euler[2] == pytest.approx(euler_errors(run.euler[2:3], np.eye(3)[None])[0])
    assert everything.vectors[2] == pytest.approx(vector_errors(run.truth[2:3], np.eye(3)[None])[0])
    assert detected.ids.tolist() == ["00000", "00001", "00003"] and detected.found.all()
    common = run_errors(run, "common", common=np.array([True, False, True, True]))
    assert common.ids.tolist() == ["00000", "00003"]


def test_the_angles_are_wrapped_as_told(turned):
    run = turned("x", np.array([170.0, 0.0]))
    assert run_errors(run, wrap="fold180").euler == pytest.approx(euler_errors(run.euler, run.prediction, "fold180"))
    assert run_errors(run).euler == pytest.approx(euler_errors(run.euler, run.prediction, "wrap360"))
    assert (run_errors(run).euler != run_errors(run, wrap="fold180").euler).any()


# Figures


def test_figures_are_those_of_the_summary(turned):
    run = lose(turned("x", DEGREES), 1)
    errors, summary = run_errors(run), summarise(run.truth, run.euler, run.prediction)
    for section, name in EVERY:
        assert errors.figure((section, name)) == pytest.approx(getattr(summary, section)[name])
    assert len({errors.figure(path) for path in EVERY}) > 6


def test_a_column_is_what_its_figure_is_of(turned):
    errors = run_errors(turned("x", DEGREES))
    assert (errors.column(("ge", "p95")) == errors.geodesic).all()
    assert (errors.column(("mae", "pitch")) == errors.euler[:, 1]).all()
    assert (errors.column(("vmae", "front")) == errors.vectors[:, 2]).all()
    assert errors.column(("vmae", "mean")) == pytest.approx(errors.vectors.mean(axis=1))


def test_of_no_samples_a_figure_is_nan(turned):
    none = run_errors(turned("x", DEGREES)).part(np.zeros(4, dtype=bool))
    assert len(none) == 0 and all(np.isnan(none.figure(path)) for path in EVERY)


def test_a_part_has_every_column_of_its_samples(turned):
    part = run_errors(turned("x", DEGREES)).part(np.array([False, True, False, True]))
    assert part.ids.tolist() == ["00001", "00003"] and part.geodesic == pytest.approx([1, 2])
    assert {len(getattr(part, name)) for name in ("euler", "vectors", "found", "truth", "angles", "clusters")} == {2}


def test_the_same_samples_are_those_of_the_same_ids(turned):
    one, other = (run_errors(turned("x", DEGREES + add)) for add in (0, 5))
    fewer = other.part(np.array([True, True, True, False]))
    assert same_samples([one]) and same_samples([one, other]) and not same_samples([one, other, fewer])
    assert not same_samples([fewer, one, other]) and not same_samples([one, fewer])


# Clusters


@pytest.mark.parametrize("cluster", ["person", "sequence"])
def test_the_clusters_are_those_of_the_protocol_or_the_samples(turned, cluster):
    def names(by, own):
        run = turned("x", DEGREES, cluster=by, **{cluster: np.array(own)})
        return cluster_unit(run), cluster_names(run).tolist()

    assert names(cluster, ["p", "q", "p", "q"]) == (cluster, ["p", "q", "p", "q"])
    assert names(cluster, ["p", "", "p", "q"]) == ("sample", SAMPLES)
    assert names("sample", ["p", "q", "p", "q"]) == ("sample", SAMPLES)


def test_without_samples_or_a_word_of_clusters_samples_are_resampled(turned):
    assert cluster_unit(turned("x", np.array([]), cluster="person")) == "sample"
    run = turned("x", DEGREES)
    del run.manifest["protocol"]["cluster"]
    assert cluster_unit(run) == "sample"
