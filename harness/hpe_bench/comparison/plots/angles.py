"""Predicted against true angles of one estimator."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from hpe_bench.comparison.curves import LOCK, Array, Scored, in_own_order
from hpe_bench.comparison.plots.style import GREY, caption, legend_above, save, styled_figure
from hpe_bench.metrics import within
from hpe_bench.orders import names_in_order
from hpe_bench.pose import ANGLES

_LOOKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("predicted", {"marker": "o", "color": "#0072B2", "s": 7, "alpha": 0.45, "linewidths": 0}),
    (
        "true |{}| over 60°: near gimbal lock",
        {"marker": "^", "facecolors": "none", "edgecolors": "#D55E00", "s": 11, "linewidths": 0.6},
    ),
    ("no prediction: counts as the zero pose", {"marker": "x", "color": "#000000", "s": 11, "linewidths": 0.6}),
)


def plot_angles(run: Scored, path: Path, about: str) -> list[Path]:
    """Predicted yaw, pitch and roll against the true ones, a point a sample, side by side.

    Of both triples of angles that describe the predicted rotation the nearer one is drawn, in the order that MAE is
    counted in. Beyond 60 degrees of its middle angle, which is yaw as a rule, the other two begin to trade with each
    other: those samples have a mark of their own. A point outside stands at the border, and is counted.
    """
    every_true, every_predicted = in_own_order(run)
    limit = _limit(every_true, every_predicted)
    middle = names_in_order(run.order)[1]
    locked = ~within(np.abs(every_true[:, ANGLES.index(middle)]), LOCK)
    kinds = (run.samples.found & ~locked, run.samples.found & locked, ~run.samples.found)
    with styled_figure(3.3) as figure:
        figure.get_layout_engine().set(h_pad=0.08)  # square panels leave no room between their labels and the caption
        panels = figure.subplots(1, len(ANGLES), sharex=True, sharey=True)
        for column, (axes, angle) in enumerate(zip(panels, ANGLES, strict=True)):
            axes.plot([-limit, limit], [-limit, limit], color=GREY, linewidth=0.7, zorder=0)
            true, predicted = every_true[:, column], every_predicted[:, column]
            for (name, style), chosen in zip(_LOOKS, kinds, strict=True):
                if chosen.any():
                    inside = (np.clip(values[chosen], -limit, limit) for values in (true, predicted))
                    axes.scatter(*inside, label=name.format(middle), rasterized=True, **style)
            outside = int((np.abs(np.stack([true, predicted])) > limit).any(axis=0).sum())
            if outside:
                axes.text(
                    0.98, 0.02, f"{outside:,} outside", transform=axes.transAxes, ha="right", fontsize=7, color=GREY
                )
            axes.set_title(angle, fontsize=9)
            axes.set_aspect("equal")
            axes.set_xlim(-limit, limit)
            axes.set_ylim(-limit, limit)
            step = 30 if limit <= 60 else 45 if limit < 180 else 90
            ticks = np.arange(-(limit // step) * step, limit + 1, step)
            axes.set_xticks(ticks)
            axes.set_yticks(ticks)
            axes.set_xlabel("true (degrees)")
        panels[0].set_ylabel("predicted (degrees)")
        handles: dict[str, Any] = {}
        for axes in panels:
            handles.update(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        legend_above(figure, list(handles.values()), list(handles))
        caption(figure, f"{run.label} on {about}. {_differences(every_true, every_predicted)}")
        return save(figure, path)


def _limit(true: Array, predicted: Array) -> float:
    """A multiple of 15 degrees, at most 180, that holds all but a hundredth of what is drawn."""
    values: Array = np.abs(np.concatenate([true, predicted])).max(axis=-1) if len(true) else np.zeros(1)
    return min(180.0, max(30.0, 15.0 * math.ceil(float(np.percentile(values, 99)) / 15.0)))


def _differences(true: Array, predicted: Array) -> str:
    if not len(true):
        return "No sample is scored."
    means = np.abs(predicted - true).mean(axis=0)
    bias = (predicted - true).mean(axis=0)
    parts = (f"{angle} {mean:.2f} ({off:+.2f})" for angle, mean, off in zip(ANGLES, means, bias, strict=True))
    return f"Mean absolute difference, and in brackets the mean difference, degrees: {', '.join(parts)}."
