"""hpe-bench weights"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hpe_bench.cli.common import (
    find_folders,
    folder_options,
    listing,
    load_registry,
    plugin_options,
    print_json,
    print_rich,
)


@click.group("weights")
def command() -> None:
    """Checkpoints: which there are, importing official ones, and deploying."""


@command.command("list")
@folder_options("weights")
@plugin_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, and nothing else.")
def list_weights(weights: Path | None, plugins: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """Each estimator with the checkpoint files that it would load, or what to fetch."""
    from hpe_bench.errors import HpeBenchError
    from hpe_bench.runs.weights import find_weights
    from hpe_bench.storage import file_digest

    registry = load_registry(plugins, strict)
    folders = find_folders(weights=weights)
    rows: list[dict[str, Any]] = []
    for entry in registry.entries("estimators"):
        try:
            found = find_weights(entry.load()(), entry.name, folders)
        except HpeBenchError as error:
            rows.append({"estimator": entry.name, "missing": str(error)})
            continue
        rows += [
            {"estimator": entry.name, "role": role, "file": str(path), "sha256": file_digest(path)}
            for role, path in found.items()
        ]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("No estimator needs weights.")
        return
    cells = [[r["estimator"], r.get("role", ""), r.get("file") or r["missing"], r.get("sha256", "")[:12]] for r in rows]
    print_rich(listing(["estimator", "role", "file", "sha256"], cells))


@command.command("import")
@click.argument("estimator")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--as", "name", help="Name of the set, such as what it was trained on; else the estimator finds one.")
@folder_options("weights")
@plugin_options
def import_weights(
    estimator: str,
    paths: tuple[Path, ...],
    name: str | None,
    weights: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
) -> None:
    """Convert official checkpoint files, or folders of them, for ESTIMATOR to safetensors, with a card."""
    from hpe_bench.errors import MissingError
    from hpe_bench.runs.job import require_packages
    from hpe_bench.runs.weights import check_not_shipped, check_set_name, weights_name

    registry = load_registry(plugins, strict)
    kind = registry.get("estimators", estimator).load()
    require_packages(estimator, kind)
    folder = find_folders(weights=weights).weights / weights_name(kind, estimator)
    if name is not None:
        check_not_shipped(folder / check_set_name(name))
    for path in paths:
        if not (path.is_file() or path.is_dir()):
            raise MissingError(f"{path}: no such file or folder")
    for written in kind.import_weights(paths, folder, name, click.echo):
        click.echo(f"wrote {written}")


@command.command("deploy")
@click.argument("estimator")
@click.argument("set_name", metavar="SET")
@click.option("--as", "name", help="Name of the new set; SET-deployed if not given.")
@folder_options("weights")
@plugin_options
def deploy_weights(
    estimator: str, set_name: str, name: str | None, weights: Path | None, plugins: tuple[str, ...], strict: bool
) -> None:
    """Convert a SET of ESTIMATOR's weights to a form that predicts the same with less work."""
    from hpe_bench.runs.deploy import deploy

    registry = load_registry(plugins, strict)
    folders = find_folders(weights=weights)
    for written in deploy(registry, estimator, set_name, name or f"{set_name}-deployed", folders, click.echo):
        click.echo(f"wrote {written}")
