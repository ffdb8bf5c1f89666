"""hpe-bench compare"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from hpe_bench.cli.common import (
    find_runs,
    folder_options,
    load_registry,
    plugin_options,
    print_json,
    print_rich,
    scoring_options,
)


@click.command("compare")
@click.argument("targets", nargs=-1, metavar="[PATH|GLOB|PROTOCOL]...")
@scoring_options
@click.option("--every", is_flag=True, help="Also older runs of the same estimator.")
@click.option("--force", is_flag=True, help="Put runs into one table that are of different data or protocols.")
@folder_options("results")
@plugin_options
def command(
    targets: tuple[str, ...],
    view: Any,
    wrap: Any,
    as_json: bool,
    every: bool,
    force: bool,
    results: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
) -> None:
    """Put stored runs side by side: those named, or a protocol's, or without any a table for every protocol."""
    from hpe_bench.api import metrics_of
    from hpe_bench.comparison.collect import check_comparable
    from hpe_bench.comparison.scores import failure, score
    from hpe_bench.comparison.table import results_table

    registry = load_registry(plugins, strict)
    found = find_runs(targets, results, every)
    records: list[dict[str, Any]] = []
    tables = []
    for runs, failures in _groups(found, together=bool(targets)):
        differences = check_comparable(runs, force)
        scored = score(runs, view, wrap, metrics_of(registry))
        for record in scored if differences else ():
            mark = f"{record['protocol']}, data {record['fingerprint'][:10]}: not comparable, shown by --force"
            record["notes"].append(mark)
        scored += [failure(record, view, wrap) for record in failures]
        records += scored
        tables.append(results_table(scored))
    if as_json:
        print_json(records)
        return
    print_rich(*tables)
    if found.older:
        print(f"{found.older} older runs of the same estimators are not shown (--every)", file=sys.stderr)


def _groups(found: Any, together: bool) -> list[tuple[list[Any], list[dict[str, str]]]]:
    """What stands in one table: runs and failures of one protocol and one dataset, or all of them."""
    if together:
        return [(found.runs, found.failed)]
    groups: dict[tuple[str, ...], tuple[list[Any], list[dict[str, str]]]] = {}
    for run in found.runs:
        dataset = run.manifest["dataset"]
        key = (run.manifest["protocol"]["name"], dataset["fingerprint"], str(dataset["variant"]))
        groups.setdefault(key, ([], []))[0].append(run)
    for failure in found.failed:
        name = failure["protocol"]
        place = next((key for key in groups if key[0] == name), (name, "", ""))
        groups.setdefault(place, ([], []))[1].append(failure)
    return [groups[key] for key in sorted(groups)]
