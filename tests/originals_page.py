"""What docs/original-commands.md has in its tables: the options of the original scripts, and the commands here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "original-commands.md"
_SPAN = re.compile(r"`([^`]+)`")
_APART = re.compile(r"`\s+`")
_SETTING = re.compile(r"[A-Z_]+=\S+$")
REASON = "none: "


@dataclass(frozen=True)
class Command:
    """A command: what stands at the head of a table, what a row adds, and what it sets in the environment."""

    base: str
    added: str = ""
    setting: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.setting, self.base, self.added)))

    @property
    def names(self) -> set[str]:
        """What it sets beside its base, so that it can be set but once."""
        words = shlex.split(self.added)
        names = {self.setting.partition("=")[0]} - {""}
        for word, following in pairwise([*words, ""]):
            if word in ("-o", "-d"):
                names.add(f"{word} {following.partition('=')[0]}")
            elif word.startswith("--"):
                names.add("--dataset" if word == "--protocol" else word)
        return names


@dataclass(frozen=True)
class Row:
    """A row: the original's option, and here its commands, whole, or the reason why there is none."""

    script: str
    option: str
    here: str
    base: str

    @property
    def commands(self) -> list[Command]:
        """Each code in it; none where a reason stands there."""
        if self.here.startswith(REASON):
            return []
        return [self._command(code) for code in _SPAN.findall(_APART.sub(" ", self.here))]

    def _command(self, code: str) -> Command:
        if code.startswith(("hpe-bench ", "hpe_bench.")):
            return Command(code)
        if _SETTING.match(code):
            return Command(self.base, setting=code)
        assert code.startswith("-"), f"{self.script}, {self.option}: {code} is no command, and nothing to add to one"
        return Command(self.base, code)


@dataclass
class _Table:
    script: str
    base: str
    rows: list[list[str]] = field(default_factory=list)


def read_page(text: str) -> list[Row]:
    """The rows of all tables; what stands in several lines, as one."""
    found = []
    for table in _tables(text):
        for option, here in table.rows:
            found.append(Row(table.script, option, here, table.base))
    return found


def _tables(text: str) -> Iterator[_Table]:
    table: _Table | None = None
    for line in text.splitlines():
        if not line.startswith("|"):
            if table is not None:
                yield table
            table = None
            continue
        option, _, here = (cell.strip() for cell in line.strip("|").split("|"))
        if table is None:
            codes = [code for code in _SPAN.findall(here) if code.startswith("hpe-bench ")]
            table = _Table(option, codes[0] if codes else "")
        elif set(option) <= set(":-") and option:
            continue
        elif option and here:
            table.rows.append([option, here])
        elif option:
            table.rows[-1][0] += f" {option}"
        else:
            table.rows[-1][1] += f" {here}"
    if table is not None:
        yield table


def joined(commands: list[Command], alone: str) -> list[Command]:
    """As few commands as do the same: what is added to one base goes into one command, as long as no option is given
    twice, and but for what matches ``alone``."""
    done: list[Command] = []
    for command in dict.fromkeys(commands):
        for place, other in enumerate(done):
            apart = re.search(alone, command.added) or re.search(alone, other.added)
            if other.base == command.base and not apart and not (other.names & command.names):
                done[place] = Command(
                    command.base,
                    f"{other.added} {command.added}".strip(),
                    f"{other.setting} {command.setting}".strip(),
                )
                break
        else:
            done.append(command)
    return done
