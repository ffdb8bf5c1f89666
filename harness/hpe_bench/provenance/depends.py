"""What a prediction, a landmark, a label and a training depend on besides their data: code, data files and versions.

Each is a :class:`~hpe_bench.provenance.closure.Closure` as JSON: ``code`` by module, ``data`` by file, ``versions`` by
distribution. It goes into the key of a run or of a training, and into the name of a folder of the landmark cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from hpe_bench.crops import CropRule
from hpe_bench.datasets import Dataset
from hpe_bench.estimators import Estimator, Images, Inputs, Landmarks
from hpe_bench.images import ImageArray, ImageFile
from hpe_bench.landmarks.extractor import Extractor
from hpe_bench.provenance.closure import Closure, closure

_RUNS, _LANDMARKS = "hpe_bench.runs", "hpe_bench.landmarks"
#: What makes the batches of an estimator, by the kind of its inputs.
_FEED = {Images: ("feed_images",), Landmarks: ("feed_landmarks", "feed_given_landmarks")}


def prediction_depends_on(
    kind: type[Estimator] | None,
    dataset: type[Dataset],
    inputs: Inputs,
    extractor: Extractor | None = None,
    rule: CropRule | None = None,
) -> dict[str, Any]:
    """What the predictions of an estimator depend on; ``kind`` None is the truth itself, ``inputs`` what it asks for.

    What a dataset says of its samples is known by its fingerprint: its code counts for those that see images or
    landmarks of it.
    """
    if kind is None:
        return _json(closure([f"{_RUNS}.answers:answers_of"]))
    feed = _FEED.get(type(inputs), ("feed_nothing",))
    roots: list[type | str] = [kind, f"{_RUNS}.answers:answers_of", *(f"{_RUNS}.feed:{name}" for name in feed)]
    requires = [*kind.requires]
    if type(inputs) in _FEED:
        roots += [dataset, *_roots_of_rule(rule)]
    if extractor is not None:
        roots += _roots_of_landmarks(extractor)
        requires += extractor.requires
    return _json(closure(roots, ("find_weights", "load", "predict", "open", "find", "Options"), requires))


def landmarks_depend_on(
    extractor: Extractor, rule: CropRule | None = None, dataset: type[Dataset] | None = None
) -> dict[str, Any]:
    """What the landmarks of an extractor depend on, besides the image; its identity is among it.

    ``rule`` says how it is cropped, and ``dataset`` is of whose images, where these are no files that OpenCV reads.
    """
    roots = [*_roots_of_landmarks(extractor), *_roots_of_rule(rule), *([dataset] if dataset else [])]
    found = closure(roots, ("open", "find", "pixels", *(("sample",) if dataset else ())), extractor.requires)
    return {"identity": extractor.identity, **_json(found)}


def landmark_identity(
    extractor: Extractor, rule: CropRule | None = None, image: object = None, dataset: type[Dataset] | None = None
) -> str:
    """The identity of an extractor with the hash of all that its landmarks depend on: another one, other landmarks.

    ``image`` is any of the images, whose kind decides whether the code of the ``dataset`` counts.
    """
    own = dataset if image is not None and not isinstance(image, (ImageFile, ImageArray)) else None
    return f"{extractor.identity} [{digest(landmarks_depend_on(extractor, rule, own))[:16]}]"


def labels_depend_on(dataset: type[Dataset]) -> dict[str, Any]:
    """What the labels of a dataset depend on, besides its files."""
    return _json(closure([dataset, "hpe_bench.datasets:read_labels"], ("ids", "sample")))


def training_depends_on(kind: type[Estimator], datasets: Iterable[type[Dataset]]) -> dict[str, Any]:
    """What an estimator that learns from datasets depends on, besides what they give."""
    roots: list[type | str] = [kind, *datasets, f"{_RUNS}.train.learning:Learning"]
    return _json(closure(roots, ("train", "Options", "TrainingOptions"), kind.requires))


def digest(key: Any) -> str:
    """SHA-256 of what can be JSON."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def _roots_of_landmarks(extractor: Extractor) -> list[type | str]:
    return [type(extractor), f"{_LANDMARKS}.pool:_find", "hpe_bench.images:ImageFile", "hpe_bench.images:ImageArray"]


def _roots_of_rule(rule: CropRule | None) -> list[type | str]:
    """The function that makes the boxes; the class of what is none, as a partial is."""
    if rule is None:
        return []
    box: Any = getattr(rule.box, "func", rule.box)
    if not hasattr(box, "__qualname__"):
        return [type(box)]
    return [f"{box.__module__}:{box.__qualname__.partition('.')[0]}"]


def _json(found: Closure) -> dict[str, Any]:
    return {"code": dict(found.code), "data": dict(found.data), "versions": dict(found.versions)}
