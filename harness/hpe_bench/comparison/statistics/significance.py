"""What is beyond chance in a table: an interval for every figure, and which rows cannot be told from the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpe_bench.comparison.statistics.bootstrap import (
    LEVEL,
    MIN_COMPARED,
    RESAMPLES,
    holm,
    mean_intervals,
    paired_p_values,
)
from hpe_bench.comparison.statistics.errors import EVERY, MEANS, PERCENTILES, Errors, Path, same_samples
from hpe_bench.comparison.statistics.percentiles import bootstrap_percentiles, percentile_limits, shares_below

#: A corrected p-value below this tells two rows apart.
ALPHA = 1.0 - LEVEL
#: Four decimals: resampling is no more exact, and the last bits of a matrix product are a processor's own.
_DIGITS = 4


def intervals(errors: Sequence[Errors], figures: Sequence[Path] = EVERY) -> list[dict[Path, tuple[float, float]]]:
    """For each of several errors the limits of its figures, 95%, by their place in a record; NaN where unknown.

    Runs of the same samples share their resamples. No error is below 0, and so is no limit.
    """
    found: list[dict[Path, tuple[float, float]]] = [{} for _ in errors]
    for group in _groups(errors) if figures else ():
        members = [errors[place] for place in group]
        if not len(members[0]):
            for place in group:
                found[place] = dict.fromkeys(figures, (math.nan, math.nan))
            continue
        tables = {path: np.stack([member.column(path) for member in members], axis=1) for path in figures}
        columns = [
            shares_below(table, PERCENTILES[path]) if path in PERCENTILES else table for path, table in tables.items()
        ]
        limits = mean_intervals(np.concatenate(columns, axis=1), members[0].clusters)
        for path, own in zip(figures, np.split(limits, len(figures), axis=1), strict=True):
            if path in PERCENTILES:
                own = percentile_limits(tables[path], PERCENTILES[path], own)
            for place, (low, high) in zip(group, np.maximum(own, 0.0).T, strict=True):
                found[place][path] = (float(low), float(high))
    return found


def against_best(errors: Sequence[Errors], figures: Sequence[Path] = EVERY) -> list[dict[Path, float]]:
    """For each of several errors on the same samples, the p-value of its not being worse than the best, by figure.

    Corrected for the number of rows compared with the best, means after Westfall and Young, percentiles after Holm; 1
    of the best itself. NaN throughout where the clusters are too few for a comparison.
    """
    if len(errors) < 2 or not same_samples(errors) or not len(errors[0]):
        return [{} for _ in errors]
    clusters = errors[0].clusters
    if len(np.unique(clusters)) < MIN_COMPARED:
        return [dict.fromkeys(figures, math.nan) for _ in errors]
    found: list[dict[Path, float]] = [{} for _ in errors]
    means = [path for path in figures if path in MEANS]
    if means:
        table = np.stack([np.stack([own.column(path) for own in errors], axis=1) for path in means], axis=1)
        bests = table.mean(axis=0).argmin(axis=-1)
        differences = table - np.take_along_axis(table, bests[None, :, None], axis=-1)
        for path, values in zip(means, paired_p_values(differences, clusters), strict=True):
            for row, value in zip(found, values, strict=True):
                row[path] = float(value)
    percentiles = [path for path in figures if path in PERCENTILES]
    if percentiles:
        table = np.stack([own.geodesic for own in errors], axis=1)
        resampled = bootstrap_percentiles(table, clusters, [PERCENTILES[path] for path in percentiles])
        for path, own in zip(percentiles, resampled, strict=True):
            best = int(own.value.argmin())
            others = [place for place in range(len(errors)) if place != best]
            found[best][path] = 1.0
            for place, value in zip(others, holm(own.differences(best).p_values()[others]), strict=True):
                found[place][path] = float(value)
    return found


def describe(
    errors: Sequence[Errors],
    rivals: Sequence[bool],
    units: Sequence[str],
    figures: Sequence[Path] = EVERY,
    limited: Sequence[Path] | None = None,
) -> list[dict[str, Any]]:
    """What a record says of chance, JSON-ready, one mapping for each of several errors.

    ``intervals`` and ``p_values`` have the shape of the figures; ``distinguishable`` says of each figure whether it is
    told from the best, None where nothing is compared: of rows that are no ``rivals``, and of unlike samples. Of many
    rows the intervals cost most: there are those of ``limited``, if not of all figures.
    """
    limited = figures if limited is None else limited
    limits = intervals(errors, limited)
    places = [place for place, rival in enumerate(rivals) if rival]
    compared = against_best([errors[place] for place in places], figures)
    p_values: list[dict[Path, float]] = [{} for _ in errors]
    for place, own in zip(places, compared, strict=True):
        p_values[place] = own
    return [
        {
            "intervals": _nested({path: _interval(limits[place][path]) for path in limited}),
            "p_values": _nested({path: _number(p_values[place].get(path)) for path in figures}),
            "distinguishable": _nested({path: _told_apart(p_values[place].get(path)) for path in figures}),
            "statistics": {
                "level": LEVEL,
                "clusters": len(np.unique(own.clusters)),
                "unit": units[place],
                "resamples": RESAMPLES,
                "rows_compared": len(places) if compared and compared[0] else 0,
            },
        }
        for place, own in enumerate(errors)
    ]


def _groups(errors: Sequence[Errors]) -> list[list[int]]:
    """The places of those that hold the same samples in the same clusters."""
    groups: dict[bytes, list[int]] = {}
    for place, own in enumerate(errors):
        groups.setdefault(
            "\0".join([*own.ids.tolist(), "", *own.clusters.tolist()]).encode(errors="surrogateescape"), []
        ).append(place)
    return list(groups.values())


def _nested(values: Mapping[Path, Any]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for (section, name), value in values.items():
        nested.setdefault(section, {})[name] = value
    return nested


def _interval(limits: tuple[float, float]) -> list[float] | None:
    return [round(limit, _DIGITS) for limit in limits] if all(map(math.isfinite, limits)) else None


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, _DIGITS)


def _told_apart(value: float | None) -> bool | None:
    return None if value is None or not math.isfinite(value) else bool(value < ALPHA)
