"""Published figures: one claim a row, as its source states it, errors included; never mixed with what was measured."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import resources
from typing import Any

from hpe_bench.errors import UnknownName, UsageError
from hpe_bench.orders import DEFAULT_ORDER, EulerOrder
from hpe_bench.pose import ANGLES, AXES

#: What a claim may state, degrees: errors of the angles and their mean, of the vectors and their mean, geodesic error.
FIGURES = (*ANGLES, "mae", *AXES, "vmae", "ge")

_DATA = "claims.csv"


@dataclass(frozen=True)
class Claim:
    """One row of one table of one source.

    ``figures`` are those of :data:`FIGURES` that it states, as text, so that their decimals are kept. ``tested_on`` are
    the words of the source; ``protocol`` is the protocol here that they mean, "" where they mean none, or too little is
    said. ``wrap`` is how its script subtracts angles, and ``angles`` in which order they make the rotation, where that
    is known. ``note`` says what is disputed about it, and ``not_comparable`` why it cannot stand beside a run on its
    protocol all the same.
    """

    id: str
    method: str
    dataset: str
    tested_on: str
    source: str
    year: str = ""
    train: str = ""
    protocol: str = ""
    wrap: str = ""
    angles: str = ""
    parameters: str = ""
    speed: str = ""
    note: str = ""
    not_comparable: str = ""
    figures: dict[str, str] = field(default_factory=dict)

    @property
    def remark(self) -> str:
        """All that has to be said of it beside its figures."""
        return "; ".join(filter(None, (self.not_comparable and f"not comparable: {self.not_comparable}", self.note)))

    def value(self, figure: str) -> float | None:
        """A figure in degrees; None where the source states none."""
        return float(self.figures[figure]) if figure in self.figures else None


def data_text(name: str) -> str:
    """The content of a table that comes with this package."""
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


@cache
def all_claims() -> tuple[Claim, ...]:
    """Every published claim, in the order of the file."""
    words = [f.name for f in fields(Claim) if f.name != "figures"]
    return tuple(
        Claim(**{word: row[word] for word in words}, figures={name: row[name] for name in FIGURES if row[name]})
        for row in csv.DictReader(data_text(_DATA).splitlines())
    )


def select_claims(protocol: str | None = None, dataset: str | None = None, method: str | None = None) -> list[Claim]:
    """The claims of a protocol, of a dataset, of methods whose name holds ``method``:
    by protocol, then by error.

    :class:`UsageError` where there is none.
    """
    claims = list(all_claims())
    for what, given in (("protocol", protocol), ("dataset", dataset)):
        known = {getattr(claim, what) for claim in all_claims()} - {""}
        if given is not None and given not in known:
            raise UnknownName(f"published figures for {what}", given, known)
        claims = [claim for claim in claims if given in (None, getattr(claim, what))]
    if method is not None:
        own = [claim for claim in claims if method.lower() in claim.method.lower()]
        if not own and not any(method.lower() in claim.method.lower() for claim in all_claims()):
            raise UnknownName("published figures of a method", method, {claim.method for claim in claims})
        claims = own
    if not claims and method is not None:
        raise UsageError(f"no published figures of {method} there; hpe-bench published --method '{method}' has all")
    if not claims:
        raise UsageError(f"protocol {protocol} is not of dataset {dataset}: name one of the two")
    return sorted(claims, key=_order)


def claims_of(protocol: str, recounted: EulerOrder | None = None) -> list[Claim]:
    """The claims of a protocol, the smallest MAE first, and behind them those that are not comparable with runs on it;
    empty where nothing was published.

    Beside runs whose MAE is ``recounted`` in another order of the angles than the protocol's, only those in that order.
    """
    return [
        claim
        for claim in sorted(all_claims(), key=_order)
        if claim.protocol == protocol and recounted in (None, claim.angles)
    ]


def claim_record(claim: Claim) -> dict[str, Any]:
    """A claim, JSON-ready: shaped as the record of a run, with what it does not state as None."""
    return {
        "claim": claim.id,
        "method": claim.method,
        "year": int(claim.year) if claim.year else None,
        "trained_on": claim.train,
        "dataset": claim.dataset,
        "protocol": claim.protocol or None,
        "tested_on": claim.tested_on,
        "wrap": claim.wrap or None,
        "angles": claim.angles or None,
        "mae": {**{name: claim.value(name) for name in ANGLES}, "mean": claim.value("mae")},
        "vmae": {**{name: claim.value(name) for name in AXES}, "mean": claim.value("vmae")},
        "ge": {"mean": claim.value("ge")},
        "parameters": claim.parameters or None,
        "speed": claim.speed or None,
        "source": claim.source,
        "note": claim.note or None,
        "not_comparable": claim.not_comparable or None,
    }


def group_claims(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    """Claims that stand in one table, by what stands above it: of one protocol, those that are comparable with runs on
    it and the others apart, or where the protocol is not known, of the same words of a source."""
    groups: dict[str, list[Claim]] = {}
    for claim in claims:
        kind = "not comparable with runs" if claim.protocol and claim.not_comparable else "not measured here"
        where = claim.protocol or f"'{claim.tested_on}'; no protocol here"
        groups.setdefault(f"published, {kind}: {where}", []).append(claim)
    return groups


def order_of(claims: Sequence[Claim]) -> str:
    """What is to be said of the order of angles in a table of claims: nothing, where it is the usual one, or not known
    of all."""
    orders = {claim.angles for claim in claims}
    order = orders.pop()
    return f"MAE of angles in the order {order}" if not orders and order not in ("", DEFAULT_ORDER) else ""


def _order(claim: Claim) -> tuple[Any, ...]:
    error = claim.value("mae")
    known = (0, claim.protocol) if claim.protocol else (1, claim.tested_on)
    return claim.dataset, known, bool(claim.not_comparable), float("inf") if error is None else error, claim.id
