"""The errors of a run sample by sample, in one order for all runs: what statistics, ranges and plots start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hpe_bench.metrics import View, Wrap, euler_errors, geodesic_error, scored_samples, vector_errors
from hpe_bench.runs.runfile import Run

Array = NDArray[np.float64]
Path = tuple[str, str]

#: Figures that are means over samples, by their place in a record.
MEANS: tuple[Path, ...] = (
    *(("mae", name) for name in ("yaw", "pitch", "roll", "mean")),
    *(("vmae", name) for name in ("left", "down", "front", "mean")),
    ("ge", "mean"),
)
#: Figures that are percentiles over samples.
PERCENTILES: dict[Path, float] = {("ge", "median"): 50.0, ("ge", "p95"): 95.0}
EVERY: tuple[Path, ...] = (*MEANS, *PERCENTILES)


@dataclass(frozen=True)
class Errors:
    """The errors of the n samples that a view scores, in degrees, ordered by id.

    ``euler`` (n, 3) are of yaw, pitch, roll; ``vectors`` (n, 3) of left, down, front; ``geodesic`` (n,); ``clusters``
    (n,) names what hangs together, ``found`` (n,) says whether there was a prediction, ``confidence`` (n,) is the
    estimator's, ``truth`` (n, 3, 3) and ``angles`` (n, 3), as the dataset states them, are the labels.
    """

    ids: NDArray[np.str_]
    clusters: NDArray[np.str_]
    person: NDArray[np.str_]
    sequence: NDArray[np.str_]
    euler: Array
    vectors: Array
    geodesic: Array
    found: NDArray[np.bool_]
    confidence: Array
    truth: Array
    angles: Array

    def __len__(self) -> int:
        return len(self.ids)

    def column(self, path: Path) -> Array:
        """What (n,) a figure is the mean or a percentile of."""
        section, name = path
        if section == "ge":
            return self.geodesic
        table, names = (
            (self.euler, ("yaw", "pitch", "roll")) if section == "mae" else (self.vectors, ("left", "down", "front"))
        )
        return table.mean(axis=1) if name == "mean" else table[:, names.index(name)]

    def figure(self, path: Path) -> float:
        """A figure of these samples, degrees; NaN of none."""
        values = self.column(path)
        if not len(values):
            return float("nan")
        return float(np.percentile(values, PERCENTILES[path]) if path in PERCENTILES else values.mean())

    def part(self, mask: NDArray[np.bool_]) -> Errors:
        """The errors of some of the samples (n,)."""
        return Errors(*(getattr(self, field.name)[mask] for field in fields(self)))


def run_errors(run: Run, view: View = "all", wrap: Wrap = "wrap360", common: NDArray[np.bool_] | None = None) -> Errors:
    """The errors of a run in a view, as :func:`~hpe_bench.metrics.summarise` averages them; ``common`` as there."""
    scored = np.flatnonzero(scored_samples(run.found, view, common))
    scored = scored[np.argsort(run.ids[scored], kind="stable")]
    found = run.found[scored]
    prediction = np.where(found[:, None, None], run.prediction[scored], np.eye(3))
    return Errors(
        ids=run.ids[scored],
        clusters=cluster_names(run)[scored],
        person=run.person[scored],
        sequence=run.sequence[scored],
        euler=euler_errors(run.true_angles[scored], prediction, wrap, run.order),
        vectors=vector_errors(run.truth[scored], prediction),
        geodesic=np.asarray(geodesic_error(run.truth[scored], prediction)),
        found=found,
        confidence=run.confidence[scored],
        truth=run.truth[scored],
        angles=run.euler[scored],
    )


def cluster_unit(run: Run) -> str:
    """What statistics resample: the protocol's cluster; samples, where one of them has no name of that kind."""
    by = str(run.manifest["protocol"].get("cluster", "sample"))
    names = {"person": run.person, "sequence": run.sequence}.get(by)
    return by if names is not None and len(names) and (names != "").all() else "sample"


def cluster_names(run: Run) -> NDArray[np.str_]:
    """The name (N,) of the cluster that each sample belongs to."""
    return {"person": run.person, "sequence": run.sequence, "sample": run.ids}[cluster_unit(run)]


def same_samples(errors: Sequence[Errors]) -> bool:
    """Whether all hold the same samples."""
    return all(np.array_equal(errors[0].ids, other.ids) for other in errors[1:])
