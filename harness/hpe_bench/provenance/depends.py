"""What a prediction, a landmark, a label and a training depend on besides their data: code, data files and versions.

Each is a :class:`~hpe_bench.provenance.closure.Closure` as JSON: ``code`` by module, ``data`` by file, ``versions`` by
distribution. It goes into the key of a run or of a training, and into the name of a folder of the landmark cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from hpe_bench.datasets import Dataset
from hpe_bench.estimators import Estimator, Images, Inputs, Landmarks
from hpe_bench.landmarks.extractor import Extractor
from hpe_bench.provenance.closure import Closure, closure

_RUNS, _LANDMARKS = "hpe_bench.runs", "hpe_bench.landmarks"
#: What makes the batches of an estimator, by the kind of its inputs.
_FEED = {Images: ("feed_images",), Landmarks: ("feed_landmarks", "feed_given_landmarks")}


def prediction_depends_on(
    kind: type[Estimator] | None, dataset: type[Dataset], inputs: Inputs, extractor: Extractor | None
) -> dict[str, Any]:
    """What the predictions of an estimator depend on; ``kind`` None is the truth itself, ``inputs`` what it asks for.

    What a dataset says of its samples is known by its fingerprint: its code counts for those that see images or
    landmarks of it.
    """
    feed = _FEED.get(type(inputs), ("feed_nothing",))
    if kind is None:
        return _json(closure([f"{_RUNS}.answers:answers_of"]))
    roots: list[type | str] = [kind, f"{_RUNS}.answers:answers_of", *(f"{_RUNS}.feed:{name}" for name in feed)]
    requires = [*kind.requires]
    if type(inputs) in _FEED:
        roots.append(dataset)
    if extractor is not None:
        roots += _roots_of_landmarks(extractor)
        requires += extractor.requires
    return _json(closure(roots, ("find_weights", "load", "predict", "open", "find"), requires))


def landmarks_depend_on(extractor: Extractor) -> dict[str, Any]:
    """What the landmarks of an extractor depend on, besides the image and its crop; its identity is among it."""
    found = closure(_roots_of_landmarks(extractor), ("open", "find", "pixels"), extractor.requires)
    return {"identity": extractor.identity, **_json(found)}


def landmark_identity(extractor: Extractor) -> str:
    """The identity of an extractor with the hash of all that its landmarks depend on: another one, other landmarks."""
    return f"{extractor.identity} [{digest(landmarks_depend_on(extractor))[:16]}]"


def labels_depend_on(dataset: type[Dataset]) -> dict[str, Any]:
    """What the labels of a dataset depend on, besides its files."""
    return _json(closure([dataset, "hpe_bench.datasets:read_labels"], ("ids", "sample")))


def training_depends_on(kind: type[Estimator], datasets: Iterable[type[Dataset]]) -> dict[str, Any]:
    """What an estimator that learns from datasets depends on, besides what they give."""
    return _json(closure([kind, *datasets, f"{_RUNS}.train.learning:Learning"], ("train",), kind.requires))


def digest(key: Any) -> str:
    """SHA-256 of what can be JSON."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def _roots_of_landmarks(extractor: Extractor) -> list[type | str]:
    return [type(extractor), f"{_LANDMARKS}.pool:_find", "hpe_bench.images:ImageFile", "hpe_bench.images:ImageArray"]


def _json(found: Closure) -> dict[str, Any]:
    return {"code": dict(found.code), "data": dict(found.data), "versions": dict(found.versions)}
