"""The working folder of a training: what a kill at any moment leaves to go on from."""

from __future__ import annotations

import time

import pytest

from hpe_bench.runs.train.work import Work, aligned

JOB = "j" * 64


@pytest.fixture
def opened(tmp_path):
    """A function that opens the folder anew, as the next try would."""
    return lambda job=JOB: Work(tmp_path / "work", job)


def test_a_checkpoint_is_found_by_the_next_try_and_replaced_by_its_name(opened):
    with opened() as work:
        assert work.restore("a") is None and not work.resumed
        work.save("a", b"one")
        work.save("a", b"two")
    with opened() as work:
        assert work.restore("a") == b"two" and work.restore("b") is None
        assert work.resumed and work.tries == 2


def test_points_after_the_last_checkpoint_are_forgotten_and_figures_are_not(opened):
    with opened() as work:
        work.record("fit", {"loss": 3.0})
        work.save("a", b"")
        work.record("fit", {"loss": 2.0})
        work.save("b", b"")
        work.record("fit", {"loss": 1.0})
        work.report("fit", {"loss": 0.5})
    for _ in range(2):
        with opened() as work:
            assert work.curves == {"fit": [{"loss": 3.0}, {"loss": 2.0}]}
            assert work.stages["fit"].figures == {"loss": 0.5}


def test_without_a_checkpoint_every_point_is_forgotten(opened):
    with opened() as work:
        work.record("fit", {"loss": 3.0})
    with opened() as work:
        assert work.curves == {}


def test_figures_of_one_stage_add_up_and_a_later_one_replaces_an_earlier(opened):
    with opened() as work:
        work.report("fit", {"loss": 1.0, "steps": 3.0})
        work.report("fit", {"loss": 0.5})
        assert work.stages["fit"].figures == {"loss": 0.5, "steps": 3.0}


def test_the_time_of_an_interrupted_stage_is_the_stages_and_not_of_those_told_of_again(opened, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with opened() as work:
        clock[0] += 2
        work.report("reading", {})
        clock[0] += 30
        work.save("fit", b"half")
    clock[0] += 5000
    with opened() as work:
        work.report("reading", {})
        assert work.stages["reading"].seconds == pytest.approx(2) and work.seconds == pytest.approx(32)
        clock[0] += 7
        work.report("fit", {})
        assert work.stages["fit"].seconds == pytest.approx(37) and work.seconds == pytest.approx(39)


@pytest.mark.parametrize("torn", [b'{"record": "fit", "val', b"\x00\xff\n", b'{"record": "fit", "val\n'])
def test_what_a_kill_tore_is_forgotten(opened, torn):
    with opened() as work:
        work.record("fit", {"loss": 3.0})
        work.save("a", b"")
        log = work.folder / "log.jsonl"
    log.write_bytes(log.read_bytes() + torn)
    with opened() as work:
        assert work.curves == {"fit": [{"loss": 3.0}]} and work.restore("a") == b""


def test_a_damaged_checkpoint_is_none(opened):
    with opened() as work:
        work.save("a", b"a long content")
        path = next(work.folder.glob("a.*"))
    path.write_bytes(path.read_bytes()[:-1])
    with opened() as work:
        assert work.restore("a") is None and not work.resumed


def test_what_another_training_left_is_not_taken(opened):
    with opened() as work:
        work.record("fit", {"loss": 3.0})
        work.save("a", b"theirs")
    with opened("another job") as work:
        assert work.restore("a") is None and work.curves == {} and work.tries == 1


@pytest.mark.parametrize("name", ["../a", "a/b", "", ".a", "a b"])
def test_a_checkpoint_stays_in_the_folder(opened, name):
    with opened() as work, pytest.raises(ValueError, match="checkpoint"):
        work.save(name, b"")


def test_nothing_is_left_when_it_is_removed(opened, tmp_path):
    with opened() as work:
        work.save("a", b"")
        work.remove()
    assert list(tmp_path.iterdir()) == []


def test_curves_of_one_stage_have_one_length():
    curves = aligned([{"loss": 1.0}, {"loss": 2.0, "error": 5.0}, {"error": 6.0}])
    assert {name: str(values) for name, values in curves.items()} == {
        "loss": "[1.0, 2.0, nan]",
        "error": "[nan, 5.0, 6.0]",
    }
