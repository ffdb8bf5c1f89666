"""Text of others, made safe where it leaves: for terminals, spreadsheets, Markdown and LaTeX.

Labels, summaries of plugins, notes of datasets, names of files, texts of exceptions: any of them may hold what moves a
terminal's cursor, turns the direction of writing, hides, or is a formula. There are two forms. :func:`safe_text` puts
a question mark in place of each such character, so that what has been laid out keeps its width: all that is written to
standard output or error goes through it in :class:`SafeWriter`, what rich prints in :func:`safe_console`, and nobody
has to think of it. :func:`printable` writes out which character it was: in errors, names of files and manifests, where
a reader has to find the very thing. HTML is escaped where it is made.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

#: Control characters (C0 but tabs and ends of lines, C1), the soft hyphen, characters of no width but those that join
#: letters and emoji, those that turn the direction of writing, separators of lines and paragraphs, lone
#: surrogates, and tags.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
#: What a spreadsheet takes for the beginning of a formula, also in full width.
_FORMULA = re.compile("[=+\\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SPACES = re.compile(r"[\t\n]+")


def safe_text(text: str) -> str:
    """The text with a question mark for each character that would act instead of being shown; ends of lines and tabs
    stay."""
    return _UNSAFE.sub("?", text)


def printable(text: str | Path) -> str:
    """The text, or path, with what is no print written out as escapes: ends of lines too, and bytes of a file's name
    that are not UTF-8."""
    return "".join(one if one.isprintable() else _written_out(one) for one in str(text))


def one_line(text: str, longest: int = 1000) -> str:
    """As :func:`printable`, with single spaces for all white space, and cut where it is too long."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def _written_out(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python holds a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def _unbroken(text: str) -> str:
    return _SPACES.sub(" ", safe_text(text))


def csv_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: an apostrophe stands before what looks like one. Numbers stay,
    negative ones and their texts too."""
    if not isinstance(value, str):
        return value
    formula = _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{_unbroken(value)}" if formula else _unbroken(value)


def markdown_text(text: str) -> str:
    """The text without what Markdown takes for its own."""
    escaped = re.sub(r"([\\|*_`\[\]<~$])", r"\\\1", _unbroken(text))
    return f"\\{escaped}" if escaped.startswith(("#", ">")) else escaped


def latex_text(text: str) -> str:
    """The text without what LaTeX takes for its own."""
    return "".join(_LATEX.get(character, character) for character in _unbroken(text))


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "≈": r"$\approx$", "±": r"$\pm$", "°": r"$^\circ$",
    "≤": r"$\le$", "≥": r"$\ge$", "–": "--", "<": r"$<$", ">": r"$>$", "|": r"$|$",
}  # fmt: skip


class SafeWriter(io.TextIOWrapper):
    """A stream of text in which nothing acts: what is written goes through :func:`safe_text`."""

    def write(self, text: str) -> int:
        super().write(safe_text(text))
        return len(text)

    def write_trusted(self, text: str) -> int:
        """Write text whose control characters are our own."""
        return super().write(text)


class _Trusted:
    """A safe stream as rich sees it, which makes colours and moves the cursor itself."""

    def __init__(self, stream: SafeWriter) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write_trusted(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def safe_console(file: Any, **settings: Any) -> Console:
    """A console of rich on a stream: what it prints is text, never markup, and goes through :func:`safe_text`."""
    from rich.console import Console
    from rich.segment import Segment

    class SafeConsole(Console):
        def render(self, *things: Any, **more: Any) -> Any:
            for segment in super().render(*things, **more):
                safe = segment.text if segment.control else safe_text(segment.text)
                yield segment if safe == segment.text else Segment(safe, segment.style)

    trusted: Any = _Trusted(file) if isinstance(file, SafeWriter) else file
    return SafeConsole(file=trusted, highlight=False, markup=False, emoji=False, **settings)
