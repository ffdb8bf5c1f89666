"""HTML made of elements: whatever is not made here is text, and is escaped."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

from hpe_bench.text import safe_text


class Markup(str):
    """HTML that may stand in a page as it is."""

    __slots__ = ()


_VOID = frozenset({"img", "input", "meta"})


def element(name: str, /, *children: str | None, **attributes: str | int | float | bool | None) -> Markup:
    """An element. Children that are no :class:`Markup` are escaped, and None is nothing.

    Attributes: ``class_`` is class, other underscores are hyphens; True stands without a value, None and False not at
    all.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{join(children)}</{name}>")


def join(parts: Iterable[str | None], between: str = "") -> Markup:
    """Parts, one after the other; those that are no :class:`Markup` escaped, and those that are None left out."""
    kept = (part if isinstance(part, Markup) else html.escape(safe_text(part)) for part in parts if part is not None)
    return Markup(html.escape(between).join(kept))


def data_block(id: str, value: Any) -> Markup:
    """JSON for the page's script to read: an element that no browser runs, and that no text in it can end."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(f'<script type="application/json" id="{html.escape(id)}">{text}</script>')


def _attribute(key: str, value: str | int | float | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(safe_text(str(value)))}"'
