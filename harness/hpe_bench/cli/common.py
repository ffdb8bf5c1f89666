"""What the commands share: options that several take, and output."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from hpe_bench.comparison.collect import Collection
    from hpe_bench.datasets import Dataset
    from hpe_bench.options import Purpose
    from hpe_bench.plugins import Registry
    from hpe_bench.settings import Folders

F = TypeVar("F", bound=Callable[..., Any])

_FOLDER = click.Path(path_type=Path)


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
    """--view, --wrap and --json."""
    function = click.option("--json", "as_json", is_flag=True, help="Print one JSON list, and nothing else.")(function)
    return view_options(function)


def view_options(function: F) -> F:
    """--view and --wrap."""
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
    from hpe_bench.registry_checks import look

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

    Without ``trainings``, :class:`MissingError` where there is nothing else.
    """
    from hpe_bench.comparison.collect import collect
    from hpe_bench.errors import DataError, MissingError

    folders = find_folders(results=results)
    found = collect(targets, folders, every)
    for damaged in found.damaged:
        print(f"left out: {damaged}", file=sys.stderr)
    of_trainings = bool(found.trainings or found.failed_trainings)
    if not found.runs and not found.failed and not (trainings and of_trainings):
        if found.damaged:
            raise DataError("every run that is meant is damaged")
        if of_trainings:
            raise MissingError(f"only trainings at {' '.join(targets) or folders.results}: hpe-bench show shows them")
        raise MissingError(f"no run at {' '.join(targets) or folders.results}; make some with hpe-bench eval")
    return found


def find_one_group(
    targets: Sequence[str], results: Path | None, every: bool, force: bool
) -> tuple[Collection, list[str]]:
    """Runs that can stand beside each other, and what is different between them where ``force`` lets them.

    :class:`UsageError` where they cannot, and where without targets there are runs of several protocols.
    """
    from hpe_bench.comparison.collect import check_comparable
    from hpe_bench.errors import MissingError, UsageError

    found = find_runs(targets, results, every)
    protocols = sorted({str(run.manifest["protocol"]["name"]) for run in found.runs})
    if not targets and len(protocols) > 1 and not force:
        raise UsageError(f"there are runs of several protocols; name one: {', '.join(protocols)}")
    if not found.runs:
        raise MissingError("every evaluation that is meant failed; hpe-bench compare shows why")
    return found, check_comparable(found.runs, force)


def print_json(records: Sequence[Any]) -> None:
    """One JSON list on standard output."""
    click.echo(json.dumps(list(records), indent=1, allow_nan=False))


def print_rich(*things: Any) -> None:
    """Rich output on standard output; 100 columns wide where that is no terminal and COLUMNS says nothing."""
    import os

    from rich.console import Console

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
    console = Console(width=width, highlight=False)
    for thing in things:
        console.print(thing)


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
    """A plain rich table of text."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=index == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # not markup: a name or a message may hold brackets
    return table
