"""The curves that trainings recorded, as charts: one a stage, several trainings in it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from hpe_bench.charts import Chart, Line, Panel
from hpe_bench.errors import UsageError
from hpe_bench.runs.train.runfile import TrainingRun

_COLUMNS = 3


def learning_charts(runs: Sequence[TrainingRun]) -> list[Chart]:
    """A chart for every stage that any of the trainings recorded, a panel for every figure of it, a line a training;
    :class:`UsageError` where they recorded nothing."""
    names = _names(runs)
    charts = []
    for stage in dict.fromkeys(stage for run in runs for stage in run.curves):
        panels = []
        for figure in dict.fromkeys(figure for run in runs for figure in run.curves.get(stage, {})):
            curves = [(name, run.curves.get(stage, {}).get(figure)) for name, run in zip(names, runs, strict=True)]
            lines = [
                Line(name, np.arange(1.0, len(curve) + 1), curve, "both" if len(curve) < 3 else "line")
                for name, curve in curves
                if curve is not None
            ]
            panels.append(Panel(figure.replace("_", " "), lines, "point"))
        title = re.sub(r"[^\w.-]+", "-", stage, flags=re.ASCII).strip("-.") or "stage"
        charts.append(Chart(title, panels, _COLUMNS, f"Stage {stage}: the points that were recorded, such as epochs."))
    if not charts:
        raise UsageError(f"{', '.join(names)} recorded no curves: there is nothing to draw")
    return charts


def _names(runs: Sequence[TrainingRun]) -> list[str]:
    """The label of each training; where several share one, with the name of its file."""
    labels = [run.label for run in runs]
    return [
        label if labels.count(label) == 1 else f"{label} ({run.path.stem})"
        for label, run in zip(labels, runs, strict=True)
    ]
