"""The columns that a table of runs can have: their names, what they show of a record, and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hpe_bench.errors import UnknownName

Kind = Literal["error", "interval", "share", "count", "text"]

DASH = "–"


@dataclass(frozen=True)
class Column:
    """A column: its name on the command line, its heading with the unit, where its value stands in a record.

    Of an "interval" the place is that of the figure whose interval it is. ``descending`` is how it is sorted.
    """

    name: str
    heading: str
    path: tuple[str, ...]
    kind: Kind
    descending: bool = False

    def value(self, record: Mapping[str, Any]) -> Any:
        """What the record has there: a number, the two limits of an interval, a text, or None."""
        found: Any = record.get("intervals") if self.kind == "interval" else record
        for key in self.path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def text(self, record: Mapping[str, Any]) -> str:
        """The value as a table shows it."""
        value = self.value(record)
        if value is None:
            return DASH
        if self.kind == "interval":
            return _interval(value[0], value[1], symmetric=self.path[-1] not in ("median", "p95"))
        if self.kind == "error":
            return figure(value)
        if self.kind == "share":
            return f"{100 * value:.1f}"
        return short_count(value) if self.name == "params" else str(value)


def _errors() -> Iterable[Column]:
    places = {
        "yaw": ("mae", "yaw"),
        "pitch": ("mae", "pitch"),
        "roll": ("mae", "roll"),
        "MAE": ("mae", "mean"),
        "left": ("vmae", "left"),
        "down": ("vmae", "down"),
        "front": ("vmae", "front"),
        "VMAE": ("vmae", "mean"),
        "GE": ("ge", "mean"),
        "med": ("ge", "median"),
        "p95": ("ge", "p95"),
    }
    for name, path in places.items():
        yield Column(name, name, path, "error")
        yield Column(f"{name}-ci", "±95%" if name not in ("med", "p95") else f"{name} 95%", path, "interval")


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        *_errors(),
        *(Column(f"{name}-sd", f"{name} sd", ("sd", name.lower()), "error") for name in ("yaw", "pitch", "roll", "GE")),
        *(Column(f"acc{limit}", f"≤{limit}° %", ("accuracy", str(limit)), "share", True) for limit in (5, 10, 15, 30)),
        Column("aurc", "AURC", ("risk_coverage", "aurc"), "error"),
        Column("cov", "cov %", ("coverage",), "share", True),
        Column("n", "n", ("n",), "count", True),
        Column("params", "params", ("parameters",), "count"),
    )
}
LABEL = Column("estimator", "estimator", ("label",), "text")
#: Of a record's headline, the column that shows it.
HEADLINES = {"mae": "MAE", "vmae": "VMAE", "ge": "GE"}


def default_columns(headline: str, counts: bool) -> list[Column]:
    """What a table shows that nobody chose columns for, with or without the numbers of samples: it fits 80 characters
    with labels of common length."""
    names = ["yaw", "pitch", "roll", "MAE", "VMAE", "GE", "p95", "cov", *(["n"] if counts else [])]
    place = names.index(HEADLINES[headline]) + 1
    return [COLUMNS[name] for name in (*names[:place], f"{HEADLINES[headline]}-ci", *names[place:])]


def shown_figures(headline: str, columns: Sequence[Column], sort: Column | None) -> dict[str, list[tuple[str, str]]]:
    """The figures that a table of these columns, or of the default ones, has to compare, under ``figures``, the
    headline among them, and those whose intervals it shows, under ``limited``."""
    shown = [*(columns or default_columns(headline, True)), *([sort] if sort else [])]
    kinds = {
        kind: list(dict.fromkeys((c.path[0], c.path[1]) for c in shown if c.kind == kind and c.path[0] in HEADLINES))
        for kind in ("error", "interval")
    }
    return {
        "figures": list(dict.fromkeys([(headline, "mean"), *kinds["error"]])),
        "limited": kinds["interval"],
    }


def choose_columns(names: Sequence[str], metrics: Sequence[str] = ()) -> list[Column]:
    """The columns of those names, upper or lower case, also of metrics that plugins add, which hide none;
    :class:`UnknownName` of others."""
    return [find_column(name, metrics) for name in names]


def find_column(name: str, metrics: Sequence[str] = ()) -> Column:
    """The column of a name; "estimator" is one."""
    known = {metric.lower(): Column(metric, metric, ("metrics", metric), "error") for metric in metrics}
    known |= {column.name.lower(): column for column in (LABEL, *COLUMNS.values())}
    if name.strip().lower() not in known:
        raise UnknownName("column", name.strip(), [column.name for column in known.values()])
    return known[name.strip().lower()]


def figure(value: float | None) -> str:
    """Two decimals; one from 100 degrees on, where nobody compares hundredths."""
    return DASH if value is None else f"{value:.2f}" if value < 99.995 else f"{value:.1f}"


def short_count(value: int) -> str:
    """A large number in three digits: 12,345,678 is 12.3M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return str(value)


def _interval(low: float, high: float, symmetric: bool) -> str:
    if not symmetric or low == 0.0 < high:
        return f"{low:.1f}-{high:.1f}" if high >= 9.995 else f"{low:.2f}-{high:.2f}"
    return f"±{figure((high - low) / 2)}"
