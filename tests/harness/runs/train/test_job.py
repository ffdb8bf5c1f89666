"""What is to be trained: names, presets and options, and what makes another training."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpe_bench.errors import MissingError, UnknownName, UsageError
from hpe_bench.plugins import discover
from hpe_bench.runs.train.job import Request, default_name, plan_training
from hpe_bench.settings import resolve_folders


@pytest.fixture(scope="module")
def registry():
    return discover([Path(__file__).parents[2] / "learner.py"], environ={})


@pytest.fixture
def plan(registry):
    def make(estimator="learner", **more):
        return plan_training(Request(estimator, **more), registry, resolve_folders())

    return make


def test_a_preset_gives_options_datasets_and_their_options_and_what_is_given_overrides(plan):
    job = plan(preset="long")
    assert job.options.steps == 20 and list(job.datasets) == ["line"] and job.datasets["line"].options.first == 20
    job = plan(preset="long", options={"steps": "4"}, dataset_options={"identities": "2"})
    assert (job.options.steps, job.datasets["line"].options.first, job.datasets["line"].options.identities) == (
        4,
        20,
        2,
    )
    assert plan().preset == "quick", "the first is the default"


@pytest.mark.parametrize(
    ("preset", "datasets", "seed", "name"),
    [
        ("full", ("facescape",), 0, "full-facescape"),
        ("", ("a", "b"), 0, "a-b"),
        ("default", ("synthetic",), 3, "default-synthetic-seed3"),
    ],
)
def test_the_default_name_says_preset_datasets_and_seed(preset, datasets, seed, name):
    assert default_name(preset, datasets, seed) == name


def test_an_option_of_another_dataset_is_named_with_it(plan):
    job = plan(
        datasets=("line", "synthetic"), dataset_options={"synthetic.seed": "5", "line.first": 3, "identities": 2}
    )
    assert job.datasets["synthetic"].options.seed == 5
    assert job.datasets["line"].options.first == 3 and job.datasets["line"].options.identities == 2
    assert job.main_dataset == "line" and job.name == "quick-line-synthetic"
    assert "-d synthetic.seed=5" in job.command()


def test_the_command_makes_the_very_same_training(plan):
    given = {"options": {"steps": 8}, "dataset_options": {"first": "3.5"}, "seed": 4, "name": "mine"}
    job = plan(preset="quick", **given)
    expected = "hpe-bench train learner --preset quick --dataset line -d first=3.5 -o steps=8 --seed 4 --as mine"
    assert job.command() == expected


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"estimator": "lerner"}, "did you mean learner"),
        ({"preset": "quik"}, "did you mean quick"),
        ({"options": {"stps": 1}}, "did you mean steps"),
        ({"datasets": ("lin",)}, "did you mean line"),
        ({"dataset_options": {"identitys": 1}}, "did you mean identities"),
        ({"dataset_options": {"lne.first": 1}}, "did you mean line"),
        ({"device": "gpu"}, "did you mean cpu"),
    ],
)
def test_an_unknown_name_says_what_was_meant(plan, wrong, message):
    with pytest.raises(UnknownName, match=message):
        plan(**wrong)


def test_an_estimator_that_cannot_be_trained_names_those_that_can(plan):
    with pytest.raises(UsageError, match=r"procrustes cannot be trained; those that can: .*learner.*rival"):
        plan("procrustes")


def test_what_to_learn_from_has_to_be_said_where_no_preset_says_it(plan):
    with pytest.raises(UsageError, match="--dataset NAME"):
        plan("rival")
    assert plan("rival", datasets=("line",)).name == "line"


@pytest.mark.parametrize("name", ["../x", "a b", "/x", ".x"])
def test_a_name_that_leaves_the_folder_is_refused(plan, name):
    with pytest.raises(UsageError, match="letters, digits"):
        plan(name=name)


def test_missing_data_is_said_before_anything_starts(plan):
    with pytest.raises(MissingError, match="AFLW2000"):
        plan(datasets=("aflw2000",))


def test_the_digest_is_of_what_decides_and_not_of_the_name(plan):
    assert plan(name="a").digest == plan(name="b").digest == plan().digest
    others = [
        {"seed": 1},
        {"options": {"steps": 9}},
        {"dataset_options": {"identities": 3}},
        {"datasets": ("synthetic",)},
    ]
    digests = {plan(**other).digest for other in others}
    assert len(digests | {plan().digest}) == 5
