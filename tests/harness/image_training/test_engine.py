"""Training an image network: what comes of it, from where it goes on, how it chooses, and what it says of trouble."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import hpe_bench
from hpe_bench import DataError, ImageTraining, MissingError, UsageError
from hpe_bench.errors import LearnedNothing, RunFailed, UnknownName
from hpe_bench.runs.train.runfile import open_training


def card_of(trained) -> dict:
    return json.loads((trained.weights / "card.json").read_text())


def test_it_learns_and_its_weights_are_evaluated_by_their_name(train):
    trained = train(options={"epochs": 15})
    frame = hpe_bench.evaluate(["reader:weights=quick-cards", "zero"], dataset="cards", dataset_options={"people": 9})
    reader, zero = frame.ge_mean
    assert reader < zero / 4
    assert trained.stages["training"]["samples"] == 32 and trained.stages["training"]["validation_samples"] == 16


def test_the_same_seed_gives_the_same_weights_whatever_the_number_of_workers(train, weights):
    first = weights(train())
    np.testing.assert_array_equal(weights(train(again=True)), first)
    assert train(options={"workers": 2}).reused, "the number of workers made another training of it"
    np.testing.assert_array_equal(weights(train(options={"workers": 2}, again=True)), first)
    assert not np.allclose(weights(train(seed=1)), first)


def test_the_random_numbers_of_the_caller_are_left_alone(train):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    train()
    assert torch.equal(torch.rand(2), expected)


def test_killed_in_mid_epoch_it_ends_with_the_weights_that_it_would_have_had(
    train, weights, fork, tmp_path, monkeypatch
):
    calm = train(results="calm", weights="calm/w")
    log = tmp_path / "log"
    monkeypatch.setenv("CARDS_SECONDS", "0.03")

    def work() -> None:
        torch.set_num_threads(1)  # more of them would wait for those of the process before the fork
        train(results="r", weights="w", options={"workers": 1})

    # An epoch is 4 steps and 2 to validate: the first kill is in the second epoch, the other one in the third.
    for steps in (8, 7):
        log.unlink()
        child = fork(work)
        wait_for(lambda steps=steps: log.exists() and log.read_text().count("step") >= steps)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        others = {int(line.split()[1]) for line in log.read_text().splitlines() if line.startswith("process")} - {child}
        assert others, "no worker loaded anything"
        wait_for(lambda others=others: not any(map(alive, others)))
    resumed = train(results="r", weights="w")
    np.testing.assert_allclose(weights(resumed), weights(calm), atol=1e-6)
    run, other = open_training(resumed.run), open_training(calm.run)
    assert run.manifest["tries"] == 3
    assert run.figures == other.figures
    np.testing.assert_array_equal(run.curves["training"]["loss"], other.curves["training"]["loss"])


def wait_for(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def alive(process) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_best_epoch_is_chosen_on_the_validation_part_and_card_and_run_say_so(train, weights):
    # So high a rate that it comes and goes.
    trained = train(options={"epochs": 6, "rate": 1.0}, seed=2)
    curve = open_training(trained.run).curves["training"]["validation_ge_degrees"]
    figures = trained.stages["training"]
    assert figures["epoch_kept"] == 1 + np.argmin(curve) and figures["validation_ge_degrees"] == curve.min()
    said = card_of(trained)["about"]["chosen"]
    assert f"epoch {np.argmin(curve) + 1} of 6" in said and "16 samples of cards" in said and "no test set" in said
    assert open_training(trained.run).manifest["about"]["chosen"] == said
    last = train(options={"epochs": 6, "rate": 1.0, "keep": "last"}, seed=2, name="last")
    assert last.stages["training"]["validation_ge_degrees"] == curve[-1]
    assert "the last of 6 epochs" in card_of(last)["about"]["chosen"]


def test_the_zero_pose_stands_beside_the_validation_and_what_is_no_better_fails(train):
    figures = train(options={"epochs": 15}).stages["training"]
    people = np.concatenate(
        [np.random.default_rng([person, card]).uniform(-60, 60, (1, 3)) for person in (4, 5) for card in range(8)]
    )
    assert figures["zero_mae_degrees"] == pytest.approx(np.abs(people).mean())
    turned = np.trace(hpe_bench.pose.rotation_from_euler(people), axis1=1, axis2=2)
    assert figures["zero_ge_degrees"] == pytest.approx(np.degrees(np.arccos((turned - 1) / 2)).mean())
    with pytest.raises(LearnedNothing, match=f"no better than the {np.abs(people).mean():.4g} of the zero pose"):
        train(options={"epochs": 1, "rate": 1e-9, "batch": 32}, name="nothing", keep_anyway=False)


def test_the_rate_recorded_of_an_epoch_is_that_which_it_was_learned_with(train):
    trained = train(options={"epochs": 3, "rate": 0.01, "schedule": "steps", "milestones": "1,2", "factor": 0.1})
    np.testing.assert_allclose(open_training(trained.run).curves["training"]["rate"], [0.01, 0.001, 0.0001])


def test_it_stops_early_where_validation_grows_no_better(train):
    options = {"epochs": 40, "rate": 1.0, "patience": 2}
    figures = train(options=options).stages["training"]
    assert figures["epochs"] == figures["epoch_kept"] + 2 < 40


def test_a_bounded_gradient_takes_smaller_steps(train, weights):
    options = {"optimizer": "sgd", "epochs": 1, "rate": 0.1, "keep": "last"}
    free, bounded = weights(train(options=options)), weights(train(options={**options, "clip": 1e-6}, name="bounded"))
    start = weights(train(options={**options, "rate": 1e-9}, name="start"))
    assert np.abs(bounded - start).max() < 1e-5 < 1e-3 < np.abs(free - start).max()


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="TensorBoard is not installed")
def test_logs_for_tensorboard_lie_beside_the_run(train):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trained = train(options={"tensorboard": True})
    events = EventAccumulator(str(trained.run.with_suffix(".logs"))).Reload()
    logged = [event.value for event in events.Scalars("validation_ge_degrees")]
    curve = open_training(trained.run).curves["training"]["validation_ge_degrees"]
    np.testing.assert_allclose(logged, curve, rtol=1e-6)
    assert [event.step for event in events.Scalars("loss")] == [4, 8, 12, 16]


@pytest.mark.parametrize(
    "more", [(), ("batch=10", "last=keep"), ("batch=31", "last=keep", "rate=0.5", "optimizer=sgd")]
)
def test_two_processes_learn_what_one_does(train, weights, tmp_path, more):
    """Of 32 samples 2 are left over in the second case; in the third 2 too, since a batch is as many for each."""
    given = dict(option.split("=") for option in more)
    given |= {"batch": "30"} if given.get("batch") == "31" else {}
    alone = train(options={"epochs": 2, "keep": "last", "dropout": 0, **given}, name="alone")
    script = tmp_path / "command.py"
    script.write_text("from hpe_bench.cli import main\nif __name__ == '__main__':\n    main()\n")
    options = ["epochs=2", "keep=last", "tensorboard=false", "devices=2", "dropout=0", *more]
    words = ["train", "reader", "--as", "both", *(word for option in options for word in ("-o", option))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, script, *words], env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("reader/both: trained on cards") == 1
    found = np.load(tmp_path / "weights" / "reader" / "both" / "reader.npy")
    np.testing.assert_allclose(found, weights(alone), atol=1e-4)
    both = json.loads((tmp_path / "weights" / "reader" / "both" / "card.json").read_text())
    assert both["figures"]["training"]["validation_samples"] == 16


def test_a_loss_that_is_no_number_fails_the_run_with_the_mend(train, tmp_path):
    with pytest.raises(RunFailed, match=r"no longer a number.*epoch 1.*-o rate="):
        train(options={"explode": True})
    assert list((tmp_path / "results").rglob("*.failed.json"))


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_cannot_be_read_is_named(train, workers):
    with pytest.raises(DataError, match=r"^card\.jpg: not a readable image$"):
        train(dataset_options={"damaged": 3}, options={"workers": workers})


def test_data_that_nothing_can_be_learned_from_is_told_of(train):
    with pytest.raises(MissingError, match="blank has none"):
        train(dataset="blank")
    with pytest.raises(UsageError, match="no part to learn from and none to validate on"):
        train(dataset="whole")
    with pytest.raises(MissingError, match=r"samples of cards for train.*-o largest="):
        train(options={"largest": 0.001})
    with pytest.raises(UnknownName, match=r"no crop 'face'.*whole.*-o crop="):
        train(options={"crop": "face"})
    with pytest.raises(UsageError, match="resize=8"):
        train(options={"view": "random-crop", "resize": 8})


def test_missing_packages_are_told_of_with_the_command_that_installs_them(train, monkeypatch):
    from hpe_bench.image_training import train as entrance

    monkeypatch.setattr(entrance.importlib.util, "find_spec", lambda name: None if "fabric" in name else object())
    with pytest.raises(MissingError, match=r"lightning_fabric, not installed.*pip install 'hpe-bench\[training\]'"):
        train()


def test_labels_that_changed_under_an_interrupted_training_are_not_mixed_with_the_former(train, cards, monkeypatch):
    from hpe_bench.image_training import engine
    from hpe_bench.runs.train import job

    monkeypatch.setattr(engine._Fit, "_trained", lambda self, state: 1 / 0)
    monkeypatch.setattr(job, "training_depends_on", lambda *more: {})
    monkeypatch.setattr(job, "content_digest", lambda *more: "")
    with pytest.raises(RunFailed, match="ZeroDivisionError"):
        train()
    cards.write_text(cards.read_text().replace("uniform(-60, 60, 3)", "uniform(-50, 50, 3)"))
    with pytest.raises(UsageError, match="not those that this training began with: --again"):
        train()


def test_without_a_validation_all_is_learned_from_and_the_last_epoch_kept(train, weights):
    trained = train(dataset_options={"validation": 0})
    figures, run = trained.stages["training"], open_training(trained.run)
    assert (figures["samples"], figures["validation_samples"]) == (48, 0)
    assert (figures["epoch_kept"], figures["epochs"]) == (4, 4)
    assert not any("validation_ge" in name for name in (*figures, *run.curves["training"]))
    assert len(run.curves["training"]["loss"]) == 4
    said = card_of(trained)["about"]["chosen"]
    assert said == "the last of 4 epochs: all samples were learned from, and none validated on"
    again = train(dataset_options={"validation": 0}, options={"keep": "last"}, name="last")
    np.testing.assert_array_equal(weights(again), weights(trained))


@pytest.mark.parametrize(("options", "asked"), [({"keep": "best"}, "keep=best"), ({"patience": 3}, "patience=3")])
def test_what_looks_at_a_validation_is_refused_where_there_is_none(train, options, asked):
    with pytest.raises(UsageError, match=rf"nothing is validated on, and {asked} looks.*last epoch.*-d validation="):
        train(dataset_options={"validation": 0}, options=options)


def test_killed_without_a_validation_it_ends_with_the_weights_that_it_would_have_had(train, weights, monkeypatch):
    from hpe_bench.image_training import engine

    given = {"dataset_options": {"validation": 0}, "options": {"batch": 9, "last": "keep"}}
    calm = weights(train(results="calm", weights="calm/w", **given))
    learn = engine._Fit._learn
    monkeypatch.setattr(
        engine._Fit, "_learn", lambda fit, epoch, *more: 1 / 0 if epoch == 2 else learn(fit, epoch, *more)
    )
    with pytest.raises(RunFailed, match="ZeroDivisionError"):
        train(**given)
    monkeypatch.setattr(engine._Fit, "_learn", learn)
    np.testing.assert_array_equal(weights(train(**given)), calm)


def test_the_last_batch_is_kept_or_dropped_as_asked(train, tmp_path):
    log, steps = tmp_path / "log", {}
    for last in ("keep", "drop"):
        log.unlink(missing_ok=True)
        options = {"batch": 9, "last": last, "epochs": 1}
        train(dataset_options={"validation": 0}, options=options, name=last)
        steps[last] = log.read_text().count("step")
    assert steps == {"keep": 6, "drop": 5}, "48 samples are 5 times 9, and 3 more"


@pytest.mark.parametrize("options", [{"batch": 47, "last": "keep"}, {"batch": 1}])
def test_a_step_of_one_sample_that_batch_norm_cannot_do_with_is_said_before_anything_is_learned(
    train, options, tmp_path
):
    given = {"dataset_options": {"validation": 0}, "options": {"norm": True, "dropout": 0, **options}}
    with pytest.raises(UsageError, match=r"1 sample.*batch norm.*-o last=drop.*-o batch="):
        train(**given)
    assert (tmp_path / "log").read_text().count("step") == 1, "it was more than tried"
    dropped = {**given, "options": {**given["options"], "batch": 47, "last": "drop", "epochs": 1}}
    assert train(**dropped).stages["training"]["samples"] == 48


@pytest.mark.parametrize(
    ("precision", "device", "asked"),
    [
        ("float32", "cuda", "32-true"),
        ("auto", "cuda", "bf16-mixed"),
        ("bfloat16", "cpu", "bf16-mixed"),
        ("auto", "cpu", "32-true"),
    ],
)
def test_it_is_computed_as_precisely_as_asked(monkeypatch, precision, device, asked):
    from hpe_bench.image_training import engine

    monkeypatch.setattr(engine, "Fabric", SimpleNamespace)
    training = SimpleNamespace(options=ImageTraining(precision=precision), device=device)
    fabric = engine._fabric(training)
    assert (fabric.precision, fabric.accelerator) == (asked, device)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
def test_on_cuda_it_learns_in_bfloat16(train):
    assert train(options={"epochs": 15}, device="cuda").stages["training"]["validation_ge_degrees"] < 25
