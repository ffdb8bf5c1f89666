"""hpe-bench prepare"""

from __future__ import annotations

from pathlib import Path

import click

from hpe_bench.cli.common import dataset_options, find_folders, folder_options, load_registry, plugin_options


@click.command("prepare")
@click.argument("dataset")
@dataset_options
@folder_options("datasets")
@plugin_options
def command(
    dataset: str,
    root: Path | None,
    dataset_pairs: tuple[str, ...],
    datasets: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
) -> None:
    """Write the files that DATASET needs or that its users expect."""
    from hpe_bench.options import parse_pairs
    from hpe_bench.runs.selection import open_dataset

    registry = load_registry(plugins, strict)
    options = parse_pairs(dataset_pairs, "-d ")
    opened = open_dataset(registry, dataset, find_folders(datasets=datasets), root, options)
    for path in opened.prepare(click.echo):
        click.echo(f"wrote {path}")
