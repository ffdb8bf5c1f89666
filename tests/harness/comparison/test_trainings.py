"""Stored trainings as pages."""

from __future__ import annotations

from rich.console import Console

from hpe_bench.comparison.trainings import run_page

RECORD = {
    "label": "net/mine",
    "run": "run.h5",
    "weights": "w",
    "trained_on": "d",
    "stages": [],
    "no_better": None,
    "seconds": 1.0,
    "device": "cpu",
    "seed": 0,
    "curves": {"singular_values": {"yaw": [761.7, 59.25, None], "yaw_percent": [90.1234, 9.8766, None]}},
    "manifest": {
        "weights": {"files": {}},
        "options": {},
        "command": "c",
        "plugin": {"name": "p", "distribution": "d", "version": "1"},
        "started": "t",
        "tries": 1,
        "git_commit": None,
        "versions": {},
    },
}


def text(*arguments):
    console = Console(width=100)
    with console.capture() as capture:
        console.print(run_page(*arguments))
    return capture.get()


def test_every_point_of_the_curves_is_shown_where_it_is_asked_for():
    page = text(RECORD, True)
    rows = [line.split() for line in page.splitlines()]
    assert ["1", "761.7", "90.12"] in rows and ["2", "59.25", "9.877"] in rows and ["3"] in rows
    assert "singular values" in page
    assert "761.7" not in text(RECORD) and "points of singular_values 3" in text(RECORD)
