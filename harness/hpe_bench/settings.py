"""Where a user's datasets, weights, results and cache live: given, else from the environment, else in the folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folders:
    """The user's folders; none needs to exist before something is written to it."""

    datasets: Path
    weights: Path
    results: Path

    @property
    def cache(self) -> Path:
        """Where derived data that can be made again is kept: with the results."""
        return self.results / ".cache"


def resolve_folders(
    datasets: str | Path | None = None,
    weights: str | Path | None = None,
    results: str | Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Folders:
    """The folders of HPE_BENCH_DATASETS, HPE_BENCH_WEIGHTS and HPE_BENCH_RESULTS, where none is given."""
    return Folders(
        datasets=Path(datasets or environ.get("HPE_BENCH_DATASETS") or "datasets"),
        weights=Path(weights or environ.get("HPE_BENCH_WEIGHTS") or "weights"),
        results=Path(results or environ.get("HPE_BENCH_RESULTS") or "results"),
    )
