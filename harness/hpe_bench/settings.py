"""Where a user's datasets, weights, results and cache live: given, else from the environment, else in the folder."""

from __future__ import annotations

import os
import sysconfig
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PROJECT = "hpe-bench"


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

    def weight_folders(self, name: str) -> list[Path]:
        """Where checkpoints below a folder of that name are looked for, in order: the user's, then the project's."""
        own, shipped = self.weights / name, shipped_weights() / name
        return [own] if own.resolve() == shipped.resolve() else [own, shipped]


def resolve_folders(
    datasets: str | Path | None = None,
    weights: str | Path | None = None,
    results: str | Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Folders:
    """The folders of HPE_BENCH_DATASETS, HPE_BENCH_WEIGHTS and HPE_BENCH_RESULTS, where none is given."""
    return Folders(
        datasets=user_path(datasets or environ.get("HPE_BENCH_DATASETS") or "datasets"),
        weights=user_path(weights or environ.get("HPE_BENCH_WEIGHTS") or "weights"),
        results=user_path(results or environ.get("HPE_BENCH_RESULTS") or "results"),
    )


def user_path(path: str | Path) -> Path:
    """The path, its ``~`` or ``~name`` replaced by the home folder: a shell does so only where a word begins."""
    return Path(os.path.expanduser(path))


def shipped_weights(package: Path | None = None) -> Path:
    """The checkpoints that come with the project: of the checkout that this package is in, else where a wheel put them.

    The folder does not exist where nothing was shipped.
    """
    package = package or Path(__file__).resolve().parent
    for parent in package.parents[:2]:
        if _is_checkout(parent):
            return parent / "weights"
    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    places = [Path(sysconfig.get_path("data", scheme)) / "share" / _PROJECT / "weights" for scheme in schemes]
    return next((place for place in places if place.is_dir()), places[0])


def _is_checkout(folder: Path) -> bool:
    try:
        declared = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(declared.get("project", {}).get("name") == _PROJECT)
