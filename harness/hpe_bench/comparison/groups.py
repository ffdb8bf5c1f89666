"""Runs in groups, each of which is a table, and what `compare` shows of them: results, errors by range, disagreements.

Each function gives records, for JSON, and sheets, for every other form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hpe_bench.comparison.collect import Collection, beside_whole, check_comparable
from hpe_bench.comparison.columns import Column, shown_figures
from hpe_bench.comparison.disagreement import disagreement_sheet, disagreements
from hpe_bench.comparison.ranges import range_records, ranges_list, ranges_sheets
from hpe_bench.comparison.scores import failure, score_with_chance
from hpe_bench.comparison.sheet import Sheet, missing_sheet, results_sheet
from hpe_bench.runs.runfile import Run

#: Runs, those of a part of the samples, and failures.
Group = tuple[list[Run], list[Run], list[dict[str, Any]]]


def groups_of(found: Collection, together: bool) -> list[Group]:
    """What stands in one table: runs, those of a part of the samples, and failures, of one protocol and one dataset, or
    all of them."""
    if together:
        return [(found.runs, found.partial, found.failed)]
    groups: dict[tuple[str, ...], Group] = {}
    for run in found.runs:
        groups.setdefault(_key(run), ([], [], []))[0].append(run)
    for run in found.partial:
        groups.setdefault(_key(run), ([], [], []))[1].append(run)
    for failed in found.failed:
        name = failed["protocol"]
        same = next((known for known in groups if known[0] == name), (name, "", ""))
        groups.setdefault(same, ([], [], []))[2].append(failed)
    return [groups[key] for key in sorted(groups)]


def _key(run: Run) -> tuple[str, ...]:
    dataset = run.manifest["dataset"]
    return run.manifest["protocol"]["name"], dataset["fingerprint"], str(dataset["variant"])


def results_of(
    groups: Sequence[Group],
    view: Any,
    wrap: Any,
    force: bool,
    metrics: Any,
    chosen: tuple[Sequence[Column], Column | None],
    every: bool,
) -> tuple[list[dict[str, Any]], list[Sheet]]:
    """Records and sheets; ``every`` is for what the sheets do not show, too."""
    records: list[dict[str, Any]] = []
    sheets: list[Sheet] = []
    for runs, partial, failures in groups:
        whole, beside = beside_whole(runs, partial, force)
        differences = check_comparable([*whole, *beside], force)
        own = {} if every or not whole else shown_figures(whole[0].manifest["protocol"]["headline"], *chosen)
        scored = score_with_chance(whole, view, wrap, metrics, comparable=not differences, beside=beside, **own)
        for record in scored:
            if differences:
                mark = f"{record['protocol']}, data {record['fingerprint'][:10]}: not comparable, shown by --force"
                record["notes"].append(mark)
        scored += [failure(record, view, wrap) for record in failures]
        records += scored
        sheets.append(results_sheet(scored, *chosen))
    return records, sheets


def ranges_of(
    groups: Sequence[Group], by: str, view: Any, wrap: Any, force: bool, columns: Sequence[Column], form: str
) -> tuple[list[dict[str, Any]], list[Sheet]]:
    """Records and sheets of errors by range; as CSV, one sheet a group."""
    records: list[dict[str, Any]] = []
    sheets: list[Sheet] = []
    for runs, _, failures in groups:
        if runs:
            own = range_records(runs, by, view, wrap, comparable=not check_comparable(runs, force))
            records += own
            sheets += [ranges_list(own, columns)] if form == "csv" else ranges_sheets(own, columns)
        missing = [failure(record, view, wrap) for record in failures]
        records += missing
        sheets += [missing_sheet(missing)] if missing else []
    return records, sheets


def disagreements_of(groups: Sequence[Group], count: int, force: bool) -> tuple[list[dict[str, Any]], list[Sheet]]:
    """Records and sheets of the ``count`` samples on which the runs of a group are furthest apart."""
    records: list[dict[str, Any]] = []
    sheets: list[Sheet] = []
    for runs, _, failures in groups:
        if runs:
            check_comparable(runs, force)
            own = disagreements(runs, count)
            records += own
            sheets.append(disagreement_sheet(own))
        missing = [failure(record, "common", "wrap360") for record in failures]
        records += missing
        sheets += [missing_sheet(missing)] if missing else []
    return records, sheets
