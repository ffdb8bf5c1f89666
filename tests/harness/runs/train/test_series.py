"""A series over growing numbers of identities: who is trained on what, and what is done only once."""

from __future__ import annotations

import pytest

from hpe_bench.comparison.series import series_records, series_stem, values_of
from hpe_bench.errors import UnknownName, UsageError
from hpe_bench.plugins import discover
from hpe_bench.runs.progress import Progress
from hpe_bench.runs.train.job import Request
from hpe_bench.runs.train.series import run_series
from hpe_bench.settings import resolve_folders


@pytest.fixture
def series(learner):
    """A function that runs a series of the learner."""
    registry = discover()

    def run(counts=(1, 3), seeds=(0,), **more):
        return run_series(Request("learner", **more), counts, seeds, registry, resolve_folders(), Progress(quiet=True))

    return run


def test_companions_load_the_same_weights_or_are_trained_on_the_same_or_stand_as_they_are(series, steps):
    records = series_records(series(seeds=(0, 2)))
    assert [(r["identities"], r["seed"], r["estimator"]) for r in records[:8]] == [
        (1, 0, "learner"),
        (1, 0, "learner-half"),
        (1, 0, "rival"),
        (1, 0, "zero"),
        (1, 2, "learner"),
        (1, 2, "learner-half"),
        (1, 2, "rival"),
        (1, 2, "zero"),
    ]
    assert [r["weights"] for r in records[:4]] == [
        "weights/learner/quick-line-n1",
        "weights/learner/quick-line-n1",
        "weights/rival/quick-line-n1",
        None,
    ]
    assert records[4]["label"] == "learner:weights=quick-line-n1-seed2"
    # The mean of 10 with one identity, 11 with three; the learner gets 7/8 of it in three steps, the rival 255/256.
    found = values_of(records, "learner", "ge")
    assert found[1] == pytest.approx([10 - 10 * 7 / 8, 12 * 7 / 8 - 10])
    assert found[3] == pytest.approx([10 - 11 * 7 / 8, 13 * 7 / 8 - 10])
    assert values_of(records, "rival", "ge")[1] == pytest.approx([10 / 256, 12 * 255 / 256 - 10])
    assert values_of(records, "zero", "mae")[3] == pytest.approx([10 / 3, 10 / 3])
    assert steps() == 4 * (3 + 8)
    again = series_records(series(seeds=(0, 2)))
    assert again == records and steps() == 4 * (3 + 8)
    assert series_stem(again, "learner", resolve_folders().results) == series_stem(
        records, "learner", resolve_folders().results
    )


def test_the_evaluation_has_the_datasets_options_but_for_the_identities(series):
    (point, *_) = series(counts=(2,), dataset_options={"first": 5.0}, name="mine")
    options = point.result.run.manifest["dataset"]["options"]
    assert options == {"identities": 4, "first": 5.0}
    assert point.training.job.datasets["line"].options.identities == 2 and point.training.job.name == "mine-n2"


def test_options_that_are_given_hold_for_companions_that_are_trained_too(series, steps):
    series(counts=(2,), options={"steps": 5})
    assert steps() == 5 + 5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"counts": (0, 1)}, "from 1 on"),
        ({"counts": (2, 2)}, "different"),
        ({"counts": ()}, "1,2,5"),
        ({"seeds": (1, 1)}, "different"),
        ({"dataset_options": {"identities": 3}}, "leave -d identities out"),
    ],
)
def test_what_makes_no_series_is_refused(series, wrong, message, steps):
    with pytest.raises(UsageError, match=message):
        series(**wrong)
    assert steps() == 0


def test_a_dataset_without_identities_to_choose_has_no_series(series):
    with pytest.raises(UnknownName, match="identities"):
        series(datasets=("aflw2000",))


def test_a_dataset_that_does_not_heed_its_option_has_no_series(learner, steps):
    text = learner.read_text()
    learner.write_text(text.replace("self.options.identities if part", "4 if part"))
    with pytest.raises(UsageError, match="with identities=1 there are 4 people to learn from"):
        run_series(Request("learner"), (1, 3), (0,), discover(), resolve_folders(), Progress(quiet=True))
    assert steps() == 0


@pytest.mark.parametrize("counts", [(1, 3), (1,)])
def test_a_point_that_learned_nothing_says_so_and_the_others_go_on(series, counts):
    records = series_records(series(counts=counts, options={"trouble": "few"}))
    one = {record["estimator"]: record for record in records if record["identities"] == 1}
    for name in ("learner", "learner-half", "rival"):
        assert one[name]["mae"] is None and "no better than the 20 of the zero pose" in one[name]["skipped"]
        assert one[name]["weights"] is None and one[name]["label"] == f"{name}:weights=quick-line-n1"
        assert one[name]["protocol"] == one["zero"]["protocol"]
    assert one["zero"]["mae"] is not None
    assert all(record["mae"] is not None for record in records if record["identities"] == 3)


def test_a_series_keeps_what_learned_nothing_where_that_is_asked_for(series):
    records = series_records(series(counts=(1,), options={"trouble": "few"}, keep_anyway=True))
    assert all(record["mae"] is not None for record in records)
