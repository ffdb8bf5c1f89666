"""What a run says of itself, and where it is stored."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hpe_bench.datasets import Dataset
from hpe_bench.errors import DataError
from hpe_bench.options import changed_options
from hpe_bench.plugins import Plugin, reference
from hpe_bench.provenance import packages
from hpe_bench.runs.job import Job
from hpe_bench.runs.stored import SCHEMA
from hpe_bench.runs.weights import read_card
from hpe_bench.settings import Folders
from hpe_bench.text import one_line
from hpe_bench.workers import usable_cpus

PACKAGES = (
    *("hpe-bench", "numpy", "scipy", "h5py", "opencv-contrib-python", "simplejpeg", "pillow"),
    *("torch", "mediapipe", "tensorly"),
)


def job_path(job: Job, folders: Folders) -> Path:
    """results/<protocol>/<estimator>-<first ten digits of the job's hash>.h5"""
    return folders.results / job.selected.protocol.name / f"{job.entry.name}-{job.digest[:10]}.h5"


def describe(job: Job, batch_size: int) -> dict[str, Any]:
    """The manifest of a run that starts now, JSON-ready."""
    selected, protocol = job.selected, job.selected.protocol
    return {
        "schema": SCHEMA,
        "job": job.digest,
        "key": dict(job.key),
        "label": job.label,
        "estimator": job.entry.name,
        "options": dict(job.key["options"]),
        "options_changed": changed_options(job.estimator.options) if job.estimator else {},
        "plugin": plugin_record(job.entry.plugin),
        "reference": reference(job.entry),
        "card": _card_record(job.weights),
        "weights": {
            role: {"file": path.name, "sha256": job.key["weights"][role]} for role, path in sorted(job.weights.items())
        },
        "dataset": {
            "name": selected.dataset_name,
            "options": selected.dataset.options.model_dump(mode="json"),
            "variant": dict(selected.dataset.variant()),
            "fingerprint": selected.fingerprint,
            "n_protocol": selected.n_protocol,
            "limit": selected.limit,
            "skipped": [{"id": fault.id, "reason": fault.reason} for fault in selected.faults],
            "about": dict(selected.dataset.about()),
            "reference": dataset_reference(selected.dataset),
            "notes": [one_line(note) for note in selected.notes()],
        },
        "protocol": {
            "name": protocol.name,
            "version": protocol.version,
            "digest": protocol.digest(),
            "expected": protocol.expected,
            "cluster": protocol.cluster,
            "headline": protocol.headline,
            "warning": protocol.warning,
            "angles": protocol.angles,
            "selection": {"kind": type(protocol.selection).__name__, **asdict(protocol.selection)},
        },
        "inputs": dict(job.key["inputs"]),
        "crop": job.rule.name if job.rule else None,
        # Known once the weights are loaded.
        "parameters": None,
        "seed": job.seed,
        "overrides": dict(job.overrides),
        "batch_size": batch_size,
        **circumstances(job.device),
    }


def circumstances(device: str) -> dict[str, Any]:
    """What a manifest says of where and when: device, commit, versions, machine, the time; the status is "started"."""
    return {
        "device": _device_name(device),
        "git_commit": _git_commit(),
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": {"system": platform.platform(), "processor": _processor(), "cores": usable_cpus()},
        "started": now(),
        "status": "started",
    }


def plugin_record(plugin: Plugin) -> dict[str, str]:
    """What a manifest says of a plugin."""
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "origin": plugin.origin,
    }


def dataset_reference(dataset: Dataset) -> dict[str, str]:
    """What a manifest says of where a dataset is from: the licence is that of what lies at its root."""
    registered = {"licence": "", "url": "", "citation": "", **dataset.registered}
    return {**registered, "licence": dataset.data_licence() or registered["licence"]}


def _card_record(weights: Mapping[str, Path]) -> dict[str, str] | None:
    """What the card beside the weights says of where they are from; None where there is no such card."""
    try:
        card = read_card(next(iter(weights.values())).parent) if weights else None
    except DataError:
        return None
    if card is None:
        return None
    told = {
        "name": card.name,
        "trained_on": card.trained_on,
        "licence": card.licence,
        "data_licence": card.data_licence,
    }
    return {name: one_line(text) for name, text in told.items()}


def now() -> str:
    """The time, as manifests give it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _versions() -> dict[str, str]:
    found = {package: packages.version(package) for package in PACKAGES}
    return {package: version for package, version in found.items() if version is not None}


def _device_name(device: str) -> str:
    if device == "cpu":
        return "cpu"
    import torch

    return f"cuda: {torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"


def _git_commit() -> str | None:
    """The commit of the checkout that this code runs from, None where it was installed otherwise."""
    here = Path(__file__).parent
    try:
        tracked, head, changes = (
            subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, timeout=10)
            for arguments in (
                ["ls-files", "--error-unmatch", Path(__file__).name],
                ["rev-parse", "HEAD"],
                ["status", "--porcelain", "-uno"],
            )
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if tracked.returncode or head.returncode or changes.returncode:
        return None
    return head.stdout.strip() + ("-dirty" if changes.stdout.strip() else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )
