"""Doing a training: resumed after any kill, done once, and its weights put in place whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import hpe_bench
from hpe_bench import UsageError, open_run
from hpe_bench.errors import LearnedNothing, RunFailed, StorageError
from hpe_bench.runs.train import execute as executing
from hpe_bench.runs.train.runfile import open_training


def train(estimator="learner", /, **more):
    return hpe_bench.train(estimator, **more)


def card_of(trained) -> dict:
    return json.loads((trained.weights / "card.json").read_text())


def leftovers(results: Path) -> list[str]:
    """Whatever stands there beside runs, but for the empty folders of the cache."""
    return sorted(str(path) for path in results.rglob("*") if path.is_file() and path.suffix != ".h5")


def test_the_weights_have_a_card_that_says_what_they_are(learner):
    trained = train(seed=2)
    assert trained.weights == Path("weights/learner/quick-line-seed2") and not trained.reused
    card = card_of(trained)
    assert card["files"] == {"angle.txt": hashlib.sha256((trained.weights / "angle.txt").read_bytes()).hexdigest()}
    assert (card["estimator"], card["name"], card["licence"]) == ("learner", "quick-line-seed2", "MIT")
    assert card["trained_on"] == "line" and card["about"] == {"target": "13.5"} and not card["shipped"]
    assert card["source"] == "hpe-bench train learner --preset quick --dataset line --seed 2 --as quick-line-seed2"
    assert card["figures"]["fit"] == {"loss": 13.5 / 8, "steps": 3.0, "nothing": None}
    assert trained.stages == card["figures"]


def test_the_run_keeps_figures_curves_and_how_it_came_about(learner, tmp_path):
    trained = train()
    run = open_training(trained.run)
    assert run.path.parent == Path("results/training/learner") and run.path.name.startswith("quick-line-")
    np.testing.assert_array_equal(run.curves["fit"]["loss"], 11.5 / np.array([2.0, 4.0, 8.0]))
    assert [stage["name"] for stage in run.manifest["stages"]] == ["reading", "fit"]
    assert run.figures["reading"] == {"identities": 4.0}
    assert run.manifest["weights"]["files"] == card_of(trained)["files"]
    assert run.manifest["options"] == {"steps": 3, "trouble": ""} and run.manifest["tries"] == 1
    assert leftovers(tmp_path / "results") == []
    with pytest.raises(UsageError, match="holds no predictions"):
        open_run(trained.run)


def test_the_identical_training_is_used_again_and_again_overrides(learner, steps):
    first = train()
    assert steps() == 3
    second = train()
    assert steps() == 3 and second.reused and second.stages == first.stages and second.run == first.run
    assert not train(again=True).reused and steps() == 6


POOR = {"options": {"trouble": "few"}, "dataset_options": {"identities": 2}}


def test_a_training_no_better_than_the_zero_pose_fails_and_leaves_its_run_but_no_weights(learner, tmp_path):
    with pytest.raises(LearnedNothing, match=r"MAE of 21\.5 degrees .* 20 of the zero pose.*--keep-anyway") as caught:
        train(**POOR)
    assert caught.value.exit_code == 4
    assert not (tmp_path / "weights" / "learner").exists() or not list((tmp_path / "weights" / "learner").iterdir())
    (path,) = Path("results/training/learner").glob("quick-line-*.h5")
    run = open_training(path)
    assert len(run.curves["fit"]["loss"]) == 3 and run.manifest["weights"] == {"folder": "", "files": {}}
    assert run.manifest["no_better"].startswith("its validation MAE of 21.5")
    assert not list(path.parent.glob("*.failed.json"))


def test_one_that_is_better_than_the_zero_pose_is_stored_as_ever(learner):
    trained = train(options={"trouble": "few"})
    assert card_of(trained)["about"] == {"target": "11.5"} and "no_better" not in open_training(trained.run).manifest


def test_what_is_no_better_is_kept_where_that_is_asked_for_without_being_trained_again(learner, steps, tmp_path):
    with pytest.raises(LearnedNothing):
        train(**POOR)
    assert steps() == 3
    kept = train(**POOR, keep_anyway=True)
    assert steps() == 3 and leftovers(tmp_path / "results") == []
    card = card_of(kept)
    assert "no better than the 20 of the zero pose" in card["about"]["no_better"]
    assert card["source"].endswith("--as quick-line --keep-anyway")
    assert open_training(kept.run).manifest["weights"]["files"] == card["files"]
    assert train(**POOR).reused, "what was kept once is there"


def test_a_set_that_stands_is_not_lost_to_one_that_learned_nothing(learner):
    before = card_of(train(name="mine"))
    with pytest.raises(LearnedNothing):
        train(**POOR, name="mine", again=True)
    assert json.loads(Path("weights/learner/mine/card.json").read_text()) == before


def test_weights_whose_run_is_gone_are_used_again_and_damaged_ones_are_not(learner, steps):
    first = train()
    first.run.unlink()
    second = train()
    assert second.reused and second.run is None and second.stages == first.stages
    (first.weights / "angle.txt").write_text("1")
    third = train()
    assert not third.reused and steps() == 6 and third.run.exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"options": {"steps": 4}}, "steps 4, was 3"),
        ({"dataset_options": {"identities": 2}}, "the labels, files or options of the data"),
        ({"dataset_options": {"first": 11}}, "the labels, files or options of the data"),
        ({"seed": 1}, "seed 1, was 0"),
    ],
)
def test_another_training_does_not_replace_the_weights_unless_told_to(learner, change, what):
    before = card_of(train(name="mine"))
    with pytest.raises(UsageError, match=rf"another training \({what}\).*--as.*--again"):
        train(name="mine", **change)
    beside = train(name="beside", **change)
    assert card_of(beside)["training"] != before["training"]
    replaced = train(name="mine", again=True, **change)
    assert card_of(replaced)["training"] == card_of(beside)["training"]


def test_an_edited_plugin_makes_another_training(learner):
    train()
    learner.write_text(learner.read_text().replace("/ 2", "/ 3"))
    with pytest.raises(UsageError, match=r"another training \(the code of file:learner\)"):
        train()


def test_a_set_that_was_not_trained_here_is_not_replaced_unless_told_to(learner, tmp_path):
    (tmp_path / "weights" / "learner" / "quick-line").mkdir(parents=True)
    with pytest.raises(UsageError, match="not trained here"):
        train()
    assert train(again=True).weights.joinpath("angle.txt").exists()


def test_a_set_that_came_with_the_project_is_never_replaced(learner):
    trained = train()
    card = trained.weights / "card.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "shipped": True, "training": "of old"}))
    for again in (False, True):
        with pytest.raises(UsageError, match=r"came with hpe-bench.*--as.*--weights"):
            train(again=again)
    assert not train(weights="elsewhere").reused


def test_killed_after_any_number_of_steps_it_ends_with_what_it_would_have_had(
    learner, tmp_path, monkeypatch, steps, fork
):
    calm = train(preset="long", results="calm", weights="calm/w")
    (tmp_path / "log").unlink()
    monkeypatch.setenv("LEARNER_SECONDS", "0.02")
    chance, kills = random.Random(3), 0
    target = tmp_path / "w" / "learner" / "long-line"
    while not target.exists():
        enough, patience = steps() + chance.randrange(2, 8), time.monotonic() + 60
        child = fork(lambda: train(preset="long", results="r", weights="w"))
        while steps() < enough and not target.exists() and time.monotonic() < patience:
            time.sleep(0.002)
        os.kill(child, signal.SIGKILL)
        kills += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert kills < 60
    assert kills >= 1, "no kill came in time: the test means nothing"
    trained = train(preset="long", results="r", weights="w")
    assert (trained.weights / "angle.txt").read_bytes() == (calm.weights / "angle.txt").read_bytes()
    run, other = open_training(trained.run), open_training(calm.run)
    np.testing.assert_array_equal(run.curves["fit"]["loss"], other.curves["fit"]["loss"])
    assert run.figures == other.figures and run.manifest["tries"] >= 2
    assert 20 <= steps() <= 20 + kills, "a step that was saved was done again"
    assert leftovers(tmp_path / "r") == []


def test_what_a_kill_left_after_the_weights_were_in_place_is_removed_by_the_next_try(
    learner, tmp_path, monkeypatch, fork
):
    def dies() -> None:
        monkeypatch.setattr(executing.Work, "remove", lambda self: os.kill(os.getpid(), signal.SIGKILL))
        train()

    os.waitpid(fork(dies), 0)
    assert (tmp_path / "weights" / "learner" / "quick-line").exists() and leftovers(tmp_path / "results")
    assert train().reused and leftovers(tmp_path / "results") == []


@pytest.mark.parametrize("moment", ["before", "between"])
def test_a_kill_while_the_weights_are_put_in_place_leaves_none_or_the_old(
    learner, tmp_path, monkeypatch, moment, steps, fork
):
    before = (train().weights / "angle.txt").read_bytes()

    def dies() -> None:
        rename = Path.rename

        def die(self, target):
            if moment == "between":
                rename(self, target)
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(Path, "rename", die)
        train(again=True, name="quick-line", seed=7)

    os.waitpid(fork(dies), 0)
    folder = tmp_path / "weights" / "learner"
    assert (folder / "quick-line").exists() == (moment == "before")
    done = steps()
    again = train()
    assert again.reused and (again.weights / "angle.txt").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["quick-line"]
    # The checkpoints are there still: nothing is learned twice.
    train(again=False, name="other", seed=7)
    assert steps() == done


def test_a_kill_after_the_weights_were_put_in_place_leaves_nothing_that_stays(learner, tmp_path, monkeypatch, fork):
    def dies() -> None:
        monkeypatch.setattr(executing, "put_set", lambda *put: (put_set(*put), os.kill(os.getpid(), signal.SIGKILL)))
        train(results="r")

    put_set = executing.put_set
    os.waitpid(fork(dies), 0)
    assert leftovers(tmp_path / "r") != []
    assert train(results="r").reused and leftovers(tmp_path / "r") == []


def test_two_processes_with_one_training_do_it_once(learner, monkeypatch, steps, fork):
    monkeypatch.setenv("LEARNER_SECONDS", "0.1")
    children = [fork(train) for _ in range(2)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    assert steps() == 3 and train().reused


def test_two_trainings_that_want_one_name_do_not_replace_each_other(learner, monkeypatch, tmp_path, steps):
    taken = tmp_path / "weights" / "learner" / "quick-line"
    write = executing.write_training

    def be_late(run):
        write(run)
        taken.mkdir(parents=True)

    monkeypatch.setattr(executing, "write_training", be_late)
    with pytest.raises(UsageError, match="--as"):
        train()
    monkeypatch.undo()
    monkeypatch.setenv("HPE_BENCH_PLUGINS", str(learner))
    monkeypatch.chdir(tmp_path)
    assert not list(taken.iterdir())
    assert not train(name="mine").reused and steps() == 3, "the checkpoint was not used"


def test_a_failure_leaves_a_record_and_the_checkpoints(learner, tmp_path, steps):
    trouble = {"options": {"steps": 5, "trouble": "out of luck"}}
    with pytest.raises(RunFailed, match=r"learner/quick-line .*ZeroDivisionError: out of luck.*failed\.json"):
        train(**trouble)
    (record,) = (tmp_path / "results" / "training" / "learner").iterdir()
    told = json.loads(record.read_text())
    assert told["status"] == "failed" and "in fail" in told["traceback"] and told["kind"] == "training"
    assert not (tmp_path / "weights").exists() and steps() == 3
    (tmp_path / "mended").touch()
    trained = train(**trouble)
    assert steps() == 5 and not record.exists()
    assert open_training(trained.run).manifest["tries"] == 2


def test_an_error_that_a_user_can_mend_passes_as_it_is(learner, tmp_path):
    with pytest.raises(UsageError, match="not like this"):
        train(options={"steps": 5, "trouble": "usage"})
    assert not list((tmp_path / "results").rglob("*.failed.json"))


def test_a_folder_that_cannot_be_written_to_is_told_of_before_anything_is_learned(learner, tmp_path, steps):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file cannot be written to.*--weights"):
        train(weights="file/below")
    assert steps() == 0


def test_what_is_not_a_set_of_files_is_refused(learner):
    with pytest.raises(RunFailed, match="returned dict where Trained"):
        train("careless", preset="quick")


def test_a_damaged_run_at_its_place_is_moved_aside(learner):
    trained = train()
    trained.run.write_bytes(trained.run.read_bytes()[:1000])
    assert train().run is None
    shutil.rmtree(trained.weights)
    open_training(train().run)
    assert list(trained.run.parent.glob("*.damaged-*"))


def test_trained_weights_are_evaluated_by_their_name(learner):
    train()
    frame = hpe_bench.evaluate(["learner:weights=quick-line", "learner-half:weights=quick-line"], dataset="line")
    assert frame.ge_mean.tolist() == pytest.approx([11.5 * 7 / 8 - 10, 10 - 11.5 * 7 / 16])
    assert frame.skipped.isna().all() if "skipped" in frame else True
