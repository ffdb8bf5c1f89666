"""The table that people read: sorted, aligned, units in the header, the best value marked, notes below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from hpe_bench.comparison.scores import SANITY

_DASH = "–"


_COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("yaw", ("mae", "yaw")),
    ("pitch", ("mae", "pitch")),
    ("roll", ("mae", "roll")),
    ("MAE", ("mae", "mean")),
    ("VMAE", ("vmae", "mean")),
    ("GE", ("ge", "mean")),
    ("med", ("ge", "median")),
    ("p95", ("ge", "p95")),
)


def results_table(records: Sequence[Mapping[str, Any]], extra: Sequence[str] = ()) -> Group:
    """A table of scored records of one protocol, sorted by its headline, then notes, then the lines ``extra``."""
    scored = [record for record in records if "skipped" not in record]
    scored.sort(key=lambda record: _value(record, (record["headline"], "mean"), float("inf")))
    table = _bare_table()
    table.add_column("estimator", overflow="fold", min_width=10)
    for heading, _ in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("cov %", justify="right", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    same = len({record["n"] for record in scored if record["estimator"] not in SANITY and not record["partial"]}) == 1
    best = {path: _best(scored, path) if same else None for _, path in _COLUMNS}
    shared = [note for note in _notes(scored[:1]) if all(note in record["notes"] for record in scored)]
    marks: dict[str, str] = {}
    for record in scored:
        own = [note for note in _notes([record]) if note not in shared]
        mark = "".join(marks.setdefault(note, chr(ord("a") + len(marks))) for note in own)
        cells = [_cell(record, path, best[path]) for _, path in _COLUMNS]
        label = Text(_foldable(str(record["label"])))
        if record["estimator"] in SANITY:
            label.stylize("dim")
        if mark:
            label.append(f" [{mark}]", style="yellow")
        table.add_row(
            label,
            *cells,
            f"{100 * record['coverage']:.1f}" if record["coverage"] is not None else _DASH,
            f"{record['n']}",
        )
    lines = [Text(note, style="yellow") for note in shared]
    if not same and any(_best(scored, path) is not None for _, path in _COLUMNS):
        lines.append(Text("no best value is marked: these are not the same samples (--view common)"))
    lines += [Text(f"[{mark}] {note}", style="yellow") for note, mark in marks.items()]
    lines += [
        Text(f"{record['label']} did not run: {record['skipped']}", style="dim")
        for record in records
        if "skipped" in record
    ]
    lines += [Text(line) for line in extra]
    if not scored:
        return Group(*lines)
    parts: list[Text | Table] = [Text(_title(records), style="italic"), Text(), table, Text()]
    if metrics := _metrics_table(scored):
        parts += [metrics, Text()]
    if clusters := _clusters_table(scored):
        parts += [clusters, Text()]
    return Group(*parts, *lines)


def _metrics_table(records: Sequence[Mapping[str, Any]]) -> Table | None:
    """The metrics that plugins add; None without any."""
    names = sorted({name for record in records for name in record.get("metrics", {})})
    if not names:
        return None
    table = _bare_table()
    for heading in ("estimator", *names):
        table.add_column(heading, justify="left" if heading == "estimator" else "right", overflow="fold")
    for record in records:
        figures = (_figure(record["metrics"].get(name)) for name in names)
        table.add_row(Text(str(record["label"])), *figures)
    return table


def _clusters_table(records: Sequence[Mapping[str, Any]]) -> Table | None:
    """The headline of each sequence; None where the protocol's clusters are no sequences."""
    if any((record.get("clusters") or {}).get("by") != "sequence" for record in records):
        return None
    shown = [record for record in records if record["estimator"] not in SANITY] or list(records)
    headline = shown[0]["headline"]
    table = _bare_table()
    table.add_column("sequence", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for record in shown:
        table.add_column(f"{headline.upper()} of {record['label']}", justify="right", overflow="fold")
    names = sorted({name for record in shown for name in record["clusters"]["figures"]})
    for name in names:
        own = [record["clusters"]["figures"].get(name) for record in shown]
        sizes = {str(figures["n"]) for figures in own if figures is not None}
        size = sizes.pop() if len(sizes) == 1 else _DASH
        table.add_row(name, size, *(_figure(None if figures is None else figures[headline]) for figures in own))
    return table


def _bare_table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))


def _foldable(label: str) -> str:
    """A long label on a line of its own for each option."""
    return label if len(label) <= 16 else label.replace(":", ":\n")


def _notes(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return [note for record in records for note in record.get("notes", ())]


def _title(records: Sequence[Mapping[str, Any]]) -> str:
    first = records[0]
    views = {
        "all": "all samples, no prediction counting as the zero pose",
        "detected": "the samples that each estimator predicted",
        "common": "the samples that every estimator predicted",
    }
    return f"{first['protocol']}: errors in degrees, {first['wrap']}; view '{first['view']}': {views[first['view']]}"


def _best(records: Sequence[Mapping[str, Any]], path: tuple[str, ...]) -> float | None:
    rivals = [_value(r, path, float("inf")) for r in records if r["estimator"] not in SANITY and not r.get("partial")]
    return min(rivals) if len(rivals) > 1 else None


def _cell(record: Mapping[str, Any], path: tuple[str, ...], best: float | None) -> Text:
    value = _value(record, path, None)
    if value is None:
        return Text(_DASH)
    rival = record["estimator"] not in SANITY and not record.get("partial")
    if best is not None and rival and round(value, 2) == round(best, 2):
        return Text(f"*{_figure(value)}", style="bold green")
    return Text(_figure(value), style="dim" if record["estimator"] in SANITY else "")


def _figure(value: float | None) -> str:
    """Two decimals; one from 100 degrees on, where nobody compares hundredths."""
    return _DASH if value is None else f"{value:.2f}" if value < 99.995 else f"{value:.1f}"


def _value(record: Mapping[str, Any], path: tuple[str, ...], default: Any) -> Any:
    found: Any = record
    for key in path:
        found = found.get(key) if found is not None else None
    return default if found is None else found
