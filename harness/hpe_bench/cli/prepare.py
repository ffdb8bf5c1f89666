"""hpe-bench prepare"""

from __future__ import annotations

from pathlib import Path

import click

from hpe_bench.cli.common import (
    UserPath,
    dataset_options,
    find_folders,
    folder_options,
    load_registry,
    open_given_dataset,
    plugin_options,
)


@click.command("prepare")
@click.argument("dataset")
@dataset_options
@click.option(
    "--models",
    type=UserPath(),
    metavar="PATH",
    help="3-D heads that images are rendered of, where DATASET can; short for -d models=PATH.",
)
@folder_options("datasets", "results")
@plugin_options
def command(
    dataset: str,
    root: Path | None,
    dataset_pairs: tuple[str, ...],
    models: Path | None,
    datasets: Path | None,
    results: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
) -> None:
    """Write the files that DATASET needs or that its users expect.

    Landmarks that have to be found are kept as they are found: after an interruption the same command goes on.
    """
    from hpe_bench.preparation import Preparation
    from hpe_bench.runs.progress import Progress

    registry = load_registry(plugins, strict)
    pairs = dataset_pairs if models is None else (*dataset_pairs, f"models={models}")
    opened = open_given_dataset(registry, dataset, datasets, root, pairs, "prepare")
    folders = find_folders(datasets=datasets, results=results)
    work = Preparation(click.echo, registry=registry, folders=folders, progress=Progress())
    for path in opened.prepare(work):
        click.echo(f"wrote {path}")
