"""The tables of a report: the comparison in every view, the figures of an estimator by range, published claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpe_bench.comparison.columns import COLUMNS, DASH, Column, choose_columns, figure
from hpe_bench.comparison.ranges import doubt_note
from hpe_bench.comparison.report.markup import Markup, element, join
from hpe_bench.comparison.sheet import Cell, Sheet, results_sheet
from hpe_bench.metrics import View
from hpe_bench.pose import ANGLES, AXES

Record = Mapping[str, Any]

_COLUMNS = (
    *("yaw", "pitch", "roll", "MAE", "VMAE", "GE", "med", "p95", "acc10", "acc30"),
    *("aurc", "cov", "n", "params"),
)
#: What the short headings stand for.
_MEANINGS = {
    "yaw": "mean absolute error of yaw, degrees",
    "pitch": "mean absolute error of pitch, degrees",
    "roll": "mean absolute error of roll, degrees",
    "MAE": "mean absolute error of the three angles, degrees",
    "VMAE": "mean angle between the left, down and front vectors, degrees",
    "GE": "mean geodesic error, degrees",
    "med": "median geodesic error, degrees",
    "p95": "95th percentile of the geodesic error, degrees",
    "acc10": "share of samples with a geodesic error of at most 10 degrees",
    "acc30": "share of samples with a geodesic error of at most 30 degrees",
    "aurc": "area under the risk-coverage curve, degrees",
    "cov": "share of samples with a prediction",
    "n": "samples scored",
    "params": "parameters",
}
_RANGE_COLUMNS = ("n", "yaw", "pitch", "roll", "MAE", "VMAE", "GE", "cov")


def comparison_sheets(views: Mapping[View, Sequence[Record]], metrics: Sequence[str]) -> dict[View, Sheet]:
    """The comparison in each view, with every column that any row has a figure for."""
    every = [*(COLUMNS[name] for name in _COLUMNS), *choose_columns(list(metrics), list(metrics))]
    records = [record for own in views.values() for record in own if "skipped" not in record]
    shown = [column for column in every if any(column.value(record) is not None for record in records)]
    return {view: results_sheet(own, shown) for view, own in views.items()}


def comparison_table(sheets: Mapping[View, Sheet], shown: View, places: Mapping[str, int]) -> Markup:
    """One table with a body for each view, of which one is shown; ``places`` are those of the estimators, by run."""
    columns = next(iter(sheets.values())).columns
    head = element("tr", _heading("estimator", "", ""), *(_heading(c.heading, c.name, c.kind) for c in columns))
    bodies = (
        element("tbody", *_rows(sheet, columns, places), data_view=view, hidden=view != shown)
        for view, sheet in sheets.items()
    )
    captions = (element("span", sheet.title, data_view=view, hidden=view != shown) for view, sheet in sheets.items())
    table = element(
        "table", element("caption", *captions), element("thead", head), *bodies, id="comparison", class_="sortable"
    )
    return join([_box(table, "Comparison"), *(_notes(sheet, view, view != shown) for view, sheet in sheets.items())])


def range_table(records: Sequence[Record]) -> Markup | None:
    """The figures of one estimator by range of |yaw|; None where it has none."""
    if not records:
        return None
    columns = choose_columns(_RANGE_COLUMNS)
    rows = []
    for record in records:
        doubtful = bool(record["euler_doubtful"])
        cells = (
            _figure_cell(record, column, Cell(column.text(record), doubtful=doubtful and column.path[0] == "mae"))
            for column in columns
        )
        rows.append(element("tr", element("th", f"{record['range']}°", scope="row"), *cells))
    headings = ("|yaw|", *(column.heading for column in columns))
    head = element("tr", *(element("th", heading, scope="col") for heading in headings))
    table = element("table", element("thead", head), element("tbody", *rows))
    doubted = any(record["euler_doubtful"] for record in records)
    note = element("p", doubt_note(records[0]["angles"]), class_="note") if doubted else None
    return join([_box(table, "By range"), note])


def claims_table(claims: Sequence[Record]) -> Markup:
    """Published claims, as their sources state them, with the columns that any of them has a figure for."""
    sections = {"mae": (*ANGLES, "mean"), "vmae": (*AXES, "mean"), "ge": ("mean",)}
    places = [(section, name) for section, names in sections.items() for name in names]
    known = [(section, name) for section, name in places if any(c[section][name] is not None for c in claims)]
    headings = ["method", "year", *(section.upper() if name == "mean" else name for section, name in known)]
    rows = []
    for claim in claims:
        apart = claim.get("not_comparable")
        source = ": ".join(filter(None, (claim["source"], apart and f"not comparable: {apart}", claim["note"])))
        rows.append(
            element(
                "tr",
                element("th", claim["method"], scope="row"),
                element("td", str(claim["year"] or DASH)),
                *(element("td", figure(claim[section][name])) for section, name in known),
                element("td", claim["trained_on"] or DASH, class_="words"),
                element("td", source, class_="words source"),
            )
        )
    words = (element("th", heading, scope="col", class_="words") for heading in ("trained on", "source"))
    head = element("tr", *(element("th", heading, scope="col") for heading in headings), *words)
    return _box(element("table", element("thead", head), element("tbody", *rows)), "Published")


def _heading(text: str, name: str, kind: str) -> Markup:
    button = element("button", text, type="button", title=_MEANINGS.get(name))
    first = "descending" if kind in ("share", "count") and name not in ("params",) else "ascending"
    return element("th", button, scope="col", data_first=first)


def _rows(sheet: Sheet, columns: Sequence[Column], places: Mapping[str, int]) -> list[Markup]:
    rows = []
    for record, cells in zip(sheet.records, sheet.rows, strict=True):
        place = places[record["run"]]
        link = element("a", cells[0].text, href=f"#estimator-{place}")
        own = (_figure_cell(record, column, cell) for column, cell in zip(columns, cells[1:], strict=True))
        head = element("th", link, scope="row", data_value=str(record["label"]).lower())
        rows.append(element("tr", head, *own, class_="sanity" if cells[0].sanity else None))
    return rows


def _figure_cell(record: Record, column: Column, cell: Cell) -> Markup:
    """A figure with its mark, and below it its interval where it has one."""
    kinds = " ".join(filter(None, [cell.mark, "doubtful" if cell.doubtful else ""])) or None
    value = column.value(record)
    section = record.get("intervals", {}).get(column.path[0], {}) if column.kind == "error" else {}
    limits = section.get(column.path[-1])
    interval = element("small", f"{figure(limits[0])}–{figure(limits[1])}") if limits else None
    return element("td", cell.marked, interval, class_=kinds, data_value=value)


def _notes(sheet: Sheet, view: View, hidden: bool) -> Markup:
    lines = [*sheet.notes, "small figures: 95% intervals, from a bootstrap over clusters"]
    return element("ul", *(element("li", line) for line in lines), class_="notes", data_view=view, hidden=hidden)


def _box(table: Markup, label: str) -> Markup:
    """A table that scrolls within its box, also by the keyboard."""
    return element("div", table, class_="box", tabindex=0, role="region", aria_label=label)
