"""Which samples a run is over: a protocol's selection from a dataset as it lies on this disk."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpe_bench.crops import CropRule, resolve_box
from hpe_bench.datasets import Dataset, Fault, Labels
from hpe_bench.declarations import values as declared
from hpe_bench.errors import DataError, HpeBenchError, MissingError, SampleError, UsageError
from hpe_bench.images import as_source
from hpe_bench.label_check import describe_faults, faulty_labels, require_one_unit, suspicions
from hpe_bench.label_index import indexed_labels
from hpe_bench.options import Purpose, build_options, refuse_idle
from hpe_bench.plugins import Registry, reference
from hpe_bench.protocols import Protocol, whole_dataset
from hpe_bench.settings import Folders
from hpe_bench.workers import usable_cpus


@dataclass(frozen=True)
class Selected:
    """The samples of a protocol, of one dataset as it lies on this disk."""

    dataset_name: str
    dataset: Dataset
    protocol: Protocol
    labels: Labels
    fingerprint: str
    n_protocol: int
    limit: int | None
    faults: tuple[Fault, ...]
    #: What is odd about the labels of the whole dataset.
    odd: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """What a reader of a table has to know of the dataset."""
        return [*self.dataset.notes(), *self.odd]

    def digest(self) -> str:
        """SHA-256 over the ids that are scored."""
        return hashlib.sha256("\n".join(self.labels.ids).encode()).hexdigest()


def find_protocol(registry: Registry, dataset: str | None, protocol: str | None) -> Protocol:
    """The protocol that is meant by a dataset, a protocol, or both; where none is named the dataset's
    default, else all of it."""
    if protocol and "/" not in protocol and dataset:
        protocol = f"{dataset}/{protocol}"
    if protocol is None:
        if dataset is None:
            raise UsageError("say what to evaluate on: --dataset NAME or --protocol NAME; see hpe-bench list")
        registry.get("datasets", dataset)
        own = [entry.load() for entry in registry.entries("protocols") if entry.name.startswith(f"{dataset}/")]
        everything = next((p for p in own if p.name == f"{dataset}/all"), whole_dataset(dataset))
        return next((p for p in own if p.default), everything)
    implied = protocol.partition("/")[0]
    if dataset and implied != dataset:
        raise UsageError(f"--protocol {protocol} is not one of dataset '{dataset}'")
    unnamed = protocol == f"{implied}/all" and protocol not in registry.names("protocols")
    if unnamed and implied in registry.names("datasets"):
        return whole_dataset(implied)
    found: Protocol = registry.get("protocols", protocol).load()
    return found


def open_dataset(
    registry: Registry,
    name: str,
    folders: Folders,
    root: Path | None,
    options: Mapping[str, Any],
    purpose: Purpose = "evaluate",
    given: Collection[str] = (),
) -> Dataset:
    """The dataset of a name, at its root: ``root``, else its usual folder below the datasets folder.

    :class:`UsageError` where one of the options that a user has ``given`` makes no difference to the purpose.
    """
    entry = registry.get("datasets", name)
    kind: type[Dataset] = entry.load()
    built = build_options(kind.Options, options, f"dataset {name}")
    refuse_idle(built, given, purpose, f"dataset {name}")
    opened = kind(root if root is not None else folders.datasets / (kind.folder or name), built)
    opened.registered, opened.registered_as = reference(entry), name
    return opened


def select(
    name: str,
    dataset: Dataset,
    protocol: Protocol,
    *,
    limit: int | None = None,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
    cache: Path | None = None,
) -> Selected:
    """Read the labels and keep those that the protocol selects; ``limit`` of them, evenly spread, for a quick look.

    Below ``cache``, where it is given, labels are kept that need not be read again.
    With ``skip_bad``, samples whose label or image cannot be read, or whose label contradicts itself, are left out for
    every estimator alike, and listed.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit}: at least 1 sample")
    check_told(dataset)
    labels = dataset.labels(skip_bad, progress) if cache is None else indexed_labels(dataset, cache, skip_bad, progress)
    require_one_unit(labels)
    odd = tuple(suspicions(labels))
    mark = fingerprint(labels)
    chosen = np.flatnonzero(protocol.selection.mask(labels))
    faults = list(labels.faults)
    wrong = faulty_labels(labels.rotation, labels.euler)
    if wrong.any():
        reason = f"{name}: {describe_faults(labels.ids, labels.rotation, labels.euler, wrong)}"
        if wrong.all():
            raise DataError(reason)
        if not skip_bad:
            raise SampleError(reason)
        faults += [Fault(labels.ids[i], "its angles are not those of its rotation") for i in np.flatnonzero(wrong)]
        chosen = chosen[~wrong[chosen]]
    if skip_bad:
        bad = unreadable_images(dataset, [labels.ids[i] for i in chosen])
        faults += bad
        names = {fault.id for fault in bad}
        chosen = np.array([i for i in chosen if labels.ids[i] not in names], dtype=np.int64)
    n_protocol = len(chosen)
    if n_protocol == 0:
        why = f"; {len(faults):,} cannot be used, the first: {faults[0].reason}" if faults else ""
        raise MissingError(f"{protocol.name} selects none of the {len(labels)} samples in {dataset.root}{why}")
    if limit is not None and limit < n_protocol:
        chosen = chosen[np.linspace(0, n_protocol - 1, limit).round().astype(np.int64)]
    else:
        limit = None
    return Selected(name, dataset, protocol, labels.take(chosen), mark, n_protocol, limit, tuple(faults), odd)


def check_told(dataset: Dataset) -> None:
    """:class:`DeclarationError` where what a dataset says of itself cannot be hashed and stored."""
    owner = type(dataset).__name__
    for what in ("variant", "about"):
        told = getattr(dataset, what)()
        declared.mapping(f"{owner}.{what}", "returned", told)
        declared.json_ready(f"{owner}.{what}", "returned", dict(told))
    notes = dataset.notes()
    if isinstance(notes, str) or not all(isinstance(note, str) for note in notes):
        declared.refuse(f"{owner}.notes", "returned", notes, "a sequence of lines")
    declared.mapping(f"{owner}.crop_rules", "returned", dataset.crop_rules(), "CropRules by family")
    for family, rule in dataset.crop_rules().items():
        declared.instance(f"{owner}.crop_rules", f"returned['{family}']", rule, CropRule)


def fingerprint(labels: Labels) -> str:
    """SHA-256 over ids, labels, facial points, clusters and file sizes, whatever the order of the samples."""
    digest = hashlib.sha256()
    for index in sorted(range(len(labels)), key=labels.ids.__getitem__):
        digest.update(labels.ids[index].encode() + b"\0" + labels.digests[index])
    return digest.hexdigest()


def unreadable_images(
    dataset: Dataset, ids: list[str], progress: Callable[[int, int], None] | None = None
) -> list[Fault]:
    """The samples whose image does not open, or that a crop rule of the dataset cannot crop, each with the reason.

    Images are read in threads and let go at once.
    """

    def check(id: str) -> Fault | None:
        try:
            sample = dataset.sample(id)
            if sample.image is None:
                return None
            height, width = as_source(sample.image).pixels().shape[:2]
            for rule in dataset.crop_rules().values():
                if rule.faceless and sample.points is None:
                    continue
                resolve_box(rule, sample.points, width, height, f"sample {id}")
        except (DataError, OSError) as error:
            return Fault(id, str(error))
        return None

    faults = []
    with ThreadPoolExecutor(usable_cpus()) as threads:
        for done, fault in enumerate(threads.map(check, ids), start=1):
            if fault is not None:
                faults.append(fault)
            if progress is not None:
                progress(done, len(ids))
    return faults


def protocols_of(registry: Registry) -> list[Protocol]:
    """Those that can be loaded; one that cannot is an error only where it is asked for."""
    found = []
    for entry in registry.entries("protocols"):
        with contextlib.suppress(HpeBenchError):
            found.append(entry.load())
    return found
