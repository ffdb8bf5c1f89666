"""Errors by range: of an angle of the label, of the axis about which the head is turned, by person or sequence."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.comparison.columns import HEADLINES, Column, choose_columns
from hpe_bench.comparison.scores import competes, json_number, score, view_masks
from hpe_bench.comparison.sheet import (
    Cell,
    Sheet,
    cell,
    compared,
    least_figure,
    legend,
    one_set,
    partial_note,
    plural,
    split_notes,
    title,
    why_no_best,
)
from hpe_bench.comparison.statistics.errors import EVERY, Errors, Path, cluster_unit, run_errors
from hpe_bench.comparison.statistics.significance import describe
from hpe_bench.errors import UnknownName, UsageError
from hpe_bench.metrics import View, Wrap, accuracy, below, deviations
from hpe_bench.orders import DEFAULT_ORDER, EulerOrder, names_in_order
from hpe_bench.runs.runfile import Run, marked_label

#: Where ranges of |angle| begin, degrees; the last one goes up to 180.
EDGES = (0, 15, 30, 45, 60, 75, 90, 180)
BY = ("yaw", "pitch", "roll", "ge-axis", "person", "sequence")
#: Beyond this the Euler angles of a small rotation are large, where it is the middle angle of their order, as yaw is
#: usually: the other two turn about nearly one axis.
DOUBTFUL_ANGLE = 60.0
#: A head turned by less than this has no axis worth naming, degrees.
LEAST_TURN = 10.0
_NAMES = {"x": "x (nodding)", "y": "y (turning)", "z": "z (tilting)"}
#: What of a record there is for each range.
_OF_RANGES = ("mae", "vmae", "ge", "sd", "accuracy", "coverage", "n")


@dataclass(frozen=True)
class Range:
    """A range: its name, its ends where it has any, and whether Euler angles are to be doubted in it."""

    name: str
    low: float | None = None
    high: float | None = None
    doubtful: bool = False


def divide(errors: Errors, by: str, order: EulerOrder = DEFAULT_ORDER) -> list[tuple[Range, NDArray[np.bool_]]]:
    """The ranges that samples fall into, in order, each with its mask (n,); :class:`UsageError` of samples that have no
    person or sequence.

    Angles are those that the dataset states, whatever the ``order`` that MAE is counted in; that says near which of
    them errors are to be doubted.
    """
    if by in ("yaw", "pitch", "roll"):
        size = np.abs(errors.angles[:, ("yaw", "pitch", "roll").index(by)])
        found = []
        for low, high in itertools.pairwise(EDGES):
            inside = ~below(size, low) & (below(size, high) | (high == EDGES[-1]))
            doubtful = by == names_in_order(order)[1] and low >= DOUBTFUL_ANGLE
            found.append((Range(f"{low}-{high}", low, high, doubtful), inside))
        return found
    if by == "ge-axis":
        axis = turn_axis(errors.truth)
        return [(Range(name), axis == name) for name in (f"under {LEAST_TURN:.0f}°", *_NAMES.values())]
    if by not in BY:
        raise UnknownName("range to divide by", by, BY)
    names = errors.person if by == "person" else errors.sequence
    if (names == "").any():
        raise UsageError(f"these samples have no {by} to divide them by; there is {', '.join(BY[:4])}")
    return [(Range(name), names == name) for name in np.unique(names).tolist()]


def doubt_note(order: EulerOrder) -> str:
    """Why Euler angles of an order are to be doubted in a range."""
    first, middle, last = names_in_order(order)
    return (
        f"(...) Euler angles beyond 60 degrees of {middle}: near gimbal lock {first} and {last} turn about nearly one "
        "axis, so that a small error of the pose is a large one of both; read GE or VMAE there"
    )


def turn_axis(rotation: NDArray[np.float64]) -> NDArray[np.str_]:
    """About which camera axis each head (N, 3, 3) is turned most: x, y or z, the one along which the axis of its
    rotation has the largest part; none where the head is turned by less than 10 degrees."""
    from scipy.spatial.transform import Rotation

    vectors = Rotation.from_matrix(rotation).as_rotvec(degrees=True) if len(rotation) else np.zeros((0, 3))
    names = np.array(list(_NAMES.values()))[np.abs(vectors).argmax(axis=1)]
    return np.where(below(np.linalg.norm(vectors, axis=1), LEAST_TURN), f"under {LEAST_TURN:.0f}°", names)


def range_records(
    runs: Sequence[Run],
    by: str,
    view: View = "all",
    wrap: Wrap = "wrap360",
    comparable: bool = True,
    figures: Sequence[Path] = EVERY,
) -> list[dict[str, Any]]:
    """A record a range and run, JSON-ready, ranges in order; those that no run has a sample in are left out.
    :class:`UsageError` where no run has any sample that is scored.

    Each has the figures of the samples in the range, with intervals and with what is told from the best of the range.
    """
    whole = score(runs, view, wrap)
    errors = [run_errors(run, view, wrap, mask) for run, mask in zip(runs, view_masks(runs, view), strict=True)]
    if not any(map(len, errors)):
        raise UsageError(f"there is no sample to divide by {by}: in view '{view}' none of {len(runs)} runs has any")
    divided = [divide(own, by, run.order) for own, run in zip(errors, runs, strict=True)]
    ranges: dict[str, Range] = {range.name: range for parts in divided for range, _ in parts}
    rivals = [comparable and competes(record) for record in whole]
    units = [cluster_unit(run) for run in runs]
    found = []
    for name, range in ranges.items():
        masks = [next((mask for own, mask in parts if own.name == name), None) for parts in divided]
        inside = [
            own.part(np.zeros(len(own), np.bool_) if mask is None else mask)
            for own, mask in zip(errors, masks, strict=True)
        ]
        if not any(map(len, inside)):
            continue
        chance = describe(inside, rivals, units, figures)
        for record, own, added in zip(whole, inside, chance, strict=True):
            kept = (
                *("estimator", "label", "protocol", "view", "wrap", "angles", "recounted", "headline", "aligned"),
                *("partial", "notes", "run"),
            )
            found.append(
                {
                    "by": by,
                    "range": name,
                    "low": range.low,
                    "high": range.high,
                    "euler_doubtful": range.doubtful,
                    **{key: record[key] for key in kept},
                    "n": len(own),
                    "coverage": float(own.found.mean()) if len(own) else None,
                    **_figures(own, figures),
                    "accuracy": {str(limit): json_number(share) for limit, share in accuracy(own.geodesic).items()},
                    "sd": {key: json_number(sd) for key, sd in deviations(own.euler, own.geodesic).items()},
                    **added,
                    "comparable": comparable,
                }
            )
    return found


def check_columns(columns: Sequence[Column]) -> None:
    """:class:`UsageError` where a column is of a whole run, and says nothing of a range."""
    whole = [column.name for column in columns if column.path[0] not in _OF_RANGES]
    if whole:
        raise UsageError(f"--columns {','.join(whole)}: of a whole run, not of a range; leave out --by to see it")


def ranges_sheets(records: Sequence[Mapping[str, Any]], columns: Sequence[Column] = ()) -> list[Sheet]:
    """Of one run a table whose rows are ranges and whose columns are figures; of several a table a column, whose rows
    are ranges and whose columns are the runs."""
    runs = list(dict.fromkeys(record["run"] for record in records))
    headline = HEADLINES[records[0]["headline"]]
    if len(runs) == 1:
        return [ranges_list(records, columns)]
    wanted = list(columns) or choose_columns(list(dict.fromkeys([headline, "GE"])))
    return [_by_run(records, runs, column) for column in wanted]


def ranges_list(records: Sequence[Mapping[str, Any]], columns: Sequence[Column] = ()) -> Sheet:
    """One table whose rows are the records as they come, and whose columns are figures."""
    shown = list(columns) or choose_columns(["n", "yaw", "pitch", "roll", "MAE", "VMAE", "GE", "GE-ci", "cov"])
    rows: list[list[Cell]] = []
    for name, group in itertools.groupby(records, key=lambda record: record["range"]):
        own = list(group)
        bests = [least_figure(column, own) for column in shown]
        rows += [[Cell(name), *(cell(record, *pair) for pair in zip(shown, bests, strict=True))] for record in own]
    heading = f"{marked_label(records[0])}, by {records[0]['by']}; {title(records)}"
    headings = [_heading(records[0]["by"]), *(column.heading for column in shown)]
    return Sheet(heading, headings, rows, _notes(records, rows), shown, list(records))


def _by_run(records: Sequence[Mapping[str, Any]], runs: Sequence[str], column: Column) -> Sheet:
    rows = []
    for name in dict.fromkeys(record["range"] for record in records):
        own = {record["run"]: record for record in records if record["range"] == name}
        sizes = sorted({record["n"] for record in own.values()})
        size = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]}-{sizes[-1]}"
        least = least_figure(column, list(own.values()))
        rows.append([Cell(name), Cell(size), *(cell(own[run], column, least) for run in runs)])
    first = records[0]
    labels = {record["run"]: marked_label(record) for record in records}
    heading = f"{column.name}, by {first['by']}; {title(records)}"
    return Sheet(
        heading, [_heading(first["by"]), "n", *(labels[run] for run in runs)], rows, _notes(records, rows), by_run=True
    )


def _notes(records: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Cell]]) -> list[str]:
    shared, _ = split_notes(records)
    doubt = [doubt_note(records[0]["angles"])] if any(own.doubtful for row in rows for own in row) else []
    axis = []
    if records[0]["by"] == "ge-axis":
        axis = ["the axis of the true rotation: the camera axis that it is nearest to (x right, y down, z forward)"]
    return [*shared, *partial_note(records), *_mark_notes(records, rows), *axis, *doubt]


def _mark_notes(records: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """What the marks mean, and which ranges have none, or too few clusters for a comparison."""
    ranges: dict[str, list[Mapping[str, Any]]] = {}
    for record in filter(competes, records):
        ranges.setdefault(record["range"], []).append(record)
    if len(next(iter(ranges.values()), [])) < 2:
        return []
    apart = {name: why_no_best(own) for name, own in ranges.items() if not one_set(own)}
    few = [name for name, own in ranges.items() if name not in apart and not compared(own)]
    units = plural(records[0]["statistics"]["unit"])

    def where(names: Sequence[str]) -> str:
        return "every range" if len(names) == len(ranges) else ", ".join(names)

    more = [f"too few {units} to say what is chance in {where(few)}"] if few else []
    for reason in dict.fromkeys(apart.values()):
        names = [name for name, own in apart.items() if own == reason]
        more.append(f"no best value is marked in {where(names)}: {reason}")
    return legend(rows, "* best of its range", f"the {units} of each range", more)


def _heading(by: str) -> str:
    return f"|{by}|" if by in ("yaw", "pitch", "roll") else by


def _figures(errors: Errors, figures: Sequence[Path]) -> dict[str, dict[str, float | None]]:
    nested: dict[str, dict[str, float | None]] = {}
    for path in figures:
        nested.setdefault(path[0], {})[path[1]] = json_number(errors.figure(path))
    return nested
