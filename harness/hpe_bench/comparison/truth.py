"""What a table rests on, checked before it is shown: the labels against themselves, and the oracle against 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hpe_bench.errors import DataError
from hpe_bench.label_check import LABEL_TOLERANCE, describe_faults, faulty_labels
from hpe_bench.metrics import summarise
from hpe_bench.plugins import ORACLE
from hpe_bench.runs.runfile import Run

#: The most that VMAE and GE of the oracle may be, degrees: what a table shows as 0.00. Its MAE may be as much as angles
#: that are stated in one decimal leave: :data:`LABEL_TOLERANCE`.
ORACLE_TOLERANCE = 0.005


def check_truth(runs: Sequence[Run]) -> None:
    """:class:`DataError` where the labels of runs contradict themselves, or where the oracle, the truth itself, does
    not score 0 (to :data:`ORACLE_TOLERANCE`, around the circle): then no figure beside it is right."""
    checked: set[tuple[str, str, int]] = set()
    for run in sorted(runs, key=lambda run: run.manifest["estimator"] != ORACLE):
        manifest = run.manifest
        key = (str(manifest["protocol"]["name"]), str(manifest["dataset"]["fingerprint"]), len(run))
        if key not in checked:
            checked.add(key)
            wrong = faulty_labels(run.truth, run.euler)
            if wrong.any():
                reason = describe_faults(run.ids.tolist(), run.truth, run.euler, wrong)
                raise DataError(
                    f"no figure on {key[0]} is right: its labels contradict themselves, so that the truth itself "
                    f"({ORACLE}) does not score 0 ({run.path}): {reason}"
                )
        if manifest["estimator"] == ORACLE:
            _check_oracle(run)


def _check_oracle(run: Run) -> None:
    summary = summarise(run.truth, run.true_angles, run.prediction, view="detected", order=run.order)
    figures = {
        **{f"MAE {name}": (value, LABEL_TOLERANCE) for name, value in summary.mae.items()},
        **{f"VMAE {name}": (value, ORACLE_TOLERANCE) for name, value in summary.vmae.items()},
        "GE": (summary.ge["mean"], ORACLE_TOLERANCE),
    }
    name, (worst, most) = max(figures.items(), key=lambda item: np.nan_to_num(item[1][0] / item[1][1], nan=0.0))
    if summary.n == summary.n_total and not worst > most:
        return
    protocol = run.manifest["protocol"]["name"]
    if summary.n < summary.n_total:
        told = f"has a prediction of only {summary.n:,} of {summary.n_total:,} samples"
    else:
        told = f"has {name} {worst:.3g} degrees, where the truth itself scores 0 (to {most:g})"
    if summary.ge["mean"] > ORACLE_TOLERANCE or summary.n < summary.n_total:
        cause = "its predictions are not the labels: the run file was changed, or this is a bug of hpe-bench"
    else:
        cause = "its labels are at fault: the stated angles are not those of the rotations"
    raise DataError(f"no figure on {protocol} is right: {ORACLE} {told} ({run.path}); {cause}")
