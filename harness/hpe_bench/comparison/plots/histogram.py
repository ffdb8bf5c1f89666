"""How many samples there are of each true angle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hpe_bench.comparison.curves import Array, Axis, Scored, along, bin_edges, counts_between, handy_step
from hpe_bench.comparison.plots.errors import AXIS_NAMES
from hpe_bench.comparison.plots.style import GREY, caption, save, styled_figure

_BAR = "#56B4E9"
#: More bars have no room for their numbers.
_NUMBERED = 12


def plot_histogram(
    runs: Sequence[Scored],
    axes: Sequence[Axis],
    path: Path,
    about: str,
    edges: Mapping[Axis, Array] | None = None,
    step: float | None = None,
) -> list[Path]:
    """The number of samples by true angle, a panel an axis; of each id that any of the runs has one sample counts.

    Between the ``edges`` of an axis, where they are given; else in bins of ``step`` degrees, by default about ten. What
    lies outside the edges is counted in small print.
    """
    values = {axis: _once(runs, axis) for axis in axes}
    width = step or handy_step(list(values.values()))
    with styled_figure(2.9) as figure:
        panels = figure.subplots(1, len(axes), sharey=True, squeeze=False)[0]
        for panel, axis in zip(panels, axes, strict=True):
            own = (edges or {}).get(axis)
            cuts = bin_edges([values[axis]], width) if own is None else own
            counts = counts_between(values[axis], cuts)
            panel.bar(cuts[:-1], counts, np.diff(cuts), align="edge", color=_BAR, edgecolor="white", linewidth=0.8)
            if len(counts) <= _NUMBERED:
                for low, high, count in zip(cuts[:-1], cuts[1:], counts, strict=True):
                    if count:
                        panel.text((low + high) / 2, count, f"{count:,}", ha="center", va="bottom", fontsize=6.5)
            outside = len(values[axis]) - int(counts.sum())
            if outside:
                at = {"transform": panel.transAxes, "ha": "right", "va": "top"}
                panel.text(0.99, 1.0, f"{outside:,} outside", fontsize=7, color=GREY, **at)
            if own is not None and len(cuts) <= 8:
                panel.set_xticks(cuts, [f"{cut:g}" for cut in cuts], fontsize=6.5)
            panel.set_xlim(cuts[0], cuts[-1])
            panel.grid(axis="x", visible=False)
            panel.set_xlabel(f"true {AXIS_NAMES[axis]} (degrees)")
        panels[0].margins(y=0.12)
        panels[0].set_ylabel("samples")
        caption(figure, f"{about}. {len(next(iter(values.values()))):,} samples.")
        return save(figure, path)


def _once(runs: Sequence[Scored], axis: Axis) -> Array:
    """The true angle of every sample that any run has, once."""
    known: dict[str, float] = {}
    for run in runs:
        known |= dict(zip(run.samples.ids.tolist(), along(run, axis).tolist(), strict=True))
    return np.array(list(known.values()))
