"""What an estimator's error does when its crop, its colours or the resizing are not quite what it expects."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from hpe_bench.comparison.audit.paired import Paired, paired
from hpe_bench.crops import Box, CropRule
from hpe_bench.datasets import Dataset, Labels, Sample
from hpe_bench.estimators import Images
from hpe_bench.images import ImageSource, Interpolation, Pixels, as_source
from hpe_bench.metrics import euler_errors, geodesic_error, true_angles
from hpe_bench.orders import DEFAULT_ORDER, EulerOrder
from hpe_bench.runs.job import Job

Array = NDArray[np.float64]

_SCALES = (0.8, 0.9, 1.1, 1.25)
_SHIFT = 0.1
_SHIFTS = {"left": (-_SHIFT, 0.0), "right": (_SHIFT, 0.0), "up": (0.0, -_SHIFT), "down": (0.0, _SHIFT)}


@dataclass(frozen=True)
class Change:
    """One change of an estimator's input, of the kind "margin", "shift", "colour" or "resize"."""

    kind: str
    what: str
    job: Job


@dataclass(frozen=True)
class Effect:
    """What a change did, degrees, over the ``n`` of ``n_total`` samples that are predicted under every change.

    ``coverage`` is the share of all samples that are predicted under this one.
    """

    kind: str
    what: str
    n: int
    n_total: int
    coverage: float
    mae: float
    ge: float
    mae_change: float
    ge_change: Paired


@dataclass(frozen=True)
class ExchangedColours:
    """An image with red and blue exchanged."""

    source: ImageSource

    def digest(self) -> bytes:
        return hashlib.sha256(b"red and blue exchanged\0" + self.source.digest()).digest()

    def pixels(self) -> Pixels:
        return np.ascontiguousarray(self.source.pixels()[..., ::-1])


class _Recoloured(Dataset):
    """A dataset whose images have red and blue exchanged; all that estimators are fed with comes from sample()."""

    def __init__(self, inner: Dataset) -> None:
        super().__init__(inner.root, inner.options)
        self._inner = inner

    def sample(self, id: str) -> Sample:
        sample = self._inner.sample(id)
        return sample if sample.image is None else replace(sample, image=ExchangedColours(as_source(sample.image)))


def changes(job: Job) -> Iterator[Change]:
    """The changes that a job's input allows: none where it sees no image."""
    rule = job.rule
    if rule is None:
        return
    for scale in _SCALES:
        much = f"{abs(scale - 1):.0%} {'larger' if scale > 1 else 'smaller'}"
        yield Change("margin", f"crop {much}", replace(job, rule=changed_rule(rule, scale=scale)))
    for where, shift in _SHIFTS.items():
        yield Change("shift", f"crop {_SHIFT:.0%} {where}", replace(job, rule=changed_rule(rule, shift=shift)))
    recoloured = replace(job.selected, dataset=_Recoloured(job.selected.dataset))
    yield Change("colour", "red and blue exchanged", replace(job, selected=recoloured))
    inputs = job.inputs
    if isinstance(inputs, Images) and inputs.size is not None:
        for method in get_args(Interpolation):
            if method != inputs.interpolation:
                what = f"resized by {method}, not {inputs.interpolation}"
                yield Change("resize", what, replace(job, inputs=replace(inputs, interpolation=method)))


def changed_rule(rule: CropRule, scale: float = 1.0, shift: tuple[float, float] = (0.0, 0.0)) -> CropRule:
    """A crop rule whose box is scaled about its centre, then shifted by shares of its width and height."""
    version = f"{rule.version}, scaled {scale:g}, shifted {shift[0]:g} {shift[1]:g}"
    return replace(rule, version=version, box=partial(_changed_box, rule.box, scale, shift))


def effects(
    tried: Sequence[tuple[Change, Array]],
    labels: Labels,
    clusters: NDArray[np.int64],
    order: EulerOrder = DEFAULT_ORDER,
) -> tuple[Effect, ...]:
    """What changes did to predictions (N, 3, 3), the first being those without any change.

    All are scored on the samples that are predicted under every change, so that the figures may be compared; MAE is of
    angles in an order.
    """
    predicted = [np.isfinite(rotations).all(axis=(-2, -1)) for _, rotations in tried]
    common = np.logical_and.reduce(predicted)
    truth = labels.rotation[common]
    angles = true_angles(truth, labels.euler[common], order)
    own = np.unique(clusters[common], return_inverse=True)[1]
    mae = [euler_errors(angles, rotations[common], order=order).mean(axis=-1) for _, rotations in tried]
    ge = [geodesic_error(truth, rotations[common]) for _, rotations in tried]
    return tuple(
        Effect(
            kind=change.kind,
            what=change.what,
            n=int(common.sum()),
            n_total=len(common),
            coverage=_mean(predicted[place].astype(np.float64)),
            mae=_mean(mae[place]),
            ge=_mean(ge[place]),
            mae_change=_mean(mae[place] - mae[0]),
            ge_change=paired(ge[place] - ge[0], own),
        )
        for place, (change, _) in enumerate(tried)
    )


def _changed_box(
    box: Callable[[NDArray[np.float64] | None, int, int], Box],
    scale: float,
    shift: tuple[float, float],
    points: NDArray[np.float64] | None,
    width: int,
    height: int,
) -> Box:
    left, top, right, bottom = box(points, width, height)
    w, h = right - left, bottom - top
    x, y = (left + right) / 2 + shift[0] * w, (top + bottom) / 2 + shift[1] * h
    new_left, new_top = round(x - scale * w / 2), round(y - scale * h / 2)
    return new_left, new_top, new_left + max(round(scale * w), 1), new_top + max(round(scale * h), 1)


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")
