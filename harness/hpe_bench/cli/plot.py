"""hpe-bench plot"""

from __future__ import annotations

import itertools
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpe_bench.cli.common import find_folders, find_one_group, folder_options, overwrite_option, view_options

if TYPE_CHECKING:
    from hpe_bench.runs.runfile import Run

_AXES = ("abs-yaw", "yaw", "pitch", "roll")
_KINDS = {
    "error": "the mean error against a true angle, with 95% intervals",
    "ranges": "the mean error in a few ranges of an angle, as bars",
    "cumulative": "the share of samples that err by no more",
    "angles": "predicted against true yaw, pitch and roll, a file an estimator",
    "risk-coverage": "the error of the samples that an estimator is surest of",
    "series": "the error against the identities learned from (train --identities)",
    "learning": "the validation error of each epoch, of runs of trainings",
    "all": "each of these that there is something to draw for",
}
#: The kinds that an option changes something in.
_OPTIONS = {"--step": ("error",), "--ranges": ("ranges",), "--axis": ("error", "ranges")}
#: What a file of another format is called; any other suffix is a part of the stem, as in v1.2.
_UNKNOWN = (".pdf", ".eps", ".ps", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp")


@click.command(
    "plot",
    help="Draw stored runs, as PNG and SVG: those named, or a protocol's.\n\n"
    "KIND is one of:\n\n\b\n" + "\n".join(f"{name:<14} {text}" for name, text in _KINDS.items()),
)
@click.argument("kind", metavar="KIND")
@click.argument("targets", nargs=-1, metavar="[PATH|GLOB|PROTOCOL]...")
@click.option(
    "--output",
    metavar="STEM|FOLDER/",
    help="Where to; STEM.png is PNG alone.  [results/plots/PROTOCOL/KIND]",
)
@overwrite_option
@click.option(
    "--axis", "axes", multiple=True, type=click.Choice(_AXES), help="Angle for error and ranges. Repeatable.  [abs-yaw]"
)
@click.option(
    "--measure", type=click.Choice(["ge", "mae", "vmae"]), default="ge", show_default=True, help="The error to draw."
)
@click.option("--step", type=float, metavar="DEGREES", help="Width of a bin of error.  [about ten bins]")
@click.option("--ranges", "cuts", metavar="A,B,...", help="Where the ranges begin and end.  [0,30,60 and the largest]")
@click.option(
    "--up-to", type=float, default=30.0, show_default=True, metavar="DEGREES", help="Largest error of cumulative."
)
@click.option("--sanity", is_flag=True, help="Also zero, random and oracle, which check the harness.")
@view_options
@click.option("--every", is_flag=True, help="Also older runs of the same estimator.")
@click.option("--force", is_flag=True, help="Draw runs together that are of different data or protocols.")
@folder_options("results")
def command(
    kind: str,
    targets: tuple[str, ...],
    output: str | None,
    overwrite: bool,
    axes: tuple[Any, ...],
    measure: Any,
    step: float | None,
    cuts: str | None,
    up_to: float,
    sanity: bool,
    view: Any,
    wrap: Any,
    every: bool,
    force: bool,
    results: Path | None,
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
    edges = _cuts(cuts)
    for option, given in (("--step", step is not None), ("--ranges", edges is not None), ("--axis", bool(axes))):
        if given and kind not in (*_OPTIONS[option], "all"):
            raise UsageError(f"{option} is for {' and '.join(_OPTIONS[option])}, and changes nothing in {kind}")
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
    found, differences = find_one_group(targets, results, every, force)
    runs = found.runs if sanity else _competitors(found.runs)
    chosen = axes or (_AXES if kind == "all" else ("abs-yaw",))
    scored = scored_runs(runs, view, wrap)
    wish = Wish(_about(runs, view, differences), chosen, measure, step, edges, up_to)
    protocol = str(runs[0].manifest["protocol"]["name"])
    kinds = [name for name in _KINDS if name not in ("all", "series", "learning")] if kind == "all" else [kind]
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
    from hpe_bench.cli.common import find_runs
    from hpe_bench.comparison.plots.learning import plot_learning
    from hpe_bench.errors import MissingError

    folder = find_folders(results=results).results / "training"
    found = find_runs(targets or [str(folder)], results, every=True, trainings=True)
    if not found.trainings:
        raise MissingError(f"no training's run at {' '.join(targets) or folder}; hpe-bench train makes them")
    with _drawing(overwrite) as drawn:
        if output is None:
            stem = folder / "learning"
        else:
            stem = Path(output) / "learning" if _is_folder(output) else Path(output)
        drawn(stem, partial(plot_learning, found.trainings, measure))


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


def _cuts(text: str | None) -> list[float] | None:
    from hpe_bench.errors import UsageError

    if text is None:
        return None
    try:
        cuts = [float(part) for part in text.split(",")]
    except ValueError:
        cuts = []
    if (
        len(cuts) < 2
        or not all(map(math.isfinite, cuts))
        or not all(low < high for low, high in itertools.pairwise(cuts))
    ):
        raise UsageError(f"--ranges {text}: at least two rising numbers with commas between, such as 0,30,60,90")
    return cuts


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
