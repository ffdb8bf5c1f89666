"""Plots of errors: against an angle, by range, cumulative, and against coverage."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hpe_bench.comparison.curves import (
    FEW,
    LOCK,
    Array,
    Axis,
    Binned,
    Measure,
    Scored,
    along,
    bin_edges,
    binned_errors,
    cumulative,
    handy_step,
    range_edges,
)
from hpe_bench.comparison.plots.style import GREY, caption, legend_above, look, plain, save, styled_figure
from hpe_bench.orders import names_in_order

#: Of a plot whose rows are estimators: the height of the legend grows with them.
_LEGEND_ROW = 0.08

AXIS_NAMES: dict[Axis, str] = {"abs-yaw": "|yaw|", "yaw": "yaw", "pitch": "pitch", "roll": "roll"}
MEASURE_NAMES: dict[Measure, str] = {"ge": "geodesic error", "mae": "MAE", "vmae": "VMAE"}


def plot_error(
    runs: Sequence[Scored], axis: Axis, measure: Measure, path: Path, about: str, step: float | None = None
) -> list[Path]:
    """The mean error against a true angle, with 95% intervals, and below it how many samples each mean is over.

    Bins are ``step`` degrees wide, by default such that there are about ten.
    """
    values = [along(run, axis) for run in runs]
    edges = bin_edges(values, step or handy_step(values))
    found = binned_errors(runs, axis, edges, [measure], FEW)[measure]
    width = edges[1] - edges[0]
    with styled_figure(4.0 + _LEGEND_ROW * len(runs)) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
        for place, (run, binned) in enumerate(zip(runs, found, strict=True)):
            shown = look(place)
            enough = binned.count >= FEW
            beside = (place - (len(runs) - 1) / 2) * 0.6 * width / max(len(runs), 6)
            upper.errorbar(
                binned.centres[enough] + beside,
                binned.mean[enough],
                yerr=_reach(binned, enough),
                label=plain(run.label),
                linewidth=1.2,
                elinewidth=0.8,
                markersize=4,
                **shown.line,
            )
        if measure == "mae" and axis.removeprefix("abs-") == names_in_order(runs[0].order)[1]:
            _mark_lock(upper, edges)
        upper.set_xlim(edges[0], edges[-1])
        upper.set_ylim(0, _top(found, FEW))
        upper.set_ylabel(f"{MEASURE_NAMES[measure]} (degrees)")
        _counts(lower, edges, np.max([binned.count for binned in found], axis=0))
        lower.set_xlabel(f"true {AXIS_NAMES[axis]} (degrees)")
        lower.set_xticks(edges if edges[0] % width == 0 else found[0].centres)
        handles, labels = upper.get_legend_handles_labels()
        legend_above(figure, handles, labels)
        caption(figure, f"{about}. Bars: 95% intervals. Bins of fewer than {FEW} samples have no mean.")
        return save(figure, path)


def plot_ranges(
    runs: Sequence[Scored], axis: Axis, measure: Measure, path: Path, about: str, edges: Array | None = None
) -> list[Path]:
    """The mean error in a few ranges of an angle and over all, a bar an estimator, with 95% intervals."""
    values = [along(run, axis) for run in runs]
    edges = range_edges(values) if edges is None else edges
    everything = np.array(
        [min(float(v.min()) for v in values if len(v)), max(float(v.max()) for v in values if len(v))]
    )
    parts = [binned_errors(runs, axis, own, [measure])[measure] for own in (edges, everything)]
    names = [f"{low:g}° to {high:g}°" for low, high in itertools.pairwise(edges)]
    with styled_figure(3.2 + _LEGEND_ROW * len(runs)) as figure:
        axes = figure.subplots()
        width = 0.84 / len(runs)
        for place, run in enumerate(runs):
            ranges, whole = (part[place] for part in parts)
            heights = np.append(ranges.mean, whole.mean)
            reach = np.concatenate([_reach(ranges), _reach(whole)], axis=1)
            shown = look(place)
            axes.bar(
                np.arange(len(heights)) + (place - (len(runs) - 1) / 2) * width,
                heights,
                width * 0.9,
                yerr=reach,
                label=plain(run.label),
                color=shown.tint,
                hatch=shown.hatch,
                edgecolor=shown.colour,
                linewidth=0.6,
                error_kw={"elinewidth": 0.9, "capsize": 1.5, "ecolor": "#222222"},
            )
        counts = [
            _between([part[place].count[i] for place in range(len(runs))])
            for part in parts
            for i in range(len(part[0].count))
        ]
        axes.set_xticks(
            range(len(counts)), [f"{name}\nn = {count}" for name, count in zip([*names, "all"], counts, strict=True)]
        )
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="x", visible=False)
        axes.set_xlabel(f"true {AXIS_NAMES[axis]}")
        axes.set_ylabel(f"{MEASURE_NAMES[measure]} (degrees)")
        axes.set_ylim(0, _top([*parts[0], *parts[1]], 1))
        legend_above(figure, *axes.get_legend_handles_labels())
        caption(figure, f"{about}. Whiskers: 95% intervals.")
        return save(figure, path)


def plot_cumulative(
    runs: Sequence[Scored], measure: Measure, path: Path, about: str, up_to: float = 30.0
) -> list[Path]:
    """The share of samples whose error is no larger than a limit, against the limit."""
    with styled_figure(3.6 + _LEGEND_ROW * len(runs)) as figure:
        axes = figure.subplots()
        for place, run in enumerate(runs):
            error, share = cumulative(run.error(measure))
            shown = look(place)
            axes.step(
                np.concatenate([[0.0], error, [max(up_to, error[-1])]]) if len(error) else [],
                100 * np.concatenate([[0.0], share, [1.0]]) if len(error) else [],
                where="post",
                label=plain(run.label),
                linewidth=1.3,
                markersize=4,
                markevery=((0.03 + 0.1 * place / max(len(runs), 1)), 0.14),
                **shown.line,
            )
        axes.set_xlim(0, up_to)
        axes.set_ylim(0, 100)
        axes.set_xlabel(f"{MEASURE_NAMES[measure]} (degrees)")
        axes.set_ylabel("samples with no larger error (%)")
        legend_above(figure, *axes.get_legend_handles_labels())
        caption(figure, f"{about}.")
        return save(figure, path)


def plot_risk(runs: Sequence[Scored], path: Path, about: str) -> list[Path]:
    """The mean GE of the samples that an estimator is surest of, against their share; no file without a confidence."""
    drawn = [(run.label, run.risk) for run in runs if run.risk is not None]
    if not drawn:
        return []
    with styled_figure(3.6 + _LEGEND_ROW * len(drawn)) as figure:
        axes = figure.subplots()
        for place, (label, risk) in enumerate(drawn):
            axes.plot(
                100 * risk.coverage,
                risk.risk,
                label=f"{plain(label)} (mean {risk.area:.2f}°)",
                linewidth=1.3,
                markersize=4,
                markevery=(len(risk.risk) // 16, max(1, len(risk.risk) // 8)),
                **look(place).line,
            )
        axes.set_xlim(0, 100)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("of the samples with a confidence, the surest first (%)")
        axes.set_ylabel("mean geodesic error (degrees)")
        legend_above(figure, *axes.get_legend_handles_labels())
        left_out = len(runs) - len(drawn)
        told = f" {left_out} estimators give no confidence." if left_out else ""
        caption(figure, f"{about}.{told}")
        return save(figure, path)


def _reach(binned: Binned, chosen: Any = slice(None)) -> Array:
    """How far the interval reaches below and above the mean (2, k), NaN where that is not known; no error is larger
    than a half turn."""
    high = np.minimum(binned.high, 180.0)
    return np.stack([(binned.mean - binned.low)[chosen], (high - binned.mean)[chosen]])


def _top(found: Sequence[Binned], least: int) -> float:
    """Where the axis ends: above every mean of ``least`` samples, and above every interval that is not far longer than
    the means."""
    means = [mean for binned in found for mean in binned.mean[binned.count >= least]]
    highs = [high for binned in found for high in np.nan_to_num(binned.high[binned.count >= least])]
    return 1.06 * float(max(min(max(highs, default=0.0), 1.5 * max(means, default=1.0)), *means, 0.1))


def _counts(axes: Any, edges: Array, counts: Any) -> None:
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color="#BBBBBB", edgecolor="white")
    for low, width, count in zip(edges[:-1], np.diff(edges), counts, strict=True):
        if count:
            axes.text(low + width / 2, count, f"{count:,}", ha="center", va="bottom", fontsize=7, color=GREY)
    axes.set_ylabel("samples")
    axes.set_yticks([])
    axes.set_ylim(0, max(counts) * 1.45)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)


def _mark_lock(axes: Any, edges: Array) -> None:
    """Where the other two angles trade, and MAE says little."""
    for sign in (-1, 1):
        first, last = sorted((sign * LOCK, sign * 120.0))
        if first < edges[-1] and last > edges[0]:
            axes.axvspan(max(first, edges[0]), min(last, edges[-1]), color="#000000", alpha=0.06, linewidth=0)
    axes.text(
        edges[-1],
        1.0,
        "near gimbal lock: angles trade ",
        transform=axes.get_xaxis_transform(),
        ha="right",
        va="top",
        fontsize=7,
        color=GREY,
    )


def _between(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
