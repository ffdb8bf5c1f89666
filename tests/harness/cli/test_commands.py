"""The command line as a user meets it: names, tables at 80 columns, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SMALL = ["--dataset", "synthetic", "-d", "identities=1", "-d", "step=20"]
KEYS = {"estimator", "protocol", "view", "wrap", "n", "n_total", "coverage", "mae", "vmae", "ge", "run"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evl"], "did you mean eval?"),
        (["eval", "zeero", *SMALL], "did you mean zero?"),
        (["eval", "zero", "--dataset", "aflw200"], "did you mean aflw2000?"),
        (["eval", "zero", "--protocol", "aflw2000/196"], "did you mean aflw2000/1969"),
        (["eval", "zero", "--dataset", "synthetic", "--protocol", "aflw2000/1969"], "not one of dataset 'synthetic'"),
        (["eval", "zero", *SMALL, "-d", "identitys=2"], "did you mean identities"),
        (["eval", "procrustes", *SMALL, "-o", "weight=uniform"], "did you mean weights?"),
        (["eval", "procrustes:weights=unifrom", *SMALL], "did you mean uniform?"),
        (["eval", "procrustes", *SMALL, "-o", "weights"], "key=value"),
        (["eval", "zero"], "--dataset NAME"),
        (["eval", "zero", *SMALL, "--device", "gpu"], "did you mean cpu?"),
        (["list", "estimator"], "did you mean estimators"),
        (["compare", "--by", "yaw", "--columns", "GE,params,aurc"], "--columns params,aurc: of a whole run"),
        (["compare", "--by", "yaw", "--sort", "GE"], "--sort goes with the table of results"),
        (["compare", "--disagreement", "3", "--columns", "GE"], "not with --disagreement"),
        (["compare", "--json", "--format", "csv"], "two forms"),
        (["info", "procrusts"], "did you mean procrustes?"),
        (["eval", "zero", *SMALL, "--plugin", "nowhere.py"], "no plugin at"),
    ],
)
def test_an_unknown_name_is_exit_2_with_what_was_meant(hpe_bench, arguments, message):
    done = hpe_bench(*arguments)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr and done.stdout == ""


def test_missing_data_is_exit_3_and_says_where_to_get_it_and_where_to_put_it(hpe_bench):
    done = hpe_bench("eval", "--dataset", "aflw2000")
    assert done.returncode == 3 and "AFLW2000-3D.zip" in done.stderr and "--root" in done.stderr


def test_json_is_one_list_and_nothing_else(hpe_bench):
    done = hpe_bench("eval", *SMALL, "--json")
    assert done.returncode == 0 and done.stderr == ""
    rows = {row["estimator"]: row for row in json.loads(done.stdout)}
    assert set(rows) >= {"fsanet", "nlml-tensor", "procrustes", "random", "zero", "oracle"}
    assert "needs images" in rows["fsanet"]["skipped"] and rows["fsanet"]["mae"] is None
    for name in ("procrustes", "random", "zero", "oracle"):
        assert set(rows[name]) >= KEYS and "skipped" not in rows[name]
        assert set(rows[name]["mae"]) == {"yaw", "pitch", "roll", "mean"}
        assert set(rows[name]["vmae"]) == {"left", "down", "front", "mean"}
        assert set(rows[name]["ge"]) == {"mean", "median", "p95"}
    assert rows["oracle"]["ge"] == {"mean": 0, "median": 0, "p95": 0}


def test_show_and_compare_print_what_eval_printed(hpe_bench, tmp_path):
    evaluated = {row["estimator"]: row for row in json.loads(hpe_bench("eval", *SMALL, "--json").stdout)}
    compared = json.loads(hpe_bench("compare", "synthetic/grid", "--json").stdout)
    shown = json.loads(hpe_bench("show", "results/synthetic/grid/*.h5", "--json").stdout)
    ran = [name for name, row in evaluated.items() if "skipped" not in row]
    assert len(compared) == len(shown) == len(ran) >= 4
    for row in [*compared, *shown]:
        assert row["mae"] == evaluated[row["estimator"]]["mae"] and row["run"] == evaluated[row["estimator"]]["run"]
        assert (tmp_path / row["run"]).is_file()
    assert shown[0]["manifest"]["versions"]["numpy"]


@pytest.mark.parametrize("wrap", ["wrap360", "plain", "fold180"])
def test_view_and_wrap_choose_what_is_scored(hpe_bench, wrap):
    done = hpe_bench("eval", "random", *SMALL, "--json", "--wrap", wrap, "--view", "detected")
    (row,) = json.loads(done.stdout)
    assert row["wrap"] == wrap and row["view"] == "detected"
    assert (row["mae"]["mean"] < 50) == (wrap == "fold180")


def test_every_table_fits_80_columns_and_needs_no_colour(hpe_bench):
    table = hpe_bench("eval", *SMALL, "procrustes", "random", "zero", "oracle", "procrustes:weights=uniform")
    assert table.returncode == 0
    outputs = [table.stdout, hpe_bench("compare").stdout, hpe_bench("show", "results").stdout]
    outputs += [hpe_bench("list").stdout, hpe_bench("list", "plugins").stdout, hpe_bench("info", "aflw2000").stdout]
    for text in outputs:
        assert text and max(map(len, text.splitlines())) <= 80 and "\x1b" not in text
    heading = next(line for line in table.stdout.splitlines() if line.startswith("estimator"))
    assert heading.split() == ["estimator", "yaw", "pitch", "roll", "MAE", "±95%", "VMAE", "GE", "p95", "cov", "%"]
    first, *others = (line.split()[0] for line in table.stdout.splitlines() if "100.0" in line)
    assert first == "oracle" and others[-1] == "random"


def test_the_best_value_is_marked_and_sanity_rows_never_are(hpe_bench):
    table = hpe_bench("eval", *SMALL, "procrustes", "zero", "oracle", "procrustes:weights=uniform").stdout
    marked = [line for line in table.splitlines() if "*" in line and not line.startswith("* best")]
    assert marked and all(line.startswith("procrustes") for line in marked)


def test_a_quick_look_is_marked_as_partial_everywhere(hpe_bench):
    first = hpe_bench("eval", "zero", *SMALL, "--limit", "10")
    assert "partial: 10 of 75 samples" in first.stdout
    assert "partial: 10 of 75 samples" in hpe_bench("compare").stdout
    assert "partial: 10 of 75 samples" in hpe_bench("show", "synthetic/grid").stdout
    (row,) = json.loads(hpe_bench("eval", "zero", *SMALL, "--limit", "10", "--json").stdout)
    assert row["partial"] and row["n"] == row["n_total"] == 10


def test_runs_of_other_data_are_refused_in_one_table_unless_forced(hpe_bench):
    hpe_bench("eval", "zero", *SMALL)
    hpe_bench("eval", "zero", "--dataset", "synthetic", "-d", "identities=2", "-d", "step=20")
    refused = hpe_bench("compare", "synthetic/grid")
    assert refused.returncode == 2 and "fingerprints" in refused.stderr and "--force" in refused.stderr
    forced = hpe_bench("compare", "synthetic/grid", "--force")
    assert forced.returncode == 0 and "not comparable" in forced.stdout
    apart = hpe_bench("compare")
    assert apart.returncode == 0 and apart.stdout.count("estimator") == 2


def test_a_damaged_run_is_reported_by_path_and_skipped_by_tables(hpe_bench, tmp_path):
    hpe_bench("eval", "zero", "random", *SMALL)
    victim = next((tmp_path / "results").rglob("random-*.h5"))
    victim.write_bytes(victim.read_bytes()[:2000])
    done = hpe_bench("compare", "synthetic/grid")
    assert done.returncode == 0 and victim.name in done.stderr and "damaged" in done.stderr
    assert "zero" in done.stdout and "random" not in done.stdout
    assert hpe_bench("show", str(victim)).returncode == 3


def test_a_target_that_matches_nothing_is_exit_3(hpe_bench):
    assert hpe_bench("compare").returncode == 3
    done = hpe_bench("show", "nothing/here")
    assert done.returncode == 3 and "not a file, a folder, a glob" in done.stderr


def test_info_documents_the_options(hpe_bench):
    (record,) = json.loads(hpe_bench("info", "procrustes", "--json").stdout)
    (option,) = record["options"]
    assert option["option"] == "weights" and option["default"] == "mediapipe" and option["description"]
    assert "mediapipe | uniform" in hpe_bench("info", "procrustes").stdout


def test_doctor_finds_a_plugin_in_trouble(hpe_bench, tmp_path):
    assert hpe_bench("doctor").returncode == 0
    bad = tmp_path / "bad.py"
    bad.write_text("1 +")
    done = hpe_bench("doctor", "--plugin", bad)
    assert done.returncode == 3 and "FAIL" in done.stdout


def test_the_folders_are_taken_from_options_and_from_the_environment(hpe_bench, tmp_path):
    hpe_bench("eval", "zero", *SMALL, "--results", "behind")
    hpe_bench("--results", "before", "eval", "zero", *SMALL)
    hpe_bench("eval", "zero", *SMALL, HPE_BENCH_RESULTS=str(tmp_path / "variable"))
    for name in ("behind", "before", "variable"):
        assert list(Path(tmp_path / name).rglob("zero-*.h5")), name


def test_weights_list_tells_what_is_missing(hpe_bench):
    rows = {row["estimator"]: row for row in json.loads(hpe_bench("weights", "list", "--json").stdout)}
    assert "weights import fsanet" in rows["fsanet"]["missing"] and "procrustes" not in rows


def test_a_row_says_what_was_overridden_and_stands_beside_the_other(hpe_bench):
    hpe_bench("eval", "random", *SMALL)
    hpe_bench("eval", "random", *SMALL, "--seed", "5")
    table = hpe_bench("compare", "synthetic/grid").stdout
    assert table.count("random") == 2 and "with --seed 5" in table


@pytest.mark.parametrize("name", ["../../elsewhere", "a b", "/tmp/x"])
def test_a_name_of_weights_that_leaves_the_folder_is_refused(hpe_bench, tmp_path, name):
    (tmp_path / "x.h5").touch()
    done = hpe_bench("weights", "import", "fsanet", "x.h5", "--as", name)
    assert done.returncode == 2 and "letters, digits" in done.stderr


def test_compare_writes_every_form_and_refuses_what_it_does_not_know(hpe_bench, tmp_path):
    hpe_bench("eval", *SMALL, "procrustes", "zero", "procrustes:weights=uniform")
    for form, start in (("markdown", "synthetic"), ("csv", "protocol,"), ("latex", "%"), ("html", "<!DOCTYPE")):
        done = hpe_bench("compare", "synthetic/grid", "--format", form, "--output", "made", "--overwrite")
        assert done.returncode == 0 and not done.stdout and (tmp_path / "made").read_text().startswith(start)
    for arguments in (["--format", "htm"], ["--columns", "GE,gee"], ["--by", "yam"], ["--sort", "MAEE"]):
        refused = hpe_bench("compare", "synthetic/grid", *arguments)
        assert refused.returncode == 2 and "did you mean" in refused.stderr
    ranges = hpe_bench("compare", "synthetic/grid", "--by", "pitch").stdout
    assert "|pitch|" in ranges and max(map(len, ranges.splitlines())) <= 80


def test_the_gate_is_exit_5_with_a_sentence_and_0_where_nothing_is_worse(hpe_bench):
    hpe_bench("eval", "--dataset", "synthetic", "-d", "identities=4", "-d", "step=20", "procrustes", "zero")
    good, bad = (f"results/synthetic/grid/{name}-*.h5" for name in ("procrustes", "zero"))
    failed = hpe_bench("compare", good, bad, "--fail-if", "GE > +0.2")
    assert failed.returncode == 5 and "degrees worse than of procrustes" in failed.stderr
    assert hpe_bench("compare", bad, good, "--fail-if", "GE > +0.2").returncode == 0
    assert hpe_bench("compare", good, "--fail-if", "GE > +0.2").returncode == 2


def test_a_gate_whose_run_failed_since_is_exit_4_with_its_reason(hpe_bench, tmp_path):
    hpe_bench("eval", *SMALL, "zero", "random")
    folder = tmp_path / "results" / "synthetic" / "grid"
    record = {"estimator": "random", "label": "random", "error": "no memory", "started": "2999"}
    failure = folder / "random-0.failed.json"
    failure.write_text(json.dumps({**record, "protocol": {"name": "synthetic/grid"}}))
    for divided in ((), ("--by", "yaw"), ("--disagreement", "2")):
        done = hpe_bench("compare", failure, *divided)
        assert done.returncode == 0 and "random did not run: failed: no memory" in done.stdout
    for target in (folder / "random-*", failure):
        done = hpe_bench("compare", folder / "zero-*", target, "--fail-if", "GE > +1")
        assert done.returncode == 4 and "random failed: no memory" in done.stderr and done.stdout == ""
