"""What the commands share: options that several take, and output."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hpe_bench.orders import EULER_ORDERS, EulerOrder

if TYPE_CHECKING:
    from hpe_bench.comparison.collect import Collection
    from hpe_bench.datasets import Dataset
    from hpe_bench.options import Purpose
    from hpe_bench.plugins import Registry
    from hpe_bench.settings import Folders

F = TypeVar("F", bound=Callable[..., Any])


class UserPath(click.Path):
    """A path, ``~`` replaced by the home folder also where no shell did that."""

    def __init__(self, dir_okay: bool = True) -> None:
        super().__init__(path_type=Path, dir_okay=dir_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from hpe_bench.settings import user_path

        return super().convert(user_path(value), param, ctx)


_FOLDER = UserPath()
#: A terminal of fewer columns is written to as if it had these; a pipe has at least those.
_NARROWEST, _PIPE = 20, 100
_NAME_IT = "to see one all the same, name its file"


def plugin_options(function: F) -> F:
    """--plugin and --strict."""
    function = click.option("--strict", is_flag=True, help="A plugin with a problem is an error.")(function)
    return click.option(
        "--plugin",
        "plugins",
        multiple=True,
        metavar="PATH",
        help="A plugin: a Python file or a folder. Repeatable.",
    )(function)


def folder_options(*names: str) -> Callable[[F], F]:
    """--datasets, --weights, --results: those named."""

    def decorate(function: F) -> F:
        for name in reversed(names):
            text = f"Folder of {name}.  [HPE_BENCH_{name.upper()}; ./{name}]"
            function = click.option(f"--{name}", type=_FOLDER, help=text)(function)
        return function

    return decorate


def scoring_options(function: F) -> F:
    """--view, --wrap, --angles and --json."""
    function = click.option("--json", "as_json", is_flag=True, help="Print one JSON list, and nothing else.")(function)
    return view_options(function)


def view_options(function: F) -> F:
    """--view, --wrap and --angles."""
    function = click.option(
        "--angles",
        type=click.Choice(EULER_ORDERS),
        help="Count MAE in this order of the angles.  [the protocol's]",
    )(function)
    function = click.option(
        "--wrap",
        type=click.Choice(["wrap360", "plain", "fold180"]),
        default="wrap360",
        show_default=True,
        help="Difference of angles: around the circle; as it stands; or with a half turn as none.",
    )(function)
    return click.option(
        "--view",
        type=click.Choice(["all", "detected", "common"]),
        default="all",
        show_default=True,
        help="Samples scored: all (no prediction = zero pose); those predicted; those that all predicted.",
    )(function)


def overwrite_option(function: F) -> F:
    """--overwrite."""
    return click.option("--overwrite", is_flag=True, help="Replace files that are there already.")(function)


def dataset_options(function: F) -> F:
    """--root and -d."""
    return _dataset_options("An option of the dataset.")(function)


def main_dataset_options(function: F) -> F:
    """--root and -d where there may be several datasets."""
    return _dataset_options("An option of the first dataset; DATASET.KEY=VALUE of another.")(function)


def _dataset_options(text: str) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        function = click.option(
            "-d", "--dataset-option", "dataset_pairs", multiple=True, metavar="KEY=VALUE", help=text
        )(function)
        return click.option("--root", type=_FOLDER, help="The dataset's folder, where it is not below --datasets.")(
            function
        )

    return decorate


def find_plugins(plugins: Sequence[str]) -> Registry:
    """The plugins, with those that are given before the command."""
    from hpe_bench.plugins import discover

    root = click.get_current_context().find_root().params
    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is not the result
        return discover([*root["plugins"], *plugins])


def look_at(registry: Registry) -> None:
    """Load all that is registered, so that the problems of each plugin are known."""
    from hpe_bench.declarations.registry import look

    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is not the result
        look(registry)


def is_strict(strict: bool) -> bool:
    """Whether --strict stands before or behind the command."""
    return strict or bool(click.get_current_context().find_root().params["strict"])


def load_registry(plugins: Sequence[str], strict: bool) -> Registry:
    """The plugins, none of them clashing; those set aside are told of on standard error."""
    registry = find_plugins(plugins)
    if is_strict(strict):
        look_at(registry)
    registry.check(is_strict(strict))
    for plugin in registry.plugins:
        for problem in plugin.problems:
            what = "set aside" if plugin.failed else "warning"
            print(f"plugin {plugin.name} ({plugin.distribution}), {what}: {problem}", file=sys.stderr)
    return registry


def find_folders(**given: Path | None) -> Folders:
    """The folders given behind the command, else before it, else in the environment."""
    from hpe_bench.settings import resolve_folders

    root = click.get_current_context().find_root().params
    datasets, weights, results = (given.get(name) or root[name] for name in ("datasets", "weights", "results"))
    return resolve_folders(datasets, weights, results)


def find_runs(targets: Sequence[str], results: Path | None, every: bool, trainings: bool = False) -> Collection:
    """The stored runs and failures that are meant; damaged files are told of on standard error.

    Without ``trainings``, :class:`MissingError` where there is nothing else, and :class:`DataError` where the labels
    are at fault, or the oracle is not 0.
    """
    from hpe_bench.comparison.collect import collect
    from hpe_bench.comparison.truth import check_truth
    from hpe_bench.errors import DataError, MissingError

    folders = find_folders(results=results)
    found = collect(targets, folders, every)
    for damaged in found.damaged:
        print(f"left out: {damaged}", file=sys.stderr)
    of_trainings = bool(found.trainings or found.failed_trainings)
    if not found.runs and not found.partial and not found.failed and not (trainings and of_trainings):
        if found.damaged:
            raise DataError("every run that is meant is damaged")
        if of_trainings:
            raise MissingError(f"only trainings at {' '.join(targets) or folders.results}: hpe-bench show shows them")
        raise MissingError(f"no run at {' '.join(targets) or folders.results}; make some with hpe-bench eval")
    if not trainings:
        check_truth([*found.runs, *found.partial])
    return found


def count_in(found: Collection, angles: EulerOrder | None) -> None:
    """Have the MAE of every run counted in an order, where one is given."""
    from hpe_bench.comparison.recount import recount

    found.runs, found.partial = ([recount(run, angles) for run in own] for own in (found.runs, found.partial))


def leave_partial_out(found: Collection) -> None:
    """Tell of the runs of a part of the samples that nobody named, and forget them; :class:`MissingError` where there
    are no others."""
    from hpe_bench.errors import MissingError

    if found.partial and not found.runs:
        first = found.partial[0].path
        raise MissingError(f"there are only runs of a part of the samples (--limit), such as {first}; {_NAME_IT}")
    if found.partial:
        labels = ", ".join(dict.fromkeys(run.label for run in found.partial))
        print(f"left out, of a part of the samples (--limit): {labels}; {_NAME_IT}", file=sys.stderr)
    found.partial = []


def find_one_group(
    targets: Sequence[str], results: Path | None, every: bool, force: bool, angles: EulerOrder | None = None
) -> tuple[Collection, list[str]]:
    """Runs that can stand beside each other, and what is different between them where ``force`` lets them.

    :class:`UsageError` where they cannot, and where without targets there are runs of several protocols.
    """
    from hpe_bench.comparison.collect import check_comparable
    from hpe_bench.errors import MissingError, UsageError

    found = find_runs(targets, results, every)
    count_in(found, angles)
    leave_partial_out(found)
    protocols = sorted({str(run.manifest["protocol"]["name"]) for run in found.runs})
    if not targets and len(protocols) > 1 and not force:
        raise UsageError(f"there are runs of several protocols; name one: {', '.join(protocols)}")
    if not found.runs:
        raise MissingError("every evaluation that is meant failed; hpe-bench compare shows why")
    return found, check_comparable(found.runs, force)


def print_json(records: Iterable[Any]) -> None:
    """One JSON list on standard output."""
    click.echo(json.dumps(list(records), indent=1, allow_nan=False))


def print_rich(*things: Any) -> None:
    """Rich output on standard output; where that is no terminal and COLUMNS says nothing, 100 columns wide, and as much
    wider as a table needs, so that a row stays on one line."""
    import os

    from hpe_bench.text import safe_console

    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        width = max(_terminal_width(), _NARROWEST)
    else:
        width = max([_PIPE, *(_least_width(thing) for thing in things)])
    # A height as well, without which rich takes a dumb terminal for one of 80 columns.
    console = safe_console(sys.stdout, width=width, height=25)
    for thing in things:
        console.print(thing)


def _terminal_width() -> int:
    """As shutil has it, of the standard output that is the harness's own."""
    import os
    import shutil

    try:
        fallback = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return shutil.get_terminal_size().columns
    return shutil.get_terminal_size().columns if os.environ.get("COLUMNS", "").isdecimal() else fallback


def _least_width(thing: Any) -> int:
    """The width in which no table of something printed has to be divided."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(width=10_000)
    return Measurement.get(console, console.options, thing).minimum


def open_given_dataset(
    registry: Registry,
    name: str,
    datasets: Path | None,
    root: Path | None,
    pairs: Sequence[str],
    purpose: Purpose = "evaluate",
) -> Dataset:
    """The dataset of a name, its folder and its options as given."""
    from hpe_bench.options import parse_pairs
    from hpe_bench.runs.selection import open_dataset

    given = parse_pairs(pairs, "-d ")
    return open_dataset(registry, name, find_folders(datasets=datasets), root, given, purpose, given)


def in_words(value: Any) -> str:
    """A list or a mapping as a person would write it."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {in_words(part)}" for key, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def listing(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    """A plain table of text."""
    from hpe_bench.comparison.layout import FittedTable

    table = FittedTable(edges=True)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    return table
