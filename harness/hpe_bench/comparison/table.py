"""The table on a terminal: sorted, aligned, units in the header, the best value marked, notes below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from hpe_bench.comparison.columns import DASH, Column, figure
from hpe_bench.comparison.layout import FittedTable, bare_table, fold_label
from hpe_bench.comparison.scores import SANITY
from hpe_bench.comparison.sheet import Cell, Sheet, results_sheet

#: More columns of estimators than this have numbers for headings, and are divided into several tables.
_MOST_NAMED, _MOST_NUMBERED = 3, 7


def results_table(
    records: Sequence[Mapping[str, Any]],
    extra: Sequence[str] = (),
    columns: Sequence[Column] = (),
    sort: Column | None = None,
) -> Group:
    """A table of scored records of one protocol, then plugins' metrics and sequences, notes and the lines ``extra``."""
    return results_view(results_sheet(records, columns, sort, extra), plain=bool(columns))


def results_view(sheet: Sheet, plain: bool = False) -> Group:
    """The sheet of results, and unless ``plain`` the tables of metrics and sequences that go with it."""
    notes = [Text(note, style="dim") for note in sheet.notes]
    if not sheet.rows:
        return Group(*notes)
    parts: list[Text | FittedTable] = [Text(sheet.title, style="italic"), Text(), _table(sheet), Text()]
    if not plain:
        for more in (_metrics_table(sheet.records), _clusters_table(sheet.records)):
            parts += [more, Text()] if more else []
    return Group(*parts, *notes)


def sheet_table(sheet: Sheet) -> Group:
    """Any other sheet; where its columns are many estimators, numbers stand for their names."""
    if not sheet.rows:
        return results_view(sheet)
    estimators = sheet.headings[2:]
    if sheet.by_run and len(estimators) > _MOST_NAMED:
        parts: list[Text | FittedTable] = []
        for start in range(0, len(estimators), _MOST_NUMBERED):
            places = [0, 1, *range(2 + start, min(2 + start + _MOST_NUMBERED, len(sheet.headings)))]
            headings = [str(place - 1) if place > 1 else sheet.headings[place] for place in places]
            part = Sheet("", headings, [[row[place] for place in places] for row in sheet.rows])
            parts += [_table(part), Text()]
        legend = [Text(f"{number} {name}") for number, name in enumerate(estimators, 1)]
        parts += [*legend, Text()] if legend else []
    else:
        parts = [_table(sheet), Text()]
    notes = [Text(note, style="dim") for note in sheet.notes]
    return Group(Text(sheet.title, style="italic"), Text(), *parts, *notes)


def _table(sheet: Sheet) -> FittedTable:
    table = bare_table()
    table.add_column(sheet.headings[0], foldable=fold_label)
    for heading in sheet.headings[1:]:
        table.add_column(heading, justify="right")
    for first, *cells in sheet.rows:
        label = Text(first.text, style="dim" if first.sanity else "")
        table.add_row(label, *(Text(own.marked, style=_style(own)) for own in cells))
    return table


def _style(cell: Cell) -> str:
    if cell.sanity or cell.doubtful:
        return "dim"
    return {"best": "bold green", "equal": "green", "": ""}[cell.mark]


def _metrics_table(records: Sequence[Mapping[str, Any]]) -> FittedTable | None:
    """The metrics that plugins add; None without any."""
    names = sorted({name for record in records for name in record.get("metrics", {})})
    if not names:
        return None
    table = bare_table()
    for heading in ("estimator", *names):
        table.add_column(heading, "left" if heading == "estimator" else "right")
    for record in records:
        figures = (figure(record["metrics"].get(name)) for name in names)
        table.add_row(str(record["label"]), *figures)
    return table


def _clusters_table(records: Sequence[Mapping[str, Any]]) -> FittedTable | None:
    """The headline of each sequence; None where the protocol's clusters are no sequences."""
    if any((record.get("clusters") or {}).get("by") != "sequence" for record in records):
        return None
    shown = [record for record in records if record["estimator"] not in SANITY] or list(records)
    headline = shown[0]["headline"]
    table = bare_table()
    table.add_column("sequence")
    table.add_column("n", justify="right")
    for record in shown:
        table.add_column(f"{headline.upper()} of {record['label']}", justify="right")
    names = sorted({name for record in shown for name in record["clusters"]["figures"]})
    for name in names:
        own = [record["clusters"]["figures"].get(name) for record in shown]
        sizes = {str(figures["n"]) for figures in own if figures is not None}
        size = sizes.pop() if len(sizes) == 1 else DASH
        table.add_row(name, size, *(figure(None if figures is None else figures[headline]) for figures in own))
    return table
