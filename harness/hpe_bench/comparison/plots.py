"""Plots, made with matplotlib, which is imported when a plot is asked for."""

from __future__ import annotations

import importlib.util
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hpe_bench.comparison.series import MEASURES, values_of
from hpe_bench.errors import MissingError
from hpe_bench.storage import write_atomically

#: Of colour-blind safe colours (Okabe and Ito), dark ones first; with markers and dashes they differ in black as well.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "x")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)))
#: Of one panel's axis, inches.
_WIDTH = 2.8


def require_matplotlib() -> None:
    """:class:`MissingError` with the command that installs it, where it is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingError("plots need matplotlib, not installed here: pip install 'hpe-bench[plots]'")


def plot_series(records: Sequence[Mapping[str, Any]], stem: Path) -> list[Path]:
    """Error against identities, MAE and GE side by side, the identities on a logarithmic axis; as PNG and as SVG.

    A line is the mean over the seeds, with a band from the least to the largest. The records are those of
    :func:`~hpe_bench.comparison.series.series_records`. Returns the files written.
    """
    require_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator

    settings: Any = {
        "font.size": 9,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "svg.hashsalt": "hpe-bench",
    }
    counts = sorted({record["identities"] for record in records})
    names = list(dict.fromkeys(record["estimator"] for record in records))
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(7.2, 3.2), dpi=300, layout="constrained")
        for axes, (measure, heading) in zip(figure.subplots(1, len(MEASURES)), MEASURES, strict=True):
            for place, name in enumerate(names):
                _line(axes, values_of(records, name, measure), name, place)
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(FixedLocator(_ticks(counts)))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            axes.set_xlabel("identities learned from")
            axes.set_ylabel(f"{heading} (degrees)")
            axes.set_ylim(bottom=0)
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
        return [_save(figure, stem.with_name(f"{stem.name}.{kind}"), kind) for kind in ("png", "svg")]


def _line(axes: Any, values: Mapping[int, Sequence[float]], name: str, place: int) -> None:
    counts = sorted(values)
    means = [sum(values[count]) / len(values[count]) for count in counts]
    style = {
        "color": _COLOURS[place % len(_COLOURS)],
        "marker": _MARKERS[place % len(_MARKERS)],
        "linestyle": _DASHES[place % len(_DASHES)],
    }
    axes.plot(counts, means, label=name, linewidth=1.5, markersize=4, **style)
    if any(len(values[count]) > 1 for count in counts):
        low, high = ([pick(values[count]) for count in counts] for pick in (min, max))
        axes.fill_between(counts, low, high, color=style["color"], alpha=0.2, linewidth=0)


def _ticks(counts: Sequence[int]) -> list[int]:
    """Those of the counts whose labels do not run into each other on a logarithmic axis, from the largest down."""
    inches = _WIDTH / math.log(max(counts[-1] / counts[0], 2.0))
    kept = [counts[-1]]
    for count in reversed(counts[:-1]):
        if math.log(kept[-1] / count) * inches > 0.08 * len(f"{kept[-1]:,}") + 0.04:
            kept.append(count)
    return kept[::-1]


def _save(figure: Any, path: Path, kind: str) -> Path:
    content = io.BytesIO()
    figure.savefig(content, format=kind, metadata={"Date": None} if kind == "svg" else None)
    write_atomically(path, content.getvalue())
    return path
