"""Which stored runs a comparison is about: paths, globs, folders or a protocol."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import DataError, MissingError, UsageError
from hpe_bench.reading import parse_json, read_regular
from hpe_bench.runs.runfile import Run, read_run
from hpe_bench.runs.stored import is_training, open_stored, read_manifest
from hpe_bench.runs.train.runfile import TrainingRun, read_training
from hpe_bench.settings import Folders
from hpe_bench.text import safe_text

#: Where, below the results, the runs are that came with the project.
REFERENCE = "reference"

_MAX_FAILURE = 2**20


@dataclass
class Collection:
    """Runs, and what stood in their place: damaged files, failed evaluations, older runs of the same row; trainings,
    and those of them that failed, apart.

    ``partial`` are runs of a part of the samples (--limit) that nobody named by their path: no figure is drawn from
    them, or by them. Those that were named are among ``runs``, behind the whole ones.
    """

    runs: list[Run] = field(default_factory=list)
    partial: list[Run] = field(default_factory=list)
    trainings: list[TrainingRun] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    failed_trainings: list[dict[str, str]] = field(default_factory=list)
    older: int = 0


def collect(targets: Sequence[str], folders: Folders, every: bool = False) -> Collection:
    """The runs of paths, globs, folders and protocol names; without a target, all in the results folder. Of trainings
    every one is taken.

    Of several runs with one label, protocol and number of samples only the last is taken, unless ``every``; runs that
    are named by their path are all taken.
    """
    found = Collection()
    named: set[Path] = set()
    opened: set[Path] = set()
    for target in map(os.path.expanduser, targets or [str(folders.results)]):
        if Path(target).is_file():
            named.add(Path(target).resolve())
        for files in _files(target, folders):
            new = [path for path in dict.fromkeys(map(Path.resolve, files)) if path not in opened]
            opened.update(new)
            if _add(found, new) or len(new) < len(files):
                break  # what comes next stands in where there is nothing whole
    # A failure that a later success has overtaken is no news; a quick look overtakes none of a whole run.
    done: dict[tuple[str, str], str] = {}
    looked: dict[tuple[str, str], str] = {}
    for run in _by_age(found.runs):
        (looked if run.partial else done)[run.label, run.manifest["protocol"]["name"]] = _started(run)
    found.failed = [f for f in found.failed if not _overtaken(f, [done, looked] if f["limit"] else [done])]
    trained = {run.label: run.manifest["started"] for run in sorted(found.trainings, key=_started)}
    found.failed_trainings = [f for f in found.failed_trainings if f["started"] > trained.get(f["label"], "")]
    if not every:
        _keep_latest(found, named)
    found.partial = [run for run in found.runs if run.partial and run.path.resolve() not in named]
    whole = [run for run in found.runs if not run.partial]
    found.runs = whole + [run for run in found.runs if run.partial and run.path.resolve() in named]
    return found


def _add(found: Collection, files: Sequence[Path]) -> bool:
    """Open files, and put each where it belongs. Whether there was more than quick looks at a part of the samples."""
    whole = False
    for path in map(_shown, files):
        if path.name.endswith(".failed.json"):
            failure = _failure(path)
            (found.failed if failure["protocol"] else found.failed_trainings).append(failure)
            whole = whole or not failure["limit"]
            continue
        try:
            run = _open(path)
        except DataError as error:
            found.damaged.append(str(error))
            whole = True
            continue
        if isinstance(run, TrainingRun):
            found.trainings.append(run)
        else:
            found.runs.append(run)
        whole = whole or isinstance(run, TrainingRun) or not run.partial
    return whole


def _overtaken(failure: Mapping[str, str], done: Sequence[Mapping[tuple[str, str], str]]) -> bool:
    key = failure["label"], failure["protocol"]
    return any(failure["started"] <= own.get(key, "") for own in done)


def _open(path: Path) -> Run | TrainingRun:
    with open_stored(path) as stored:
        manifest = read_manifest(path, stored)
        read = read_training if is_training(manifest) else read_run
        return read(path, stored.file, manifest)


def check_comparable(runs: Sequence[Run], force: bool) -> list[str]:
    """What makes runs incomparable, in words, none where nothing does; :class:`UsageError` with it, unless forced."""
    differences = []
    for what, section, key in (
        ("protocols", "protocol", "name"),
        ("protocol versions", "protocol", "digest"),
        ("dataset fingerprints", "dataset", "fingerprint"),
        ("variants of the dataset", "dataset", "variant"),
    ):
        values = sorted({str(run.manifest[section][key]) for run in runs})
        if len(values) > 1:
            short = (value[:10] if key in ("digest", "fingerprint") else value for value in values)
            differences.append(f"{what}: {', '.join(short)}")
    orders = sorted({run.order for run in runs})
    if len(orders) > 1:
        differences.append(f"orders of the angles that MAE is counted in: {', '.join(orders)}")
    if not differences and not _same_truth(runs):
        differences.append("labels of the same samples")
    if differences and not force:
        raise UsageError(
            f"these runs cannot stand in one table: they have different {'; '.join(differences)}. "
            "--force shows them all the same, marked"
        )
    return differences


def beside_whole(runs: list[Run], partial: list[Run], force: bool) -> tuple[list[Run], list[Run]]:
    """The runs of a table, and those of a part of the samples that stand beside them: only such of the same data and
    protocol, unless ``force``. Where there are no whole ones, those are the table."""
    if not runs:
        return partial, []
    return runs, [run for run in partial if force or not check_comparable([runs[0], run], force=True)]


def _same_truth(runs: Sequence[Run]) -> bool:
    """Whether samples of one id have one label in all runs."""
    known: dict[str, NDArray[np.float64]] = {}
    for run in runs:
        for id, euler in zip(run.ids.tolist(), run.euler, strict=True):
            if np.abs(known.setdefault(id, euler) - euler).max() > 1e-5:
                return False
    return True


def _files(target: str, folders: Folders) -> list[list[Path]]:
    """The files of a target, and after them those that stand in where none of these is of a whole run."""
    path = Path(target)
    if path.is_file():
        return [[path]]
    if path.is_dir():
        return [_below(path)]
    if matches := [Path(match) for match in sorted(glob.glob(target, recursive=True))]:
        return [[file for match in matches for file in (_below(match) if match.is_dir() else [match])]]
    # The user's own runs of a protocol, else those that came with the project.
    protocols = (folders.results / target, folders.results / REFERENCE / target)
    if found := [_below(protocol) for protocol in protocols if protocol.is_dir()]:
        return found
    raise MissingError(
        f"no run at '{target}': not a file, a folder, a glob, nor a protocol with runs in {folders.results}"
    )


def _below(folder: Path) -> list[Path]:
    files = [*folder.rglob("*.h5"), *folder.rglob("*.failed.json")]
    return sorted(file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def _shown(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


def _failure(path: Path) -> dict[str, str]:
    try:
        record = parse_json(read_regular(path, _MAX_FAILURE))
        found = {
            "estimator": str(record["estimator"]),
            "label": str(record["label"]),
            "protocol": "" if is_training(record) else str(record["protocol"]["name"]),
            "error": str(record["error"]),
            "started": str(record["started"]),
            "limit": "" if is_training(record) else str(record.get("dataset", {}).get("limit") or ""),
        }
        if found["limit"]:
            found["error"] += f" (with --limit {found['limit']})"
        # A message may have several lines; nothing else of it may move a terminal's cursor.
        return {name: safe_text(text) for name, text in found.items()} | {"path": str(path)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {
            "estimator": path.stem,
            "label": path.stem,
            "protocol": path.parent.name,
            "error": "unreadable record",
            "started": "9",  # who knows: it is not overtaken by any run
            "limit": "",
            "path": str(path),
        }


def _by_age(runs: Sequence[Run]) -> list[Run]:
    return sorted(runs, key=_started)


def _started(run: Run | TrainingRun) -> str:
    return str(run.manifest["started"])


def _keep_latest(found: Collection, named: set[Path]) -> None:
    latest: dict[tuple[str, ...], Run] = {}
    kept: list[Run] = []
    for run in _by_age(found.runs):
        if run.path.resolve() in named:
            kept.append(run)
            continue
        manifest = run.manifest
        dataset = manifest["dataset"]
        data = (manifest["protocol"]["name"], dataset["fingerprint"], str(dataset["variant"]))
        size = (str(len(run)), str(run.partial))
        key = (run.label, str(manifest["overrides"]), str(manifest["weights"]), *data, *size)
        latest[key] = run
    found.older = len(found.runs) - len(kept) - len(latest)
    found.runs = [*kept, *latest.values()]
