"""How tables look on a terminal: one form for all of them."""

from __future__ import annotations

from rich import box
from rich.table import Table


def bare_table() -> Table:
    """A table with a line below its headings and nothing around it."""
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
