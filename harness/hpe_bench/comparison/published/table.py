"""The table of published claims: one for each protocol, marked as claims, with sources, and notes below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter

from rich.console import Group
from rich.text import Text

from hpe_bench.comparison.columns import DASH
from hpe_bench.comparison.layout import FittedTable, bare_table
from hpe_bench.comparison.published.claims import Claim, group_claims, order_of
from hpe_bench.comparison.sheet import Cell, Sheet

#: The longest word that is not folded: with it the table fits 80 columns.
_WORD = 9
_FIGURES = {"yaw": "yaw", "pitch": "pitch", "roll": "roll", "mae": "MAE", "vmae": "VMAE", "ge": "GE"}


def claims_table(claims: Sequence[Claim]) -> Group:
    """A table for each protocol, or each selection in the words of a source; claims in the order given."""
    marks: dict[str, str] = {}
    parts: list[Text | FittedTable] = []
    for heading, own in group_claims(claims).items():
        order = order_of(own)
        above = [heading, *([order] if order else [])]
        parts += [*(Text(line, style="italic") for line in above), Text(), _table(own, marks), Text()]
    parts.append(Text("Claims, in degrees, as their sources state them, errors included.", style="dim"))
    parts += [Text(f"[{mark}] {note}", style="yellow") for note, mark in marks.items()]
    return Group(*parts)


def claims_sheets(claims: Sequence[Claim]) -> list[Sheet]:
    """The same tables before they have a form."""
    return [_sheet(heading, own) for heading, own in group_claims(claims).items()]


def _sheet(heading: str, claims: Sequence[Claim]) -> Sheet:
    columns = _columns(claims)
    words = (heading, order_of(claims), "claims, in degrees, as their sources state them, errors included")
    return Sheet(
        "; ".join(filter(None, words)),
        ["method", *(heading for heading, _ in columns)],
        [[Cell(claim.method), *(Cell(of(claim) or DASH) for _, of in columns)] for claim in claims],
        [f"{claim.method}: {claim.remark}" for claim in claims if claim.remark],
    )


def _columns(claims: Sequence[Claim]) -> list[tuple[str, Callable[[Claim], str | None]]]:
    """Headings after the method, and what they show of a claim: figures and wraps where any of them states one."""
    figures = [name for name in _FIGURES if any(name in claim.figures for claim in claims)]
    wrap = [("wrap", attrgetter("wrap"))] if any(claim.wrap for claim in claims) else []
    return [
        ("year", attrgetter("year")),
        *((_FIGURES[name], partial(_figure, name)) for name in figures),
        *wrap,
        ("learned from", attrgetter("train")),
        ("source", attrgetter("source")),
    ]


def _figure(name: str, claim: Claim) -> str | None:
    return claim.figures.get(name)


def _table(claims: Sequence[Claim], marks: dict[str, str]) -> FittedTable:
    table = bare_table()
    table.add_column("method", word=_WORD)
    columns = _columns(claims)
    for heading, _ in columns:
        table.add_column(
            heading,
            justify="right" if heading in _FIGURES.values() else "left",
            word=_WORD,
        )
    for claim in claims:
        method = Text(claim.method)
        if claim.remark:
            method.append(f" [{marks.setdefault(claim.remark, str(len(marks) + 1))}]", style="yellow")
        cells = [of(claim) or DASH for _, of in columns]
        # The table is at the limit of 80 columns.
        table.add_row(method, *(Text(cell.replace("fold180", "fold\n180")) for cell in cells))
    return table
