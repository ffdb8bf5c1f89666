"""Predicting on whatever is given: settled first, then one input after the other, each written when it is done."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path

from hpe_bench.comparison.plots.style import require_matplotlib
from hpe_bench.errors import DataError, MissingError, UnknownName, UsageError
from hpe_bench.estimators import Images, Landmarks
from hpe_bench.inference.drawing import DRAWINGS
from hpe_bench.inference.estimating import Asker, find_rule
from hpe_bench.inference.faces import FaceFinder
from hpe_bench.inference.frames import Input
from hpe_bench.inference.maps import plan_maps, planned_files, require_maps
from hpe_bench.inference.passes import Pass, pass_film, pass_images
from hpe_bench.inference.quiet import quiet_standard_error
from hpe_bench.inference.records import csv_bytes, json_bytes
from hpe_bench.inference.request import Outcome, Request
from hpe_bench.inference.sources import find_inputs
from hpe_bench.inference.window import require_window
from hpe_bench.inference.writing import plan_targets, protect_inputs, require_distinct
from hpe_bench.landmarks.extractor import Extractor
from hpe_bench.landmarks.facemesh import FaceMesh, FaceMeshAlways
from hpe_bench.landmarks.faces import FaceDetector
from hpe_bench.opencv import opencv
from hpe_bench.outputs import require_absent
from hpe_bench.plugins import Registry
from hpe_bench.runs.evaluate import parse_estimator
from hpe_bench.runs.job import load_extractor
from hpe_bench.runs.opening import open_by_name
from hpe_bench.runs.progress import Progress
from hpe_bench.settings import Folders
from hpe_bench.storage import require_writable, write_atomically


def predict(request: Request, registry: Registry, folders: Folders, progress: Progress) -> Outcome:
    """Predict on all inputs, in their order; a file appears whole, when its input is done.

    Of several inputs, one that cannot be read is put into ``faults``, and the others go on; a single one raises.
    """
    _check(request)
    opencv()
    outcome = Outcome()
    inputs = find_inputs(request.inputs, request.camera, outcome.faults.append)
    if not inputs:
        raise outcome.faults[0]
    alone = len(inputs) == 1 and not outcome.faults
    if request.smoothing is not None and all(one.kind == "image" for one in inputs):
        raise UsageError("smoothing goes along a video or a camera, and there are images only: leave --smooth... out")
    if request.fps and all(one.kind == "image" for one in inputs):
        raise UsageError("--fps counts the frames of a video or a camera, and there are images only")
    if request.fps and request.draw == "none" and not request.show:
        raise UsageError("--fps is written onto what is drawn, and --draw none draws nothing")
    drawn = request.output is not None and request.draw != "none"
    targets = plan_targets(inputs, request.output) if drawn and request.output is not None else [None] * len(inputs)
    tables = [path for path in (request.csv, request.json) if path is not None]
    protect_inputs(inputs, tables)
    maps, stems = _maps(request, registry, inputs)
    files = [*(target for target in targets if target is not None), *tables, *maps]
    require_distinct(files)
    require_absent(files, request.overwrite)
    for table in tables:
        require_writable(table)
    pairs = _thinned(list(zip(inputs, targets, strict=True)), request)
    if request.show:
        require_window()
    with contextlib.ExitStack() as stack:
        finder, asker = _open(request, registry, folders, stack)
        started = time.perf_counter()
        for still, stretch in itertools.groupby(pairs, lambda pair: pair[0].kind == "image"):
            work = Pass(request, finder, asker, outcome, progress, stems)
            if still:
                pass_images(work, list(stretch))
                continue
            for source, target in stretch:
                try:
                    pass_film(work, source, target)
                except (DataError, MissingError) as error:
                    outcome.faults.append(error)
        outcome.seconds = time.perf_counter() - started
    if alone and outcome.faults:
        raise outcome.faults[0]
    for path, content in ((request.csv, csv_bytes), (request.json, json_bytes)):
        if path is not None:
            write_atomically(path, content(outcome.records))
            outcome.written.append(path)
    return outcome


def _check(request: Request) -> None:
    if min(request.faces, request.redetect, request.every, 1 if request.limit is None else request.limit) < 1:
        raise UsageError("--faces, --redetect, --every and --limit are at least 1")
    if not 0 <= request.confidence < 1:
        raise UsageError("--confidence is from 0 to below 1")
    if request.draw not in DRAWINGS:
        raise UnknownName("drawing", request.draw, DRAWINGS)


def _thinned(pairs: Sequence[tuple[Input, Path | None]], request: Request) -> list[tuple[Input, Path | None]]:
    """All videos, and the images that ``every`` and ``limit`` leave, wherever they stand between the videos."""
    images = [source for source, _ in pairs if source.kind == "image"]
    kept = set(images[:: request.every][: request.limit])
    return [pair for pair in pairs if pair[0].kind != "image" or pair[0] in kept]


def _maps(request: Request, registry: Registry, inputs: Sequence[Input]) -> tuple[list[Path], dict[int, Path]]:
    """The files that maps may go to, and the stem of each image's, by its ``id``; none where none are asked for."""
    if request.maps is None:
        return [], {}
    names = require_maps(registry, parse_estimator(registry, request.estimator, request.options)[0])
    require_matplotlib()
    stems = plan_maps(inputs, request.maps)
    files = planned_files(stems, request.maps, request.faces, names)
    protect_inputs(inputs, files)
    return files, stems


def _open(
    request: Request, registry: Registry, folders: Folders, stack: contextlib.ExitStack
) -> tuple[FaceFinder, Asker]:
    if importlib.util.find_spec("mediapipe") is None:
        raise MissingError("finding faces needs mediapipe, not installed here: pip install 'hpe-bench[landmarks]'")
    # The estimator works beside the landmark model: OpenMP threads that spin would take the cores from it.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    label, estimator = open_by_name(registry, request.estimator, request.options, request.device, folders)
    rule = find_rule(estimator.inputs, request.crop)
    extractor: Extractor | None = None
    if request.extractor is not None:
        registry.get("extractors", request.extractor)
    if isinstance(estimator.inputs, Landmarks):
        name = request.extractor or estimator.inputs.extractor
        extractor = load_extractor(registry, name)
        if isinstance(extractor, FaceDetector):
            raise UsageError(f"{name} finds faces, not landmarks; see hpe-bench list extractors")
    elif request.extractor is not None:
        raise UsageError(f"{label} takes no landmarks: leave --extractor out")
    always = type(extractor) is FaceMeshAlways
    if type(extractor) in (FaceMesh, FaceMeshAlways):  # the finder has these landmarks already
        extractor = None
    cropped = isinstance(estimator.inputs, Images) or getattr(estimator.inputs, "units", "pixels") == "image"
    if request.crop is not None and extractor is None and not cropped:
        raise UsageError(f"{label} is shown no crop here: leave --crop out")
    finder = FaceFinder(request.confidence, always=always)
    stack.callback(finder.close)
    if extractor is not None:
        with quiet_standard_error():
            extractor.open()
        stack.callback(extractor.close)
    maps = estimator.maps if request.maps is not None else ()
    return finder, Asker(label, estimator, rule, extractor, request.seed, maps)
