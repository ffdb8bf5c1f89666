"""The reference runs that come with the project, and the tables of the README that are made of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from hpe_bench import open_run

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"
RUNS = sorted(REFERENCE.rglob("*.h5"))

pytestmark = pytest.mark.skipif(not RUNS, reason="no results/reference: not a checkout")


def test_every_estimator_that_was_measured_has_a_run_on_both_selections():
    labels = {
        protocol: {open_run(path).label for path in RUNS if path.parent == REFERENCE / protocol}
        for protocol in ("aflw2000/1969", "aflw2000/nlml")
    }
    expected = {"fsanet", "procrustes", "nlml", "nlml:weights=full", "nlml-tensor", "nlml-tensor:weights=released"}
    for found in labels.values():
        assert expected | {"zero", "random", "oracle"} <= found


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_a_reference_run_is_of_committed_code_and_names_nothing_of_the_machine_it_was_made_on(path):
    manifest = open_run(path).manifest
    assert re.fullmatch(r"[0-9a-f]{40}", manifest["git_commit"])
    assert not re.search(r"/(home|work|tmp|root|Users)/", str(dict(manifest)))


def test_compare_shows_a_real_table_on_a_fresh_clone(hpe_bench):
    done = hpe_bench("compare", "aflw2000/1969", "--results", str(REFERENCE.parent), "--published")
    measured, claimed = done.stdout.split("published, not measured here")
    assert "fsanet" in measured and "±95%" in measured and "6DRepNet" in claimed and "SynergyNet" in claimed


def test_a_protocol_s_name_means_the_user_s_own_runs_else_the_reference(hpe_bench, tmp_path):
    shutil.copytree(REFERENCE, tmp_path / "results" / "reference")
    assert "fsanet" in hpe_bench("compare", "aflw2000/1969", "--results", "results").stdout
    own = next(path for path in RUNS if path.parent.name == "1969" and open_run(path).label == "zero")
    (tmp_path / "results" / "aflw2000" / "1969").mkdir(parents=True)
    shutil.copy(own, tmp_path / "results" / "aflw2000" / "1969")
    assert "fsanet" not in hpe_bench("compare", "aflw2000/1969", "--results", "results").stdout


def tables():
    """The commands that the README says its tables were printed by, with those tables."""
    text = (ROOT / "README.md").read_text()
    return re.findall(r"<!-- hpe-bench (compare [^\n]*) -->\n\n(\|.*?)\n\n", text, flags=re.DOTALL)


@pytest.mark.parametrize("command, table", tables(), ids=[command for command, _ in tables()])
def test_a_table_of_the_readme_is_what_its_command_prints(hpe_bench, monkeypatch, command, table):
    arguments = [str(ROOT / word) if word.startswith("results/") else word for word in command.split()]
    printed = hpe_bench(*arguments, "--format", "markdown").stdout
    assert table in printed


def test_the_readme_has_such_tables():
    assert len(tables()) >= 2
