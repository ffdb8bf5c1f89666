"""Runs scored: one flat record a run, the same for JSON, pandas and the table."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.comparison.confidence import risk_record
from hpe_bench.comparison.statistics.errors import EVERY, Path, cluster_unit, run_errors
from hpe_bench.comparison.statistics.significance import describe
from hpe_bench.faults import fault_in_words, faults_of
from hpe_bench.metrics import View, Wrap, scored_samples, summarise
from hpe_bench.orders import DEFAULT_ORDER, order_note
from hpe_bench.runs.runfile import Run

if TYPE_CHECKING:
    import pandas as pd

Metrics = Mapping[str, Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]]

#: Rows that check the harness rather than compete: never marked as best.
SANITY = frozenset({"oracle", "zero", "random"})

_DIGITS = 9
#: More are no longer looked at one by one.
_MOST_CLUSTERS = 100


def score(
    runs: Sequence[Run],
    view: View = "all",
    wrap: Wrap = "wrap360",
    metrics: Metrics | None = None,
    beside: Sequence[Run] = (),
) -> list[dict[str, Any]]:
    """A record a run, JSON-ready, degrees; figures that do not exist (nothing detected) are None.

    In view "common" every run is scored on the samples that all of ``runs`` hold and predicted. Records of the runs
    ``beside`` follow; they take nothing away from the others.
    """
    masks = view_masks(runs, view, beside)
    return [_record(run, view, wrap, mask, metrics or {}) for run, mask in zip([*runs, *beside], masks, strict=True)]


def score_with_chance(
    runs: Sequence[Run],
    view: View = "all",
    wrap: Wrap = "wrap360",
    metrics: Metrics | None = None,
    comparable: bool = True,
    beside: Sequence[Run] = (),
    figures: Sequence[Path] = EVERY,
    limited: Sequence[Path] = EVERY,
) -> list[dict[str, Any]]:
    """Records as :func:`score` makes them, with what is beyond chance: whether each of ``figures`` is told from the
    best of those that compete, and the intervals of those ``limited``. Where the runs are not ``comparable`` there is
    no best."""
    records = score(runs, view, wrap, metrics, beside)
    every = [*runs, *beside]
    masks = view_masks(runs, view, beside)
    errors = [run_errors(run, view, wrap, mask) for run, mask in zip(every, masks, strict=True)]
    rivals = [comparable and competes(record) for record in records]
    added = describe(errors, rivals, [cluster_unit(run) for run in every], figures, limited)
    return [{**record, **own, "comparable": comparable} for record, own in zip(records, added, strict=True)]


def competes(record: Mapping[str, Any]) -> bool:
    """Whether a row can be the best: none that only checks the harness, and none of a part of the data."""
    return record["estimator"] not in SANITY and not record.get("partial") and "skipped" not in record


def view_masks(runs: Sequence[Run], view: View, beside: Sequence[Run] = ()) -> Sequence[NDArray[np.bool_] | None]:
    """For each run, and each ``beside`` them, the mask of the samples that the view "common" scores; None in other
    views."""
    return common_masks(runs, beside) if view == "common" else [None] * (len(runs) + len(beside))


def skipped(estimator: str, label: str, protocol: str, view: View, wrap: Wrap, reason: str) -> dict[str, Any]:
    """The record of an estimator that could not run, with the reason."""
    empty: dict[str, Any] = dict.fromkeys(("coverage", "mae", "vmae", "ge", "accuracy", "run"))
    names = {"estimator": estimator, "label": label, "protocol": protocol, "view": view, "wrap": wrap}
    return {**names, "n": 0, "n_total": 0, **empty, "skipped": reason}


def failure(record: Mapping[str, str], view: View, wrap: Wrap) -> dict[str, Any]:
    """The record of an evaluation that failed, from what it left."""
    reason = f"failed: {record['error']} ({record['path']})"
    return skipped(record["estimator"], record["label"], record["protocol"], view, wrap, reason)


def common_masks(runs: Sequence[Run], beside: Sequence[Run] = ()) -> list[NDArray[np.bool_]]:
    """For each run, and each ``beside`` them, the mask (N,) of its samples that every one of ``runs`` holds and
    predicted."""
    if not runs:
        return [run.found for run in beside]
    everywhere = reduce(set.intersection, (set(run.ids[run.found].tolist()) for run in runs))
    return [np.array([id in everywhere for id in run.ids.tolist()], dtype=np.bool_) for run in (*runs, *beside)]


def to_frame(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The records as a data frame, one row a run; nested figures become columns such as ``mae_yaw``, ``ge_p95``, and
    their intervals ``ge_p95_low``, ``ge_p95_high``; those of clusters are left out."""
    import pandas as pd

    flat = []
    for record in records:
        row = {key: value for key, value in record.items() if key not in ("clusters", "intervals")}
        for section, figures in record.get("intervals", {}).items():
            for name, limits in figures.items():
                low, high = limits or (None, None)
                row |= {f"{section}_{name}_low": low, f"{section}_{name}_high": high}
        flat.append(row)
    return pd.json_normalize(flat, sep="_")


#: Counts that protocols stated wrongly when runs were stored, and what they are.
_CORRECTED = {("aflw2000/nlml", 1464): 1467}


def notes(run: Run) -> list[str]:
    """What a reader has to know of a run: other inputs, part of the data, other data, samples left out."""
    dataset, protocol = run.manifest["dataset"], run.manifest["protocol"]
    found = []
    if overrides := run.manifest.get("overrides"):
        found.append("with " + ", ".join(f"--{name} {value}" for name, value in overrides.items()))
    if dataset.get("limit"):
        found.append(f"partial: {dataset['limit']:,} of {dataset['n_protocol']:,} samples (--limit)")
    complete, here = protocol.get("expected"), dataset.get("n_protocol")
    complete = _CORRECTED.get((protocol["name"], complete), complete)
    if complete and here != complete:
        found.append(f"{protocol['name']} has {complete:,} samples, this dataset {here:,}: not the published protocol")
    if dataset.get("skipped"):
        found.append(f"{len(dataset['skipped']):,} unreadable samples left out (--skip-bad)")
    if run.order != DEFAULT_ORDER or run.manifest.get("recounted"):
        found.append(order_note(run.order))
    found += [note for note in (protocol.get("warning"), *dataset.get("notes", ())) if note]
    return found


def _record(run: Run, view: View, wrap: Wrap, mask: NDArray[np.bool_] | None, metrics: Metrics) -> dict[str, Any]:
    angles, order = run.true_angles, run.order
    summary = summarise(run.truth, angles, run.prediction, view=view, wrap=wrap, common=mask, order=order)
    scored = scored_samples(run.found, view, mask)
    filled = np.where(run.found[:, None, None], run.prediction, np.eye(3))[scored]
    manifest = run.manifest
    extra, failures = _extra(metrics, run.truth[scored], filled)
    risk = risk_record(run)
    defects = [risk["defect"]] if risk and risk["defect"] else []
    return {
        "estimator": manifest["estimator"],
        "label": run.label,
        "options": manifest.get("options", {}),
        "protocol": manifest["protocol"]["name"],
        "view": view,
        "wrap": wrap,
        "angles": order,
        "recounted": manifest.get("recounted"),
        "n": summary.n,
        "n_total": summary.n_total,
        "coverage": json_number(summary.coverage),
        "mae": _numbers(summary.mae),
        "vmae": _numbers(summary.vmae),
        "ge": _numbers(summary.ge),
        "accuracy": {str(limit): json_number(share) for limit, share in summary.accuracy.items()},
        "metrics": extra,
        "clusters": _clusters(run, view, wrap, mask),
        "risk_coverage": risk,
        "parameters": manifest.get("parameters"),
        "headline": manifest["protocol"]["headline"],
        "aligned": manifest.get("aligned"),
        "partial": run.partial,
        "notes": [*notes(run), *defects, *failures],
        "dataset": manifest["dataset"]["name"],
        "fingerprint": manifest["dataset"]["fingerprint"],
        "crop": manifest.get("crop"),
        "device": manifest.get("device"),
        "started": manifest.get("started"),
        "run": str(run.path),
    }


def _clusters(run: Run, view: View, wrap: Wrap, mask: NDArray[np.bool_] | None) -> dict[str, Any] | None:
    """The figures of each cluster, by its name; None where the protocol's clusters are samples, or very many."""
    by = run.manifest["protocol"].get("cluster", "sample")
    names = {"person": run.person, "sequence": run.sequence}.get(by)
    present = sorted(set([] if names is None else names.tolist()))
    if names is None or "" in present or len(present) > _MOST_CLUSTERS:
        return None
    figures = {}
    for name in present:
        own = names == name
        common = None if mask is None else mask[own]
        summary = summarise(
            run.truth[own],
            run.true_angles[own],
            run.prediction[own],
            view=view,
            wrap=wrap,
            common=common,
            order=run.order,
        )
        figures[name] = {
            "n": summary.n,
            "coverage": json_number(summary.coverage),
            **{key: json_number(getattr(summary, key)["mean"]) for key in ("mae", "vmae", "ge")},
        }
    return {"by": by, "figures": figures}


def _extra(metrics: Metrics, truth: Any, prediction: Any) -> tuple[dict[str, float | None], list[str]]:
    """The means of plugins' metrics, and what went wrong: one that fails costs the others nothing."""
    means: dict[str, float | None] = {}
    failures = []
    for name, metric in metrics.items():
        try:
            # What it prints is not the result, and what it writes to its arrays reaches nobody.
            with faults_of(f"the metric {name}"), contextlib.redirect_stdout(sys.stderr):
                errors = np.asarray(metric(truth.copy(), prediction.copy()), dtype=np.float64)
            if errors.shape != (len(truth),):
                raise ValueError(f"gives shape {errors.shape} for {len(truth)} samples")
            means[name] = json_number(float(errors.mean())) if len(errors) else None
        except Exception as error:
            means[name] = None
            failures.append(fault_in_words(f"the metric {name}", error))
    return means, failures


def _numbers(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: json_number(value) for name, value in values.items()}


def json_number(value: float) -> float | None:
    """Nine decimals: far below any label's accuracy, and rounding of the last bits does not show."""
    return round(value, _DIGITS) + 0.0 if math.isfinite(value) else None
