"""The kinds of plots of stored runs, each under the name that the command line knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hpe_bench.comparison.curves import RANGES, Axis, Measure, Scored, along, range_edges
from hpe_bench.comparison.plots.angles import plot_angles
from hpe_bench.comparison.plots.errors import plot_cumulative, plot_error, plot_ranges, plot_risk
from hpe_bench.comparison.plots.style import FORMATS
from hpe_bench.errors import UsageError


@dataclass(frozen=True)
class Wish:
    """How plots are to be drawn. ``about`` says which samples they are of; ``cuts`` are where ranges begin and end."""

    about: str
    axes: Sequence[Axis] = ("abs-yaw",)
    measure: Measure = "ge"
    step: float | None = None
    cuts: Sequence[float] | None = None
    up_to: float = 30.0


def plot_kind(kind: str, runs: Sequence[Scored], wish: Wish, stem: Path) -> list[Path]:
    """Draw one of :data:`KINDS`, and return the files written: ``stem`` with what tells several apart, and a suffix.

    :class:`UsageError` where the runs have nothing to draw.
    """
    if not any(len(run) for run in runs):
        raise UsageError("no sample is scored in this view: there is nothing to draw")
    drawn = sorted((run for run in runs if len(run)), key=lambda run: float(run.error(wish.measure).mean()))
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
    for axis in wish.axes:
        path = stem if len(wish.axes) == 1 else extended(stem, axis)
        files += plot_error(runs, axis, wish.measure, path, wish.about, wish.step)
    return files


def _ranges(runs: Sequence[Scored], wish: Wish, stem: Path) -> list[Path]:
    files: list[Path] = []
    for axis in wish.axes:
        path = stem if len(wish.axes) == 1 else extended(stem, axis)
        edges = None if wish.cuts is None else np.asarray(wish.cuts, dtype=np.float64)
        if edges is None and axis != "abs-yaw":
            largest = range_edges([np.abs(along(run, axis)) for run in runs], RANGES)
            edges = np.concatenate([-largest[:0:-1], largest[1:]])
        files += plot_ranges(runs, axis, wish.measure, path, wish.about, edges)
    return files


def _cumulative(runs: Sequence[Scored], wish: Wish, stem: Path) -> list[Path]:
    return plot_cumulative(runs, wish.measure, stem, wish.about, wish.up_to)


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
}
