"""hpe-bench doctor"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from hpe_bench.cli.common import (
    find_folders,
    find_plugins,
    folder_options,
    is_strict,
    listing,
    look_at,
    plugin_options,
    print_json,
    print_rich,
)

Finding = tuple[str, str, str]


@click.command("doctor")
@folder_options("datasets", "weights", "results")
@plugin_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, and nothing else.")
def command(
    datasets: Path | None,
    weights: Path | None,
    results: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
    as_json: bool,
) -> None:
    """Check this installation: packages, plugins, folders, data and weights, each with its mend.

    Exits with 3 where something FAILs."""
    folders = find_folders(datasets=datasets, weights=weights, results=results)
    registry = find_plugins(plugins)
    look_at(registry)
    findings: list[Finding] = [
        *_packages(),
        *_folders(folders),
        *_plugins(registry),
        *_data(registry, folders),
    ]
    if as_json:
        print_json([{"what": what, "state": state, "detail": detail} for what, state, detail in findings])
    else:
        print_rich(listing(["what", "state", ""], findings))
    if any(state == "FAIL" for _, state, _ in findings) or (
        is_strict(strict) and any(p.problems for p in registry.plugins)
    ):
        sys.exit(3)


def _packages() -> Iterator[Finding]:
    from hpe_bench.provenance import packages

    version = platform.python_version()
    yield "Python", "ok" if sys.version_info >= (3, 11) else "FAIL", version
    for package in ("numpy", "h5py", "scipy", "pandas", "pydantic", "simplejpeg", "av"):
        yield package, "ok", packages.version(package) or "missing"
    try:
        import cv2

        yield "opencv", "ok", cv2.__version__
    except ImportError as error:
        from hpe_bench.opencv import mend

        yield "opencv", "FAIL", f"{error}; run: {mend(error)}"
    mediapipe = packages.version("mediapipe")
    if mediapipe is None:
        yield (
            "mediapipe",
            "missing",
            "estimators that need landmarks cannot run: pip install 'hpe-bench[landmarks]'",
        )
    elif mediapipe != "0.10.21":
        yield "mediapipe", "FAIL", f"{mediapipe} carries no FaceMesh model: pip install mediapipe==0.10.21"
    else:
        yield "mediapipe", "ok", mediapipe
    if packages.version("torch") is None:
        yield "torch", "missing", "networks cannot run: pip install 'hpe-bench[networks]'"
    else:
        import torch

        cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device, networks run on the CPU"
        yield "torch", "ok", f"{torch.__version__}, {cuda}"


def _folders(folders: object) -> Iterator[Finding]:
    for name in ("datasets", "weights", "results"):
        path: Path = getattr(folders, name)
        existing = next((parent for parent in [path, *path.resolve().parents] if parent.exists()), Path("/"))
        if name == "results" and not os.access(existing, os.W_OK):
            yield f"{name} folder", "FAIL", f"{path} cannot be written to; choose another with --{name}"
        else:
            yield f"{name} folder", "ok" if path.is_dir() else "absent", str(path)


def _plugins(registry: object) -> Iterator[Finding]:
    from hpe_bench.plugins import Registry

    assert isinstance(registry, Registry)
    for plugin in registry.plugins:
        state = "FAIL" if plugin.failed else "warning" if plugin.problems else "ok"
        yield (
            f"plugin {plugin.name}",
            state,
            "; ".join(plugin.problems) or f"{plugin.distribution} {plugin.version}".strip(),
        )
    for clash in registry.clashes:
        yield "plugins", "FAIL", clash


def _data(registry: object, folders: object) -> Iterator[Finding]:
    from hpe_bench.errors import HpeBenchError
    from hpe_bench.plugins import Registry
    from hpe_bench.runs.job import require_packages
    from hpe_bench.runs.selection import open_dataset
    from hpe_bench.runs.weights import find_weights
    from hpe_bench.settings import Folders

    assert isinstance(registry, Registry) and isinstance(folders, Folders)
    for entry in registry.entries("datasets"):
        try:
            dataset = open_dataset(registry, entry.name, folders, None, {})
            yield f"dataset {entry.name}", "ok", f"{len(dataset.ids()):,} samples"
        except HpeBenchError as error:
            yield f"dataset {entry.name}", "missing", str(error)
    for entry in registry.entries("estimators"):
        try:
            kind = entry.load()
            require_packages(entry.name, kind)
            found = find_weights(kind(), entry.name, folders)
            yield (
                f"estimator {entry.name}",
                "ok",
                ", ".join(str(path) for path in found.values()) or "needs no weights",
            )
        except HpeBenchError as error:
            yield f"estimator {entry.name}", "missing", str(error)
