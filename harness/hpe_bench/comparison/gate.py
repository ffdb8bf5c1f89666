"""A gate for scripts: whether a run is worse than another by more than is allowed, beyond chance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hpe_bench.comparison.alignment import oracle_note
from hpe_bench.comparison.columns import Column, find_column
from hpe_bench.comparison.scores import view_masks
from hpe_bench.comparison.statistics.bootstrap import bootstrap_means
from hpe_bench.comparison.statistics.errors import PERCENTILES, Errors, run_errors, same_samples
from hpe_bench.comparison.statistics.percentiles import bootstrap_percentiles, percentile_limits, shares_below
from hpe_bench.errors import UsageError
from hpe_bench.metrics import View, Wrap
from hpe_bench.orders import DEFAULT_ORDER, order_note
from hpe_bench.runs.runfile import Run

_RULE = re.compile(r"\s*([\w-]+)\s*([<>])\s*([+-]?)\s*(\d+(?:\.\d*)?|\.\d+)\s*")
_FORM = (
    "such as 'GE > +0.2' (worse than the first run by more than 0.2 degrees) or 'GE > 9' (above 9, whatever the first)"
)


@dataclass(frozen=True)
class Rule:
    """When a run fails: a column, a bound, and whether the bound is of the difference to the other run."""

    text: str
    column: Column
    bound: float
    relative: bool


@dataclass(frozen=True)
class Verdict:
    """What a rule found: the value or the difference, its 95% interval, whether the run fails, a sentence,
    and by what the runs were aligned with the labels."""

    rule: Rule
    value: float
    low: float
    high: float
    failed: bool
    sentence: str
    aligned: str | None = None


def parse_rule(text: str) -> Rule:
    """The rule of a text such as "GE > +0.2", or of coverage in percent "cov < -1"; :class:`UsageError` of others."""
    match = _RULE.fullmatch(text)
    if match is None:
        raise UsageError(f"--fail-if '{text}' is no rule; write one {_FORM}")
    name, sign, plus, number = match.groups()
    column = find_column(name)
    if column.name == "aurc" or column.kind not in ("error", "share") or column.path[0] == "accuracy":
        raise UsageError(f"--fail-if '{text}': {column.name} is no figure of samples; take an error, or cov")
    wanted, worse = ("<", "-") if column.name == "cov" else (">", "+")
    if sign != wanted or plus not in ("", worse):
        raise UsageError(
            f"--fail-if '{text}': worse is {wanted} for {column.name}, as in '{column.name} {wanted} {worse}1'"
        )
    return Rule(text.strip(), column, float(number) * (-1.0 if plus == "-" else 1.0), bool(plus))


def judge(first: Run, second: Run, rules: Sequence[Rule], view: View = "all", wrap: Wrap = "wrap360") -> list[Verdict]:
    """What each rule finds of ``second``, compared with ``first`` on the same samples; coverage, in every view, on all.

    A rule is broken where the whole 95% interval is on the wrong side of the bound. :class:`UsageError` where the two
    do not have the same samples, or too few clusters to tell.
    """
    verdicts = []
    for rule in rules:
        before, after = _errors((first, second), "all" if rule.column.name == "cov" else view, wrap)
        verdict = _judge(rule, before, after, first.label, second.label)
        if first.partial or second.partial:
            verdict = replace(verdict, sentence=f"{verdict.sentence}; on a part of the samples (--limit)")
        if rule.column.path[0] == "mae" and (second.order != DEFAULT_ORDER or second.manifest.get("recounted")):
            verdict = replace(verdict, sentence=f"{verdict.sentence}; {order_note(second.order)}")
        if aligned := second.manifest.get("aligned"):
            verdict = replace(verdict, sentence=f"{oracle_note(aligned)}: {verdict.sentence}", aligned=aligned)
        verdicts.append(verdict)
    return verdicts


def record(verdict: Verdict) -> dict[str, Any]:
    """A verdict, JSON-ready."""
    return {
        "rule": verdict.rule.text,
        "value": round(verdict.value, 4),
        "interval": [round(verdict.low, 4), round(verdict.high, 4)],
        "failed": verdict.failed,
        "aligned": verdict.aligned,
        "sentence": verdict.sentence,
    }


def _errors(runs: tuple[Run, Run], view: View, wrap: Wrap) -> tuple[Errors, Errors]:
    before, after = (run_errors(run, view, wrap, mask) for run, mask in zip(runs, view_masks(runs, view), strict=True))
    if not same_samples([before, after]) or not len(after):
        mend = "" if view == "all" else ": choose --view all or --view common"
        raise UsageError(f"--fail-if needs the same samples in both runs{mend}")
    return before, after


def _judge(rule: Rule, before: Errors, after: Errors, first: str, second: str) -> Verdict:
    value, low, high = _estimate(rule, before, after)
    if not np.isfinite([low, high]).all():
        raise UsageError(f"--fail-if '{rule.text}': too few clusters to tell chance: {len(np.unique(after.clusters))}")
    lower = rule.column.name == "cov"
    failed = high < rule.bound if lower else low > rule.bound
    unit = "%" if lower else " degrees"
    name = rule.column.name
    if rule.relative:
        better = value > 0 if lower else value < 0
        far = f"{abs(value):.2f}{unit} {'better' if better else 'worse'} than" if value else "the same as"
        what = f"{name} of {second} is {far} of {first}"
        spread, bound = f"{low:+.2f} to {high:+.2f}", f"{rule.bound:+g}"
    else:
        what, spread, bound = f"{name} of {second} is {value:.2f}{unit}", f"{low:.2f} to {high:.2f}", f"{rule.bound:g}"
    outcome = (
        f"beyond the {bound} allowed" if failed else f"not beyond the {bound} allowed, as far as chance lets one say"
    )
    return Verdict(rule, value, low, high, failed, f"{what} (95%: {spread}): {outcome}")


def _estimate(rule: Rule, before: Errors, after: Errors) -> tuple[float, float, float]:
    """The value of the second run, or its difference to the first, with the limits of its interval."""
    if rule.column.name == "cov":
        values = 100.0 * (after.found.astype(float) - (before.found if rule.relative else 0.0))
    else:
        path = (rule.column.path[0], rule.column.path[1])
        if path in PERCENTILES:
            return _percentile(PERCENTILES[path], before, after, rule.relative)
        values = after.column(path) - (before.column(path) if rule.relative else 0.0)
    estimates = bootstrap_means(values[:, None], after.clusters)
    (low,), (high,) = estimates.interval()
    return float(estimates.value[0]), float(low), float(high)


def _percentile(percentile: float, before: Errors, after: Errors, relative: bool) -> tuple[float, float, float]:
    if relative:
        table = np.stack([before.geodesic, after.geodesic], axis=1)
        (resampled,) = bootstrap_percentiles(table, after.clusters, [percentile])
        differences = resampled.differences(0)
        low, high = differences.interval()[:, 1]
        return float(differences.value[1]), float(low), float(high)
    values = after.geodesic[:, None]
    shares = bootstrap_means(shares_below(values, percentile), after.clusters).interval()
    low, high = percentile_limits(values, percentile, shares)[:, 0]
    return float(np.percentile(values, percentile)), float(low), float(high)
