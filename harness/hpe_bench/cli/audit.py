"""hpe-bench audit"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpe_bench.cli.common import (
    dataset_options,
    find_folders,
    folder_options,
    load_registry,
    plugin_options,
    print_json,
    print_rich,
)

if TYPE_CHECKING:
    from hpe_bench.comparison.audit.audit import Audit


@click.command("audit")
@click.argument("estimators", nargs=-1, required=True, metavar="ESTIMATOR[:OPTION=VALUE]...")
@click.option("--dataset", help="The dataset; its default protocol, where no --protocol is named.")
@click.option("--protocol", help="dataset/selection, or with --dataset the selection alone.")
@click.option("-o", "--option", "pairs", multiple=True, metavar="KEY=VALUE", help="An option of the estimator.")
@dataset_options
@click.option("--limit", type=int, default=200, show_default=True, metavar="N", help="Samples for the sensitivity.")
@click.option("--axes-only", is_flag=True, help="Leave the sensitivity out.")
@click.option("--crop", help="Crop rule, instead of the estimator's own or the protocol's.")
@click.option("--extractor", help="Landmark extractor, instead of the estimator's.")
@click.option("--skip-bad", is_flag=True, help="Leave out samples that cannot be read, and record them.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--batch-size", type=int, default=64, show_default=True, help="Samples an estimator sees at once.")
@click.option("--workers", type=int, help="Processes that find landmarks.  [all cores]")
@folder_options("datasets", "weights", "results")
@plugin_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, and nothing else.")
def command(
    estimators: tuple[str, ...],
    pairs: tuple[str, ...],
    dataset_pairs: tuple[str, ...],
    limit: int,
    axes_only: bool,
    datasets: Path | None,
    weights: Path | None,
    results: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Check the plugin of ESTIMATOR: are its axes right, and what is it sensitive to?

    The axes are judged by its run, which is stored as eval stores it, or used again. The sensitivity is tried on a few
    samples, and nothing of it is stored. Exits with 5 where the axes are not those of the labels. Of several estimators
    each is a witness to who errs: where all disagree with the labels alike, these are suspected, and it exits with 3.
    """
    from hpe_bench.comparison.audit.audit import audit, audit_record
    from hpe_bench.errors import DataError, FellShort, UsageError
    from hpe_bench.options import parse_pairs
    from hpe_bench.runs.evaluate import Request
    from hpe_bench.runs.progress import Progress

    if limit < 1:
        raise UsageError(f"--limit {limit}: at least 1 sample; --axes-only leaves the sensitivity out")
    registry = load_registry(plugins, strict)
    request = Request(
        estimators=estimators,
        options=parse_pairs(pairs),
        dataset_options=parse_pairs(dataset_pairs, "-d "),
        **settings,
    )
    folders = find_folders(datasets=datasets, weights=weights, results=results)
    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is not the result
        found = audit(request, registry, folders, Progress(quiet=as_json), None if axes_only else limit)
    if as_json:
        print_json(map(audit_record, found))
    else:
        print_rich(*(_page(own, asked=not axes_only) for own in found))
    told = [f"{own.run.label}: {own.blamed}" for own in found if own.blame]
    if any(own.blame in ("estimator", "either") for own in found):
        raise FellShort("\n".join(told))
    if told:
        raise DataError("\n".join(told))


def _page(found: Audit, asked: bool) -> Any:
    from rich.console import Group
    from rich.text import Text

    from hpe_bench.comparison.audit.axes import hypotheses

    axes, protocol = found.axes, found.run.manifest["protocol"]["name"]
    style = {"right": "bold green", "wrong": "bold red", "undecided": "bold yellow"}[axes.verdict]
    lines = [
        Text(f"{found.run.label} on {protocol}", style="italic"),
        Text(),
        Text(found.blamed or axes.sentence, style=style),
    ]
    if axes.verdict == "wrong" and axes.gain is not None:
        low, high = axes.gain.interval()
        where = "mend, in the labels" if found.blame == "labels" else "mend"
        lines.append(Text(f"{where}: {axes.hypothesis.mend}"))
        lines.append(
            Text(
                f"GE {axes.given:.2f} as given, {axes.corrected:.2f} so corrected; a gain of {axes.gain.mean:.2f} "
                f"({low:.2f} to {high:.2f}, 95%), the correction chosen on the other half of the samples"
            )
        )
        if axes.rivals:
            lines.append(Text(f"not told apart from it by these samples: {'; '.join(axes.rivals)}"))
    clusters = f" in {axes.clusters:,} clusters" if axes.clusters != axes.n else ""
    tried = f"{len(hypotheses()) - 1} other readings tried; the best of all:"
    lines += [Text(f"{axes.n:,} predictions{clusters}, {tried}"), Text()]
    rows = [[f"{reading.ge:.2f}", reading.name] for reading in axes.readings]
    parts: list[Any] = [*lines, _table(("GE", "reading"), rows, right=1)]
    if found.effects:
        parts += [Text(), Text(_sensitivity_title(found), style="italic"), Text()]
        parts.append(_effects(found))
    elif asked:
        parts += [Text(), Text("no sensitivity: it sees no image", style="dim")]
    parts += [Text(), *(Text(line, style="yellow") for line in (*found.remarks, *found.notes))]
    return Group(*parts)


def _sensitivity_title(found: Audit) -> str:
    first = found.effects[0]
    return f"sensitivity, of those {first.n} of {first.n_total} samples that are predicted in every row"


def _effects(found: Audit) -> Any:
    rows = []
    for effect in found.effects:
        low, high = effect.ge_change.interval()
        first = effect.kind == "none"
        rows.append(
            [
                effect.what,
                f"{effect.mae:.2f}",
                "" if first else f"{effect.mae_change:+.2f}",
                f"{effect.ge:.2f}",
                "" if first else f"{effect.ge_change.mean:+.2f}",
                "" if first else f"{low:+.2f} .. {high:+.2f}",
                f"{100 * effect.coverage:.1f}",
            ]
        )
    return _table(("input", "MAE", "change", "GE", "change", "95%", "cov %"), rows, right=6)


def _table(columns: tuple[str, ...], rows: list[list[str]], right: int) -> Any:
    """A table whose first, or all but the first, ``right`` columns are numbers."""
    from hpe_bench.comparison.layout import bare_table

    table = bare_table()
    for place, column in enumerate(columns):
        number = place < right if right == 1 else place > 0
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    return table
