"""Thumbnails of samples, from the dataset that runs were made on."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence

import numpy as np

from hpe_bench.crops import CropRule, cut, resolve_box
from hpe_bench.datasets import Dataset
from hpe_bench.errors import DataError, UsageError
from hpe_bench.images import Pixels, as_source, resize
from hpe_bench.label_check import checked_label
from hpe_bench.runs.runfile import Run

_SIDE = 128
_QUALITY = 70


def thumbnails(dataset: Dataset, runs: Sequence[Run], ids: Iterable[str]) -> dict[str, str]:
    """Small JPEGs as data URIs, by id, cropped as the estimators saw the samples, whose rule is the runs' first.

    :class:`UsageError` where the dataset has no images, :class:`DataError` where it is another than that of the runs.
    """
    if "images" not in dataset.provides:
        raise UsageError(f"{runs[0].manifest['dataset']['name']} has no images: leave --images out")
    dataset.require_root()
    rules = {rule.name: rule for rule in dataset.crop_rules().values()}
    rule = next((rules[run.manifest["crop"]] for run in runs if run.manifest["crop"] in rules), None)
    labels = {id: label for run in runs for id, label in zip(run.ids.tolist(), run.euler, strict=True)}
    found = {}
    for id in dict.fromkeys(ids):
        sample = dataset.sample(id)
        _, euler = checked_label(sample)
        if np.abs(euler - labels[id]).max() > 1e-4:
            raise DataError(f"{dataset.root}: sample {id} has another label than in the runs: not their dataset")
        if sample.image is not None:
            pixels = _cropped(as_source(sample.image).pixels(), rule, sample.points, id)
            found[id] = _data_uri(resize(pixels, (_SIDE, _SIDE), "area"))
    return found


def _cropped(image: Pixels, rule: CropRule | None, points: object, id: str) -> Pixels:
    """The crop, filled up to a square with black."""
    if rule is not None and not (rule.faceless and points is None):
        image = cut(image, resolve_box(rule, points, image.shape[1], image.shape[0], f"sample {id}"))  # type: ignore[arg-type]
    height, width = image.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return cut(image, (-left, -top, side - left, side - top))


def _data_uri(image: Pixels) -> str:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
