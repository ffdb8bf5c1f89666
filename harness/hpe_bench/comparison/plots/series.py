"""The plot of a series: the error against the number of identities learned from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hpe_bench.comparison.plots.style import Look, legend_above, look, plain, save, styled_figure
from hpe_bench.comparison.series import MEASURES, values_of

#: Of one panel's axis, inches.
_WIDTH = 2.8


def plot_series(records: Sequence[Mapping[str, Any]], stem: Path) -> list[Path]:
    """Error against identities, MAE and GE side by side, the identities on a logarithmic axis; as PNG and as SVG.

    A line is the mean over the seeds, with a band from the least to the largest. The records are those of
    :func:`~hpe_bench.comparison.series.series_records`. Returns the files written.
    """
    counts = sorted({record["identities"] for record in records})
    names = list(dict.fromkeys(record["estimator"] for record in records))
    with styled_figure(3.2) as figure:
        from matplotlib.ticker import FixedLocator, NullLocator

        for axes, (measure, heading) in zip(figure.subplots(1, len(MEASURES)), MEASURES, strict=True):
            for place, name in enumerate(names):
                _line(axes, values_of(records, name, measure), plain(name), look(place))
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(FixedLocator(_ticks(counts)))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            axes.set_xlabel("identities learned from")
            axes.set_ylabel(f"{heading} (degrees)")
            axes.set_ylim(bottom=0)
        legend_above(figure, *figure.axes[0].get_legend_handles_labels())
        return save(figure, stem)


def _line(axes: Any, values: Mapping[int, Sequence[float]], name: str, shown: Look) -> None:
    counts = sorted(values)
    means = [sum(values[count]) / len(values[count]) for count in counts]
    axes.plot(counts, means, label=name, linewidth=1.5, markersize=4, **shown.line)
    if any(len(values[count]) > 1 for count in counts):
        low, high = ([pick(values[count]) for count in counts] for pick in (min, max))
        axes.fill_between(counts, low, high, color=shown.colour, alpha=0.2, linewidth=0)


def _ticks(counts: Sequence[int]) -> list[int]:
    """Those of the counts whose labels do not run into each other on a logarithmic axis, from the largest down."""
    inches = _WIDTH / math.log(max(counts[-1] / counts[0], 2.0))
    kept = [counts[-1]]
    for count in reversed(counts[:-1]):
        if math.log(kept[-1] / count) * inches > 0.08 * len(f"{kept[-1]:,}") + 0.04:
            kept.append(count)
    return kept[::-1]
