"""hpe-bench list"""

from __future__ import annotations

import click

from hpe_bench.cli.common import find_plugins, is_strict, listing, look_at, plugin_options, print_json, print_rich
from hpe_bench.errors import UnknownName
from hpe_bench.orders import DEFAULT_ORDER
from hpe_bench.plugins import KINDS


@click.command("list")
@click.argument("kind", required=False, metavar="[KIND]")
@plugin_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, and nothing else.")
def command(kind: str | None, plugins: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """List estimators, datasets, protocols, metrics, extractors or plugins; all but the plugins without KIND."""
    if kind is not None and kind not in (*KINDS, "plugins"):
        raise UnknownName("kind", kind, (*KINDS, "plugins"))
    registry = find_plugins(plugins)
    if kind == "plugins" or is_strict(strict):
        look_at(registry)
    if kind != "plugins":
        registry.check(is_strict(strict))
    if kind == "plugins":
        rows: list[dict[str, object]] = [
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "origin": plugin.origin,
                "registers": plugin.registers,
                "state": plugin.state,
                "problems": plugin.problems,
            }
            for plugin in registry.plugins
        ]
    else:
        kinds = [kind] if kind else [k for k in KINDS if registry.names(k)]
        rows = [
            {
                "kind": k,
                "name": e.name,
                "summary": e.summary,
                "licence": e.licence,
                "url": e.url,
                "citation": e.citation,
                "plugin": e.plugin.name,
                **({"angles": e.load().angles} if k == "protocols" else {}),
            }
            for k in kinds
            for e in registry.entries(k)
        ]
        if "estimators" in kinds:
            from hpe_bench.runs.job import ORACLE_ENTRY

            rows.append(
                {
                    "kind": "estimators",
                    "name": ORACLE_ENTRY.name,
                    "summary": ORACLE_ENTRY.summary,
                    "licence": "",
                    "url": "",
                    "citation": "",
                    "plugin": ORACLE_ENTRY.plugin.name,
                }
            )
    if as_json:
        print_json(rows)
    elif kind == "plugins":
        print_rich(_plugins_table(rows))
        for plugin in registry.plugins:
            for problem in plugin.problems:
                click.echo(f"plugin {plugin.name}, {plugin.state}: {problem}")
    else:
        for k in dict.fromkeys(str(row["kind"]) for row in rows):
            print_rich(
                listing(
                    [k, "", "plugin"],
                    [[str(r["name"]), _summary(r), str(r["plugin"])] for r in rows if r["kind"] == k],
                )
            )
    registry.check(is_strict(strict))


def _summary(row: dict[str, object]) -> str:
    """What a thing is; of a protocol the order of the angles too, where that is not the usual one."""
    order = row.get("angles", DEFAULT_ORDER)
    return str(row["summary"]) if order == DEFAULT_ORDER else f"{row['summary']} (MAE in the order {order})"


def _plugins_table(rows: list[dict[str, object]]) -> object:
    lines = []
    for row in rows:
        registers = row["registers"]
        assert isinstance(registers, dict)
        what = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in registers.items())
        problems = row["problems"]
        assert isinstance(problems, list)
        state = str(row["state"]) + (", see below" if problems else "")
        distribution = f"{row['distribution']} {row['version']}".strip()
        lines.append([str(row["name"]), distribution, str(row["origin"]), what, state])
    return listing(["plugin", "distribution", "origin", "registers", "state"], lines)
