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
@click.option(
    "--skip-bad", is_flag=True, hidden=True, help="As eval takes it; every bad sample is listed with or without."
)
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
    """Check DATASET on disk: its counts, that every image opens and every label parses.

    Lists every sample that cannot be used, and exits with 3 where there is one, or a count is not as expected.
    """
    from hpe_bench.errors import DataError
    from hpe_bench.runs.progress import Progress
    from hpe_bench.runs.verify import verify
    from hpe_bench.text import one_line

    registry = load_registry(plugins, strict)
    opened = open_given_dataset(registry, dataset, datasets, root, dataset_pairs)
    found = verify(registry, dataset, opened, Progress(quiet=as_json))
    failed = [check for check in found.checks if not check.passed]
    if as_json:
        print_json(
            [
                {
                    "dataset": dataset,
                    "root": str(opened.root),
                    "fingerprint": found.fingerprint,
                    "passed": not found.faults and not failed,
                    "checks": [
                        {"what": c.what, "found": c.found, "expected": c.expected, "passed": c.passed}
                        for c in found.checks
                    ],
                    "bad": [{"id": fault.id, "reason": fault.reason} for fault in found.faults],
                    "notes": found.notes,
                }
            ]
        )
    else:
        for check in found.checks:
            wanted = "" if check.passed else f"  expected {check.expected:,}"
            click.echo(f"{'ok  ' if check.passed else 'FAIL'}  {check.what:<40} {check.found:>8,}{wanted}")
        for fault in found.faults:
            click.echo(f"bad   {one_line(f'{fault.id}: {fault.reason}')}")
        for note in found.notes:
            click.echo(f"note  {one_line(note)}")
        click.echo(f"fingerprint {found.fingerprint}")
    if found.faults:
        count, first = len(found.faults), found.faults[0]
        raise DataError(
            f"{count:,} of {found.checks[0].found:,} samples cannot be used; the first, "
            + one_line(f"{first.id}: {first.reason}")
        )
    if failed:
        sys.exit(3)
