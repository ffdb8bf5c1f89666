"""hpe-bench report"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpe_bench.cli.common import (
    UserPath,
    dataset_options,
    find_folders,
    find_one_group,
    folder_options,
    load_registry,
    overwrite_option,
    plugin_options,
    view_options,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hpe_bench.datasets import Dataset
    from hpe_bench.plugins import Registry


@click.command("report")
@click.argument("targets", nargs=-1, metavar="[PATH|GLOB|PROTOCOL]...")
@click.option(
    "--output",
    type=UserPath(dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="The page to write.",
)
@overwrite_option
@view_options
@click.option("--worst", type=click.IntRange(0, 200), default=8, show_default=True, help="Worst samples of each.")
@click.option("--images", is_flag=True, help="Show images of these samples; mind the dataset's licence.")
@dataset_options
@click.option("--every", is_flag=True, help="Also older runs of the same estimator.")
@click.option("--force", is_flag=True, help="Also runs that are of different data or protocols.")
@folder_options("datasets", "results")
@plugin_options
def command(
    targets: tuple[str, ...],
    output: Path,
    overwrite: bool,
    view: Any,
    wrap: Any,
    angles: Any,
    worst: int,
    images: bool,
    root: Path | None,
    dataset_pairs: tuple[str, ...],
    every: bool,
    force: bool,
    datasets: Path | None,
    results: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
) -> None:
    """Write a page of HTML about stored runs: those named, or a protocol's.

    One file that loads nothing: the table, sorted and filtered as one likes, the plots, the worst samples, the samples
    on which estimators disagree, what was published, and how every run came about.
    """
    from hpe_bench.api import metrics_of
    from hpe_bench.comparison.report.build import gather
    from hpe_bench.comparison.report.page import IMAGES_NOTE, report_page
    from hpe_bench.errors import UsageError
    from hpe_bench.outputs import write_outputs

    if not images and (root is not None or dataset_pairs):
        raise UsageError("--root and -d say where images are: they go with --images")
    registry = load_registry(plugins, strict)
    found, differences = find_one_group(targets, results, every, force, angles)
    runs = found.runs
    names = sorted({str(run.manifest["dataset"]["name"]) for run in runs})
    if images and len(names) > 1:
        raise UsageError(f"--images shows those of one dataset, and these runs are of {', '.join(names)}: leave it out")
    dataset = _dataset(registry, runs[0].manifest, datasets, root, dataset_pairs) if images else None
    content = gather(
        runs,
        found.failed,
        differences,
        view=view,
        wrap=wrap,
        metrics=metrics_of(registry),
        worst=worst,
        dataset=dataset,
    )
    page = report_page(content).encode(errors="backslashreplace")
    write_outputs({output: page}, overwrite)
    print(f"{output} ({len(page) / 1e6:.1f} MB)")
    if content.images:
        print(IMAGES_NOTE, file=sys.stderr)
    if found.older:
        print(f"{found.older} older runs of the same estimators are left out (--every)", file=sys.stderr)


def _dataset(
    registry: Registry, manifest: Mapping[str, Any], datasets: Path | None, root: Path | None, pairs: tuple[str, ...]
) -> Dataset:
    """The dataset of the runs, with the options that they were made with, but for those that are given."""
    from hpe_bench.options import parse_pairs
    from hpe_bench.runs.selection import open_dataset

    given = parse_pairs(pairs, "-d ")
    options = {**manifest["dataset"].get("options", {}), **given}
    folders = find_folders(datasets=datasets)
    return open_dataset(registry, str(manifest["dataset"]["name"]), folders, root, options, given=given)
