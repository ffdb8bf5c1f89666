"""Predicted against true angles of one estimator."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from hpe_bench.comparison.curves import LOCK, Array, Scored
from hpe_bench.comparison.plots.style import GREY, caption, legend_above, save, styled_figure
from hpe_bench.metrics import within
from hpe_bench.pose import ANGLES

_LOOKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("predicted", {"marker": "o", "color": "#0072B2", "s": 7, "alpha": 0.45, "linewidths": 0}),
    (
        "true |yaw| over 60°: near gimbal lock",
        {"marker": "^", "facecolors": "none", "edgecolors": "#D55E00", "s": 11, "linewidths": 0.6},
    ),
    ("no prediction: counts as the zero pose", {"marker": "x", "color": "#000000", "s": 11, "linewidths": 0.6}),
)


def plot_angles(run: Scored, path: Path, about: str) -> list[Path]:
    """Predicted yaw, pitch and roll against the true ones, a point a sample, side by side.

    Of both triples of angles that describe the predicted rotation the nearer one is drawn. Beyond a yaw of 60 degrees
    pitch and roll begin to trade with each other: those samples have a mark of their own. A point outside stands at the
    border, and is counted.
    """
    limit = _limit(run)
    locked = ~within(np.abs(run.truth[:, 0]), LOCK)
    kinds = (run.samples.found & ~locked, run.samples.found & locked, ~run.samples.found)
    with styled_figure(3.3) as figure:
        figure.get_layout_engine().set(h_pad=0.08)  # square panels leave no room between their labels and the caption
        panels = figure.subplots(1, len(ANGLES), sharex=True, sharey=True)
        for column, (axes, angle) in enumerate(zip(panels, ANGLES, strict=True)):
            axes.plot([-limit, limit], [-limit, limit], color=GREY, linewidth=0.7, zorder=0)
            true, predicted = run.truth[:, column], run.predicted[:, column]
            for (name, style), chosen in zip(_LOOKS, kinds, strict=True):
                if chosen.any():
                    inside = (np.clip(values[chosen], -limit, limit) for values in (true, predicted))
                    axes.scatter(*inside, label=name, rasterized=True, **style)
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
        caption(figure, f"{run.label} on {about}. {_differences(run)}")
        return save(figure, path)


def _limit(run: Scored) -> float:
    """A multiple of 15 degrees, at most 180, that holds all but a hundredth of what is drawn."""
    values: Array = np.abs(np.concatenate([run.truth, run.predicted])).max(axis=-1) if len(run) else np.zeros(1)
    return min(180.0, max(30.0, 15.0 * math.ceil(float(np.percentile(values, 99)) / 15.0)))


def _differences(run: Scored) -> str:
    if not len(run):
        return "No sample is scored."
    means = np.abs(run.predicted - run.truth).mean(axis=0)
    bias = (run.predicted - run.truth).mean(axis=0)
    parts = (f"{angle} {mean:.2f} ({off:+.2f})" for angle, mean, off in zip(ANGLES, means, bias, strict=True))
    return f"Mean absolute difference, and in brackets the mean difference, degrees: {', '.join(parts)}."
