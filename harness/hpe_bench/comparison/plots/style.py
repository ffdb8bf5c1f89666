"""How every plot looks, on paper and on screen, in colour and in black and white; and how it becomes files."""

from __future__ import annotations

import importlib.util
import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpe_bench.errors import MissingError
from hpe_bench.storage import write_atomically
from hpe_bench.text import safe_text

FORMATS = ("png", "svg")
#: Width of a figure over both columns of a page, inches.
WIDTH = 7.2
GREY = "#555555"

#: Colour-blind safe (Okabe and Ito), dark ones first. The lists have lengths without a common divisor, so that two
#: lines of one colour have other markers and dashes.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "#E69F00", "#882255", "#7F7F7F")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "*", ">")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (2, 1)))
_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "----", "oo", "++")
_SETTINGS: Any = {
    "font.size": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.alpha": 0.3,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "svg.hashsalt": "hpe-bench",
}


@dataclass(frozen=True)
class Look:
    """What tells one estimator's marks from another's."""

    colour: str
    marker: str
    dash: Any
    hatch: str

    @property
    def line(self) -> dict[str, Any]:
        """The look of a line, as keywords of matplotlib."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.dash}

    @property
    def tint(self) -> tuple[float, ...]:
        """The colour, lighter, so that a whisker is seen on it."""
        parts = (int(self.colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
        return tuple(1 - 0.6 * (1 - part) for part in parts)


def look(place: int) -> Look:
    """The look of the estimator at a place of the plot."""
    return Look(
        _COLOURS[place % len(_COLOURS)],
        _MARKERS[place % len(_MARKERS)],
        _DASHES[place % len(_DASHES)],
        _HATCHES[place % len(_HATCHES)],
    )


def plain(text: str) -> str:
    """Text that matplotlib shows as it is: a dollar sign begins no formula, and a leading underscore hides nothing."""
    escaped = safe_text(text).replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped


def require_matplotlib() -> None:
    """:class:`MissingError` with the command that installs it, where it is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingError("plots need matplotlib, not installed here: pip install 'hpe-bench[plots]'")


@contextmanager
def styled_figure(height: float, width: float = WIDTH) -> Iterator[Any]:
    """A figure of that size in inches, drawn and saved inside the block in the house's style."""
    require_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_SETTINGS):
        yield Figure(figsize=(width, height), dpi=300, layout="constrained")


def legend_above(figure: Any, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """A legend above all panels, where it covers nothing, in as many columns as its labels leave room for."""
    widest = max(map(len, labels), default=1)
    columns = max(1, min(len(labels), int(figure.get_figwidth() / (0.062 * widest + 0.55))))
    rows = -(-len(labels) // columns)
    figure.legend(handles, labels, loc="outside upper center", ncols=-(-len(labels) // rows), handlelength=3.2)


def caption(figure: Any, text: str) -> None:
    """Small print below all panels: what was drawn, of which samples."""
    wrapped = textwrap.fill(plain(text), int(figure.get_figwidth() * 18.5))
    figure.supxlabel(wrapped, fontsize=7, color=GREY, x=0.01, ha="left")


def save(figure: Any, path: Path) -> list[Path]:
    """Write a figure in the format of the path's suffix, or without one of :data:`FORMATS` as each of them."""
    kinds = [path.suffix[1:]] if path.suffix[1:] in FORMATS else FORMATS
    stem = path.name.removesuffix(path.suffix) if path.suffix[1:] in FORMATS else path.name
    return [_save(figure, path.with_name(f"{stem}.{kind}"), kind) for kind in kinds]


def _save(figure: Any, path: Path, kind: str) -> Path:
    content = io.BytesIO()
    figure.savefig(content, format=kind, metadata={"Date": None} if kind == "svg" else None)
    write_atomically(path, content.getvalue())
    return path
