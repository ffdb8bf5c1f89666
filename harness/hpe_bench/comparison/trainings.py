"""Trainings as records for JSON, and as the tables that people read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from hpe_bench.comparison.layout import FittedTable, bare_table
from hpe_bench.estimators import Card
from hpe_bench.options import written_pairs
from hpe_bench.runs.train.execute import NO_BETTER, Outcome
from hpe_bench.runs.train.learning import figure_in_words
from hpe_bench.runs.train.runfile import TrainingRun


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """What became of a training, JSON-ready; a run that is gone leaves its seconds None."""
    job, card = outcome.job, outcome.card
    seconds = {stage["name"]: stage["seconds"] for stage in outcome.run.manifest["stages"]} if outcome.run else {}
    return {
        "estimator": job.entry.name,
        "name": job.name,
        "label": job.label,
        "preset": job.preset,
        "datasets": list(job.datasets),
        "trained_on": card.trained_on,
        "seed": job.seed,
        "device": job.device,
        "stages": [
            {"name": name, "figures": dict(figures), "seconds": seconds.get(name)}
            for name, figures in card.figures.items()
        ],
        "seconds": outcome.run.manifest["seconds"] if outcome.run else None,
        "weights": str(job.target),
        "files": sorted(card.files),
        NO_BETTER: card.about.get(NO_BETTER, ""),
        "reused": outcome.reused,
        "run": str(outcome.run.path) if outcome.run else None,
        "evaluate": evaluation(outcome),
    }


def run_record(run: TrainingRun) -> dict[str, Any]:
    """A stored training, JSON-ready, with its curves and its manifest."""
    manifest = run.manifest
    return {
        "kind": "training",
        "estimator": manifest["estimator"],
        "name": manifest["name"],
        "label": run.label,
        "preset": manifest["preset"],
        "datasets": [dataset["name"] for dataset in manifest["datasets"]],
        "trained_on": manifest["trained_on"],
        "seed": manifest["seed"],
        "device": manifest["device"],
        "stages": [dict(stage) for stage in manifest["stages"]],
        "seconds": manifest["seconds"],
        "weights": manifest["weights"]["folder"] or None,
        "files": sorted(manifest["weights"]["files"]),
        NO_BETTER: manifest.get(NO_BETTER, ""),
        "run": str(run.path),
        "curves": {
            stage: {
                name: [value if math.isfinite(value) else None for value in curve.tolist()]
                for name, curve in curves.items()
            }
            for stage, curves in run.curves.items()
        },
        "manifest": dict(manifest),
    }


def failed_record(failure: Mapping[str, str]) -> dict[str, Any]:
    """The record of a training that failed, from what it left."""
    reason = f"failed: {failure['error']} ({failure['path']})"
    names = {"estimator": failure["estimator"], "label": failure["label"]}
    return {"kind": "training", **names, "stages": [], "run": None, "skipped": reason}


def evaluation(outcome: Outcome) -> str:
    """The command that evaluates what was trained."""
    job = outcome.job
    field = job.kind.Options.model_fields.get("weights")
    chosen = f":weights={job.name}" if field is not None and field.default != job.name else ""
    return f"hpe-bench eval {job.entry.name}{chosen} --dataset {job.main_dataset}"


def stages_table(stages: Sequence[Mapping[str, Any]], seconds: float | None) -> FittedTable:
    """Stage, figures and seconds, with a line for the whole."""
    table = bare_table()
    table.add_column("stage")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("seconds", justify="right")
    for stage in stages:
        figures = list(stage["figures"].items()) or [("", "")]
        for place, (name, value) in enumerate(figures):
            first = place == 0
            table.add_row(
                Text(stage["name"] if first else ""),
                Text(name.replace("_", " ")),
                value if isinstance(value, str) else figure_in_words(value),
                _seconds(stage["seconds"]) if first else "",
            )
    table.add_row(Text("all", style="dim"), "", "", _seconds(seconds))
    return table


def outcome_page(record: Mapping[str, Any]) -> Group:
    """What a person reads at the end of a training."""
    head = f"{record['label']}: trained on {record['trained_on']}"
    if record["reused"]:
        head += "; the identical training is stored, and was used again (--again trains anew)"
    return Group(
        Text(head, style="italic"),
        Text(),
        stages_table(record["stages"], record["seconds"]),
        Text(),
        *([Text(f"kept all the same: {record[NO_BETTER]}", style="yellow"), Text()] if record[NO_BETTER] else []),
        Text(f"weights   {record['weights']}"),
        Text(f"files     {', '.join([*record['files'], Card.FILE])}"),
        Text(f"run       {record['run'] or 'gone: only the weights are left'}"),
        Text(f"evaluate  {record['evaluate']}"),
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def run_page(record: Mapping[str, Any], curves: bool = False) -> Group:
    """All that is known of a stored training; ``curves``: also every point that it recorded, a table a stage."""
    head = Text(f"training of {record['label']}", style="bold")
    if "skipped" in record:
        return Group(head, Text(record["skipped"]), Text())
    manifest = record["manifest"]
    points = (f"{stage} {len(next(iter(curves.values()))):,}" for stage, curves in record["curves"].items())
    rows = {
        "run": record["run"],
        **({"learned": f"nothing: {record[NO_BETTER]}"} if record[NO_BETTER] else {}),
        "weights": record["weights"] or "none stored",
        "files": ", ".join(f"{name} {digest[:12]}" for name, digest in manifest["weights"]["files"].items()) or "none",
        "trained on": record["trained_on"],
        "licence": manifest.get("licence") or "not stated",
        "of the data": manifest.get("data_licence") or "not stated",
        "options": ", ".join(written_pairs(manifest["options"])) or "none",
        "command": manifest["command"],
        "curves": f"points of {', '.join(points)}" if record["curves"] else "none",
        "plugin": " ".join(str(manifest["plugin"][key]) for key in ("name", "distribution", "version")),
        "made": f"{manifest['started']} in {_seconds(record['seconds'])} s on {record['device']}, "
        f"seed {record['seed']}, {_tries(manifest['tries'])}",
        "commit": manifest["git_commit"] or "unknown",
        "versions": ", ".join(f"{name} {version}" for name, version in manifest["versions"].items()),
    }
    table = FittedTable(headings=False)
    table.add_column()
    table.add_column()
    for name, value in rows.items():
        table.add_row(Text(name), Text(str(value)))
    shown = [part for pair in record["curves"].items() for part in _curve_tables(*pair)] if curves else []
    return Group(head, Text(), stages_table(record["stages"], record["seconds"]), Text(), table, Text(), *shown)


def _curve_tables(stage: str, curves: Mapping[str, Sequence[float | None]]) -> list[Text | FittedTable]:
    table = bare_table()
    for name in ("", *curves):
        table.add_column(name.replace("_", " "), justify="right")
    for number, values in enumerate(zip(*curves.values(), strict=True), start=1):
        table.add_row(str(number), *("" if value is None else f"{value:.4g}" for value in values))
    return [Text(stage.replace("_", " "), style="italic"), Text(), table, Text()]


def _tries(tries: int) -> str:
    return "in one go" if tries == 1 else f"in {tries} tries"
