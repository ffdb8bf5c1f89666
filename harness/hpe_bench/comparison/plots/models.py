"""Plots of what estimators show of their models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpe_bench.charts import Chart, Line, Panel
from hpe_bench.comparison.plots.style import GREY, WIDTH, caption, legend_above, look, plain, save, styled_figure
from hpe_bench.errors import DataError, MissingError
from hpe_bench.runs.train.runfile import TrainingRun
from hpe_bench.storage import file_digest

#: Height of a row of panels, and of what stands around them, inches.
_ROW, _AROUND = 1.9, 0.75
#: One panel alone is not drawn across the page.
_ALONE = 4.6


def plot_chart(chart: Chart, label: str, path: Path) -> list[Path]:
    """The panels of a chart as small multiples; a look is that of the line's name in every panel. Returns the files."""
    columns = min(chart.columns, len(chart.panels))
    rows = -(-len(chart.panels) // columns)
    names = list(dict.fromkeys(line.name for panel in chart.panels for line in panel.lines))
    with styled_figure(_AROUND + max(_ROW * rows, 2.4), WIDTH if columns > 1 else _ALONE) as figure:
        grid = figure.subplots(rows, columns, squeeze=False)
        shown: dict[str, Any] = {}
        for place, axes in enumerate(grid.flat):
            if place >= len(chart.panels):
                axes.set_axis_off()
                continue
            panel = chart.panels[place]
            for line in panel.lines:
                shown[line.name] = _draw(axes, line, names.index(line.name))
            _finish(axes, panel, below=place + columns >= len(chart.panels), left=place % columns == 0)
        if len(shown) > 1 or any(name.strip() for name in shown):
            legend_above(figure, list(shown.values()), [plain(name) for name in shown])
        caption(figure, f"{label}. {chart.about}".rstrip())
        return save(figure, path)


def trained_spec(run: TrainingRun) -> tuple[str, Path]:
    """The estimator that loads what a training made, and the folder of weights that it lies in; :class:`MissingError`
    and :class:`DataError` where it is there no more, or another training's."""
    manifest = run.manifest
    folder, files = Path(manifest["weights"]["folder"]), manifest["weights"]["files"]
    for name, digest in files.items():
        if not (folder / name).is_file():
            raise MissingError(f"no {folder / name}, which {run.path} tells of: train it anew")
        if file_digest(folder / name) != digest:
            raise DataError(f"{folder / name} is not what {run.path} tells of: another training has replaced it")
    return f"{manifest['estimator']}:weights={manifest['name']}", folder.parent.parent


def _draw(axes: Any, line: Line, place: int) -> Any:
    looks = look(place)
    style: dict[str, Any] = {"color": looks.colour, "linewidth": 1.3, "markersize": 3}
    if line.marks == "line":
        style |= {"linestyle": looks.dash}
    elif line.marks == "points":
        style |= {"linestyle": "none", "marker": looks.marker, "zorder": 3}
    else:
        style |= looks.line
    (drawn,) = axes.plot(np.asarray(line.x), np.asarray(line.y), **style)
    return drawn


def _finish(axes: Any, panel: Panel, below: bool, left: bool) -> None:
    axes.set_title(plain(panel.title), fontsize=9, pad=13 if panel.note else 5)
    if panel.logarithmic:
        axes.set_yscale("log")
    else:
        axes.ticklabel_format(axis="y", useOffset=False)
    if panel.span is not None:
        axes.axvspan(*panel.span, color="#000000", alpha=0.07, linewidth=0, zorder=0)
    axes.tick_params(labelsize=8)
    if all(len(line.x) and np.array_equal(line.x, np.round(line.x)) and np.ptp(line.x) < 15 for line in panel.lines):
        from matplotlib.ticker import MaxNLocator

        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    elif all(len(line.x) and max(map(abs, axes.get_xlim())) in (180.0, 198.0) for line in panel.lines):
        axes.set_xticks(range(-180, 181, 90))
    if below:
        axes.set_xlabel(plain(panel.x))
    if left:
        axes.set_ylabel(plain(panel.y))
    if panel.note:
        at = {"transform": axes.transAxes, "ha": "center", "va": "bottom"}
        axes.text(0.5, 1.02, plain(panel.note), fontsize=6.5, color=GREY, **at)
