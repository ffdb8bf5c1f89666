"""hpe-bench prepare"""

from __future__ import annotations

from pathlib import Path

import click

from hpe_bench.cli.common import dataset_options, folder_options, load_registry, open_given_dataset, plugin_options


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
    registry = load_registry(plugins, strict)
    opened = open_given_dataset(registry, dataset, datasets, root, dataset_pairs)
    for path in opened.prepare(click.echo):
        click.echo(f"wrote {path}")
