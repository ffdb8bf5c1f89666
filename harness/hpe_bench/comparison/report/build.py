"""What goes into a report, computed from stored runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hpe_bench.comparison.curves import scored_runs, worst_samples
from hpe_bench.comparison.disagreement import disagreements
from hpe_bench.comparison.published.claims import claim_record, claims_of
from hpe_bench.comparison.ranges import range_records
from hpe_bench.comparison.report.images import thumbnails
from hpe_bench.comparison.report.page import Content
from hpe_bench.comparison.scores import SANITY, Metrics, failure, score_with_chance
from hpe_bench.comparison.statistics.errors import MEANS
from hpe_bench.datasets import Dataset
from hpe_bench.errors import UsageError
from hpe_bench.metrics import VIEWS, View, Wrap
from hpe_bench.runs.runfile import Run


def gather(
    runs: Sequence[Run],
    failures: Sequence[Mapping[str, str]],
    differences: Sequence[str],
    *,
    view: View,
    wrap: Wrap,
    metrics: Metrics,
    worst: int,
    dataset: Dataset | None,
) -> Content:
    """Score runs in every view, and pick the samples to show; with a ``dataset``, also their images.

    ``differences`` are what makes the runs incomparable. Where every run predicted every sample the views do not
    differ, and there is only the one asked for. Beside a run of a part of the samples (--limit) the view "common" is
    that part: it is there where it was asked for.
    """
    if not any(len(run) for run in runs):
        raise UsageError("these runs have no samples")
    same = all(run.found.all() for run in runs) and len({frozenset(run.ids.tolist()) for run in runs}) == 1
    shrunk = len({run.partial for run in runs}) > 1
    offered = tuple(own for own in VIEWS if own == view or not (shrunk and own == "common"))
    views: tuple[View, ...] = (view,) if same else offered
    records = {}
    for own in views:
        records[own] = score_with_chance(runs, own, wrap, metrics, comparable=not differences)
        for record in records[own] if differences else ():
            record["notes"].append(
                f"{record['protocol']}, data {record['fingerprint'][:10]}: not comparable, by --force"
            )
        records[own] += [failure(record, own, wrap) for record in failures]
    protocols = {str(run.manifest["protocol"]["name"]) for run in runs}
    recounted = runs[0].order if runs[0].manifest.get("recounted") else None
    scored = {own: scored_runs(runs, own, wrap) for own in dict.fromkeys(("all", *views))}
    rivals = [run for run in runs if run.manifest["estimator"] not in SANITY]
    apart = disagreements(rivals, worst) if len(rivals) > 1 else []
    ids = [str(record["id"]) for record in apart]
    for run in scored[view]:
        ids += [str(run.samples.ids[place]) for place in worst_samples(run, worst)]
    return Content(
        runs=runs,
        view=view,
        records=records,
        scored=scored,
        ranges=range_records(runs, "yaw", view, wrap, not differences, MEANS),
        # Beside runs of several protocols nobody could tell which ones a claim goes with.
        claims=[claim_record(claim) for claim in claims_of(min(protocols), recounted)] if len(protocols) == 1 else [],
        disagreements=apart,
        worst=worst,
        metrics=list(metrics),
        images=thumbnails(dataset, runs, ids) if dataset is not None else {},
    )
