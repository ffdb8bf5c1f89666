"""What is wrong with a table of errors, as far as arithmetic can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from hpe_bench.comparison.published.claims import all_claims
from hpe_bench.pose import ANGLES, AXES

Kind = Literal["mean", "ratio", "copied", "selection", "order"]

#: VMAE / MAE. Of small errors near the zero pose it is 1.41 to 2, by geometry; large yaws, where angles err more than
#: vectors do, lower it. Tables of this field lie between these two.
RATIO = (1.2, 1.8)

_MEANS = {"mae": ANGLES, "vmae": AXES}
_NAMES = {"mae": "MAE", "vmae": "VMAE", "ge": "GE"}
#: As far apart two sources' figures may be and still be the same, rounded twice.
_SAME = 0.0101
#: One equal cell is chance, two are not.
_COPIED = 2


@dataclass(frozen=True)
class Row:
    """The figures of one method in one column, or group of columns, of a table.

    ``figures`` are text, by the names of :data:`~hpe_bench.comparison.published.FIGURES`. ``block`` is what the cells
    are about, such as a dataset. Rows with one ``group`` are meant to be compared. ``angles`` is the order of the
    angles that MAE is counted in, where that is known. ``measured``: the figures were
    computed from rotations by one program, so that a ratio, or a cell that equals another, is as it is.
    """

    method: str
    block: str
    group: str
    figures: Mapping[str, str]
    table: str = ""
    protocol: str = ""
    angles: str = ""
    measured: bool = False

    @property
    def where(self) -> str:
        return f"{self.method}, {self.block}" if self.block else self.method

    def value(self, figure: str) -> float | None:
        return float(self.figures[figure]) if figure in self.figures else None


@dataclass(frozen=True)
class Finding:
    """One thing that cannot be right: in which row, in which of its cells, and why."""

    kind: Kind
    where: str
    cells: tuple[str, ...]
    message: str
    rows: tuple[str, ...] = ()


def lint(rows: Sequence[Row], ratio: tuple[float, float] = RATIO) -> list[Finding]:
    """All that is wrong with the rows of one table: means, ratios, copied cells, mixed selections and orders."""
    return [
        *(finding for row in rows for finding in (*_means(row), *_ratio(row, ratio))),
        *_copied_along(rows),
        *_copied_down(rows),
        *_selections(rows),
        *_orders(rows),
    ]


def _means(row: Row) -> Iterator[Finding]:
    """Means that the components do not have, however they were rounded."""
    for name, parts in _MEANS.items():
        if any(figure not in row.figures for figure in (name, *parts)):
            continue
        mean = sum(float(row.figures[part]) for part in parts) / len(parts)
        slack = sum(_rounding(row.figures[part]) for part in parts) / len(parts) + _rounding(row.figures[name])
        if abs(mean - float(row.figures[name])) > slack + 1e-9:
            message = f"{_NAMES[name]} is {row.figures[name]}, but {', '.join(parts)} have the mean {mean:.2f}"
            yield Finding("mean", row.where, (name, *parts), message)


def _ratio(row: Row, limits: tuple[float, float]) -> Iterator[Finding]:
    mae, vmae = row.value("mae"), row.value("vmae")
    if row.measured or not mae or not vmae:
        return
    if not limits[0] <= vmae / mae <= limits[1]:
        message = f"VMAE is {vmae / mae:.2f} times the MAE ({vmae:g} / {mae:g}), not {limits[0]:g} to {limits[1]:g}"
        yield Finding("ratio", row.where, ("mae", "vmae"), message)


def _copied_along(rows: Sequence[Row]) -> Iterator[Finding]:
    """Cells of one method that are the same on two datasets."""
    for a, b in combinations(rows, 2):
        same = _equal_cells(a, b)
        unlike = a.block != b.block and a.method == b.method and a.table == b.table and not (a.measured or b.measured)
        if unlike and len(same) >= _COPIED:
            values = ", ".join(a.figures[cell] for cell in same)
            message = f"{', '.join(_NAMES.get(cell, cell) for cell in same)} are those of {b.block} as well: {values}"
            yield Finding("copied", a.where, same, message, (b.where,))


def _copied_down(rows: Sequence[Row]) -> Iterator[Finding]:
    """Cells of one column that are the same for two methods."""
    for a, b in combinations(rows, 2):
        if a.method == b.method or a.group != b.group or (a.measured and b.measured):
            continue
        for parts in _MEANS.values():
            same = tuple(cell for cell in _equal_cells(a, b) if cell in parts)
            if len(same) >= _COPIED:
                values = ", ".join(a.figures[cell] for cell in same)
                yield Finding(
                    "copied", a.where, same, f"{', '.join(same)} are those of {b.method}: {values}", (b.where,)
                )


def _equal_cells(a: Row, b: Row) -> tuple[str, ...]:
    """The figures that are the same number in both, but for 0, which is no coincidence."""
    return tuple(cell for cell, text in a.figures.items() if float(text) and float(text) == b.value(cell))


def _selections(rows: Sequence[Row]) -> Iterator[Finding]:
    """Columns in which figures stand side by side that were measured on unlike samples.

    The selection of a figure is what its row says, else that of the published claim with the same three angles.
    """
    groups: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        if selection := row.protocol or _published_selection(row):
            groups.setdefault(row.group, {}).setdefault(selection, []).append(row.method)
    blocks = {row.group: row.block for row in rows}
    for group, found in groups.items():
        if len(found) > 1:
            parts = "; ".join(f"{selection}: {', '.join(methods)}" for selection, methods in sorted(found.items()))
            message = f"one column, but other samples ({parts})"
            methods = tuple(method for own in found.values() for method in own)
            yield Finding("selection", blocks[group] or "the table", (), message, methods)


def _orders(rows: Sequence[Row]) -> Iterator[Finding]:
    """Columns in which errors of angles stand side by side that make the rotation in other orders."""
    groups: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        if row.angles and any(name in row.figures for name in (*ANGLES, "mae")):
            groups.setdefault(row.group, {}).setdefault(row.angles, []).append(row.method)
    blocks = {row.group: row.block for row in rows}
    for group, found in groups.items():
        if len(found) > 1:
            parts = "; ".join(f"{order}: {', '.join(methods)}" for order, methods in sorted(found.items()))
            message = f"one column, but MAE of angles in other orders ({parts})"
            methods = tuple(method for own in found.values() for method in own)
            yield Finding("order", blocks[group] or "the table", (*ANGLES, "mae"), message, methods)


def _published_selection(row: Row) -> str:
    """The protocol of the published claim that this is; "" where there is none, or claims of several."""
    found = set()
    for claim in all_claims():
        differences = [_difference(row.value(angle), claim.value(angle)) for angle in ANGLES]
        if claim.protocol and max(differences) < _SAME:
            found.add(claim.protocol)
    return found.pop() if len(found) == 1 else ""


def _difference(a: float | None, b: float | None) -> float:
    return float("inf") if a is None or b is None else abs(a - b)


def _rounding(text: str) -> float:
    """The most that rounding to the decimals of a figure has moved it."""
    mantissa = text.lower().partition("e")[0]
    return 0.5 * 10.0 ** -len(mantissa.partition(".")[2])
