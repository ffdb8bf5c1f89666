"""What the command line does, as functions: the same steps, with pandas where a table is."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpe_bench.errors import HpeBenchError
from hpe_bench.metrics import View, Wrap

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from hpe_bench.estimators import Estimator
    from hpe_bench.inference.drawing import Draw
    from hpe_bench.inference.smoothing import Smoothing
    from hpe_bench.orders import EulerOrder
    from hpe_bench.plugins import Registry


def evaluate(
    estimators: str | Sequence[str] = (),
    *,
    dataset: str | None = None,
    protocol: str | None = None,
    view: View = "all",
    wrap: Wrap = "wrap360",
    angles: EulerOrder | None = None,
    options: Mapping[str, Any] | None = None,
    dataset_options: Mapping[str, Any] | None = None,
    root: str | Path | None = None,
    crop: str | None = None,
    extractor: str | None = None,
    limit: int | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    device: str = "auto",
    again: bool = False,
    batch_size: int = 64,
    workers: int | None = None,
    datasets: str | Path | None = None,
    weights: str | Path | None = None,
    results: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    progress: bool = False,
) -> pd.DataFrame:
    """Evaluate estimators on a dataset, as ``hpe-bench eval`` does, and score their runs.

    ``estimators`` are names, or ``name:option=value``; none means all that can run. One row an estimator, with its
    run's path; a row of one that could not run says why in ``skipped``. Call it under ``if __name__ == "__main__":``
    in a script: landmarks are found in worker processes, which import the script anew. Raises what the command line
    reports: :class:`UsageError`, :class:`MissingError`, :class:`DataError`.
    """
    import multiprocessing

    from hpe_bench.comparison.scores import to_frame
    from hpe_bench.errors import UsageError
    from hpe_bench.runs.evaluate import Request, evaluate_all
    from hpe_bench.runs.progress import Progress
    from hpe_bench.settings import resolve_folders

    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UsageError("evaluate() runs again in a worker process: put it under if __name__ == '__main__':")
    registry = _registry(plugins)
    request = Request(
        estimators=(estimators,) if isinstance(estimators, str) else tuple(estimators),
        dataset=dataset,
        protocol=protocol,
        options=options or {},
        dataset_options=dataset_options or {},
        root=Path(root) if root is not None else None,
        crop=crop,
        extractor=extractor,
        limit=limit,
        skip_bad=skip_bad,
        seed=seed,
        device=device,
        again=again,
        batch_size=batch_size,
        workers=workers,
    )
    found = evaluate_all(request, registry, resolve_folders(datasets, weights, results), Progress(quiet=not progress))
    return to_frame(records_of(found, view, wrap, registry, angles))


def compare(
    *targets: str | Path,
    view: View = "all",
    wrap: Wrap = "wrap360",
    angles: EulerOrder | None = None,
    force: bool = False,
    every: bool = False,
    results: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> pd.DataFrame:
    """Score stored runs side by side, as ``hpe-bench compare`` does: paths, globs, folders or a protocol's name.

    Beside each figure stand its limits, such as ``ge_mean_low`` and ``ge_mean_high`` (95%), and whether it is told from
    the best of its column, such as ``distinguishable_ge_mean``: None of rows that are not compared. Runs of a part of
    the samples (``partial``) come last, and take nothing away from the others. ``angles`` is an order to count MAE in,
    instead of the protocol's. Raises
    :class:`UsageError` where the runs are not of one protocol and one dataset, unless ``force``.
    """
    from hpe_bench.comparison.collect import beside_whole, check_comparable, collect
    from hpe_bench.comparison.recount import recount
    from hpe_bench.comparison.scores import score_with_chance, to_frame
    from hpe_bench.comparison.truth import check_truth
    from hpe_bench.settings import resolve_folders

    found = collect([str(target) for target in targets], resolve_folders(results=results), every)
    check_truth([*found.runs, *found.partial])
    whole, partial = ([recount(run, angles) for run in own] for own in (found.runs, found.partial))
    runs, beside = beside_whole(whole, partial, force)
    differences = check_comparable([*runs, *beside], force)
    metrics = metrics_of(_registry(plugins))
    return to_frame(score_with_chance(runs, view, wrap, metrics, comparable=not differences, beside=beside))


@dataclass(frozen=True)
class TrainedSet:
    """What :func:`train` made: ``weights`` is the folder of the set, ``stages`` their figures, in order.

    ``run`` is the path of the run file, and ``seconds`` what was spent; both None where the training was found stored
    (``reused``) and its run is gone.
    """

    estimator: str
    name: str
    weights: Path
    stages: Mapping[str, Mapping[str, float | None]]
    run: Path | None
    seconds: float | None
    reused: bool


def train(
    estimator: str,
    *,
    dataset: str | Sequence[str] = (),
    preset: str | None = None,
    options: Mapping[str, Any] | None = None,
    dataset_options: Mapping[str, Any] | None = None,
    root: str | Path | None = None,
    name: str | None = None,
    seed: int = 0,
    device: str = "auto",
    again: bool = False,
    keep_anyway: bool = False,
    datasets: str | Path | None = None,
    weights: str | Path | None = None,
    results: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    progress: bool = False,
) -> TrainedSet:
    """Train an estimator, as ``hpe-bench train`` does; ``name`` is what ``--as`` is there.

    ``dataset`` is one name or several, the main one first; ``dataset_options`` are of the main one, or as
    ``dataset.option`` of another. Raises what the command line reports, :class:`RunFailed` where the estimator failed,
    or ended no better than the zero pose and is not to be kept anyway.
    """
    from hpe_bench.runs.progress import Progress
    from hpe_bench.runs.train.execute import train as train_now
    from hpe_bench.runs.train.job import Request
    from hpe_bench.settings import resolve_folders

    request = Request(
        estimator,
        preset=preset,
        datasets=(dataset,) if isinstance(dataset, str) else tuple(dataset),
        options=options or {},
        dataset_options=dataset_options or {},
        root=Path(root) if root is not None else None,
        name=name,
        seed=seed,
        device=device,
        again=again,
        keep_anyway=keep_anyway,
    )
    folders = resolve_folders(datasets, weights, results)
    done = train_now(request, _registry(plugins), folders, Progress(quiet=not progress))
    return TrainedSet(
        estimator=estimator,
        name=done.job.name,
        weights=done.job.target,
        stages=done.card.figures,
        run=done.run.path if done.run else None,
        seconds=done.run.manifest["seconds"] if done.run else None,
        reused=done.reused,
    )


def open_estimator(
    estimator: str,
    *,
    device: str = "auto",
    options: Mapping[str, Any] | None = None,
    weights: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> Estimator:
    """An estimator, or ``name:option=value``, with its weights loaded, for use outside of any evaluation.

    It predicts on "cpu" or "cuda", "auto" taking CUDA where there is any. Raises :class:`UsageError` for an unknown
    name or option, :class:`MissingError` where weights or packages are missing.
    """
    from hpe_bench.runs.opening import open_by_name
    from hpe_bench.settings import resolve_folders

    folders = resolve_folders(weights=weights)
    return open_by_name(_registry(plugins), estimator, options or {}, device, folders)[1]


def predict_images(
    estimator: str,
    inputs: str | Path | NDArray[np.uint8] | Sequence[str | Path | NDArray[np.uint8]],
    *,
    faces: int = 1,
    draw: Draw = "axes",
    output: str | Path | None = None,
    smooth: Smoothing | bool = False,
    options: Mapping[str, Any] | None = None,
    crop: str | None = None,
    extractor: str | None = None,
    confidence: float = 0.5,
    redetect: int = 15,
    every: int = 1,
    limit: int | None = None,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
    fps: bool = False,
    weights: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    progress: bool = False,
) -> pd.DataFrame:
    """Head poses in images and videos, as ``hpe-bench predict`` does it; one row a face a frame.

    ``inputs`` are paths of images, videos or folders, globs, or images (H, W, 3), RGB uint8. Pictures and videos with
    what was found are written where ``output`` names a folder, or a file for a single input. The columns are those of
    the command's CSV; a frame without a face has a row without one. Raises what the command line reports; an input that
    cannot be read raises :class:`DataError` once the others are done, and files that are there already, but for
    ``overwrite``, :class:`UsageError`. What there is to say of a readable input is a warning.
    """
    import warnings

    from hpe_bench.inference.predict import predict
    from hpe_bench.inference.records import to_frame
    from hpe_bench.inference.request import Request
    from hpe_bench.inference.smoothing import Smoothing
    from hpe_bench.runs.progress import Progress
    from hpe_bench.settings import resolve_folders

    request = Request(
        estimator,
        inputs=inputs if isinstance(inputs, (list, tuple)) else (inputs,),
        options=options or {},
        crop=crop,
        extractor=extractor,
        faces=faces,
        confidence=confidence,
        redetect=redetect,
        draw=draw,
        smoothing=Smoothing() if smooth is True else smooth or None,
        output=Path(output) if output is not None else None,
        every=every,
        limit=limit,
        seed=seed,
        device=device,
        overwrite=overwrite,
        fps=fps,
    )
    outcome = predict(request, _registry(plugins), resolve_folders(weights=weights), Progress(quiet=not progress))
    for note in outcome.notes:
        warnings.warn(note, stacklevel=2)
    if outcome.faults:
        raise outcome.faults[0]
    return to_frame(outcome.records)


def records_of(
    found: Sequence[Any], view: View, wrap: Wrap, registry: Registry, angles: EulerOrder | None = None
) -> list[dict[str, Any]]:
    """The scored records of evaluation results, in their order, with those that did not run; :class:`DataError` where
    the oracle is not 0."""
    from hpe_bench.comparison.recount import recount
    from hpe_bench.comparison.scores import score_with_chance, skipped
    from hpe_bench.comparison.truth import check_truth

    runs = [recount(result.run, angles) for result in found if result.run is not None]
    check_truth(runs)
    scored = iter(score_with_chance(runs, view, wrap, metrics_of(registry)))
    return [
        next(scored)
        if result.run is not None
        else skipped(result.estimator, result.label, result.protocol, view, wrap, str(result.error))
        for result in found
    ]


def metrics_of(registry: Registry) -> dict[str, Any]:
    """The metrics that plugins add, by name."""
    found = {}
    for entry in registry.entries("metrics"):
        try:
            found[entry.name] = entry.load()
        except HpeBenchError as error:
            print(f"left out: {error}", file=sys.stderr)
    return found


def _registry(plugins: Sequence[str | Path]) -> Registry:
    from hpe_bench.plugins import discover

    registry = discover(plugins)
    registry.check()
    return registry
