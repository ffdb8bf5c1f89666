"""Where weights are found: the user's first, then the project's; and the card beside them."""

from __future__ import annotations

import pytest

from hpe_bench import DataError, MissingError, UsageError, evaluate
from hpe_bench.estimators import Card
from hpe_bench.plugins import discover
from hpe_bench.runs.weights import check_not_shipped, find_weights, read_card
from hpe_bench.settings import resolve_folders


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """The folder that stands for what the project ships."""
    folder = tmp_path / "project" / "weights"
    monkeypatch.setattr("hpe_bench.settings.shipped_weights", lambda: folder)
    return folder


def put(folder, angle):
    folder.mkdir(parents=True)
    (folder / "angle.txt").write_text(str(angle))


@pytest.fixture
def find(learner):
    registry = discover()
    return lambda name: find_weights(registry.get("estimators", name).load()(), name, resolve_folders())["angle"]


def test_the_users_weights_come_before_the_projects(find, shipped, tmp_path):
    put(shipped / "learner" / "default", 1)
    assert find("learner") == shipped / "learner" / "default" / "angle.txt"
    put(tmp_path / "weights" / "learner" / "default", 2)
    assert find("learner").read_text() == "2"


def test_two_estimators_may_have_one_folder(find, shipped):
    put(shipped / "learner" / "default", 1)
    assert find("learner-half") == find("learner")


def test_where_nobody_has_them_the_users_folder_is_named(find, shipped):
    with pytest.raises(MissingError, match=r"no weights/learner/default/angle\.txt"):
        find("learner")


def test_an_evaluation_finds_what_the_project_ships(learner, shipped):
    put(shipped / "learner" / "default", 10)
    (row,) = evaluate("learner", dataset="line").to_dict("records")
    assert row["ge_mean"] == pytest.approx(0, abs=1e-6)


def test_a_card_is_read_as_it_was_written(tmp_path):
    card = Card("learner", "x", {"a": "b"}, figures={"fit": {"loss": 1.5, "nothing": None}}, shipped=True)
    card.write(tmp_path)
    assert read_card(tmp_path) == card
    with pytest.raises(UsageError, match="came with hpe-bench"):
        check_not_shipped(tmp_path)


def test_no_card_is_none_and_a_damaged_one_an_error_that_names_it(tmp_path):
    assert read_card(tmp_path) is None
    for content in (b"", b"[]", b'{"estimator": 1}', b"\xff"):
        (tmp_path / Card.FILE).write_bytes(content)
        with pytest.raises(DataError, match=str(tmp_path)):
            read_card(tmp_path)


def test_a_card_of_an_import_needs_no_more_than_before(tmp_path):
    (tmp_path / Card.FILE).write_text('{"estimator": "e", "name": "n", "files": {}, "origin": {"from": "there"}}')
    card = read_card(tmp_path)
    assert card is not None and card.training == "" and card.origin == {"from": "there"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b'{"a": NaN}', "train its weights anew, or remove it"),
        (b"{}", "train its weights anew, or remove it"),
    ],
)
def test_a_card_that_is_none_is_refused_with_the_mend(tmp_path, content, said):
    (tmp_path / Card.FILE).write_bytes(content)
    with pytest.raises(DataError, match=rf"{Card.FILE}: not a card: .*{said}"):
        read_card(tmp_path)
