"""A report of made-up runs, written once for all tests that read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hpe_bench.comparison.report.build import gather
from hpe_bench.comparison.report.page import report_page
from hpe_bench.pose import euler_from_rotation, rotation_about
from hpe_bench.runs.runfile import Run

EVIL = "<script>document.title='taken'</script>\"onmouseover=x&amp;"
SAMPLES = 80


@pytest.fixture(scope="session")
def attack():
    """What a stranger's run file might say of itself."""
    return EVIL


@pytest.fixture(scope="session")
def made_up_runs(rotations, manifest):
    """Five runs: one good, one worse whose every text is an attack, one that lacks predictions, one with a confidence,
    and zero."""
    rng = np.random.default_rng(2)
    truth = rotations(SAMPLES)
    stated = euler_from_rotation(truth)  # once: runs of one dataset have the very same labels
    ids = np.array([f"{place:05d}</script>" for place in range(SAMPLES)])

    def make(label, degrees, estimator=None, missing=0, sure=False):
        prediction = truth @ rotation_about("x", degrees)
        prediction[:missing] = np.nan
        hostile = {"options": {EVIL: EVIL}, "versions": {EVIL: EVIL}} if label == EVIL else {}
        return Run(
            path=Path(f"runs/{label[:4].strip('<')}.h5"),
            manifest=manifest(label=label, estimator=estimator or label, **hostile),
            ids=ids,
            person=np.full(SAMPLES, ""),
            sequence=np.full(SAMPLES, ""),
            truth=truth,
            euler=stated,
            prediction=prediction,
            confidence=rng.uniform(size=SAMPLES) if sure else np.full(SAMPLES, np.nan),
            seconds=np.zeros((SAMPLES, 3)),
        )

    return [
        make("worse", rng.uniform(0, 40, SAMPLES), sure=True),
        make("good", rng.uniform(0, 4, SAMPLES)),
        make(EVIL, rng.uniform(0, 20, SAMPLES)),
        make("lacking", rng.uniform(0, 5, SAMPLES), missing=20),
        make("zero", rng.uniform(60, 80, SAMPLES)),
    ]


@pytest.fixture(scope="session")
def content(made_up_runs):
    failures = [{"label": EVIL, "estimator": "x", "protocol": "d/all", "error": EVIL, "path": "p", "started": "1"}]
    return gather(made_up_runs, failures, [], view="all", wrap="wrap360", metrics={}, worst=3, dataset=None)


@pytest.fixture(scope="session")
def page(content):
    """The report of the made-up runs, HTML."""
    return report_page(content)
