"""hpe-bench eval"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import click

from hpe_bench.cli.common import (
    dataset_options,
    find_folders,
    folder_options,
    load_registry,
    plugin_options,
    print_json,
    print_rich,
    scoring_options,
)


@click.command("eval")
@click.argument("estimators", nargs=-1, metavar="[ESTIMATOR[:OPTION=VALUE]...]...")
@click.option("--dataset", help="The dataset; its default protocol, where no --protocol is named.")
@click.option("--protocol", help="dataset/selection, or with --dataset the selection alone.")
@click.option("-o", "--option", "pairs", multiple=True, metavar="KEY=VALUE", help="An option of the estimators.")
@dataset_options
@scoring_options
@click.option("--crop", help="Crop rule for every estimator, instead of its own or the protocol's.")
@click.option("--extractor", help="Landmark extractor, instead of the estimator's.")
@click.option("--limit", type=int, metavar="N", help="A quick look at N samples, evenly spread; marked as partial.")
@click.option("--skip-bad", is_flag=True, help="Leave out samples that cannot be read, and record them.")
@click.option("--again", is_flag=True, help="Evaluate anew where an identical run is stored.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of whatever is random.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--batch-size", type=int, default=64, show_default=True, help="Samples an estimator sees at once.")
@click.option("--workers", type=int, help="Processes that find landmarks.  [all cores]")
@folder_options("datasets", "weights", "results")
@plugin_options
def command(
    estimators: tuple[str, ...],
    pairs: tuple[str, ...],
    dataset_pairs: tuple[str, ...],
    datasets: Path | None,
    weights: Path | None,
    results: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
    view: str,
    wrap: str,
    angles: Any,
    as_json: bool,
    **settings: Any,
) -> None:
    """Evaluate ESTIMATORS, or without any all that can run, and print the table.

    An identical run that is stored is used again; one that was interrupted goes on where it stopped.
    """
    from hpe_bench.api import records_of
    from hpe_bench.comparison.table import results_table
    from hpe_bench.errors import DataError, RunFailed
    from hpe_bench.options import parse_pairs
    from hpe_bench.runs.evaluate import Request, evaluate_all
    from hpe_bench.runs.progress import Progress

    registry = load_registry(plugins, strict)
    request = Request(
        estimators=estimators,
        options=parse_pairs(pairs),
        dataset_options=parse_pairs(dataset_pairs, "-d "),
        **settings,
    )
    progress = Progress(quiet=as_json)
    folders = find_folders(datasets=datasets, weights=weights, results=results)
    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is not the result
        found = evaluate_all(request, registry, folders, progress)
    records = records_of(found, view, wrap, registry, angles)  # type: ignore[arg-type]
    some = any(result.run is not None for result in found)
    if as_json:
        print_json(records)
    elif some:
        reused = sum(result.reused for result in found)
        extra = [f"{reused} stored runs used again (--again evaluates anew)"] if reused else []
        print_rich(results_table(records, extra))
    # What was not asked for by name may be unable to run; what ran and failed is an error all the same.
    failed = [
        (result.label, result.error)
        for result in found
        if result.error and (estimators or not some or isinstance(result.error, (RunFailed, DataError)))
    ]
    for label, error in failed:
        said = str(error)
        print(f"Error: {said if said.startswith(label) else f'{label}: {said}'}", file=sys.stderr)
    if failed:
        sys.exit(max(error.exit_code for _, error in failed))
