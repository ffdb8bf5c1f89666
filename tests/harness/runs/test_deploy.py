"""A set of weights in its deployed form: named, described, and never in the place of another."""

from __future__ import annotations

import pytest

from hpe_bench import DataError, MissingError, UsageError
from hpe_bench.estimators import Card
from hpe_bench.plugins import discover
from hpe_bench.runs.deploy import deploy
from hpe_bench.runs.weights import read_card
from hpe_bench.settings import resolve_folders
from hpe_bench.storage import file_digest

PLUGIN = """
from pathlib import Path
from pydantic import Field
from hpe_bench import DataError, Estimator, MissingError, Options, hookimpl

class Long(Estimator):
    class Options(Options):
        weights: str = Field("default", description="the set")

    def find_weights(self, folder):
        path = folder / self.options.weights / "long.txt"
        if not path.is_file():
            raise MissingError(f"no {path}")
        return {"text": path}

    @classmethod
    def deploy_weights(cls, weights, report):
        text = weights["text"].read_text()
        if not text:
            raise DataError(f"{weights['text']} is empty")
        report(f"{len(text)} letters become one")
        return {"short.txt": text[:1].encode()}

@hookimpl
def register_estimators(register):
    register("long", Long)
"""


@pytest.fixture
def run(tmp_path):
    """A function of (estimator, set, new name): deploys, and gives what was written and what was said."""
    (tmp_path / "long.py").write_text(PLUGIN)
    registry = discover([tmp_path / "long.py"], environ={})

    def act(estimator, set_name, name):
        said = []
        return deploy(registry, estimator, set_name, name, resolve_folders(), said.append), said

    return act


@pytest.fixture
def trained(tmp_path):
    """The folder of a set that a training made, and that came with the project."""
    folder = tmp_path / "weights" / "long" / "default"
    folder.mkdir(parents=True)
    (folder / "long.txt").write_text("abc")
    card = Card("long", "default", {"long.txt": "x"}, "heads", "MIT", "a command", training="1" * 64, shipped=True)
    card.write(folder)
    return folder


def test_the_new_set_says_what_it_was_made_of_and_is_no_training_of_its_own(run, trained):
    written, said = run("long", "default", "short")
    target = trained.with_name("short")
    assert said == ["3 letters become one"] and (target / "short.txt").read_text() == "a"
    assert [path.resolve() for path in written] == [target / "short.txt", target / Card.FILE]
    card = read_card(target)
    assert card == Card(
        "long",
        "short",
        {"short.txt": file_digest(target / "short.txt")},
        "heads",
        "MIT",
        "hpe-bench weights deploy long default --as short",
        {"default/long.txt": file_digest(trained / "long.txt")},
    )


def test_a_set_without_a_card_gets_one(run, trained):
    (trained / Card.FILE).unlink()
    run("long", "default", "short")
    assert read_card(trained.with_name("short")).origin


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("long", "default", "default"), UsageError, "is there already: choose another name with --as"),
        (("long", "default", "../x"), UsageError, "letters, digits"),
        (("long", "nowhere", "short"), MissingError, "nowhere/long.txt"),
        (("zero", "default", "short"), UsageError, "zero has no other form to deploy"),
    ],
)
def test_what_cannot_be_deployed_is_refused(run, trained, arguments, error, words):
    with pytest.raises(error, match=words):
        run(*arguments)


def test_a_set_that_cannot_be_converted_leaves_nothing(run, trained):
    (trained / "long.txt").write_text("")
    with pytest.raises(DataError, match="is empty"):
        run("long", "default", "short")
    assert [path.name for path in trained.parent.iterdir()] == ["default"]
