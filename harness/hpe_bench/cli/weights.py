"""hpe-bench weights"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hpe_bench.cli.common import (
    UserPath,
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
    """Each estimator with the sets of weights that it can load, their licences, and what to fetch."""
    from hpe_bench.errors import HpeBenchError
    from hpe_bench.runs.weights import find_weights, stored_sets
    from hpe_bench.storage import file_digest

    registry = load_registry(plugins, strict)
    folders = find_folders(weights=weights)
    rows: list[dict[str, Any]] = []
    for entry in registry.entries("estimators"):
        kind = entry.load()
        try:
            find_weights(kind(), entry.name, folders)
        except HpeBenchError as error:
            rows.append({"estimator": entry.name, "missing": str(error)})
        for own in stored_sets(kind, entry.name, folders):
            card = own.card
            rows += [
                {
                    "estimator": entry.name,
                    "role": role,
                    "file": str(path),
                    "sha256": file_digest(path),
                    "set": own.name,
                    "default": own.default,
                    "shipped": bool(card and card.shipped),
                    "trained_on": card.trained_on if card else "",
                    "licence": card.licence if card else "",
                    "data_licence": card.data_licence if card else "",
                }
                for role, path in own.files.items()
            ]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("No estimator needs weights.")
        return
    cells = [
        [r["estimator"], r.get("set", ""), r.get("role", ""), r.get("file") or r["missing"], r.get("sha256", "")[:12]]
        for r in rows
    ]
    print_rich(listing(["estimator", "set", "role", "file", "sha256"], cells))
    sets = {str(Path(r["file"]).parent): r for r in reversed(rows) if "file" in r and _own(r)}
    licences = [
        [folder, row["trained_on"] or "–", row["licence"] or "not stated", row["data_licence"] or "not stated"]
        for folder, row in reversed(sets.items())
    ]
    if licences:
        print_rich(listing(["weights", "trained on", "their licence", "licence of what they learned from"], licences))


def _own(row: dict[str, Any]) -> bool:
    """Whether a file lies in the folder of its set, and not in that of another set which this one makes use of."""
    return not row["set"] or Path(row["file"]).parent.name == row["set"]


@command.command("import")
@click.argument("estimator")
@click.argument("paths", nargs=-1, required=True, type=UserPath())
@click.option("--as", "name", help="Name of the set, such as what it was trained on; else the estimator finds one.")
@click.option(
    "-o", "pairs", multiple=True, metavar="KEY=VALUE", help="An option of the import; info ESTIMATOR lists them."
)
@folder_options("weights")
@plugin_options
def import_weights(
    estimator: str,
    paths: tuple[Path, ...],
    name: str | None,
    pairs: tuple[str, ...],
    weights: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
) -> None:
    """Convert official checkpoint files, or folders of them, for ESTIMATOR to safetensors, with a card."""
    from hpe_bench.errors import MissingError, UsageError
    from hpe_bench.options import build_options, parse_pairs
    from hpe_bench.runs.job import require_packages
    from hpe_bench.runs.weights import check_not_shipped, check_set_name, importer, weights_name

    registry = load_registry(plugins, strict)
    kind = importer(registry, estimator)
    require_packages(estimator, kind)
    folder = find_folders(weights=weights).weights / weights_name(kind, estimator)
    if name is not None:
        check_not_shipped(folder / check_set_name(name))
    for path in paths:
        if not (path.is_file() or path.is_dir()):
            raise MissingError(f"{path}: no such file or folder")
    given = parse_pairs(pairs)
    if given and kind.ImportOptions is None:
        raise UsageError(f"importing weights of {estimator} has no options: leave -o {pairs[0]} out")
    more: dict[str, Any] = {}
    if kind.ImportOptions is not None:
        more["options"] = build_options(kind.ImportOptions, given, f"import of {estimator}")
    for written in kind.import_weights(paths, folder, name, click.echo, **more):
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
