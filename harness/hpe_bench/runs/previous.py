"""Why a stored run is not used again, where there is one of what the user asks for now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpe_bench.errors import HpeBenchError
from hpe_bench.options import changed_options
from hpe_bench.provenance.differences import differences
from hpe_bench.runs.job import Job
from hpe_bench.runs.runfile import open_run

#: Runs of an estimator that are looked at, the newest first.
_MOST = 20


def why_not_used(job: Job, path: Path) -> str | None:
    """What differs from the newest run beside ``path`` that the same command made, in one line; None where none did."""
    beside = [other for other in path.parent.glob(f"{job.entry.name}-*.h5") if other != path]
    for other in sorted(beside, key=_time, reverse=True)[:_MOST]:
        try:
            manifest = open_run(other).manifest
        except HpeBenchError:
            continue
        if _asked_for(manifest) == _wanted(job):
            found = differences(manifest.get("key"), job.key)
            return f"{job.label}: {other.name} is not used again, since this differs: {'; '.join(found)}"
    return None


def _wanted(job: Job) -> tuple[Any, ...]:
    """What a user asks for by the words of a command."""
    changed = changed_options(job.estimator.options) if job.estimator else {}
    dataset = job.selected.dataset.options.model_dump(mode="json")
    return changed, dict(job.overrides), job.selected.limit, job.device, dataset


def _asked_for(manifest: Mapping[str, Any]) -> tuple[Any, ...]:
    key, dataset = manifest.get("key"), manifest["dataset"]
    key = key if isinstance(key, Mapping) else {}
    asked = (manifest.get("options_changed"), manifest.get("overrides"), dataset.get("limit"))
    return *asked, key.get("device"), dataset.get("options")


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
