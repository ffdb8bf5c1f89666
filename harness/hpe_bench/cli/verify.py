"""hpe-bench verify"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hpe_bench.cli.common import (
    dataset_options,
    folder_options,
    load_registry,
    open_given_dataset,
    plugin_options,
    print_json,
)


@click.command("verify")
@click.argument("dataset")
@dataset_options
@folder_options("datasets")
@plugin_options
@click.option("--skip-bad", is_flag=True, help="List every bad sample instead of stopping at the first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, and nothing else.")
def command(
    dataset: str,
    root: Path | None,
    dataset_pairs: tuple[str, ...],
    datasets: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Check DATASET on disk: its counts, that every image opens and every label parses. Exits with 3 where not."""
    from hpe_bench.runs.progress import Progress
    from hpe_bench.runs.verify import verify

    registry = load_registry(plugins, strict)
    opened = open_given_dataset(registry, dataset, datasets, root, dataset_pairs)
    checks, faults, mark = verify(registry, dataset, opened, skip_bad, Progress(quiet=as_json))
    if as_json:
        print_json(
            [
                {
                    "dataset": dataset,
                    "root": str(opened.root),
                    "fingerprint": mark,
                    "passed": not faults and all(check.passed for check in checks),
                    "checks": [
                        {"what": c.what, "found": c.found, "expected": c.expected, "passed": c.passed} for c in checks
                    ],
                    "bad": [{"id": fault.id, "reason": fault.reason} for fault in faults],
                }
            ]
        )
    else:
        for check in checks:
            wanted = "" if check.passed else f"  expected {check.expected:,}"
            click.echo(f"{'ok  ' if check.passed else 'FAIL'}  {check.what:<40} {check.found:>8,}{wanted}")
        for fault in faults:
            click.echo(f"bad   {fault.id}: {fault.reason}")
        click.echo(f"fingerprint {mark}")
    if faults or not all(check.passed for check in checks):
        sys.exit(3)
