"""Tables as text for elsewhere: Markdown, CSV, LaTeX with booktabs, and a page of HTML."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hpe_bench.comparison.sheet import Cell, Sheet
from hpe_bench.text import csv_cell, latex_text, markdown_text, safe_text

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #1a1a1a; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto; }
caption { text-align: left; font-style: italic; padding-bottom: .7em; }
th, td { padding: .2em .7em; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 1px solid #888; border-top: 2px solid #444; }
tbody tr:last-child td { border-bottom: 2px solid #444; }
.best { font-weight: bold; color: #00632c; } .equal { color: #00632c; } .sanity, .doubtful { color: #767676; }
.notes { color: #555; padding-left: 1.2em; }
""".strip()


def to_markdown(sheets: Sequence[Sheet]) -> str:
    """Tables of Markdown, aligned to be read as they stand; the best is bold."""
    return "\n".join(_markdown(sheet) for sheet in sheets)


def to_csv(sheets: Sequence[Sheet]) -> str:
    """One list of comma-separated values of all sheets, a row a record, figures unrounded.

    Intervals are two columns, _low and _high; "best" and "indistinguishable" name the columns in which a row is the
    best, or not told from it; "partial" stands where a run is of a part of the samples; "skipped" says why an estimator
    did not run. Where rows are no records, the texts of the cells.
    """
    rows: list[dict[str, Any]] = []
    for sheet in sheets:
        rows += _records(sheet) if sheet.records else _texts(sheet)
        rows += [_missing(record) for record in sheet.missing]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writerow({name: csv_cell(name) for name in names})
    writer.writerows({name: csv_cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def to_latex(sheets: Sequence[Sheet]) -> str:
    r"""Tables of LaTeX, for \usepackage{booktabs}; the best is bold, what is not told from it underlined."""
    return "\n".join(["% needs \\usepackage{booktabs}", *(_latex(sheet) for sheet in sheets)])


def to_html(sheets: Sequence[Sheet]) -> str:
    """A page of HTML that needs nothing else."""
    body = "\n".join(_html(sheet) for sheet in sheets)
    title = _escaped(sheets[0].title.partition(":")[0]) if sheets else "hpe-bench"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"/>\n<title>{title}</title>\n'
        f"<style>\n{_STYLE}\n</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


FORMATS: dict[str, Callable[[Sequence[Sheet]], str]] = {
    "markdown": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
    "html": to_html,
}


def _markdown(sheet: Sheet) -> str:
    headings = [markdown_text(heading) for heading in sheet.headings]
    rows = [[_markdown_cell(cell) for cell in row] for row in sheet.rows]
    widths = [max(len(row[place]) for row in [headings, *rows]) for place in range(len(headings))]
    rule = [":" + "-" * (width + 1) if place == 0 else "-" * (width + 1) + ":" for place, width in enumerate(widths)]
    lines = [markdown_text(sheet.title), ""] if sheet.title else []
    if headings:
        lines += ["| " + " | ".join(_padded(row, widths)) + " |" for row in [headings]]
        lines += ["|" + "|".join(rule) + "|"]
        lines += ["| " + " | ".join(_padded(row, widths)) + " |" for row in rows]
    notes = [f"- {markdown_text(note.replace('* best', 'bold: best'))}" for note in sheet.notes]
    return "\n".join([*lines, *(["", *notes] if notes else []), ""])


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        text.ljust(width) if place == 0 else text.rjust(width)
        for place, (text, width) in enumerate(zip(row, widths, strict=True))
    ]


def _markdown_cell(cell: Cell) -> str:
    return f"**{markdown_text(cell.text)}**" if cell.mark == "best" else markdown_text(cell.marked)


def _records(sheet: Sheet) -> list[dict[str, Any]]:
    rows = []
    for record, cells in zip(sheet.records, sheet.rows, strict=True):
        row: dict[str, Any] = {key: record[key] for key in ("protocol", "view", "wrap", "angles")}
        row["estimator"] = record["label"]
        if "range" in record:
            row |= {"by": record["by"], "range": record["range"]}
        if record["partial"]:
            row["partial"] = f"{record['n_total' if 'n_total' in record else 'n']} samples (--limit)"
        for column in sheet.columns:
            value = column.value(record)
            if column.kind == "interval":
                name = column.name.removesuffix("-ci")
                row |= dict(zip((f"{name}_low", f"{name}_high"), value or (None, None), strict=True))
            else:
                row[column.name] = value
        for name, mark in (("best", "best"), ("indistinguishable", "equal")):
            marked = zip(sheet.columns, cells[1:], strict=True)
            row[name] = " ".join(column.name for column, cell in marked if cell.mark == mark)
        rows.append(row)
    return rows


def _missing(record: Mapping[str, Any]) -> dict[str, Any]:
    names = {key: record[key] for key in ("protocol", "view", "wrap")}
    return {**names, "estimator": record["label"], "skipped": record["skipped"]}


def _texts(sheet: Sheet) -> list[dict[str, Any]]:
    return [
        {"table": sheet.title, **dict(zip(sheet.headings, (cell.text for cell in row), strict=True))}
        for row in sheet.rows
    ]


def _latex(sheet: Sheet) -> str:
    if not sheet.rows:
        return "\n".join(f"% {safe_text(line)}" for note in sheet.notes for line in note.splitlines())
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{latex_text(sheet.title)}}}"]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(sheet.headings) - 1)}}}", r"\toprule"]
    lines += [" & ".join(map(latex_text, sheet.headings)) + r" \\", r"\midrule"]
    lines += [" & ".join(map(_latex_cell, row)) + r" \\" for row in sheet.rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    notes = [note.replace("* best", "bold: best").replace("≈ not told", "underlined: not told") for note in sheet.notes]
    lines += [rf"\par\footnotesize {latex_text(note)}" for note in notes]
    return "\n".join([*lines, r"\end{table}", ""])


def _latex_cell(cell: Cell) -> str:
    text = latex_text(cell.marked if cell.doubtful else cell.text)
    return {"best": rf"\textbf{{{text}}}", "equal": rf"\underline{{{text}}}", "": text}[cell.mark]


def _escaped(text: str) -> str:
    return html.escape(safe_text(text))


def _html(sheet: Sheet) -> str:
    head = "".join(f'<th scope="col">{_escaped(heading)}</th>' for heading in sheet.headings)
    rows = "\n".join(f"<tr>{''.join(map(_html_cell, row))}</tr>" for row in sheet.rows)
    notes = "".join(f"<li>{_escaped(note)}</li>" for note in sheet.notes)
    table = (
        f"<table>\n<caption>{_escaped(sheet.title)}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table>\n"
        if sheet.rows
        else ""
    )
    return table + (f'<ul class="notes">{notes}</ul>' if notes else "")


def _html_cell(cell: Cell) -> str:
    kinds = [cell.mark, "sanity" if cell.sanity else "", "doubtful" if cell.doubtful else ""]
    names = " ".join(kind for kind in kinds if kind)
    return f"<td{f' class={chr(34)}{names}{chr(34)}' if names else ''}>{_escaped(cell.marked)}</td>"
