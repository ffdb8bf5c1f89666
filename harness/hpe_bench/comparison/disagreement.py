"""The samples on which estimators disagree most, whatever the labels say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.comparison.alignment import oracle_note
from hpe_bench.comparison.columns import figure
from hpe_bench.comparison.scores import SANITY, common_masks
from hpe_bench.comparison.sheet import Cell, Sheet, partial_note
from hpe_bench.errors import UsageError
from hpe_bench.metrics import geodesic_error
from hpe_bench.runs.runfile import Run, marked_label

_DIGITS = 6


def disagreements(runs: Sequence[Run], count: int) -> list[dict[str, Any]]:
    """A record a sample, the ``count`` with the largest mean GE between the predictions of two runs, JSON-ready.

    Of the samples that all whole runs predicted; a run of a part of them (--limit) has a say in its own samples alone,
    unless all are such. Rows that check the harness take no part. With the error of each run, in the order of ``runs``,
    and the label. :class:`UsageError` of fewer than two runs, and where there is no sample that all of them predicted.
    """
    rivals = [run for run in runs if run.manifest["estimator"] not in SANITY]
    if len(rivals) < 2:
        raise UsageError("it takes two estimators to disagree; zero, random and oracle do not count")
    whole = [run for run in rivals if not run.partial] or rivals
    first, mask = whole[0], common_masks(whole)[0]
    order = np.flatnonzero(mask)[np.argsort(first.ids[mask], kind="stable")]
    predictions = np.stack([_predictions(run, first.ids[order]) for run in rivals])
    apart = _mean_apart(predictions)
    known = np.flatnonzero(np.isfinite(apart))
    if not len(known):
        raise UsageError(f"there is no sample that all of {', '.join(run.label for run in rivals)} predicted")
    most = known[np.argsort(-apart[known], kind="stable")[:count]]
    truth = first.truth[order[most]]
    errors = np.stack([np.asarray(geodesic_error(truth, own[most])) for own in predictions])
    return [
        {
            "id": str(first.ids[order[place]]),
            "disagreement": round(float(apart[place]), _DIGITS),
            "euler": dict(
                zip(("yaw", "pitch", "roll"), map(float, first.euler[order[place]].round(_DIGITS)), strict=True)
            ),
            "protocol": first.manifest["protocol"]["name"],
            "aligned": first.manifest.get("aligned"),
            "errors": [
                {"label": run.label, "ge": round(float(error), _DIGITS), "run": str(run.path), "partial": run.partial}
                for run, error in zip(rivals, own, strict=True)
                if np.isfinite(error)
            ],
        }
        for place, own in zip(most, errors.T, strict=True)
    ]


def disagreement_sheet(records: Sequence[Mapping[str, Any]]) -> Sheet:
    """A table whose rows are samples: how far estimators are apart, the label, the nearest and the farthest."""
    headings = ["sample", "apart", "yaw", "pitch", "roll", "smallest GE", "largest GE"]
    rows = []
    for record in records:
        ordered = sorted(record["errors"], key=lambda error: error["ge"])
        ends = [f"{marked_label(error)} {figure(error['ge'])}" for error in (ordered[0], ordered[-1])]
        angles = [f"{record['euler'][name]:.0f}" for name in ("yaw", "pitch", "roll")]
        rows.append([Cell(text) for text in (record["id"], figure(record["disagreement"]), *angles, *ends)])
    protocol = records[0]["protocol"] if records else ""
    title = f"{protocol}: the samples on which the estimators disagree most; degrees"
    if records and records[0]["aligned"]:
        title += f"; {oracle_note(records[0]['aligned'])}"
    notes = ["apart: the mean GE between the predictions of two estimators"]
    errors = [error for record in records for error in record["errors"]]
    if errors and all(error["partial"] for error in errors):
        notes.append("partial: these runs are of a part of the samples (--limit)")
    return Sheet(title, headings, rows, [*notes, *partial_note(errors)])


def _predictions(run: Run, ids: NDArray[np.str_]) -> NDArray[np.float64]:
    """The predictions (n, 3, 3) of a run for these samples, NaN where it has none."""
    places = {id: place for place, id in enumerate(run.ids.tolist())}
    chosen = np.array([places.get(id, -1) for id in ids.tolist()], dtype=np.int64)
    return np.where((chosen >= 0)[:, None, None], run.prediction[chosen], np.nan)


def _mean_apart(predictions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean GE (n,) between two of the predictions (R, n, 3, 3), over the pairs of which both are there; NaN of a
    sample without a pair."""
    total = np.zeros(predictions.shape[1])
    pairs = np.zeros(predictions.shape[1])
    for place in range(len(predictions) - 1):
        apart = np.asarray(geodesic_error(predictions[place], predictions[place + 1 :]))
        total += np.nansum(apart, axis=0)
        pairs += np.isfinite(apart).sum(axis=0)
    return np.divide(total, pairs, out=np.full(len(total), np.nan), where=pairs > 0)
