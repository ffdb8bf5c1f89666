"""hpe-bench published"""

from __future__ import annotations

from dataclasses import asdict

import click

from hpe_bench.cli.common import listing, print_json, print_rich

_SHOWN = (
    *("method", "year", "train", "protocol", "tested_on", "wrap", "angles", "parameters", "speed", "source", "note"),
    "not_comparable",
)


@click.group("published", invoke_without_command=True)
@click.option("--protocol", help="Of a protocol such as aflw2000/1969.")
@click.option("--dataset", help="Of a dataset, whatever the selection.")
@click.option("--method", help="Of methods with this in their name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, and nothing else.")
@click.pass_context
def command(
    context: click.Context, protocol: str | None, dataset: str | None, method: str | None, as_json: bool
) -> None:
    """Show published figures: what papers and repositories claim, with the source of each."""
    from hpe_bench.comparison.published.claims import claim_record, select_claims
    from hpe_bench.comparison.published.table import claims_table
    from hpe_bench.errors import UsageError

    if context.invoked_subcommand is not None:
        if protocol or dataset or method or as_json:
            raise UsageError(f"options go behind the subcommand: hpe-bench published {context.invoked_subcommand} ...")
        return
    claims = select_claims(protocol, dataset, method)
    if as_json:
        print_json([claim_record(claim) for claim in claims])
    else:
        print_rich(claims_table(claims))


@command.command("show")
@click.argument("method")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, and nothing else.")
def show(method: str, as_json: bool) -> None:
    """Tell all that each claim about METHOD states."""
    from hpe_bench.comparison.published.claims import claim_record, select_claims

    claims = select_claims(method=method)
    if as_json:
        print_json([claim_record(claim) for claim in claims])
        return
    for claim in claims:
        words = {key: value for key, value in asdict(claim).items() if key != "figures"}
        figures = ", ".join(f"{name} {value}" for name, value in claim.figures.items())
        rows = [["degrees", figures], *([key.replace("_", " "), words[key]] for key in _SHOWN if words[key])]
        print_rich(listing(["claim", claim.id], rows))


@command.command("lint")
@click.argument("table", default="published", metavar="[TABLE|FILE]")
@click.option(
    "--ratio",
    type=float,
    nargs=2,
    default=(1.2, 1.8),
    show_default=True,
    metavar="LOW HIGH",
    help="VMAE / MAE as it may be.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, and nothing else.")
def lint_table(table: str, ratio: tuple[float, float], as_json: bool) -> None:
    """Check the arithmetic of a table of errors: means, ratios, copied cells, mixed selections and orders of angles.

    The published figures, without TABLE; nlml-readme, the table of NLML-HPE's README; a CSV file; or the JSON that
    hpe-bench compare --json printed. Exits with 5 where it finds something.
    """
    from hpe_bench.comparison.published.lint import lint
    from hpe_bench.comparison.published.lint_input import read_rows
    from hpe_bench.errors import FellShort, UsageError

    if not 0 < ratio[0] < ratio[1]:
        raise UsageError(f"--ratio {ratio[0]:g} {ratio[1]:g}: the lower one first, and above 0")
    rows = read_rows(table)
    findings = lint(rows, ratio)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    elif findings:
        print_rich(listing(["where", "what", ""], [[f.where, f.kind, f.message] for f in findings]))
    else:
        click.echo(f"{table}: nothing is wrong with the arithmetic of its {len(rows)} rows")
    if findings:
        raise FellShort(f"{table}: {len(findings)} findings in {len(rows)} rows")
