"""The run file of a training, also a damaged or a forged one."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import hpe_bench
from hpe_bench import UsageError, evaluate
from hpe_bench.comparison.collect import collect
from hpe_bench.errors import DamagedError
from hpe_bench.runs.train.runfile import TrainingRun, open_training, write_training
from hpe_bench.settings import resolve_folders


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A training's run file, as bytes."""
    folder = tmp_path_factory.mktemp("once")
    plugin = Path(__file__).parents[2] / "learner.py"
    return hpe_bench.train("learner", plugins=[plugin], weights=folder, results=folder).run.read_bytes()


@pytest.fixture
def run(content, tmp_path):
    """It, in the results folder of the test."""
    path = tmp_path / "results" / "training" / "learner" / "quick-line-0123456789.h5"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return open_training(path)


def test_what_is_written_is_what_is_read(run, tmp_path):
    curves = {"a / b": {"loss": np.array([1.0, np.nan]), "x y": np.array([3.0, 4.0])}, "c": {"z": np.zeros(1)}}
    write_training(TrainingRun(tmp_path / "x.h5", run.manifest, curves))
    again = open_training(tmp_path / "x.h5")
    assert again.figures == run.figures
    assert {stage: list(named) for stage, named in again.curves.items()} == {"a / b": ["loss", "x y"], "c": ["z"]}
    np.testing.assert_array_equal(again.curves["a / b"]["loss"], [1.0, np.nan])


@pytest.mark.parametrize("cut", [0, 100, 0.5, 0.99])
def test_a_file_that_was_cut_is_damaged(run, cut):
    content = run.path.read_bytes()
    run.path.write_bytes(content[: int(cut * len(content)) if isinstance(cut, float) else cut])
    with pytest.raises(DamagedError, match=str(run.path)):
        open_training(run.path)


def test_no_flipped_byte_gives_other_numbers(run):
    content = run.path.read_bytes()
    for place in range(0, len(content), 211):
        run.path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            read = open_training(run.path)
        except DamagedError:
            continue
        assert read.manifest == run.manifest
        np.testing.assert_array_equal(read.curves["fit"]["loss"], run.curves["fit"]["loss"])


def forge(run, tmp_path, change):
    path = tmp_path / "forged.h5"
    manifest = {**run.manifest}
    change(manifest)
    write_training(TrainingRun(path, manifest, run.curves))
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.pop("stages"),
        lambda manifest: manifest.update(estimator="two\nlines"),
        lambda manifest: manifest.update(stages=[{"name": "x", "figures": {"y": "z"}, "seconds": 1.0}]),
        lambda manifest: manifest.update(schema=99),
        lambda manifest: manifest.update(weights={"folder": "x"}),
    ],
)
def test_a_manifest_that_is_not_a_trainings_is_damaged(run, tmp_path, change):
    with pytest.raises(DamagedError):
        open_training(forge(run, tmp_path, change))


def test_curves_that_do_not_fit_their_names_or_are_links_are_damaged(run):
    with h5py.File(run.path, "r+") as file:
        del file["curves/0"]
        file["curves/0"] = np.zeros((3, 2))
    with pytest.raises(DamagedError, match="curves/0"):
        open_training(run.path)
    with h5py.File(run.path, "r+") as file:
        del file["curves/0"]
        file["curves/0"] = h5py.ExternalLink("elsewhere.h5", "x")
    with pytest.raises(DamagedError, match="not followed"):
        open_training(run.path)


def test_an_evaluation_is_no_training(learner):
    with pytest.raises(UsageError, match="not of a training"):
        open_training(evaluate("zero", dataset="line").run[0])


def test_trainings_are_collected_apart_from_evaluations(run, learner):
    evaluate("zero", dataset="line")
    damaged = run.path.with_name("other.h5")
    damaged.write_bytes(run.path.read_bytes()[:3000])
    run.path.with_name("x.failed.json").write_text("{")
    found = collect([], resolve_folders())
    assert [r.label for r in found.runs] == ["zero"] and [r.label for r in found.trainings] == ["learner/quick-line"]
    assert damaged.name in found.damaged[0] and [f["error"] for f in found.failed] == ["unreadable record"]
    assert [r.label for r in collect(["training/learner"], resolve_folders()).trainings] == ["learner/quick-line"]
