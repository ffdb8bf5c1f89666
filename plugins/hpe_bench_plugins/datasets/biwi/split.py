"""The division of BIWI's sequences, 16 to learn from and 8 to test on: seeded, by person or by sequence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
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

    @property
    def digest(self) -> str:
        """SHA-256 over the sequences of the two parts."""
        return hashlib.sha256(json.dumps([self.train, self.test]).encode()).hexdigest()

    def shared_people(self) -> list[str]:
        """Those who are on both sides."""
        return sorted({SUBJECTS[name] for name in self.train} & {SUBJECTS[name] for name in self.test})

    def record(self) -> Mapping[str, Any]:
        """What a run keeps of it."""
        parts = {
            part: {"sequences": list(names), "people": sorted({SUBJECTS[name] for name in names})}
            for part, names in (("train", self.train), ("test", self.test))
        }
        return {"by": self.by, "seed": self.seed, "digest": self.digest, **parts}


def split(by: Literal["person", "sequence"], seed: int) -> Split:
    """Of people, or sequences, ranked by SHA-256 over seed and name, those from the first on whose sequences fit into
    the 8 to test on."""
    own: dict[str, list[str]] = {}
    for sequence, person in SUBJECTS.items():
        own.setdefault(person if by == "person" else sequence, []).append(sequence)
    test: list[str] = []
    for unit in sorted(own, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest()):
        if len(test) + len(own[unit]) <= TESTED:
            test += own[unit]
    return Split(by, seed, tuple(name for name in SUBJECTS if name not in test), tuple(sorted(test)))
