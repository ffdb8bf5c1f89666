"""Checking a dataset on disk, whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hpe_bench.datasets import Check, Dataset, Fault
from hpe_bench.label_check import faulty_labels, suspicions
from hpe_bench.options import build_options
from hpe_bench.plugins import Registry
from hpe_bench.protocols import Protocol
from hpe_bench.runs.progress import Progress
from hpe_bench.runs.selection import fingerprint, protocols_of, unreadable_images


@dataclass(frozen=True)
class Found:
    """What verification found: counts, samples that cannot be used, what is odd, and the fingerprint of the rest."""

    checks: list[Check]
    faults: list[Fault]
    notes: list[str]
    fingerprint: str


def verify(registry: Registry, name: str, dataset: Dataset, progress: Progress) -> Found:
    """The counts beside what the protocols expect, every sample that cannot be used, and the fingerprint."""
    total = len(dataset.ids())
    with progress.task("labels", total) as advance:
        labels = dataset.labels(True, lambda done, total: advance(1))
    with progress.task("images", len(labels)) as advance:
        bad_images = unreadable_images(dataset, list(labels.ids), lambda done, total: advance(1))
    checks = [Check("samples", total), Check("labels that parse", len(labels), total)]
    if "images" in dataset.provides:
        checks.append(Check("images that open, and crop", len(labels) - len(bad_images), total))
    agreeing = int((~faulty_labels(labels.rotation, labels.euler)).sum())
    checks.append(Check("labels that agree with themselves", agreeing, len(labels)))
    checks += dataset.checks()
    for protocol in protocols_of(registry):
        if protocol.dataset == name and _is_open(dataset, protocol):
            n = int(np.count_nonzero(protocol.selection.mask(labels)))
            checks.append(Check(f"samples in {protocol.name}", n, protocol.expected))
    notes = [*dataset.notes(), *suspicions(labels)]
    return Found(checks, [*labels.faults, *bad_images], notes, fingerprint(labels))


def _is_open(dataset: Dataset, protocol: Protocol) -> bool:
    """Whether the dataset is opened as the protocol wants it: another variant's samples cannot be counted here."""
    wanted = build_options(type(dataset.options), protocol.dataset_options, f"dataset {protocol.dataset}")
    return all(getattr(dataset.options, key) == getattr(wanted, key) for key in protocol.dataset_options)
