"""hpe-bench plot"""

from __future__ import annotations

import itertools
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpe_bench.cli.common import (
    find_folders,
    find_one_group,
    find_runs,
    folder_options,
    load_registry,
    overwrite_option,
    plugin_options,
    view_options,
)

if TYPE_CHECKING:
    from hpe_bench.runs.runfile import Run
    from hpe_bench.settings import Folders

_AXES = ("abs-yaw", "yaw", "pitch", "roll")
_KINDS = {
    "error": "the mean error against a true angle, with 95% intervals",
    "ranges": "the mean error in a few ranges of an angle, as bars",
    "cumulative": "the share of samples that err by no more",
    "angles": "predicted against true yaw, pitch and roll, a file an estimator",
    "risk-coverage": "the error of the samples that an estimator is surest of",
    "histogram": "how many samples there are of each true yaw, pitch and roll",
    "series": "the error against the identities learned from (train --identities)",
    "learning": "the validation error of each epoch of trainings, and whatever else they recorded, a file a stage",
    "model": "what an estimator shows of its model: of ESTIMATOR[:OPTION=VALUE], or of a training's run",
    "all": "each of these that there is something to draw for",
}
#: The kinds that an option changes something in.
_OPTIONS = {
    "--step": ("error", "histogram"),
    "--ranges": ("ranges", "histogram"),
    "--axis": ("error", "ranges", "histogram"),
    "--measure angle": ("error", "ranges"),
    "--weights": ("model",),
}
#: Those that are not drawn from runs of evaluations, and not by "all".
_APART = ("series", "learning", "model")
#: What a file of another format is called; any other suffix is a part of the stem, as in v1.2.
_UNKNOWN = (".pdf", ".eps", ".ps", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp")


@click.command(
    "plot",
    help="Draw stored runs, as PNG and SVG: those named, or a protocol's.\n\n"
    "KIND is one of:\n\n\b\n" + "\n".join(f"{name:<14} {text}" for name, text in _KINDS.items()),
)
@click.argument("kind", metavar="KIND")
@click.argument("targets", nargs=-1, metavar="[PATH|GLOB|PROTOCOL|ESTIMATOR]...")
@click.option(
    "--output",
    metavar="STEM|FOLDER/",
    help="Where to; STEM.png is PNG alone.  [results/plots/PROTOCOL/KIND]",
)
@overwrite_option
@click.option(
    "--axis",
    "axes",
    multiple=True,
    type=click.Choice(_AXES),
    help="Angle for error, ranges and histogram. Repeatable.  [abs-yaw; yaw, pitch and roll]",
)
@click.option(
    "--measure",
    type=click.Choice(["ge", "mae", "vmae", "yaw", "pitch", "roll", "angle"]),
    default="ge",
    show_default=True,
    help="The error to draw; angle: that of the axis itself.",
)
@click.option("--step", type=float, metavar="DEGREES", help="Width of a bin.  [about ten bins]")
@click.option(
    "--ranges",
    "cuts",
    multiple=True,
    metavar="[AXIS=]A,B,...",
    help="Where the ranges begin and end, of one axis or of all. Repeatable.  [0,30,60 and the largest]",
)
@click.option(
    "--up-to", type=float, default=30.0, show_default=True, metavar="DEGREES", help="Largest error of cumulative."
)
@click.option("--sanity", is_flag=True, help="Also zero, random and oracle, which check the harness.")
@view_options
@click.option("--every", is_flag=True, help="Also older runs of the same estimator.")
@click.option("--force", is_flag=True, help="Draw runs together that are of different data or protocols.")
@folder_options("results", "weights")
@plugin_options
def command(
    kind: str,
    targets: tuple[str, ...],
    output: str | None,
    overwrite: bool,
    axes: tuple[Any, ...],
    measure: Any,
    step: float | None,
    cuts: tuple[str, ...],
    up_to: float,
    sanity: bool,
    view: Any,
    wrap: Any,
    angles: Any,
    every: bool,
    force: bool,
    results: Path | None,
    weights: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
) -> None:
    """Draw stored runs; the help is made above, from the kinds."""
    from hpe_bench.comparison.curves import scored_runs
    from hpe_bench.comparison.plots.kinds import Wish, plot_kind
    from hpe_bench.comparison.plots.style import require_matplotlib
    from hpe_bench.errors import UnknownName, UsageError

    if kind not in _KINDS:
        raise UnknownName("kind of plot", kind, _KINDS)
    if not (math.isfinite(up_to) and up_to > 0):
        raise UsageError(f"--up-to {up_to:g}: it has to be a number, more than 0")
    edges = _cuts(cuts, axes)
    given_options: dict[str, Any] = {"--step": step, "--ranges": edges or None, "--axis": axes or None}
    given_options |= {"--measure angle": True if measure == "angle" else None, "--weights": weights}
    for option, given in given_options.items():
        if given is not None and kind not in (*_OPTIONS[option], "all"):
            raise UsageError(f"{option} is for {_listed(_OPTIONS[option])}, and changes nothing in {kind}")
    output = None if output is None else os.path.expanduser(output)
    if output is not None and Path(output).suffix.lower() in _UNKNOWN:
        raise UsageError(f"--output {output}: plots are written as .png and .svg; without a suffix as both")
    require_matplotlib()
    if kind == "series":
        _draw_series(targets, output, results, overwrite)
        return
    if kind == "learning":
        _draw_learning(targets, measure, output, results, overwrite)
        return
    if kind == "model":
        _draw_models(targets, output, overwrite, find_folders(results=results, weights=weights), plugins, strict)
        return
    found, differences = find_one_group(targets, results, every, force, angles)
    runs = found.runs if sanity else _competitors(found.runs)
    chosen = axes or tuple(axis for axis in _AXES if axis in edges) or (_AXES if kind == "all" else ())
    scored = scored_runs(runs, view, wrap)
    wish = Wish(_about(runs, view, differences), chosen, measure, step, edges, up_to)
    protocol = str(runs[0].manifest["protocol"]["name"])
    kinds = [name for name in _KINDS if name not in ("all", *_APART)] if kind == "all" else [kind]
    with _drawing(overwrite) as drawn:
        for name in kinds:
            stem = _stem(output, protocol, name, results, several=kind == "all")
            drawn(stem, partial(plot_kind, name, scored, wish))


def _draw_series(targets: Sequence[str], output: str | None, results: Path | None, overwrite: bool) -> None:
    from hpe_bench.comparison.plots.kinds import extended
    from hpe_bench.comparison.plots.series import plot_series
    from hpe_bench.comparison.series import find_series, read_series

    found = find_series(targets, find_folders(results=results).results)
    with _drawing(overwrite) as drawn:
        for path in found:
            if output is None:
                stem = path.with_suffix("")
            elif _is_folder(output):
                stem = Path(output) / path.stem
            else:
                stem = Path(output) if len(found) == 1 else extended(Path(output), path.stem)
            drawn(stem, partial(plot_series, read_series(path)))


def _draw_learning(
    targets: Sequence[str], measure: Any, output: str | None, results: Path | None, overwrite: bool
) -> None:
    from hpe_bench.comparison.plots.kinds import extended
    from hpe_bench.comparison.plots.learning import learning_charts, learning_curve, plot_learning
    from hpe_bench.comparison.plots.models import plot_chart
    from hpe_bench.errors import MissingError

    folder = find_folders(results=results).results
    trainings = find_runs(targets or [str(folder / "training")], results, every=True, trainings=True).trainings
    if not trainings:
        raise MissingError("plot learning draws trainings, and there is none; hpe-bench train makes one")
    label = ", ".join(dict.fromkeys(run.label for run in trainings))
    several = output is None or _is_folder(output)
    stem = (folder / "plots" if output is None else Path(output)) / "learning" if several else Path(str(output))
    with _drawing(overwrite) as drawn:
        if not several or any(len(learning_curve(run, measure)) for run in trainings):
            drawn(stem, partial(plot_learning, trainings, measure))
        for chart in learning_charts(trainings) if several else ():
            drawn(extended(stem, chart.name), partial(plot_chart, chart, label))


def _draw_models(
    targets: Sequence[str], output: str | None, overwrite: bool, folders: Folders, plugins: Sequence[str], strict: bool
) -> None:
    from hpe_bench.comparison.plots.kinds import extended
    from hpe_bench.comparison.plots.models import plot_chart, trained_spec
    from hpe_bench.errors import UsageError
    from hpe_bench.runs.opening import charts_by_name
    from hpe_bench.runs.train.runfile import open_training

    if not targets:
        raise UsageError("plot model: name an estimator, such as nlml:weights=full, or the run file of a training")
    registry = load_registry(plugins, strict)
    with _drawing(overwrite) as drawn:
        for target in targets:
            spec, own = target, folders
            if Path(target).suffix == ".h5":
                spec, trained = trained_spec(open_training(target))
                own = replace(folders, weights=trained)
            label, charts = charts_by_name(registry, spec, own)
            for chart in charts:
                if output is None or _is_folder(output):
                    folder = folders.results / "plots" if output is None else Path(output)
                    stem = extended(folder / "model", label, chart.name)
                else:
                    stem = extended(Path(output), *([label] if len(targets) > 1 else []), chart.name)
                drawn(stem, partial(plot_chart, chart, label))


@contextmanager
def _drawing(overwrite: bool) -> Iterator[Callable[[Path, Callable[[Path], list[Path]]], None]]:
    """What is drawn in the block, by a stem and a function of one, is put in place and printed when it ends."""
    from hpe_bench.errors import UsageError
    from hpe_bench.outputs import write_outputs

    contents: dict[Path, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:

        def draw(stem: Path, how: Callable[[Path], list[Path]]) -> None:
            for path in how(Path(folder) / stem.name):
                contents[stem.parent / path.name] = path.read_bytes()
                path.unlink()

        yield draw
    if not contents:
        raise UsageError("none of these estimators gives a confidence: there is no risk-coverage to draw")
    write_outputs(contents, overwrite)
    for path in contents:
        print(path, file=sys.stdout)


def _competitors(runs: Sequence[Run]) -> list[Run]:
    from hpe_bench.comparison.scores import SANITY

    return [run for run in runs if run.manifest["estimator"] not in SANITY] or list(runs)


def _cuts(texts: Sequence[str], axes: Sequence[str]) -> dict[str, list[float]]:
    """The ends of ranges by axis, under "" those of all."""
    from hpe_bench.errors import UnknownName, UsageError

    found: dict[str, list[float]] = {}
    for text in texts:
        axis, named, numbers = text.rpartition("=")
        if named and axis not in _AXES:
            raise UnknownName("axis", axis, _AXES)
        if axis in found or (axes and named and axis not in axes):
            why = "given twice" if axis in found else f"of an axis that is not drawn (--axis {axis} draws it)"
            raise UsageError(f"--ranges {text}: {why}")
        try:
            cuts = [float(part) for part in numbers.split(",")]
        except ValueError:
            cuts = []
        rising = all(low < high for low, high in itertools.pairwise(cuts))
        if len(cuts) < 2 or not all(map(math.isfinite, cuts)) or not rising:
            raise UsageError(f"--ranges {text}: at least two rising numbers with commas between, such as 0,30,60,90")
        found[axis] = cuts
    return found


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _about(runs: Sequence[Run], view: str, differences: Sequence[str]) -> str:
    from hpe_bench.comparison.scores import notes
    from hpe_bench.comparison.sheet import partial_note

    shared = [note for note in notes(runs[0]) if all(note in notes(run) for run in runs)]
    marks = [f"not comparable, drawn by --force: different {'; '.join(differences)}"] if differences else []
    marks += partial_note([{"partial": run.partial} for run in runs])
    names = sorted({str(run.manifest["protocol"]["name"]) for run in runs})
    return ". ".join([f"{', '.join(names)}, view '{view}'", *shared, *marks])


def _stem(output: str | None, protocol: str, kind: str, results: Path | None, several: bool) -> Path:
    from hpe_bench.comparison.plots.kinds import extended

    if output is None:
        return find_folders(results=results).results / "plots" / protocol / kind
    if _is_folder(output):
        return Path(output) / kind
    return extended(Path(output), kind) if several else Path(output)


def _is_folder(output: str) -> bool:
    return output.endswith("/") or Path(output).is_dir()
