"""The table of published claims: one for each protocol, marked as claims, with sources, and notes below."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from hpe_bench.comparison.columns import DASH
from hpe_bench.comparison.published import Claim, group_claims
from hpe_bench.comparison.sheet import Cell, Sheet

_COLUMNS = {"yaw": "yaw", "pitch": "pitch", "roll": "roll", "mae": "MAE", "vmae": "VMAE", "ge": "GE"}


def claims_table(claims: Sequence[Claim]) -> Group:
    """A table for each protocol, or each selection in the words of a source; claims in the order given."""
    marks: dict[str, str] = {}
    parts: list[Text | Table] = []
    for where, own in group_claims(claims).items():
        parts += [Text(f"published, not measured here: {where}", style="italic"), Text(), _table(own, marks), Text()]
    parts.append(Text("Claims, in degrees, as their sources state them, errors included.", style="dim"))
    parts += [Text(f"[{mark}] {note}", style="yellow") for note, mark in marks.items()]
    return Group(*parts)


def claims_sheets(claims: Sequence[Claim]) -> list[Sheet]:
    """The same tables before they have a form."""
    return [_sheet(where, own) for where, own in group_claims(claims).items()]


def _sheet(where: str, claims: Sequence[Claim]) -> Sheet:
    shown = _shown(claims)
    rows = [
        [claim.method, claim.year, *(claim.figures.get(name) for name in shown), claim.train, claim.source]
        for claim in claims
    ]
    return Sheet(
        f"published, not measured here: {where}; claims, in degrees, as their sources state them, errors included",
        ["method", "year", *(_COLUMNS[name] for name in shown), "learned from", "source"],
        [[Cell(text or DASH) for text in row] for row in rows],
        [f"{claim.method}: {claim.note}" for claim in claims if claim.note],
    )


def _shown(claims: Sequence[Claim]) -> list[str]:
    """The figures that any of the claims states."""
    return [name for name in _COLUMNS if any(name in claim.figures for claim in claims)]


def _table(claims: Sequence[Claim], marks: dict[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("method", overflow="fold")
    table.add_column("year", no_wrap=True)
    shown = _shown(claims)
    for name in shown:
        table.add_column(_COLUMNS[name], justify="right", no_wrap=True)
    table.add_column("learned from", overflow="fold", max_width=9)
    table.add_column("source", overflow="fold")
    for claim in claims:
        method = Text(claim.method)
        if claim.note:
            method.append(f" [{marks.setdefault(claim.note, str(len(marks) + 1))}]", style="yellow")
        cells = [Text(claim.figures.get(name, DASH)) for name in shown]
        table.add_row(method, claim.year or DASH, *cells, Text(claim.train or DASH), Text(claim.source))
    return table
