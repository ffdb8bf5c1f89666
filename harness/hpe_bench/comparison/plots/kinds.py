"""The kinds of plots of stored runs, each under the name that the command line knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from hpe_bench.comparison.curves import RANGES, Array, Axis, Measure, Scored, along, range_edges
from hpe_bench.comparison.plots.angles import plot_angles
from hpe_bench.comparison.plots.errors import plot_cumulative, plot_error, plot_ranges, plot_risk
from hpe_bench.comparison.plots.histogram import plot_histogram
from hpe_bench.comparison.plots.style import FORMATS
from hpe_bench.errors import UsageError


@dataclass(frozen=True)
class Wish:
    """How plots are to be drawn. ``about`` says which samples they are of; ``cuts`` are where ranges begin and end, by
    axis, or under "" for all. The measure "angle" is that of each axis's own angle; no axes are those usual for a kind.
    """

    about: str
    axes: Sequence[Axis] = ()
    measure: Measure | Literal["angle"] = "ge"
    step: float | None = None
    cuts: Mapping[str, Sequence[float]] = field(default_factory=dict)
    up_to: float = 30.0

    def measure_along(self, axis: Axis) -> Measure:
        """The measure that is drawn along an axis."""
        if self.measure != "angle":
            return self.measure
        return "yaw" if axis == "abs-yaw" else axis

    def edges(self, axis: Axis) -> Array | None:
        """Where the ranges of an axis begin and end, where that is said."""
        cuts = self.cuts.get(axis, self.cuts.get(""))
        return None if cuts is None else np.asarray(cuts, dtype=np.float64)


def plot_kind(kind: str, runs: Sequence[Scored], wish: Wish, stem: Path) -> list[Path]:
    """Draw one of :data:`KINDS`, and return the files written: ``stem`` with what tells several apart, and a suffix.

    :class:`UsageError` where the runs have nothing to draw.
    """
    if not any(len(run) for run in runs):
        raise UsageError("no sample is scored in this view: there is nothing to draw")
    measure = "mae" if wish.measure == "angle" else wish.measure
    drawn = sorted((run for run in runs if len(run)), key=lambda run: float(run.error(measure).mean()))
    absent = ", ".join(run.label for run in runs if not len(run))
    about = f"{wish.about}. Without any sample in this view: {absent}" if absent else wish.about
    return KINDS[kind](drawn, replace(wish, about=about), stem)


def extended(path: Path, *words: str) -> Path:
    """A path with words behind its name, before the suffix of a plot if it has one; none that a file cannot have."""
    suffix = path.suffix if path.suffix[1:] in FORMATS else ""
    safe = (re.sub(r"[^A-Za-z0-9.=_-]+", "-", word)[:100] for word in words)
    return path.with_name("-".join([path.name.removesuffix(suffix), *safe]) + suffix)


def _error(runs: Sequence[Scored], wish: Wish, stem: Path) -> list[Path]:
    files: list[Path] = []
    for axis, path in _paths(wish, stem):
        files += plot_error(runs, axis, wish.measure_along(axis), path, wish.about, wish.step)
    return files


def _ranges(runs: Sequence[Scored], wish: Wish, stem: Path) -> list[Path]:
    files: list[Path] = []
    for axis, path in _paths(wish, stem):
        edges = wish.edges(axis)
        if edges is None and axis != "abs-yaw":
            largest = range_edges([np.abs(along(run, axis)) for run in runs], RANGES)
            edges = np.concatenate([-largest[:0:-1], largest[1:]])
        files += plot_ranges(runs, axis, wish.measure_along(axis), path, wish.about, edges)
    return files


def _paths(wish: Wish, stem: Path) -> list[tuple[Axis, Path]]:
    """A path for each axis, by the axis's name where there are several."""
    axes = wish.axes or ("abs-yaw",)
    return [(axis, stem if len(axes) == 1 else extended(stem, axis)) for axis in axes]


def _histogram(runs: Sequence[Scored], wish: Wish, stem: Path) -> list[Path]:
    axes: Sequence[Axis] = wish.axes or ("yaw", "pitch", "roll")
    edges = {axis: own for axis in axes if (own := wish.edges(axis)) is not None}
    return plot_histogram(runs, axes, stem, wish.about, edges, wish.step)


def _cumulative(runs: Sequence[Scored], wish: Wish, stem: Path) -> list[Path]:
    return plot_cumulative(runs, wish.measure_along("abs-yaw"), stem, wish.about, wish.up_to)


def _angles(runs: Sequence[Scored], wish: Wish, stem: Path) -> list[Path]:
    files: list[Path] = []
    names: set[str] = set()
    for place, run in enumerate(runs):
        path = extended(stem, run.label)
        if path.name in names:
            path = extended(stem, run.label, str(place))
        names.add(path.name)
        files += plot_angles(run, path, wish.about)
    return files


def _risk(runs: Sequence[Scored], wish: Wish, stem: Path) -> list[Path]:
    return plot_risk(runs, stem, wish.about)


KINDS: dict[str, Callable[[Sequence[Scored], Wish, Path], list[Path]]] = {
    "error": _error,
    "ranges": _ranges,
    "cumulative": _cumulative,
    "angles": _angles,
    "risk-coverage": _risk,
    "histogram": _histogram,
}
