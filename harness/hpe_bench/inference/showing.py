"""The first samples of an evaluation as pictures: what the estimator was given, and the true and predicted axes."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from hpe_bench.crops import WHOLE
from hpe_bench.estimators import Images, Landmarks
from hpe_bench.inference.drawing import NOSE_TIP, RIM, draw_axes
from hpe_bench.inference.writing import as_file_name, write_picture
from hpe_bench.metrics import geodesic_error
from hpe_bench.opencv import opencv
from hpe_bench.plugins import Registry
from hpe_bench.pose import ANGLES, euler_from_rotation
from hpe_bench.runs.execute import feed_of
from hpe_bench.runs.feed import crop_of, given_landmarks
from hpe_bench.runs.job import Job
from hpe_bench.runs.progress import Progress
from hpe_bench.runs.runfile import Run
from hpe_bench.settings import Folders
from hpe_bench.text import printable

Pixels = NDArray[np.uint8]
Array = NDArray[np.float64]

#: What a crop is enlarged to at least, by a whole factor, its pixels as they are; and what its text needs in width.
_SIDE, _NARROWEST = 448, 384
#: The length of an axis in shorter sides of the picture; a true one is longer, so that it is seen behind a right one.
_AXIS, _LONGER = 0.35, 1.25
#: How far landmarks alone reach from the middle of the picture, where the nose is.
_REACH = 0.42
_TEXT, _FAINT, _DOT = (235, 235, 235), (160, 160, 160), (255, 225, 120)
_DIGITS = 4
#: Samples that are in memory at once.
_BATCH = 64


@dataclass(frozen=True, eq=False)
class Given:
    """What an estimator was given of a sample: an image (H, W, 3), RGB, and landmarks (K, 2 or 3) in its pixels; and
    what a reader has to know of it."""

    image: Pixels
    landmarks: Array | None = None
    note: str = ""


def show_run(
    job: Job,
    run: Run,
    count: int,
    folder: Path,
    registry: Registry,
    folders: Folders,
    progress: Progress,
    workers: int | None = None,
) -> list[Path]:
    """Write what the estimator was given of the first ``count`` samples of a job's run, with both axes, as PNG files
    into ``folder``/protocol/run; returns them in order. :class:`SampleError` where one cannot be read any more."""
    count = min(count, len(run))
    digits = max(_DIGITS, len(str(len(run))))
    written = []
    with progress.task(f"crops of {job.label}", count) as advance, contextlib.ExitStack() as stack:
        given = stack.enter_context(contextlib.closing(_given(job, registry, folders, count, workers, stack)))
        for index, shown in enumerate(given):
            name = f"{index + 1:0{digits}}-{as_file_name(str(run.ids[index]))}.png"
            path = folder / job.selected.protocol.name / run.path.stem / name
            write_picture(path, draw_sample(shown, str(run.ids[index]), run.truth[index], run.prediction[index]))
            written.append(path)
            advance(1)
    return written


def draw_sample(given: Given, id: str, truth: Array, prediction: Array) -> Pixels:
    """A picture (H, W, 3), RGB, of a sample: the true axes thin and dashed, the predicted ones solid where there are
    any, and beneath them the angles in degrees."""
    image, factor = _enlarged(given.image)
    height, width = image.shape[:2]
    origin, length = np.array([width / 2, height / 2]), _AXIS * min(height, width)
    if given.landmarks is not None and np.isfinite(given.landmarks).all():
        points = factor * (given.landmarks[:, :2] + 0.5) - 0.5  # whole numbers are the centres of pixels
        _draw_points(image, points)
        if len(points) > NOSE_TIP:
            origin = points[NOSE_TIP]
    answered = bool(np.isfinite(prediction).all())
    if answered:
        draw_axes(image, prediction, origin, length)
    draw_axes(image, truth, origin, _LONGER * length, dashed=True)
    verdict = f"GE {float(geodesic_error(truth[None], prediction[None])[0]):.1f}" if answered else "no answer"
    lines = [
        f"{verdict}   {_short(id)}",
        f"true, dashed:      {_angles(truth)}",
        f"predicted, solid:  {_angles(prediction)}" if answered else "predicted: nothing",
        *([given.note] if given.note else []),
    ]
    return _with_caption(image, lines)


def _given(
    job: Job, registry: Registry, folders: Folders, count: int, workers: int | None, stack: contextlib.ExitStack
) -> Generator[Given, None, None]:
    """What the estimator was given of the first samples, in order."""
    seen = np.arange(count)
    if job.rule is not None and job.rule.faceless:
        seen = seen[job.selected.labels.with_points[:count]]
    batches = [seen[start : start + _BATCH] for start in range(0, len(seen), _BATCH)]
    fed = feed_of(job, registry, folders, batches, workers, stack) if batches else iter(())
    following = 0
    for batch, inputs, _ in fed:
        for place, index in enumerate(batch):
            yield from (_faceless(job, other) for other in range(following, int(index)))
            following = int(index) + 1
            if isinstance(job.inputs, Images):
                yield Given(job.inputs.ordered(inputs.images[place]))  # twice the other order is RGB
            elif isinstance(job.inputs, Landmarks):
                yield _with_landmarks(job, int(index), inputs.landmarks[place])
            else:
                yield _unasked(job, int(index))
    yield from (_faceless(job, other) for other in range(following, count))


def _with_landmarks(job: Job, index: int, landmarks: Array) -> Given:
    found = bool(np.isfinite(landmarks).all())
    note = "" if found else "no landmarks found"
    if job.rule is not None:
        crop = crop_of(job, index)
        if cast(Landmarks, job.inputs).units == "image":  # shares of the crop's sides
            height, width = crop.shape[:2]
            landmarks = landmarks * (width, height, width)
        return Given(crop, landmarks, note)
    return Given(_canvas(), _spread(landmarks) if found else None, note)


def _unasked(job: Job, index: int) -> Given:
    """What there is of a sample that an estimator is told nothing of."""
    dataset = job.selected.dataset
    if "images" in dataset.provides:
        rule = dataset.crop_rules().get(job.selected.protocol.crop or "", WHOLE)
        without_face = rule.faceless and not job.selected.labels.with_points[index]
        return Given(crop_of(job, index, WHOLE if without_face else rule), note="no picture was shown to it")
    landmarks = given_landmarks(dataset, job.selected.labels.ids[index]) if "landmarks" in dataset.provides else None
    return Given(_canvas(), None if landmarks is None else _spread(landmarks), "no picture was shown to it")


def _faceless(job: Job, index: int) -> Given:
    return Given(crop_of(job, index, WHOLE), note="no face to crop: it was shown nothing")


def _canvas() -> Pixels:
    return np.full((_SIDE, _SIDE, 3), 60, dtype=np.uint8)


def _spread(landmarks: Array) -> Array:
    """Landmarks (K, 3) of any unit, in pixels of the canvas."""
    points = landmarks[:, :2]
    middle = points[NOSE_TIP] if len(points) > NOSE_TIP else points.mean(axis=0)
    farthest = float(np.abs(points - middle).max())
    scale = _REACH * _SIDE / farthest if farthest > 0 else 1.0
    return np.asarray((points - middle) * scale + _SIDE / 2)


def _enlarged(image: Pixels) -> tuple[Pixels, int]:
    """A copy, each of its pixels a square, and the side of these."""
    factor = max(-(-_SIDE // max(image.shape[:2])), 1)
    return image.repeat(factor, axis=0).repeat(factor, axis=1), factor


def _draw_points(image: Pixels, points: Array) -> None:
    cv2 = opencv()
    radius = max(round(min(image.shape[:2]) / 400), 1)
    for x, y in np.round(points).astype(int).tolist():
        cv2.circle(image, (x, y), radius, _DOT, cv2.FILLED, cv2.LINE_AA)


def _with_caption(image: Pixels, lines: Sequence[str]) -> Pixels:
    """The picture, in the middle where it is narrow, above lines of text that fit its width."""
    cv2 = opencv()
    height, narrow = image.shape[:2]
    width = max(narrow, _NARROWEST)
    margin, font = round(width / 40), cv2.FONT_HERSHEY_SIMPLEX
    widest = max(cv2.getTextSize(line, font, 1.0, 1)[0][0] for line in lines)
    scale = min((width - 2 * margin) / max(widest, 1), width / 800)
    step = round(40 * scale)
    page = np.full((height + step * len(lines) + margin, width, 3), RIM[0], dtype=np.uint8)
    left = (width - narrow) // 2
    page[:height, left : left + narrow] = image
    for number, line in enumerate(lines, start=1):
        colour = _TEXT if number == 1 else _FAINT
        place = (margin, height + number * step)
        cv2.putText(page, line, place, font, scale, colour, max(round(1.8 * scale), 1), cv2.LINE_AA)
    return page


def _angles(rotation: Array) -> str:
    named = zip(ANGLES, euler_from_rotation(rotation), strict=True)
    return "  ".join(f"{name} {round(float(angle), 1) + 0.0:+.1f}" for name, angle in named)  # + 0.0: no minus zero


def _short(id: str, longest: int = 32) -> str:
    """The id in letters that OpenCV can write, its end kept where it is too long."""
    plain = printable(id).encode("ascii", "replace").decode()
    return plain if len(plain) <= longest else f"...{plain[3 - longest :]}"
