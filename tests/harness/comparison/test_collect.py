"""What is found of stored runs, and what is believed of it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hpe_bench import MissingError, UsageError
from hpe_bench.comparison.collect import check_comparable, collect
from hpe_bench.runs.runfile import write_run
from hpe_bench.settings import resolve_folders


@pytest.fixture
def places(tmp_path):
    return resolve_folders(None, None, tmp_path / "results")


@pytest.fixture
def store(places, turned, manifest):
    """A function that stores a run of four samples under a name below the results, and returns its path."""

    def write(name, label="x", started="2026-01-01", n=4, **changes):
        path = places.results / f"{name}.h5"
        told = manifest(label=label, started=started, **changes)
        write_run(replace(turned(label, np.arange(float(n))), path=path, manifest=told))
        return path

    return write


def fail(places, name, **changes):
    record = {"estimator": "x", "label": "x", "error": "no memory", "started": "2026-02-01"}
    path = places.results / f"{name}.failed.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**record, "protocol": {"name": "d/all"}, **changes}))
    return path


def names(found):
    return [run.path.stem for run in found.runs]


# Where runs are found


def test_without_a_target_every_run_in_the_results_is_found(store, places):
    store("d/all/a", "a")
    store("d/some/b", "b", protocol__name="d/some")
    assert sorted(names(collect([], places))) == ["a", "b"]


@pytest.mark.parametrize("target", ["results/d/all/a.h5", "results/d/all", "results/**/a.h5", "results/d/a*", "d/all"])
def test_runs_are_named_by_file_folder_glob_or_protocol(store, places, target):
    store("d/all/a", "a")
    store("d/some/b", "b")
    assert names(collect([target], places)) == ["a"]


def test_what_is_named_twice_is_taken_once(store, places):
    store("d/all/a", "a")
    assert names(collect(["d/all", "results/d/all/a.h5", "results/d/../d/all"], places)) == ["a"]


def test_the_users_own_runs_of_a_protocol_come_before_those_that_came_with_the_project(store, places):
    store("reference/d/all/shipped")
    assert names(collect(["d/all"], places)) == ["shipped"]
    store("d/all/own")
    assert names(collect(["d/all"], places)) == ["own"]


def test_what_lies_in_hidden_folders_is_not_found(store, places):
    store("d/.all/a")
    store("d/all/.b")
    store("d/all/c")
    assert names(collect(["results"], places)) == ["c"]


def test_a_target_without_a_run_says_what_was_looked_for(places):
    with pytest.raises(MissingError, match="no run at 'd/nothing': not a file, a folder, a glob, nor a protocol"):
        collect(["d/nothing"], places)


def test_paths_are_shown_from_where_the_user_stands(store, places, tmp_path, monkeypatch):
    store("d/all/a")
    (run,) = collect([], places).runs
    assert run.path == Path("results/d/all/a.h5")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (run,) = collect([], places).runs
    assert run.path == (tmp_path / "results/d/all/a.h5").resolve()


def test_damaged_files_are_told_of_and_stop_nothing(store, places):
    store("d/all/a")
    (places.results / "d/all/b.h5").write_bytes(b"nothing of the kind")
    found = collect([], places)
    assert names(found) == ["a"] and len(found.damaged) == 1 and "b.h5" in found.damaged[0]


# The latest of each row


def test_of_several_runs_of_one_row_only_the_latest_is_taken_whatever_its_name(store, places):
    store("d/all/a", started="2026-01-03")
    store("d/all/b", started="2026-01-01")
    store("d/all/c", started="2026-01-02")
    found = collect([], places)
    assert names(found) == ["a"] and found.older == 2
    every = collect([], places, every=True)
    assert sorted(names(every)) == ["a", "b", "c"] and every.older == 0


def test_runs_that_are_named_by_their_path_are_all_taken(store, places):
    paths = [store(f"d/all/{name}", started=f"2026-01-0{day}") for name, day in (("a", 3), ("b", 1), ("c", 2))]
    found = collect([str(paths[1]), "d/all"], places)
    assert sorted(names(found)) == ["a", "b"] and found.older == 1
    assert sorted(names(collect(list(map(str, paths)), places))) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "y"},
        {"n": 3},
        {"overrides": {"crop": "whole"}},
        {"weights": {"network": {"file": "w", "sha256": "1" * 64}}},
        {"protocol__name": "d/some"},
        {"dataset__fingerprint": "other"},
        {"dataset__variant": {"part": "test"}},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_a_run_with_anything_else_in_it_is_a_row_of_its_own(store, places, changes):
    store("d/all/a")
    store("d/all/b", **{"started": "2026-01-02", **changes})
    found = collect([], places)
    assert sorted(names(found)) == ["a", "b"] and found.older == 0


# Failures


def test_a_failure_is_news_until_the_same_row_has_succeeded(store, places):
    store("d/all/a", started="2026-02-02")
    fail(places, "d/all/overtaken", started="2026-02-01")
    fail(places, "d/all/later", started="2026-02-03")
    fail(places, "d/all/other", label="y", started="2026-02-01")
    fail(places, "d/all/elsewhere", protocol={"name": "d/some"}, started="2026-02-01")
    found = [Path(failure["path"]).name for failure in collect([], places).failed]
    assert found == ["elsewhere.failed.json", "later.failed.json", "other.failed.json"]


def test_the_latest_success_of_a_row_is_what_overtakes(store, places):
    store("d/all/a", started="2026-02-05")
    store("d/all/b", started="2026-02-01")
    fail(places, "d/all/f", started="2026-02-03")
    assert collect([], places, every=True).failed == []


def test_a_record_of_a_failure_says_who_where_why_and_when(places):
    path = fail(places, "d/all/f", label="x:a=1")
    (failure,) = collect([], places).failed
    assert failure == {
        "estimator": "x",
        "label": "x:a=1",
        "protocol": "d/all",
        "error": "no memory",
        "started": "2026-02-01",
        "path": os.path.relpath(path),
        "limit": "",
    }


def test_an_unreadable_record_is_news_whatever_was_run_since(store, places):
    store("d/all/a", label="torn.failed", started="2026-12-31", protocol__name="all")
    (places.results / "d/all/torn.failed.json").write_text("{")
    (failure,) = collect([], places).failed
    assert (failure["estimator"], failure["protocol"]) == ("torn.failed", "all")
    assert failure["path"] == "results/d/all/torn.failed.json"


# What can stand in one table


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"protocol__name": "d/some"}, "protocols: d/all, d/some"),
        ({"protocol__digest": "0123456789abc"}, "protocol versions: 0123456789, p"),
        ({"dataset__fingerprint": "0123456789abc"}, "dataset fingerprints: 0123456789, f"),
        ({"dataset__variant": {"part": "b"}}, "variants of the dataset: {'part': 'b'}, {}"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_runs_over_other_data_are_refused_with_what_differs_unless_forced(turned, manifest, changes, told):
    one = turned("a", np.zeros(3))
    other = replace(turned("b", np.zeros(3)), manifest=manifest(**changes))
    with pytest.raises(UsageError, match="they have different") as refused:
        check_comparable([one, other], force=False)
    assert told in str(refused.value) and "--force" in str(refused.value)
    assert check_comparable([one, other], force=True) == [told]


def test_runs_over_the_same_data_are_comparable(turned):
    assert check_comparable([turned("a", np.zeros(3)), turned("b", np.ones(5))], force=False) == []


@pytest.mark.parametrize(("off", "same"), [(0.0, True), (9e-6, True), (2e-5, False)])
def test_samples_of_one_id_must_have_one_label(turned, off, same):
    one, other = turned("a", np.zeros(3)), turned("b", np.zeros(3))
    euler = other.euler.copy()
    euler[1, 2] -= off
    differences = check_comparable([one, replace(other, euler=euler)], force=True)
    assert differences == ([] if same else ["labels of the same samples"])


def test_a_record_of_a_failure_moves_no_cursor_and_one_that_is_no_record_is_unreadable(tmp_path):
    record = {"estimator": "x", "label": "x\x1b[31m", "error": "a\nb\x1b[2J", "started": "2026"}
    texts = {
        "a": json.dumps({**record, "protocol": {"name": "d/all"}}),
        "b": "[" * 100_000,
        "c": json.dumps({**record, "error": "x" * 2**21, "protocol": {"name": "d/all"}}),
    }
    (tmp_path / "all").mkdir()
    for name, text in texts.items():
        (tmp_path / "all" / f"{name}.failed.json").write_text(text)
    found = collect([str(tmp_path)], resolve_folders(None, None, None))
    assert [(one["label"], one["error"]) for one in found.failed] == [
        ("x?[31m", "a\nb?[2J"),
        ("b.failed", "unreadable record"),
        ("c.failed", "unreadable record"),
    ]
