"""A table before it has a form: headings and cells with their marks and notes, from scored records."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hpe_bench.comparison.alignment import oracle_note
from hpe_bench.comparison.columns import DASH, HEADLINES, Column, default_columns, figure
from hpe_bench.comparison.scores import competes
from hpe_bench.orders import DEFAULT_ORDER

Mark = Literal["", "best", "equal"]

MARKS: dict[Mark, str] = {"": "", "best": "*", "equal": "≈"}


@dataclass(frozen=True)
class Cell:
    """A cell: its text, whether it is the best of its column or not told from it, and whether it is to be doubted."""

    text: str
    mark: Mark = ""
    doubtful: bool = False
    sanity: bool = False

    @property
    def marked(self) -> str:
        """The text with what stands for its mark and its doubt where there is no other type."""
        return f"({self.text})" if self.doubtful and self.text != DASH else f"{MARKS[self.mark]}{self.text}"


@dataclass(frozen=True)
class Sheet:
    """A table: ``headings`` of its columns, the first of which is text, rows of as many cells, and lines below it.

    ``columns`` and ``records`` are what it was made of, where every row is a record. ``by_run``: the columns after the
    second are runs, whose names are long. ``missing`` are records of what did not run, of which ``notes`` tell.
    """

    title: str
    headings: list[str]
    rows: list[list[Cell]]
    notes: list[str] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    records: list[Mapping[str, Any]] = field(default_factory=list)
    by_run: bool = False
    missing: list[Mapping[str, Any]] = field(default_factory=list)


def results_sheet(
    records: Sequence[Mapping[str, Any]],
    columns: Sequence[Column] = (),
    sort: Column | None = None,
    extra: Sequence[str] = (),
) -> Sheet:
    """The table of scored records of one protocol: sorted by ``sort``, else by the headline; those that did not run are
    told of below."""
    scored = [record for record in records if "skipped" not in record]
    missing = missing_sheet([record for record in records if "skipped" in record], extra)
    if not scored:
        return missing
    headline = scored[0]["headline"]
    counts = {record["n"] for record in scored}
    shown = list(columns) or default_columns(headline, len(counts) > 1)
    scored = sort_records(scored, sort or Column("", "", (headline, "mean"), "error"))
    shared, own = split_notes(scored)
    letters: dict[str, str] = {}
    bests = [least_figure(column, scored) for column in shown]
    rows = []
    for record, notes in zip(scored, own, strict=True):
        keys = "".join(letters.setdefault(note, chr(ord("a") + len(letters))) for note in notes)
        label = f"{record['label']} [{keys}]" if keys else str(record["label"])
        sanity = not competes(record) and not record["partial"]
        rows.append([Cell(label, sanity=sanity), *map(functools.partial(cell, record), shown, bests)])
    below = [*shared, *mark_notes(scored, rows), *(f"[{key}] {note}" for note, key in letters.items())]
    return Sheet(
        title(scored, counts),
        ["estimator", *(c.heading for c in shown)],
        rows,
        [*below, *missing.notes],
        list(shown),
        scored,
        missing=missing.missing,
    )


def missing_sheet(records: Sequence[Mapping[str, Any]], extra: Sequence[str] = ()) -> Sheet:
    """What did not run, a line each, and the lines ``extra``: a table without rows."""
    notes = [f"{record['label']} did not run: {record['skipped']}" for record in records]
    return Sheet("", [], [], [*notes, *extra], missing=list(records))


def sort_records(records: Sequence[Mapping[str, Any]], column: Column) -> list[Mapping[str, Any]]:
    """Records by a column, the better or the smaller first; those without a value last, and behind them those of a part
    of the samples."""

    def key(record: Mapping[str, Any]) -> Any:
        value = column.value(record)
        if column.kind == "interval" and value is not None:
            value = value[1] - value[0]
        return value

    ordered: list[Mapping[str, Any]] = []
    for partial in (False, True):
        own = [record for record in records if bool(record.get("partial")) is partial]
        ordered += sorted((r for r in own if key(r) is not None), key=key, reverse=column.descending)
        ordered += [record for record in own if key(record) is None]
    return ordered


def cell(record: Mapping[str, Any], column: Column, least: float | None) -> Cell:
    """A record's cell in a column, ``least`` being the best figure of that (:func:`least_figure`)."""
    text = column.text(record)
    doubtful = bool(record.get("euler_doubtful")) and column.path[0] == "mae"
    doubtful = doubtful or bool(column.name == "aurc" and (record["risk_coverage"] or {}).get("defect"))
    sanity = not competes(record) and not record.get("partial")
    return Cell(text, "" if doubtful else _mark(record, column, least), doubtful, sanity)


def least_figure(column: Column, records: Sequence[Mapping[str, Any]]) -> float | None:
    """The best figure of a column among records that may be compared; None where no value is marked."""
    if column.kind != "error" or column.path[0] not in HEADLINES:
        return None
    rivals = [record for record in records if competes(record)]
    if len(rivals) < 2 or not one_set(rivals):
        return None
    return min((own for rival in rivals if (own := column.value(rival)) is not None), default=None)


def _mark(record: Mapping[str, Any], column: Column, least: float | None) -> Mark:
    """Best is also what shows the same digits as the best."""
    value = column.value(record)
    if least is None or value is None or not competes(record):
        return ""
    if figure(value) == figure(least):
        return "best"
    return "equal" if _lookup(record, "distinguishable", column) is False else ""


def _lookup(record: Mapping[str, Any], section: str, column: Column) -> Any:
    found: Any = record.get(section) or {}
    for key in column.path:
        found = found.get(key, {}) if isinstance(found, Mapping) else None
    return None if isinstance(found, Mapping) else found


def one_set(records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether rows have the same samples, and may be compared: else none of them is the best."""
    compared = {record.get("statistics", {}).get("rows_compared", 0) for record in records}
    return compared == {len(records)}


def mark_notes(records: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """What the marks of a table mean, or why it has none."""
    rivals = [record for record in records if competes(record)]
    if len(rivals) < 2:
        return []
    if not one_set(rivals):
        return [f"no best value is marked: {why_no_best(rivals)}"]
    count, unit = rivals[0]["statistics"]["clusters"], rivals[0]["statistics"]["unit"]
    drawn = f"{count:,} {plural(unit) if count != 1 else unit}"
    return legend(rows, "* best", drawn, [] if compared(rivals) else [f"{drawn}: too few to say what is chance"])


def legend(rows: Sequence[Sequence[Cell]], best: str, drawn: str, more: Sequence[str] = ()) -> list[str]:
    """The line that explains the marks there are; ``drawn`` is what the comparisons are over."""
    marks = {own.mark for row in rows for own in row}
    found = [best] if "best" in marks else []
    if "equal" in marks:
        found.append(f"≈ not told from the best (paired bootstrap over {drawn}, corrected p >= 0.05)")
    return ["; ".join([*found, *more])] if found or more else []


def compared(records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether there were clusters enough to compare rows."""
    return any(value is not None for figures in records[0]["p_values"].values() for value in figures.values())


def why_no_best(records: Sequence[Mapping[str, Any]]) -> str:
    """Why rows that compete have no best, in words."""
    if not records[0].get("comparable", True):
        return "these rows are not comparable, and shown by --force"
    if not any(record["n"] for record in records):
        return "there is no sample to compare them on"
    return "these are not the same samples (--view common)"


def partial_note(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the mark of labels means, where some of the records are of a part of the samples, and others are not."""
    partial = {bool(record["partial"]) for record in records}
    if len(partial) < 2:
        return []
    return ["(partial): of a part of the samples (--limit), and not to be compared with the others"]


def plural(unit: str) -> str:
    """Several of what statistics resample."""
    return "people" if unit == "person" else f"{unit}s"


def split_notes(records: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """The notes that all records share, and the others of each."""
    shared = [note for note in records[0]["notes"] if all(note in record["notes"] for record in records)]
    return shared, [[note for note in record["notes"] if note not in shared] for record in records]


def in_other_order(record: Mapping[str, Any]) -> bool:
    """Whether a record's MAE is counted in another order of the angles than usual, or than its protocol says."""
    return bool(record["angles"] != DEFAULT_ORDER or record.get("recounted"))


def title(records: Sequence[Mapping[str, Any]], counts: Collection[int] = ()) -> str:
    """What stands above a table: protocol, unit, wrap, the order of angles where it is not the usual one and that of
    all rows, view, and whether the test's labels were used; ``counts`` are the numbers of samples of its rows, one of
    which is told."""
    record = records[0]
    n = f"{next(iter(counts)):,} " if len(counts) == 1 else ""
    views = {
        "all": f"all {n}samples, no prediction counting as the zero pose",
        "detected": f"the {n}samples that each estimator predicted",
        "common": f"the {n}samples that every estimator predicted",
    }
    one = len({own["angles"] for own in records}) == 1
    order = f", MAE in the order {record['angles']}" if one and in_other_order(record) else ""
    text = f"{record['protocol']}: errors in degrees, {record['wrap']}{order}; view '{record['view']}': "
    text += views[record["view"]]
    if record.get("aligned"):
        text += f"; {oracle_note(record['aligned'])}"
    return text
