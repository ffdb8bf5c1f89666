"""What a plugin can add: one hook a thing.

``register`` takes a name and either the thing itself or "module:attribute", which is imported when it is used; and
``summary=``, ``licence=``, ``url=`` for the listings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pluggy

PROJECT = "hpe_bench"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_estimators(register: Callable[..., None]) -> None:
    """Add estimators: ``register(name, Estimator subclass)``."""


@hookspec
def register_datasets(register: Callable[..., None]) -> None:
    """Add datasets: ``register(name, Dataset subclass)``."""


@hookspec
def register_protocols(register: Callable[..., None]) -> None:
    """Add protocols: ``register(name, Protocol)``, the name as dataset/selection."""


@hookspec
def register_metrics(register: Callable[..., None]) -> None:
    """Add metrics: ``register(name, function)`` of true and predicted rotations (N, 3, 3), giving errors (N,)."""


@hookspec
def register_extractors(register: Callable[..., None]) -> None:
    """Add landmark extractors: ``register(name, Extractor subclass)``."""


@hookspec
def run_started(manifest: dict[str, Any], total: int) -> None:
    """Observe that a run begins, or goes on, over ``total`` samples."""


@hookspec
def run_progressed(manifest: dict[str, Any], done: int, total: int) -> None:
    """Observe that ``done`` of ``total`` samples are safely on disk."""


@hookspec
def run_finished(manifest: dict[str, Any], path: str) -> None:
    """Observe that a run was stored at ``path``; the manifest says whether it is complete or failed."""
