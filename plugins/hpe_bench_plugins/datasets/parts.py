"""Which people are learned from, which are validated on, and which are held out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Parts:
    """Identities to learn from, to validate on while learning, and held out for the evaluation."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    holdout: tuple[str, ...]

    def of(self, part: str) -> tuple[str, ...]:
        """Those of one part, by its name."""
        return {"train": self.train, "validation": self.validation, "holdout": self.holdout}[part]


def split(identities: Sequence[str], holdout: float, validation: float, seed: int) -> Parts:
    """The identities in three parts, each in the order given.

    They are ranked by SHA-256 over ``seed`` and name, so that one more identity moves few others. The last share
    ``holdout`` is held out, the share ``validation`` before it is validated on; each is at least one identity, unless
    its share is 0. With ``validation`` 0 the held-out ones are validated on, as the reference work does.
    """
    ranked = sorted(identities, key=lambda identity: hashlib.sha256(os.fsencode(f"{seed}\0{identity}")).digest())
    out = len(ranked) - _count(len(ranked), holdout)
    seen = max(out - _count(len(ranked), validation), 0)
    rank = {identity: place for place, identity in enumerate(ranked)}

    def between(start: int, stop: int) -> tuple[str, ...]:
        return tuple(identity for identity in identities if start <= rank[identity] < stop)

    held = between(out, len(ranked))
    return Parts(between(0, seen), between(seen, out) if validation else held, held)


def first_people(people: Sequence[str], count: int | None, seed: int) -> tuple[str, ...]:
    """``count`` of some people in the order given, all of them where it is None; fewer are always among more.

    They are ranked by SHA-256 over ``seed`` and name. ValueError where there are not so many.
    """
    if count is None:
        return tuple(people)
    if count > len(people):
        raise ValueError(f"people={count}: there are {len(people)} to learn from")
    ranked = sorted(people, key=lambda person: hashlib.sha256(f"{seed} people\0{person}".encode()).digest())
    chosen = set(ranked[:count])
    return tuple(person for person in people if person in chosen)


def _count(total: int, share: float) -> int:
    return min(total, max(1, round(total * share))) if share else 0
