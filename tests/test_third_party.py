"""A stranger's plugin gets into the table without touching the repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A fresh environment with hpe-bench and a third party's distribution, installed by pip; gives its hpe-bench."""
    folder = tmp_path_factory.mktemp("stranger")
    source = folder / "hpe-bench"
    for name in ("harness", "plugins"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(HERE / "third_party" / "acme-hpe", folder / "acme-hpe")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    pip = [folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, source, folder / "acme-hpe"], check=True, capture_output=True, timeout=500)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [folder / "venv" / "bin" / "hpe-bench", *arguments],
            cwd=folder,
            env={key: value for key, value in os.environ.items() if not key.startswith(("HPE_BENCH", "PYTHON"))},
            capture_output=True,
            text=True,
            timeout=200,
        )

    return run


def test_an_installed_distribution_is_listed_evaluated_and_compared(stranger):
    listed = {row["name"]: row for row in json.loads(stranger("list", "plugins", "--json").stdout)}
    assert listed["acme"]["distribution"] == "acme-hpe" and listed["acme"]["version"] == "1.2"
    assert listed["acme"]["origin"] == "installed" and listed["acme"]["state"] == "ok"

    done = stranger("eval", "--dataset", "acme-compass", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["estimator"]: row for row in json.loads(done.stdout)}
    assert rows["acme-needle"]["protocol"] == "acme-compass/all" and rows["acme-needle"]["n"] == 24
    assert rows["acme-needle"]["mae"]["mean"] < 1 < rows["zero"]["mae"]["mean"]
    assert rows["oracle"]["ge"]["mean"] == 0
    assert rows["acme-needle"]["metrics"]["frobenius"] < rows["zero"]["metrics"]["frobenius"]
    # Torch and MediaPipe are not installed there: what needs them says so, and costs the others nothing.
    assert "pip install 'hpe-bench[networks]'" in rows["fsanet"]["skipped"]
    assert "pip install 'hpe-bench[landmarks]'" in rows["procrustes"]["skipped"]

    upper = json.loads(stranger("eval", "acme-needle", "--protocol", "acme-compass/upper", "--json").stdout)
    assert upper[0]["n"] == 12
    compared = json.loads(stranger("compare", "acme-compass/all", "--json").stdout)
    assert {row["estimator"] for row in compared} == {"acme-needle", "zero", "random", "oracle"}
    table = stranger("compare", "acme-compass/all").stdout
    assert "acme-needle" in table and "frobenius" in table
    assert "11 findings in 20 rows" in stranger("published", "lint", "nlml-readme").stderr
    assert "published, not measured here" in stranger("published").stdout


def test_a_single_file_of_fifteen_lines_is_evaluated(hpe_bench):
    plugin = HERE / "third_party" / "nose_line.py"
    assert len([line for line in plugin.read_text().splitlines() if line.strip()]) <= 15
    done = hpe_bench("eval", "nose-line", "zero", "--dataset", "synthetic", "--plugin", plugin, "--json")
    assert done.returncode == 0, done.stderr
    nose, zero = json.loads(done.stdout)
    assert nose["mae"]["mean"] < 8 < zero["mae"]["mean"]
