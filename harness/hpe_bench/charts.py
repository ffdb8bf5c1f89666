"""What an estimator shows of its own model: numbers to be drawn, without a word on how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hpe_bench.declarations import values as declared

Marks = Literal["line", "points", "both"]


@dataclass(frozen=True, eq=False)
class Line:
    """One row of values: ``y`` (n,) at ``x`` (n,), drawn as a line, as points, or as both; ``name`` is what the legend
    calls it. What is NaN is left out."""

    name: str
    x: NDArray[Any]
    y: NDArray[Any]
    marks: Marks = "line"

    def __post_init__(self) -> None:
        """:class:`DeclarationError`, a ValueError, where a field is not what it may be."""
        declared.text("Line", "name", self.name, empty=False)
        declared.one_of("Line", "marks", self.marks, get_args(Marks))
        for field in ("x", "y"):
            numbers = np.asarray(getattr(self, field))
            if numbers.ndim != 1 or numbers.dtype.kind not in "fiu" or len(numbers) != len(np.asarray(self.x)):
                declared.refuse("Line", field, getattr(self, field), "numbers (n,), as many of x as of y")


@dataclass(frozen=True, eq=False)
class Panel:
    """Lines on one pair of axes, which ``x`` and ``y`` name with their units.

    ``span`` is a part of x that is marked, such as what was learned from; ``note`` stands below the title, in
    small print.
    """

    title: str
    lines: Sequence[Line]
    x: str = ""
    y: str = ""
    span: tuple[float, float] | None = None
    logarithmic: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        """:class:`DeclarationError`, a ValueError, where a field is not what it may be."""
        for field in ("title", "x", "y", "note"):
            declared.text("Panel", field, getattr(self, field))
        declared.flag("Panel", "logarithmic", self.logarithmic)
        for line in self.lines:
            declared.instance("Panel", "lines", line, Line)
        if self.span is not None:
            for end in self.span:
                declared.number("Panel", "span", end)


@dataclass(frozen=True, eq=False)
class Chart:
    """Panels side by side, in so many ``columns``; ``name`` goes into the name of the file, ``about`` stands below."""

    name: str
    panels: Sequence[Panel]
    columns: int = 1
    about: str = ""

    def __post_init__(self) -> None:
        """:class:`DeclarationError`, a ValueError, where a field is not what it may be."""
        declared.name("Chart", "name", self.name)
        declared.text("Chart", "about", self.about)
        declared.whole("Chart", "columns", self.columns, 1, 8)
        if not self.panels:
            declared.refuse("Chart", "panels", self.panels, "at least one Panel")
        for panel in self.panels:
            declared.instance("Chart", "panels", panel, Panel)
