"""hpe-bench plot and hpe-bench report as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SMALL = ["--dataset", "synthetic", "-d", "identities=1", "-d", "step=20"]


@pytest.fixture
def stored(hpe_bench):
    """The records of three stored runs."""
    return json.loads(hpe_bench("eval", "procrustes", "zero", "random", *SMALL, "--json").stdout)


def test_plots_of_a_protocol_lie_with_its_results_and_leave_the_harness_checks_out(hpe_bench, stored, tmp_path):
    done = hpe_bench("plot", "ranges")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"results/plots/synthetic/grid/ranges.{kind}" for kind in ("png", "svg")]
    text = (tmp_path / "results/plots/synthetic/grid/ranges.svg").read_text()
    assert "procrustes" in text and "random" not in text
    assert hpe_bench("plot", "ranges", "--output", "new/").stdout.split() == ["new/ranges.png", "new/ranges.svg"]
    done = hpe_bench("plot", "cumulative", "synthetic/grid", "--sanity", "--output", "c.svg")
    assert done.stdout == "c.svg\n" and "random" in (tmp_path / "c.svg").read_text()


def test_ranges_of_named_axes_draw_these_in_the_intervals_that_are_given(hpe_bench, stored, tmp_path):
    ranges = ["--ranges", "yaw=-51,-16.67,0,51", "--ranges", "roll=-31,0,31"]
    done = hpe_bench("plot", "ranges", *ranges, "--measure", "angle", "--output", "r.svg")
    assert done.stdout.split() == ["r-yaw.svg", "r-roll.svg"], done.stderr
    text = (tmp_path / "r-yaw.svg").read_text()
    assert "-51° to -16.67°" in text and "MAE of yaw" in text
    done = hpe_bench("plot", "histogram", *ranges, "--output", "h.svg")
    assert done.stdout == "h.svg\n", done.stderr
    text = (tmp_path / "h.svg").read_text()
    assert "-16.67" in text and "true roll" in text and "true pitch" not in text


def test_all_draws_every_kind_that_applies(hpe_bench, stored, tmp_path):
    (tmp_path / "figures").mkdir()
    done = hpe_bench("plot", "all", stored[0]["run"], "--output", "figures", "--measure", "mae", "--axis", "roll")
    assert done.returncode == 0, done.stderr
    names = {Path(line).name for line in done.stdout.split()}
    assert {"error.png", "ranges.svg", "cumulative.png", "angles-procrustes.svg"} <= names
    assert not any(name.startswith("risk") for name in names)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == names


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["plot", "eror"], 2, "did you mean error?"),
        (["plot", "error", "nowhere"], 3, "no run at 'nowhere'"),
        (["plot", "ranges", "--ranges", "30,0"], 2, "rising numbers"),
        (["plot", "ranges", "--ranges", "0,inf"], 2, "rising numbers"),
        (["plot", "cumulative", "--up-to", "0"], 2, "more than 0"),
        (["plot", "cumulative", "--up-to", "inf"], 2, "has to be a number"),
        (["plot", "cumulative", "--axis", "yaw"], 2, "--axis is for error, ranges and histogram"),
        (["plot", "ranges", "--step", "5"], 2, "--step is for error and histogram"),
        (["plot", "angles", "--ranges", "0,30"], 2, "--ranges is for ranges and histogram"),
        (["plot", "cumulative", "--measure", "angle"], 2, "--measure angle is for error and ranges"),
        (["plot", "ranges", "--ranges", "yew=0,30"], 2, "did you mean yaw?"),
        (["plot", "ranges", "--ranges", "0,30", "--ranges", "0,40"], 2, "given twice"),
        (["plot", "ranges", "--axis", "roll", "--ranges", "yaw=0,30"], 2, "--axis yaw draws it"),
        (["plot", "model"], 2, "name an estimator"),
        (["plot", "model", "zero"], 2, "no charts"),
        (["plot", "model", "none.h5"], 3, "none.h5"),
        (["plot", "error", "--weights", "w"], 2, "--weights is for model"),
        (["plot", "error", "--output", "q.pdf"], 2, ".png and .svg"),
        (["plot", "series"], 3, "--identities"),
        (["plot", "learning"], 3, "no run at"),
        (["report", "--root", "x"], 2, "--images"),
        (["report", "--output", "."], 2, "is a directory"),
    ],
)
def test_wrong_use_says_how_to_mend_it(hpe_bench, arguments, code, message):
    done = hpe_bench(*arguments)
    assert done.returncode == code and message in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_what_these_runs_have_not_cannot_be_drawn(hpe_bench, stored):
    for arguments, message in (
        (["plot", "error", "--step", "-1"], "more than 0"),
        (["plot", "risk-coverage"], "gives a confidence"),
        (["report", "--images"], "has no images"),
    ):
        done = hpe_bench(*arguments)
        assert done.returncode == 2 and message in done.stderr and done.stdout == ""


def test_runs_of_unlike_data_are_refused_unless_forced_and_then_marked(hpe_bench, tmp_path):
    for identities in ("1", "2"):
        hpe_bench("eval", "zero", "--dataset", "synthetic", "-d", f"identities={identities}", "-d", "step=20")
    for command in (["plot", "cumulative"], ["report"]):
        done = hpe_bench(*command)
        assert done.returncode == 2 and "--force" in done.stderr and not list(tmp_path.glob("report*"))
    assert hpe_bench("plot", "cumulative", "--force", "--output", "c.svg").returncode == 0
    assert "not comparable" in (tmp_path / "c.svg").read_text()


def test_a_series_is_drawn_from_its_records(hpe_bench, tmp_path):
    records = [
        {"estimator": "x", "protocol": "d/all", "identities": n, "seed": 0, "mae": 9.0 / n, "ge": None} for n in (1, 5)
    ]
    path = tmp_path / "results" / "training" / "x" / "series-0.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(records))
    done = hpe_bench("plot", "series")
    assert done.stdout.split() == [f"results/training/x/series-0.{kind}" for kind in ("png", "svg")], done.stderr
    path.write_text("[]")
    assert hpe_bench("plot", "series", path).returncode == 3


def test_trainings_are_drawn_epoch_by_epoch(hpe_bench, learner):
    assert hpe_bench("train", "learner").returncode == 0
    assert "none of these trainings has a curve" in hpe_bench("plot", "learning", "--output", "one.png").stderr
    written = [f"results/plots/learning-fit.{kind}" for kind in ("png", "svg")]
    assert hpe_bench("plot", "learning").stdout.split() == written, "what it recorded beside its validation"
    words = ("train", "learner", "--as", "told", "-o", "trouble=told")
    assert hpe_bench(*words).returncode == 0
    done = hpe_bench("plot", "learning", "--measure", "mae", "--overwrite")
    assert done.stdout.split() == [f"results/plots/learning.{kind}" for kind in ("png", "svg")] + written, done.stderr
    assert hpe_bench("plot", "learning", "--measure", "mae", "--output", "one.png").stdout.split() == ["one.png"]


def test_a_report_is_one_file_and_a_failed_one_leaves_the_old_with_images_where_they_are_asked_for(
    hpe_bench, aflw2000, tmp_path
):
    root = aflw2000([(10, 5, 0), (-30, 0, 5), (50, -10, 10)])
    assert hpe_bench("eval", "zero", "--dataset", "aflw2000").returncode == 0
    done = hpe_bench("report")
    before = (tmp_path / "report.html").read_text()
    assert done.stdout.startswith("report.html (") and "data:image/jpeg" not in before
    assert 'id="published"' in before
    assert before.startswith("<!DOCTYPE html>") and before.endswith("</html>\n")
    assert "report.html is there already: --overwrite" in hpe_bench("report", "--worst", "2").stderr
    assert (tmp_path / "report.html").read_text() == before
    done = hpe_bench("report", "--images", "--worst", "2", "--overwrite")
    assert done.returncode == 0 and "must not be passed on" in done.stderr
    text = (tmp_path / "report.html").read_text()
    assert text.count("data:image/jpeg") == 2 and "must not be passed on" in text
    done = hpe_bench("report", "--images", "--worst", "0", "--output", "none.html")
    assert done.returncode == 0 and done.stderr == ""
    hpe_bench("eval", "zero", "--dataset", "synthetic", "-d", "identities=1", "-d", "step=20")
    done = hpe_bench("report", "--images", "--force", "--output", "both.html")
    assert done.returncode == 2 and "are of aflw2000, synthetic" in done.stderr
    done = hpe_bench("report", "--force", "--output", "both.html")
    both = (tmp_path / "both.html").read_text()
    assert "<h1>aflw2000/1969, synthetic/grid</h1>" in both and 'id="published"' not in both
    aflw2000([(11, 5, 0), (-31, 0, 5), (51, -10, 10)], root)
    done = hpe_bench("report", "aflw2000/1969", "--images")
    assert done.returncode == 3 and "another label" in done.stderr
    for path in root.iterdir():
        path.unlink()
    root.rmdir()
    done = hpe_bench("report", "aflw2000/1969", "--images")
    assert done.returncode == 3 and "AFLW2000-3D.zip" in done.stderr
    assert (tmp_path / "report.html").read_text() == text and not list(tmp_path.glob(".report*"))


def test_what_is_there_is_written_over_only_when_it_is_the_same_or_when_told_to(hpe_bench, stored, tmp_path):
    """By ``plot``, ``report`` and ``compare --output`` alike."""
    for first, second in (
        (["plot", "cumulative", "--output", "made/"], ["plot", "cumulative", "--output", "made/", "--sanity"]),
        (["report", "--output", "made/report.html"], ["report", "--output", "made/report.html", "--worst", "1"]),
        (["compare", "--output", "made/table.csv", "--format", "csv"], ["compare", "--output", "made/table.csv"]),
    ):
        for _ in range(2):
            assert hpe_bench(*first).returncode == 0
        before = {path: path.read_bytes() for path in (tmp_path / "made").iterdir()}
        done = hpe_bench(*second)
        assert done.returncode == 2 and "already: --overwrite replaces" in done.stderr and done.stdout == ""
        assert {path: path.read_bytes() for path in (tmp_path / "made").iterdir()} == before
        assert hpe_bench(*second, "--overwrite").returncode == 0
        assert {path: path.read_bytes() for path in (tmp_path / "made").iterdir()} != before
