"""Weights in the form in which a network is deployed: the same answers with less work."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import getattr_static
from pathlib import Path

from hpe_bench.errors import UsageError
from hpe_bench.estimators import Card, Estimator
from hpe_bench.options import build_options
from hpe_bench.plugins import Registry
from hpe_bench.runs.job import require_packages
from hpe_bench.runs.train.weightset import put_set
from hpe_bench.runs.weights import check_set_name, find_weights, read_card, weights_name
from hpe_bench.settings import Folders
from hpe_bench.storage import file_digest


def deploy(
    registry: Registry, estimator: str, set_name: str, name: str, folders: Folders, report: Callable[[str], None]
) -> Sequence[Path]:
    """Write the deployed form of an estimator's set as the set ``name``, with a card that names the first.

    Returns what was written. :class:`UsageError` where the estimator has no such form, or the name is taken.
    """
    kind: type[Estimator] = registry.get("estimators", estimator).load()
    require_packages(estimator, kind)
    target = folders.weights / weights_name(kind, estimator) / check_set_name(name)
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already: choose another name with --as")
    if getattr_static(kind, "deploy_weights") is getattr_static(Estimator, "deploy_weights"):
        raise UsageError(f"{estimator} has no other form to deploy")
    options = build_options(kind.Options, {"weights": set_name}, f"estimator {estimator}")
    found = find_weights(kind(options), estimator, folders)
    files = kind.deploy_weights(found, report)
    origin = {f"{set_name}/{path.name}": file_digest(path) for path in found.values()}
    old = read_card(next(iter(found.values())).parent) or Card(estimator, set_name, {})
    card = replace(
        old,
        name=name,
        files={file: hashlib.sha256(content).hexdigest() for file, content in files.items()},
        source=f"hpe-bench weights deploy {estimator} {set_name} --as {name}",
        origin=origin,
        training="",
        shipped=False,
    )
    put_set(target, files, card, again=False)
    return [*(target / file for file in files), target / Card.FILE]
