"""The tables that lint reads: those of the package, CSV in two layouts, and the JSON of a comparison."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hpe_bench.comparison.published.claims import FIGURES, all_claims, data_text
from hpe_bench.comparison.published.lint import Row
from hpe_bench.errors import DataError, UnknownName, UsageError
from hpe_bench.pose import ANGLES, AXES
from hpe_bench.reading import parse_json, read_regular

#: Tables that come with the package, by the name that lint knows them by.
SHIPPED = {"published": "", "nlml-readme": "nlml_readme.csv"}

_ALIASES = {"maev": "vmae", "geodesic": "ge", "test/protocol": "tested_on", "test": "tested_on"}
_EMPTY = ("", "-", "–", "—")
_LARGEST = 16 * 2**20
_LAYOUTS = (
    "either a row for each method and dataset, with columns method and yaw, pitch, roll, mae, left, down, front, vmae, "
    "ge as far as there are any, and perhaps dataset, protocol, angles, tested_on, source; or a row for each method, "
    "with method and <dataset>_yaw, <dataset>_mae and so on"
)


def read_rows(target: str) -> list[Row]:
    """The rows of a table that comes with the package, by its name, or of a CSV or JSON file.

    :class:`UsageError` where there is neither, or the columns are others; :class:`DataError` naming the place of what
    is no figure.
    """
    if target == "published":
        return [
            Row(c.method, c.dataset, f"{c.source}, {c.tested_on}", c.figures, c.source, c.protocol, c.angles)
            for c in all_claims()
        ]
    if target in SHIPPED:
        return csv_rows(target, data_text(SHIPPED[target]))
    path = Path(target)
    if not path.is_file():
        raise UnknownName("table or file", target, SHIPPED)
    text = _read(path)
    return json_rows(target, text) if text.lstrip()[:1] in ("[", "{") else csv_rows(target, text)


def csv_rows(name: str, text: str) -> list[Row]:
    """The rows of a CSV in either layout."""
    reader = csv.reader(text.splitlines())
    try:
        lines = [(reader.line_num, [cell.strip() for cell in line]) for line in reader if any(map(str.strip, line))]
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num}: not a CSV ({error})") from error
    heading = [_ALIASES.get(cell.lower(), cell.lower()) for cell in (lines[0][1] if lines else [])]
    twice = {cell for cell in heading if cell and heading.count(cell) > 1}
    if twice:
        raise UsageError(f"{name} has two columns {sorted(twice)[0]}")
    blocks = _blocks(heading)
    if "method" not in heading or not blocks:
        raise UsageError(f"{name} has no columns to look at. A table has {_LAYOUTS}")
    rows: list[Row] = []
    for number, line in lines[1:]:
        if len(line) != len(heading):
            raise DataError(f"{name}, line {number}: {len(line)} cells under {len(heading)} headings")
        cells = dict(zip(heading, line, strict=True))
        for block, columns in blocks.items():
            figures = {
                figure: _figure(f"{name}, line {number}, column {column}", cells[column])
                for column, figure in columns.items()
                if cells[column] not in _EMPTY
            }
            if figures:
                rows.append(_row(cells, block, figures))
    if not rows:
        raise DataError(f"{name} holds no figures")
    return rows


def json_rows(name: str, text: str) -> list[Row]:
    """The rows of what ``compare --json`` or ``eval --json`` printed; what did not run, and the verdicts of a
    gate, are left out, and published claims are rows as those of the table of claims."""
    try:
        records = parse_json(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: not JSON ({error})") from error
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise DataError(f"{name}: not a list of records, as hpe-bench compare --json prints it")
    return list(_measured(name, records))


def _measured(name: str, records: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    for place, record in enumerate(records):
        if record.get("skipped") or "gate" in record:
            continue
        claim = "claim" in record  # as compare --published puts it below what was measured
        if claim:
            record = {**record, "label": record.get("method")}
        missing = [key for key in ("label", "protocol", "mae", "vmae") if key not in record]
        if missing or not isinstance(record["mae"], dict) or not isinstance(record["vmae"], dict):
            what = f"no {', '.join(missing)}" if missing else "no figures by component in mae and vmae"
            raise DataError(f"{name}: record {place} is not of a comparison ({what})")
        given = {**{key: record["mae"].get(key) for key in ANGLES}, "mae": record["mae"].get("mean")}
        given |= {**{key: record["vmae"].get(key) for key in AXES}, "vmae": record["vmae"].get("mean")}
        figures = {
            key: _figure(f"{name}, record {place}, {key}", _decimal(value))
            for key, value in given.items()
            if value is not None
        }
        protocol = str(record["protocol"])
        same = (protocol, *(str(record.get(key, "")) for key in ("fingerprint", "partial")))
        order = str(record.get("angles") or "")
        scored = f"{protocol}, view {record.get('view', 'all')}, {record.get('wrap', 'wrap360')}"
        if claim:
            source = str(record.get("source", ""))
            where = f"{source}, {record.get('tested_on', '')}"
            dataset = str(record.get("dataset", ""))
            yield Row(str(record["label"]), dataset, where, figures, source, protocol, order)
        else:
            group, measured = " ".join(same), "run" in record
            yield Row(str(record["label"]), protocol, group, figures, name, scored, order, measured)


def _decimal(value: Any) -> str:
    """A number of JSON as text without an exponent."""
    return f"{value:.12f}".rstrip("0") if isinstance(value, float) else str(value)


def _blocks(heading: Sequence[str]) -> dict[str, dict[str, str]]:
    """By block, which column holds which figure; the block of the long layout is ""."""
    blocks: dict[str, dict[str, str]] = {}
    for column in heading:
        block, _, figure = column.rpartition("_")
        figure = _ALIASES.get(figure, figure)
        if figure in FIGURES:
            blocks.setdefault(block, {})[column] = figure
    return blocks


def _row(cells: Mapping[str, str], block: str, figures: Mapping[str, str]) -> Row:
    if block:
        return Row(cells["method"], block, block, figures)
    dataset, source, tested_on = (cells.get(key, "") for key in ("dataset", "source", "tested_on"))
    shown = dataset or tested_on or cells.get("protocol", "")
    group, protocol, order = f"{source} {dataset} {tested_on}", cells.get("protocol", ""), cells.get("angles", "")
    return Row(cells["method"], shown, group, figures, source, protocol, order)


def _figure(where: str, text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise DataError(f"{where}: '{text}' is no error in degrees")
    return text


def _read(path: Path) -> str:
    try:
        return read_regular(path, _LARGEST).decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from error
