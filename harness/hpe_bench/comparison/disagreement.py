"""The samples on which estimators disagree most, whatever the labels say."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpe_bench.comparison.alignment import oracle_note
from hpe_bench.comparison.columns import figure
from hpe_bench.comparison.scores import SANITY, common_masks
from hpe_bench.comparison.sheet import Cell, Sheet
from hpe_bench.errors import UsageError
from hpe_bench.metrics import geodesic_error
from hpe_bench.runs.runfile import Run

_DIGITS = 6


def disagreements(runs: Sequence[Run], count: int) -> list[dict[str, Any]]:
    """A record a sample, the ``count`` with the largest mean GE between the predictions of two runs, JSON-ready.

    Of the samples that all runs predicted; rows that check the harness take no part. With the error of each run, in
    the order of ``runs``, and the label. :class:`UsageError` of fewer than two runs, and
    where there is no sample that all of them predicted.
    """
    rivals = [run for run in runs if run.manifest["estimator"] not in SANITY]
    if len(rivals) < 2:
        raise UsageError("it takes two estimators to disagree; zero, random and oracle do not count")
    orders = [np.flatnonzero(mask)[np.argsort(run.ids[mask], kind="stable")] for run, mask in _masked(rivals)]
    if not len(orders[0]):
        raise UsageError(f"there is no sample that all of {', '.join(run.label for run in rivals)} predicted")
    predictions = [run.prediction[order] for run, order in zip(rivals, orders, strict=True)]
    pairs = list(itertools.combinations(range(len(rivals)), 2))
    apart = sum(
        (np.asarray(geodesic_error(predictions[a], predictions[b])) for a, b in pairs), np.zeros(len(orders[0]))
    )
    first, order = rivals[0], orders[0]
    errors = [geodesic_error(run.truth[own], run.prediction[own]) for run, own in zip(rivals, orders, strict=True)]
    most = np.argsort(-apart, kind="stable")[:count]
    return [
        {
            "id": str(first.ids[order[place]]),
            "disagreement": round(float(apart[place]) / len(pairs), _DIGITS),
            "euler": dict(
                zip(("yaw", "pitch", "roll"), map(float, first.euler[order[place]].round(_DIGITS)), strict=True)
            ),
            "protocol": first.manifest["protocol"]["name"],
            "aligned": first.manifest.get("aligned"),
            "errors": [
                {"label": run.label, "ge": round(float(error[place]), _DIGITS), "run": str(run.path)}
                for run, error in zip(rivals, errors, strict=True)
            ],
        }
        for place in most
    ]


def disagreement_sheet(records: Sequence[Mapping[str, Any]]) -> Sheet:
    """A table whose rows are samples: how far estimators are apart, the label, the nearest and the farthest."""
    headings = ["sample", "apart", "yaw", "pitch", "roll", "smallest GE", "largest GE"]
    rows = []
    for record in records:
        ordered = sorted(record["errors"], key=lambda error: error["ge"])
        ends = [f"{error['label']} {figure(error['ge'])}" for error in (ordered[0], ordered[-1])]
        angles = [f"{record['euler'][name]:.0f}" for name in ("yaw", "pitch", "roll")]
        rows.append([Cell(text) for text in (record["id"], figure(record["disagreement"]), *angles, *ends)])
    protocol = records[0]["protocol"] if records else ""
    title = f"{protocol}: the samples on which the estimators disagree most; degrees"
    if records and records[0]["aligned"]:
        title += f"; {oracle_note(records[0]['aligned'])}"
    return Sheet(title, headings, rows, ["apart: the mean GE between the predictions of two estimators"])


def _masked(runs: Sequence[Run]) -> list[tuple[Run, Any]]:
    return list(zip(runs, common_masks(runs), strict=True))
