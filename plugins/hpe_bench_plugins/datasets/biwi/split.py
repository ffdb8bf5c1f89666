"""The division of BIWI's sequences, 16 to learn from and 8 to test on: seeded, by person or by sequence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hpe_bench_plugins.datasets.biwi.tree import SUBJECTS

TESTED = 8


@dataclass(frozen=True)
class Split:
    """Sequences by part, and how they were drawn."""

    by: Literal["person", "sequence"]
    seed: int
    train: tuple[str, ...]
    test: tuple[str, ...]

    def of(self, part: str) -> tuple[str, ...]:
        """Those of one part, by its name."""
        return {"train": self.train, "test": self.test}[part]

    @property
    def digest(self) -> str:
        """SHA-256 over the sequences of the two parts."""
        return hashlib.sha256(json.dumps([self.train, self.test]).encode()).hexdigest()

    def shared_people(self) -> list[str]:
        """Those who are on both sides."""
        return sorted({SUBJECTS[name] for name in self.train} & {SUBJECTS[name] for name in self.test})

    def for_learning(self, validation: int) -> Learning:
        """The sequences to learn from, ``validation`` of them drawn, by person, to validate on."""
        drawn = _draw(self.train, "person", validation, f"{self.seed} validation")
        return Learning(tuple(name for name in self.train if name not in drawn), tuple(sorted(drawn)))

    def record(self) -> Mapping[str, Any]:
        """What a run keeps of it."""
        parts = {
            part: {"sequences": list(names), "people": sorted({SUBJECTS[name] for name in names})}
            for part, names in (("train", self.train), ("test", self.test))
        }
        return {"by": self.by, "seed": self.seed, "digest": self.digest, **parts}


@dataclass(frozen=True)
class Learning:
    """Of the sequences to learn from, those that are learned from, and those to validate on meanwhile."""

    train: tuple[str, ...]
    validation: tuple[str, ...]


def split(by: Literal["person", "sequence"], seed: int) -> Split:
    """Of people, or sequences, ranked by SHA-256 over seed and name, those from the first on whose sequences fit into
    the 8 to test on."""
    test = _draw(SUBJECTS, by, TESTED, str(seed))
    return Split(by, seed, tuple(name for name in SUBJECTS if name not in test), tuple(sorted(test)))


def _draw(sequences: Iterable[str], by: Literal["person", "sequence"], count: int, seed: str) -> list[str]:
    own: dict[str, list[str]] = {}
    for sequence in sequences:
        own.setdefault(SUBJECTS[sequence] if by == "person" else sequence, []).append(sequence)
    drawn: list[str] = []
    for unit in sorted(own, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest()):
        if len(drawn) + len(own[unit]) <= count:
            drawn += own[unit]
    return drawn
