"""What trainings learned, epoch by epoch: the error on what they are validated on, and all else that they recorded."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpe_bench.charts import Chart, Line, Panel
from hpe_bench.comparison.curves import Measure
from hpe_bench.comparison.plots.errors import MEASURE_NAMES
from hpe_bench.comparison.plots.style import GREY, caption, legend_above, look, plain, save, styled_figure
from hpe_bench.errors import UsageError
from hpe_bench.runs.train.runfile import TrainingRun

_COLUMNS = 3
#: Beyond this ratio of the largest to the least error the axis is logarithmic.
_WIDE = 8.0


def plot_learning(runs: Sequence[TrainingRun], measure: Measure, path: Path) -> list[Path]:
    """The validation error of every epoch of each training, with the zero pose's; as PNG and as SVG.

    The stages of a training follow each other. Returns the files written; :class:`UsageError` where no training has
    such a curve.
    """
    curves = {run.path: learning_curve(run, measure) for run in runs}
    drawn = [run for run in runs if len(curves[run.path])]
    if not drawn:
        raise UsageError(f"none of these trainings has a curve of its validation's {MEASURE_NAMES[measure]}")
    finite = np.concatenate([curves[run.path] for run in drawn])
    finite = finite[np.isfinite(finite)]
    zeros = sorted({round(zero, 2) for run in drawn for zero in [zero_pose(run, measure)] if zero is not None})
    with styled_figure(3.6) as figure:
        axes = figure.subplots()
        for place, run in enumerate(drawn):
            curve, shown = curves[run.path], look(place)
            axes.plot(
                range(1, len(curve) + 1),
                curve,
                label=plain(run.label),
                linewidth=1.5,
                markersize=4,
                markevery=max(1, len(curve) // 20),
                **shown.line,
            )
        for zero in zeros:
            axes.axhline(zero, color=GREY, linewidth=1, linestyle=(0, (1, 1)), label=f"zero pose, {zero:.1f}")
        if len(finite) and finite.min() > 0 and finite.max() > _WIDE * finite.min():
            axes.set_yscale("log")
            axes.set_ylim(bottom=0.8 * float(finite.min()))
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if str(value)[0] in "25" else "")
        else:
            axes.set_ylim(bottom=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"{MEASURE_NAMES[measure]} on the validation part (degrees)")
        legend_above(figure, *axes.get_legend_handles_labels())
        caption(figure, _about(runs, drawn))
        return save(figure, path)


def learning_curve(run: TrainingRun, measure: Measure) -> NDArray[np.float64]:
    """The validation error (n,) in degrees of every epoch, stage after stage; empty where none was recorded."""
    names = (f"validation_{measure}_degrees", f"{measure}_degrees")
    found = [curve[name] for curve in run.curves.values() for name in names if name in curve]
    return np.concatenate(found) if found else np.zeros(0)


def zero_pose(run: TrainingRun, measure: Measure) -> float | None:
    """The error of the zero pose on what a training was validated on, where it says so."""
    told = [figures.get(f"zero_{measure}_degrees") for figures in run.figures.values()]
    return next((zero for zero in reversed(told) if zero is not None and math.isfinite(zero)), None)


def _about(runs: Sequence[TrainingRun], drawn: Sequence[TrainingRun]) -> str:
    trained = dict.fromkeys(str(run.manifest["trained_on"]) for run in drawn)
    absent = ", ".join(run.label for run in runs if run not in drawn)
    return f"Trained on {'; '.join(trained)}" + (f". Without such a curve: {absent}" if absent else "")


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
