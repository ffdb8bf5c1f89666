"""A series over growing training sets: its records, its table, and the files that keep them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.text import Text

from hpe_bench.comparison.layout import bare_table
from hpe_bench.comparison.scores import score
from hpe_bench.errors import DataError, MissingError
from hpe_bench.reading import parse_json, read_regular
from hpe_bench.runs.train.series import Point
from hpe_bench.storage import write_atomically

MEASURES = (("mae", "MAE"), ("ge", "GE"))
#: Of a file of records; a thousand points take a few hundred thousand bytes.
_MOST_BYTES = 16 * 2**20


def series_records(points: Sequence[Point]) -> list[dict[str, Any]]:
    """A record a point, JSON-ready: means in degrees, None where the evaluation did not run; ``skipped`` says why."""
    records = []
    for point in points:
        record: dict[str, Any] = {
            "identities": point.identities,
            "seed": point.seed,
            "estimator": point.result.estimator,
            "label": point.result.label,
            "protocol": point.result.protocol,
            "weights": str(point.training.job.target) if point.training else None,
            "mae": None,
            "ge": None,
            "n": 0,
            "coverage": None,
            "training": str(point.training.run.path) if point.training and point.training.run else None,
            "run": None,
        }
        if point.result.run is None:
            records.append({**record, "skipped": str(point.result.error)})
            continue
        (scored,) = score([point.result.run])
        figures = {key: scored[key] for key in ("n", "coverage", "run")}
        records.append({**record, **figures, **{key: scored[key]["mean"] for key, _ in MEASURES}})
    return records


def series_stem(records: Sequence[Mapping[str, Any]], estimator: str, results: Path) -> Path:
    """Where a series is kept, but for the suffix: results/training/<estimator>/series-<hash of its records>."""
    text = json.dumps(list(records), sort_keys=True)
    return results / "training" / estimator / f"series-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def write_series(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Keep the records as JSON, so that they can be plotted in another way."""
    write_atomically(path, json.dumps(list(records), indent=1, allow_nan=False).encode() + b"\n")


def find_series(targets: Sequence[str], results: Path) -> list[Path]:
    """The files of series that are named, or that lie in folders that are; without a target, in the results folder.

    :class:`MissingError` where there is none.
    """
    found: list[Path] = []
    for target in map(Path, targets or [str(results / "training")]):
        files = [target] if target.is_file() else sorted(target.rglob("series-*.json"))
        if not files:
            raise MissingError(f"no series at {target}; hpe-bench train ESTIMATOR --identities 1,2,5 makes one")
        found += files
    return list(dict.fromkeys(found))


def read_series(path: Path) -> list[dict[str, Any]]:
    """The records that :func:`write_series` kept; :class:`DataError` where the file holds something else."""
    try:
        records = parse_json(read_regular(path, _MOST_BYTES))
        if not records or not all(map(_is_record, records)):
            raise ValueError
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, TypeError):
        raise DataError(f"{path}: not the records of a series, as hpe-bench train --identities keeps them") from None
    if not any(record[key] is not None for record in records for key, _ in MEASURES):
        raise DataError(f"{path}: no evaluation of this series ran; there is nothing to draw")
    return list(records)


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and all(isinstance(record.get(key), str) for key in ("estimator", "protocol"))
        and all(type(record.get(key)) is int for key in ("identities", "seed"))
        and record["identities"] > 0
        and all(key in record and _is_figure(record[key]) for key, _ in MEASURES)
    )


def _is_figure(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and math.isfinite(value))


def values_of(records: Sequence[Mapping[str, Any]], estimator: str, measure: str) -> dict[int, list[float]]:
    """The values of a measure of an estimator, one a seed, by the number of identities."""
    found: dict[int, list[float]] = {}
    for record in records:
        if record["estimator"] == estimator and record[measure] is not None:
            found.setdefault(record["identities"], []).append(record[measure])
    return found


def series_page(records: Sequence[Mapping[str, Any]], files: Sequence[Path]) -> Group:
    """A row a number of identities, two columns an estimator; of several seeds the mean, and below it the extremes."""
    names = list(dict.fromkeys(record["estimator"] for record in records))
    columns = {(name, key): values_of(records, name, key) for name in names for key, _ in MEASURES}
    table = bare_table()
    table.add_column("identities", justify="right")
    for name in names:
        for _, heading in MEASURES:
            table.add_column(Text(f"{name}\n{heading}".replace("-", "-\n")), justify="right")
    for count in sorted({record["identities"] for record in records}):
        cells = (_cell(column.get(count, [])) for column in columns.values())
        table.add_row(f"{count:,}", *cells)
    seeds = len({record["seed"] for record in records})
    head = f"{records[0]['protocol']}: errors in degrees against the identities learned from"
    if seeds > 1:
        head += f"; mean of {seeds} seeds, below it the least and the largest"
    reasons: dict[str, dict[str, None]] = {}
    for record in records:
        if "skipped" in record:
            reasons.setdefault(record["skipped"], {})[record["label"]] = None
    lines = [f"{', '.join(labels)} did not run: {reason}" for reason, labels in reasons.items()]
    return Group(
        Text(head, style="italic"),
        Text(),
        table,
        Text(),
        *(Text(line, style="yellow") for line in lines),
        *(Text(f"{path.suffix[1:]:<5} {path}") for path in files),
    )


def _cell(values: Sequence[float]) -> str:
    if not values:
        return "–"
    shown = [f"{value:.2f}" for value in (sum(values) / len(values), min(values), max(values))]
    return shown[0] if shown[1] == shown[2] else "\n".join(shown)
