"""hpe-bench compare"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpe_bench.cli.common import (
    UserPath,
    count_in,
    find_runs,
    folder_options,
    leave_partial_out,
    load_registry,
    overwrite_option,
    plugin_options,
    print_json,
    print_rich,
    scoring_options,
)

if TYPE_CHECKING:
    from hpe_bench.comparison.collect import Collection
    from hpe_bench.comparison.columns import Column
    from hpe_bench.comparison.published.claims import Claim
    from hpe_bench.comparison.sheet import Sheet
    from hpe_bench.runs.runfile import Run

_FORMATS = ("table", "json", "markdown", "csv", "latex", "html")


@click.command("compare")
@click.argument("targets", nargs=-1, metavar="[PATH|GLOB|PROTOCOL]...")
@scoring_options
@click.option("--by", metavar="WHAT", help="Errors by range: yaw, pitch, roll, ge-axis, person or sequence.")
@click.option("--disagreement", type=click.IntRange(1), metavar="N", help="The N samples they disagree on most.")
@click.option("--align", metavar="sequence", help="ORACLE: take each sequence's constant offset out, by the labels.")
@click.option("--fail-if", "rules", multiple=True, metavar="RULE", help="Of two runs: exit 5 where 'GE > +0.2'.")
@click.option("--columns", metavar="A,B,...", help="Which columns, such as GE,GE-ci,p95,acc10,params.")
@click.option("--sort", metavar="COLUMN", help="Sort by a column.  [the protocol's headline]")
@click.option("--format", "form", default="table", metavar="FORMAT", help=f"{', '.join(_FORMATS)}.  [table]")
@click.option("--output", type=UserPath(), metavar="FILE", help="Write there instead of printing.")
@overwrite_option
@click.option("--published", is_flag=True, help="Put what was published on the same protocol below, apart.")
@click.option("--every", is_flag=True, help="Also older runs of the same estimator.")
@click.option("--force", is_flag=True, help="Put runs into one table that are of different data or protocols.")
@folder_options("results")
@plugin_options
def command(
    targets: tuple[str, ...],
    view: Any,
    wrap: Any,
    angles: Any,
    as_json: bool,
    by: str | None,
    disagreement: int | None,
    align: str | None,
    rules: tuple[str, ...],
    columns: str | None,
    sort: str | None,
    form: str,
    output: Path | None,
    overwrite: bool,
    published: bool,
    every: bool,
    force: bool,
    results: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
) -> None:
    """Put stored runs side by side: those named, or a protocol's, or without any a table for every protocol.

    An interval is one of 95%; * is the best, ≈ what cannot be told from it.
    """
    from hpe_bench.api import metrics_of
    from hpe_bench.comparison.columns import choose_columns, find_column
    from hpe_bench.comparison.groups import disagreements_of, groups_of, ranges_of, results_of
    from hpe_bench.comparison.ranges import BY, check_columns
    from hpe_bench.errors import UsageError

    form = _checked("format", form, _FORMATS)
    if as_json and form not in ("table", "json"):
        raise UsageError(f"--json and --format {form} are two forms: ask for one of them")
    form = "json" if as_json else form
    if by is not None:
        by = _checked("range to divide by", by, BY)
    if align is not None:
        _checked("alignment", align, ("sequence",))
    if by and disagreement:
        raise UsageError("--by and --disagreement are two tables: ask for one of them")
    if published and (by or disagreement):
        raise UsageError("--published goes with the table of results, not with --by or --disagreement")
    if sort and (by or disagreement):
        raise UsageError("--sort goes with the table of results, not with --by or --disagreement")
    if columns and disagreement:
        raise UsageError("--columns goes with the table of results or with --by, not with --disagreement")
    registry = load_registry(plugins, strict)
    metrics = metrics_of(registry)
    shown = choose_columns(columns.split(","), list(metrics)) if columns else []
    if by:
        check_columns(shown)
    sorted_by = find_column(sort, list(metrics)) if sort else None
    found = _two_runs(targets, results) if rules else find_runs(targets, results, every)
    count_in(found, angles)
    if by or disagreement:
        leave_partial_out(found)
    if align:
        from hpe_bench.comparison.alignment import align_sequences

        found.runs, found.partial = ([align_sequences(run) for run in own] for own in (found.runs, found.partial))
    groups = groups_of(found, together=bool(targets))
    verdicts = _judge(found.runs, rules, view, wrap, force) if rules else []
    if by:
        records, sheets = ranges_of(groups, by, view, wrap, force, shown, form)
    elif disagreement:
        records, sheets = disagreements_of(groups, disagreement, force)
    else:
        records, sheets = results_of(groups, view, wrap, force, metrics, (shown, sorted_by), every=form == "json")
    if verdicts:
        from hpe_bench.comparison.gate import record as verdict_record

        records = [*records, *({"gate": verdict_record(verdict)} for verdict in verdicts)]
    claims = _claims(groups) if published else []
    _put_out(
        form, output, overwrite, records, sheets, claims, (shown, sorted_by) if not by and not disagreement else None
    )
    if found.older:
        print(f"{found.older} older runs of the same estimators are not shown (--every)", file=sys.stderr)
    _end(verdicts)


def _checked(what: str, given: str, known: Sequence[str]) -> str:
    from hpe_bench.errors import UnknownName

    if given.lower() not in known:
        raise UnknownName(what, given, known)
    return given.lower()


def _two_runs(targets: Sequence[str], results: Path | None) -> Collection:
    """The two runs that a gate compares, in the order they are named in; :class:`RunFailed` where one failed since."""
    from hpe_bench.comparison.collect import Collection
    from hpe_bench.errors import RunFailed, UsageError

    if len(targets) != 2:
        raise UsageError(f"--fail-if compares two runs, the one that is good enough first: {len(targets)} are named")
    both = Collection()
    for target in targets:
        found = find_runs([target], results, every=False)
        leave_partial_out(found)
        found.failed = [one for one in found.failed if not one["limit"]]
        if found.failed:
            failed = "; ".join(f"{one['label']} failed: {one['error']} ({one['path']})" for one in found.failed)
            raise RunFailed(f"--fail-if compares two runs, and of '{target}' {failed}")
        if len(found.runs) != 1:
            raise UsageError(f"--fail-if compares two runs, and '{target}' are {len(found.runs)}: name one file")
        both.runs += found.runs
    return both


def _judge(runs: Sequence[Run], rules: Sequence[str], view: Any, wrap: Any, force: bool) -> list[Any]:
    from hpe_bench.comparison.collect import check_comparable
    from hpe_bench.comparison.gate import judge, parse_rule

    parsed = [parse_rule(rule) for rule in rules]
    check_comparable(runs, force)
    return judge(runs[0], runs[1], parsed, view, wrap)


def _claims(groups: Any) -> list[Claim]:
    """What was published on the protocols of the runs; where that is nothing, standard error is told."""
    from hpe_bench.comparison.published.claims import claims_of

    found: list[Claim] = []
    runs = [run for runs, partial, _ in groups for run in (*runs, *partial)]
    for name, order, recounted in dict.fromkeys(
        (run.manifest["protocol"]["name"], run.order, bool(run.manifest.get("recounted"))) for run in runs
    ):
        own = claims_of(name, order if recounted else None)
        if not own:
            with_order = f" with MAE in the order {order}" if recounted else ""
            print(f"no published figures of {name}{with_order}", file=sys.stderr)
        found += own
    return found


def _put_out(
    form: str,
    output: Path | None,
    overwrite: bool,
    records: Sequence[Any],
    sheets: Sequence[Sheet],
    claims: Sequence[Claim],
    chosen: tuple[Sequence[Column], Column | None] | None,
) -> None:
    """Print, or write whole, in the form that was asked for."""
    import json

    from hpe_bench.comparison.export import FORMATS
    from hpe_bench.outputs import write_outputs

    if form == "table":
        from hpe_bench.comparison.table import results_view, sheet_table

        tables = [
            sheet_table(sheet) if chosen is None else results_view(sheet, plain=bool(chosen[0])) for sheet in sheets
        ]
        if claims:
            from hpe_bench.comparison.published.table import claims_table

            tables.append(claims_table(claims))
        if output is None:
            print_rich(*tables)
            return
        text = _as_text(lambda: print_rich(*tables))
    elif form == "json":
        from hpe_bench.comparison.published.claims import claim_record

        records = [*records, *map(claim_record, claims)]
        if output is None:
            print_json(records)
            return
        text = json.dumps(list(records), indent=1, allow_nan=False) + "\n"
    else:
        from hpe_bench.comparison.published.table import claims_sheets

        text = FORMATS[form]([*sheets, *claims_sheets(claims)])
    if output is None:
        click.echo(text, nl=False)
    else:
        write_outputs({output: text.encode(errors="backslashreplace")}, overwrite)


def _as_text(show: Callable[[], None]) -> str:
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        show()
    return text.getvalue()


def _end(verdicts: Sequence[Any]) -> None:
    """Say what the gate found; :class:`FellShort` where a rule is broken."""
    from hpe_bench.errors import FellShort

    for verdict in verdicts:
        if not verdict.failed:
            print(verdict.sentence, file=sys.stderr)
    if broken := [verdict.sentence for verdict in verdicts if verdict.failed]:
        raise FellShort("\n".join(broken))
