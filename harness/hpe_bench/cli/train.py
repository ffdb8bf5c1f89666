"""hpe-bench train"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpe_bench.cli.common import (
    find_folders,
    folder_options,
    load_registry,
    main_dataset_options,
    plugin_options,
    print_json,
    print_rich,
)

if TYPE_CHECKING:
    from hpe_bench.plugins import Registry
    from hpe_bench.runs.progress import Progress
    from hpe_bench.runs.train.job import Request
    from hpe_bench.settings import Folders


@click.command("train")
@click.argument("estimator")
@click.option("--preset", metavar="NAME", help="A named way to train it; hpe-bench info ESTIMATOR lists them.  [first]")
@click.option("--dataset", "names", multiple=True, metavar="NAME", help="What to learn from. Repeatable.  [preset's]")
@main_dataset_options
@click.option("-o", "--option", "pairs", multiple=True, metavar="KEY=VALUE", help="An option of the training.")
@click.option("--as", "name", metavar="NAME", help="Name of the set of weights.  [PRESET-DATASET, -seedN]")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of whatever is random.")
@click.option("--identities", metavar="N,N,...", help="A series: train and evaluate with so many identities each.")
@click.option("--seeds", metavar="N,N,...", help="With --identities: train with each of these seeds.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--again", is_flag=True, help="Train anew, and replace the set of this name.")
@click.option("--keep-anyway", is_flag=True, help="Store a set that is no better than the zero pose, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, and nothing else.")
@folder_options("datasets", "weights", "results")
@plugin_options
def command(
    estimator: str,
    names: tuple[str, ...],
    dataset_pairs: tuple[str, ...],
    pairs: tuple[str, ...],
    identities: str | None,
    seeds: str | None,
    as_json: bool,
    datasets: Path | None,
    weights: Path | None,
    results: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
    **settings: Any,
) -> None:
    """Train ESTIMATOR, and store its weights.

    An identical training that is stored is used again; one that was interrupted goes on where it stopped. With
    --identities, it and its companions are trained on each number of identities and evaluated: a table and a plot.
    """
    from hpe_bench.errors import UsageError
    from hpe_bench.options import parse_pairs
    from hpe_bench.runs.progress import Progress
    from hpe_bench.runs.train.job import Request

    if seeds is not None and identities is None:
        raise UsageError("--seeds is for a series: it goes with --identities; one seed is --seed")
    if seeds is not None and settings["seed"]:
        raise UsageError("--seed or --seeds, not both")
    registry = load_registry(plugins, strict)
    request = Request(
        estimator,
        datasets=names,
        options=parse_pairs(pairs),
        dataset_options=parse_pairs(dataset_pairs, "-d "),
        **settings,
    )
    folders = find_folders(datasets=datasets, weights=weights, results=results)
    progress = Progress(quiet=as_json)
    if identities is None:
        _one(request, registry, folders, progress, as_json)
    else:
        counts = _numbers("--identities", identities)
        chosen = [request.seed] if seeds is None else _numbers("--seeds", seeds)
        _series(request, counts, chosen, registry, folders, progress, as_json)


def _one(request: Request, registry: Registry, folders: Folders, progress: Progress, as_json: bool) -> None:
    from hpe_bench.comparison.trainings import outcome_page, outcome_record
    from hpe_bench.runs.train.execute import train

    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is not the result
        record = outcome_record(train(request, registry, folders, progress))
    if as_json:
        print_json([record])
    else:
        print_rich(outcome_page(record))


def _series(
    request: Request,
    counts: list[int],
    seeds: list[int],
    registry: Registry,
    folders: Folders,
    progress: Progress,
    as_json: bool,
) -> None:
    from hpe_bench.comparison.plots.series import plot_series
    from hpe_bench.comparison.plots.style import require_matplotlib
    from hpe_bench.comparison.series import series_page, series_records, series_stem, write_series
    from hpe_bench.errors import LearnedNothing
    from hpe_bench.runs.train.series import run_series

    require_matplotlib()
    with contextlib.redirect_stdout(sys.stderr):
        points = run_series(request, counts, seeds, registry, folders, progress)
    records = series_records(points)
    stem = series_stem(records, request.estimator, folders.results)
    kept = stem.with_name(f"{stem.name}.json")
    write_series(records, kept)
    files = [*plot_series(records, stem), kept]
    if as_json:
        print_json(records)
    else:
        print_rich(series_page(records, files))
    failed = {point.result.label: point.result.error for point in points if point.result.error}
    # Several estimators of one training have one reason, which names that training.
    whose = {str(error): "" if isinstance(error, LearnedNothing) else f"{label}: " for label, error in failed.items()}
    for text, label in whose.items():
        print(f"Error: {label}{text}", file=sys.stderr)
    if failed:
        sys.exit(max(error.exit_code for error in failed.values()))


def _numbers(flag: str, text: str) -> list[int]:
    from hpe_bench.errors import UsageError

    try:
        return sorted(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{flag} {text}: numbers with commas between, such as 1,2,5") from None
