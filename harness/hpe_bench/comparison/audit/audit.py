"""An audit of a plugin: are its axes right, and what is it sensitive to?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hpe_bench.comparison.audit.axes import CHANCE, Axes
from hpe_bench.comparison.audit.blame import Blame, Witness, blame, judged, stored_witnesses
from hpe_bench.comparison.audit.sensitivity import Change, Effect, changes, effects
from hpe_bench.comparison.scores import json_number
from hpe_bench.comparison.scores import notes as notes_of
from hpe_bench.comparison.statistics.bootstrap import cluster_index
from hpe_bench.comparison.statistics.errors import cluster_names
from hpe_bench.plugins import Registry
from hpe_bench.runs.apart.processes import Processes
from hpe_bench.runs.evaluate import Request, evaluate_all, parse_estimator, plan_requested
from hpe_bench.runs.execute import predict
from hpe_bench.runs.job import Job
from hpe_bench.runs.progress import Progress
from hpe_bench.runs.runfile import Run
from hpe_bench.runs.selection import find_protocol, open_dataset, select
from hpe_bench.settings import Folders


@dataclass(frozen=True)
class Audit:
    """What was found out about one estimator on one protocol.

    ``blame`` says who errs where the axes are not those of the labels, and ``blamed`` what is wrong. ``effects`` begin
    with no change at all; they are empty where the estimator sees no image. ``remarks`` are sentences on them,
    ``notes`` what a reader of the run has to know.
    """

    run: Run
    axes: Axes
    blame: Blame = ""
    blamed: str = ""
    effects: tuple[Effect, ...] = ()
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def audit(
    request: Request, registry: Registry, folders: Folders, progress: Progress, samples: int | None
) -> list[Audit]:
    """Audit the estimators of a request: their axes by their runs, stored or made now, and their sensitivity on some
    ``samples``, evenly spread, of which nothing is stored; None leaves that out.

    Where the axes are not those of the labels, the others, and runs of others that are stored, tell who errs.
    """
    runs = []
    for result in evaluate_all(request, registry, folders, progress):
        if result.error is not None:
            raise result.error
        assert result.run is not None
        runs.append(result.run)
    own = [Witness(run.label, str(run.manifest["estimator"]), judged(run)) for run in runs]
    audits = []
    for place, (run, witness) in enumerate(zip(runs, own, strict=True)):
        who, sentence = blame(witness.estimator, witness.axes, own)
        if who in ("labels", "either"):
            who, sentence = blame(witness.estimator, witness.axes, [*own, *stored_witnesses(run, folders)])
        found: tuple[Effect, ...] = ()
        if samples is not None:
            single = replace(request, estimators=(request.estimators[place],))
            job = _job(single, registry, folders, samples)
            found = _sensitivity(job, single, registry, folders, progress, _clusters_by_id(run))
        audits.append(Audit(run, witness.axes, who, sentence, found, tuple(_remarks(found)), tuple(notes_of(run))))
    return audits


def audit_record(found: Audit) -> dict[str, Any]:
    """An audit, JSON-ready; degrees."""
    axes, manifest = found.axes, found.run.manifest
    return {
        "estimator": manifest["estimator"],
        "label": found.run.label,
        "protocol": manifest["protocol"]["name"],
        "axes": {
            "verdict": axes.verdict,
            "sentence": axes.sentence,
            "blame": found.blame or None,
            "blame_sentence": found.blamed or None,
            "hypothesis": axes.hypothesis.name,
            "mend": axes.hypothesis.mend or None,
            "n": axes.n,
            "clusters": axes.clusters,
            "ge": json_number(axes.given),
            "ge_corrected": json_number(axes.corrected),
            "gain": None if axes.gain is None else json_number(axes.gain.mean),
            "gain_interval": None if axes.gain is None else [json_number(end) for end in axes.gain.interval()],
            "p": None if axes.gain is None else axes.gain.p,
            "rivals": list(axes.rivals),
            "readings": [{"name": r.name, "sentence": r.sentence, "ge": json_number(r.ge)} for r in axes.readings],
        },
        "sensitivity": [
            {
                "kind": own.kind,
                "change": own.what,
                "n": own.n,
                "n_total": own.n_total,
                "coverage": json_number(own.coverage),
                "mae": json_number(own.mae),
                "ge": json_number(own.ge),
                "mae_change": json_number(own.mae_change),
                "ge_change": json_number(own.ge_change.mean),
                "ge_change_interval": [json_number(end) for end in own.ge_change.interval()],
            }
            for own in found.effects
        ],
        "remarks": list(found.remarks),
        "notes": list(found.notes),
        "run": str(found.run.path),
    }


def _job(request: Request, registry: Registry, folders: Folders, samples: int) -> Job:
    """The job of the request, over fewer samples."""
    protocol = find_protocol(registry, request.dataset, request.protocol)
    options = {**protocol.dataset_options, **request.dataset_options}
    dataset = open_dataset(registry, protocol.dataset, folders, request.root, options, given=request.dataset_options)
    selected = select(
        protocol.dataset, dataset, protocol, limit=samples, skip_bad=request.skip_bad, cache=folders.cache
    )
    name, given = parse_estimator(registry, request.estimators[0], request.options)
    return plan_requested(request, registry, folders, selected, name, given)


def _sensitivity(
    job: Job,
    request: Request,
    registry: Registry,
    folders: Folders,
    progress: Progress,
    clusters: Mapping[str, int],
) -> tuple[Effect, ...]:
    todo = [Change("none", "as it is", job), *changes(job)]
    if len(todo) == 1:
        return ()
    labels = job.selected.labels
    own = np.array([clusters[id] for id in labels.ids], dtype=np.int64)
    tried = []
    with progress.task(f"sensitivity of {job.label}", len(todo)) as advance, Processes() as processes:
        for change in todo:
            rotations = predict(
                change.job,
                registry,
                folders,
                batch_size=request.batch_size,
                workers=request.workers,
                processes=processes,
            )
            tried.append((change, rotations))
            advance(1)
    return effects(tried, labels, own, job.selected.protocol.angles)


def _clusters_by_id(run: Run) -> dict[str, int]:
    return dict(zip(run.ids.tolist(), cluster_index(cluster_names(run))[0].tolist(), strict=True))


def _remarks(found: Sequence[Effect]) -> list[str]:
    """What makes the error smaller, beyond chance: such an input is nearer to what the estimator learned from."""
    remarks = []
    for own in found:
        lower = replace(own.ge_change, mean=-own.ge_change.mean)
        if own.kind == "none" or not lower.p < CHANCE:
            continue
        what = f"with {own.what} GE is lower by {lower.mean:.2f} degrees, beyond chance"
        hint = {"colour": ": does it expect BGR where it asks for RGB, or the other way round?"}.get(own.kind, "")
        remarks.append(what + hint)
    return remarks
