"""hpe-bench eval"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpe_bench.cli.common import (
    UserPath,
    dataset_options,
    find_folders,
    folder_options,
    load_registry,
    plugin_options,
    print_json,
    print_rich,
    scoring_options,
)

if TYPE_CHECKING:
    from hpe_bench.errors import HpeBenchError
    from hpe_bench.plugins import Registry
    from hpe_bench.runs.evaluate import Result
    from hpe_bench.runs.progress import Progress
    from hpe_bench.settings import Folders


@click.command("eval")
@click.argument("estimators", nargs=-1, metavar="[ESTIMATOR[:OPTION=VALUE]...]...")
@click.option("--dataset", help="The dataset; its default protocol, where no --protocol is named.")
@click.option("--protocol", help="dataset/selection, or with --dataset the selection alone.")
@click.option("-o", "--option", "pairs", multiple=True, metavar="KEY=VALUE", help="An option of the estimators.")
@dataset_options
@scoring_options
@click.option("--columns", metavar="A,B,...", help="Which columns the table has, as in compare.")
@click.option("--crop", help="Crop rule for every estimator, instead of its own or the protocol's.")
@click.option("--extractor", help="Landmark extractor, instead of the estimator's.")
@click.option("--limit", type=int, metavar="N", help="A quick look at N samples, evenly spread; marked as partial.")
@click.option(
    "--show",
    type=click.IntRange(min=1),
    metavar="N",
    help="Write the first N crops as each estimator was given them, with true and predicted axes.",
)
@click.option(
    "--show-to", type=UserPath(), metavar="FOLDER", help="Where --show writes, a folder a run.  [RESULTS/shown]"
)
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
    columns: str | None,
    show: int | None,
    show_to: Path | None,
    **settings: Any,
) -> None:
    """Evaluate ESTIMATORS, or without any all that can run, and print the table.

    An identical run that is stored is used again; one that was interrupted goes on where it stopped.
    """
    from hpe_bench.api import metrics_of, records_of
    from hpe_bench.comparison.columns import choose_columns
    from hpe_bench.comparison.table import results_table
    from hpe_bench.errors import DataError, RunFailed, UsageError
    from hpe_bench.options import parse_pairs
    from hpe_bench.runs.evaluate import Request, evaluate_all
    from hpe_bench.runs.progress import Progress

    if show_to is not None and show is None:
        raise UsageError("--show-to is where --show N writes: say how many crops with --show")
    if show_to is not None and show_to.exists() and not show_to.is_dir():
        raise UsageError(f"--show-to {show_to}: a file is there, where a folder is to be: choose another place")
    registry = load_registry(plugins, strict)
    shown = choose_columns(columns.split(","), list(metrics_of(registry))) if columns else []
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
        print_rich(results_table(records, extra, shown))
    unshown: list[tuple[str, HpeBenchError]] = []
    if show is not None:
        target = show_to or folders.results / "shown"
        unshown = _show(found, show, target, registry, folders, progress, request.workers, as_json)
    # What was not asked for by name may be unable to run; what ran and failed is an error all the same.
    failed = [
        (result.label, result.error)
        for result in found
        if result.error and (estimators or not some or isinstance(result.error, (RunFailed, DataError)))
    ]
    failed += unshown
    for label, error in failed:
        said = str(error)
        print(f"Error: {said if said.startswith(label) else f'{label}: {said}'}", file=sys.stderr)
    if failed:
        sys.exit(max(error.exit_code for _, error in failed))


def _show(
    found: list[Result],
    count: int,
    target: Path,
    registry: Registry,
    folders: Folders,
    progress: Progress,
    workers: int | None,
    aside: bool,
) -> list[tuple[str, HpeBenchError]]:
    """Write the first crops of every run, and say where, on standard error where ``aside``; returns what failed."""
    from hpe_bench.errors import HpeBenchError, StorageError
    from hpe_bench.inference.showing import show_run
    from hpe_bench.text import printable

    failed: list[tuple[str, HpeBenchError]] = []
    for result in found:
        if result.run is None or result.job is None:
            continue
        try:
            with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is not the result
                written = show_run(result.job, result.run, count, target, registry, folders, progress, workers)
        except StorageError:
            raise
        except HpeBenchError as error:
            failed.append((result.label, error))
            continue
        unanswered = int((~result.run.found[: len(written)]).sum())
        pieces = [
            f"wrote {len(written):,} crop{'' if len(written) == 1 else 's'} of {result.label}",
            *([f"{unanswered:,} without an answer, with the true axes alone"] if unanswered else []),
        ]
        print(f"{', '.join(pieces)}, to {printable(written[0].parent)}", file=sys.stderr if aside else sys.stdout)
    return failed
