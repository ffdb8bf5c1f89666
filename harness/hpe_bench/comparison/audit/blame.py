"""Who errs where predictions and labels disagree: one estimator alone cannot tell.

Others on the same samples are its witnesses. One that is right by the labels vouches for them; one that disagrees with
the labels in the very same way speaks against them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hpe_bench.comparison.audit.axes import Axes, judge_axes
from hpe_bench.comparison.collect import REFERENCE, collect
from hpe_bench.comparison.scores import SANITY
from hpe_bench.comparison.statistics.bootstrap import cluster_index
from hpe_bench.comparison.statistics.errors import cluster_names
from hpe_bench.runs.runfile import Run
from hpe_bench.settings import Folders

Blame = Literal["", "estimator", "labels", "either"]

#: More stored runs are not looked at.
_MOST = 8


@dataclass(frozen=True)
class Witness:
    """Another estimator on the same samples, and what its predictions say about its axes."""

    label: str
    estimator: str
    axes: Axes


def judged(run: Run) -> Axes:
    """What the predictions of a run say about its axes."""
    return judge_axes(run.truth, run.prediction, cluster_index(cluster_names(run))[0])


def stored_witnesses(run: Run, folders: Folders) -> list[Witness]:
    """The last whole run of each other estimator on the same data, of those that are stored: the user's own, and those
    that came with the project."""
    protocol, dataset = str(run.manifest["protocol"]["name"]), run.manifest["dataset"]
    places = [folders.results / protocol, folders.results / REFERENCE / protocol]
    targets = [str(place) for place in places if place.is_dir()]
    found: dict[str, Run] = {}
    for other in collect(targets, folders).runs if targets else ():
        name, data = str(other.manifest["estimator"]), other.manifest["dataset"]
        same = all(data[key] == dataset[key] for key in ("fingerprint", "variant"))
        if same and name not in SANITY and name != run.manifest["estimator"]:
            found[name] = other
    return [Witness(other.label, name, judged(other)) for name, other in list(found.items())[:_MOST]]


def blame(estimator: str, axes: Axes, witnesses: Sequence[Witness]) -> tuple[Blame, str]:
    """Who errs where the axes of an estimator are not those of the labels, and a sentence of it; "" where they are."""
    if axes.verdict != "wrong":
        return "", ""
    others = [witness for witness in witnesses if witness.estimator != estimator]
    right = [witness.label for witness in others if witness.axes.verdict == "right"]
    alike = [
        witness.label
        for witness in others
        if witness.axes.verdict == "wrong" and witness.axes.hypothesis.name == axes.hypothesis.name
    ]
    if right:
        return "estimator", f"{axes.sentence}; the labels are not: by them the axes of {_and(right)} are right"
    if alike:
        return "labels", (
            f"the labels are suspected: this estimator and {_and(alike)} agree with each other, and disagree with the "
            f"labels in the same way ({axes.hypothesis.name})"
        )
    return "either", (
        f"{axes.sentence}, or the labels are wrong in that way: one estimator alone cannot tell; name another beside it"
    )


def _and(labels: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))
