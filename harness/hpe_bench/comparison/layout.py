"""How tables look on a terminal: one form for all of them, at any width from 20 columns up.

No figure is ever cut, or divided over two lines. Where a table is too wide, its names are folded; where that is not
enough, it is divided into blocks of columns, each with the first column again, or with numbers in its place, which are
explained below; a table of words alone becomes a list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from hpe_bench.text import safe_text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

#: A word of letters that is longer may be folded, a heading that is no longer is not.
_LONGEST_WORD, _LONGEST_HEADING = 14, 8
#: A column of words is not made narrower than this, if they have as many characters.
_NARROWEST = 8
_FIGURE = re.compile(r"[\d.,:%°*≈±≤()+\-–<>/]+")
#: Between two columns, and around a table: of a bare one, and of one with edges.
_GAPS = {False: (2, 0), True: (3, 2)}


@dataclass
class _Column:
    heading: Text
    right: bool = False
    word: int = _LONGEST_WORD
    foldable: Callable[[str], str] | None = None
    cells: list[Text] = field(default_factory=list)

    @property
    def natural(self) -> int:
        """The width that folds nothing."""
        return max((_width(text) for text in (self.heading, *self.cells)), default=0)

    @property
    def least(self) -> int:
        """The width that divides no figure, and no short word."""
        heading = min(_width(self.heading), _LONGEST_HEADING) if self.right else 0
        cells = self._folded()
        words = max((_word(word, self.word) for text in cells for word in text.plain.split()), default=0)
        whole = max(map(_width, cells), default=0)
        return max(heading, words, min(whole, _NARROWEST), 1)

    @property
    def folded(self) -> int:
        """The width of the cells as ``foldable`` folds them."""
        return max(map(_width, self._folded()), default=0)

    def _folded(self) -> list[Text]:
        return self.cells if self.foldable is None else [Text(self.foldable(text.plain)) for text in self.cells]

    def cell(self, place: int, width: int) -> Text:
        """A cell as it is shown at a width."""
        text = self.cells[place]
        if self.foldable is None or _width(text) <= width:
            return text
        return Text(self.foldable(text.plain), style=text.style)


class FittedTable:
    """A table that is laid out for the width of the terminal when it is printed; filled as a :class:`rich.table.Table`
    is. Texts are no markup."""

    def __init__(self, edges: bool = False, headings: bool = True) -> None:
        self._columns: list[_Column] = []
        self._edges, self._headings = edges, headings

    def add_column(
        self,
        heading: str | Text = "",
        justify: Literal["left", "right"] = "left",
        word: int = _LONGEST_WORD,
        foldable: Callable[[str], str] | None = None,
    ) -> None:
        """A column; ``justify`` "right" is for figures. Words that are longer than ``word`` may be folded, and where a
        text is too long, ``foldable`` is what folds it."""
        self._columns.append(_Column(_text(heading), justify == "right", word, foldable))

    def add_row(self, *cells: str | Text) -> None:
        """A row, of a text for each column."""
        for column, cell in zip(self._columns, cells, strict=True):
            column.cells.append(_text(cell))

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return len(self._columns[0].cells) if self._columns else 0

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        gap, around = _GAPS[self._edges]
        every = gap * (len(self._columns) - 1) + around
        return Measurement(
            sum(column.least for column in self._columns) + every,
            sum(column.natural for column in self._columns) + every,
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        if self.__rich_measure__(console, options).minimum <= width or not self.row_count:
            yield self._table(self._columns, width)
        elif any(column.right for column in self._columns) and len(self._columns) > 1:
            yield from self._blocks(width)
        else:
            yield from self._list(width)

    def _blocks(self, width: int) -> RenderResult:
        first, *rest = self._columns
        gap, around = _GAPS[self._edges]
        numbered = first.least > width // 3
        key = first
        if numbered:
            key = _Column(Text("#"), True, cells=[Text(str(n), style=c.style) for n, c in enumerate(first.cells, 1)])
        room = width - around - key.least
        blocks: list[list[_Column]] = []
        left = 0
        for column in rest:
            if not blocks or column.least + gap > left:
                blocks.append([])
                left = room
            blocks[-1].append(column)
            left -= column.least + gap
        for place, block in enumerate(blocks):
            yield from ([Text()] if place else [])
            yield self._table([key, *block], width)
        if numbered:
            yield Text()
            for number, text in enumerate(first.cells, 1):
                yield Text.assemble(f"{number} ", text)

    def _list(self, width: int) -> RenderResult:
        """A table of words, a row after the other, with what is not in the first column below it."""
        first, *rest = self._columns
        if named := [column.heading.plain for column in self._columns if column.heading.plain]:
            yield Text(f"{', '.join(named)}:")
        for place, key in enumerate(first.cells):
            yield key
            for column in rest:
                text = column.cells[place]
                if text.plain:
                    heading = f"{column.heading.plain}: " if column.heading.plain and len(rest) > 1 else ""
                    body = Table.grid(padding=0)
                    body.add_column(width=2)
                    body.add_column(width=max(width - 2, 1), overflow="fold")
                    body.add_row("", Text.assemble(heading, text))
                    yield body

    def _table(self, columns: Sequence[_Column], width: int) -> Table:
        if self._edges:
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        elif self._headings:
            table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        else:
            table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        gap, around = _GAPS[self._edges]
        widths = _shared(columns, width - around - gap * (len(columns) - 1))
        for column, own in zip(columns, widths, strict=True):
            heading = column.heading
            if column.foldable is not None or _width(heading) > own:
                heading = Text(fold_label(heading.plain), style=heading.style)
            table.add_column(heading, justify="right" if column.right else "left", width=own, overflow="fold")
        for place in range(len(columns[0].cells)):
            table.add_row(*(column.cell(place, own) for column, own in zip(columns, widths, strict=True)))
        return table


def bare_table() -> FittedTable:
    """A table with a line below its headings and nothing around it."""
    return FittedTable()


def fold_label(label: str) -> str:
    """A long label on a line of its own for each option, and on two where that is long itself."""
    if len(label) <= 16:
        return label
    return ":\n".join(part if len(part) <= 16 else part.replace("=", "=\n") for part in label.split(":"))


def _shared(columns: Sequence[_Column], room: int) -> list[int]:
    """The widths of columns in so many characters: each its least, and what is left to the narrowest that want more."""
    widths = [min(column.least, max(room, 1)) for column in columns]
    spare = room - sum(widths)
    # A name that has to be folded all the same is not given room that helps nothing.
    wanted = [
        column.natural if column.foldable is None or column.natural <= own + spare else column.folded
        for column, own in zip(columns, widths, strict=True)
    ]
    while spare > 0:
        short = [place for place, own in enumerate(widths) if own < wanted[place]]
        if not short:
            break
        widths[min(short, key=lambda place: (not columns[place].right, widths[place]))] += 1
        spare -= 1
    return widths


def _text(value: str | Text) -> Text:
    """A cell, without what would act when it is shown: done here too, because the layout counts characters."""
    if isinstance(value, str):
        return Text(safe_text(value))
    safe = safe_text(value.plain)
    return value if safe == value.plain else Text(safe, style=value.style)


def _width(text: Text) -> int:
    return max((line.cell_len for line in text.split("\n", allow_blank=True)), default=0)


def _word(word: str, longest: int) -> int:
    """The least width of a word: of a figure all of it."""
    length = Text(word).cell_len
    return length if _FIGURE.fullmatch(word) else min(length, longest)
