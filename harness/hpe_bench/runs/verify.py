"""Checking a dataset on disk, whole."""

from __future__ import annotations

import numpy as np

from hpe_bench.datasets import Check, Dataset, Fault
from hpe_bench.errors import SampleError
from hpe_bench.label_check import faulty_labels
from hpe_bench.plugins import Registry
from hpe_bench.protocols import Protocol
from hpe_bench.runs.progress import Progress
from hpe_bench.runs.selection import fingerprint, protocols_of, unreadable_images


def verify(
    registry: Registry, name: str, dataset: Dataset, skip_bad: bool, progress: Progress
) -> tuple[list[Check], list[Fault], str]:
    """The counts beside what the protocols expect, every unreadable sample, and the fingerprint.

    Without ``skip_bad`` the first unreadable sample raises :class:`SampleError`.
    """
    total = len(dataset.ids())
    with progress.task("labels", total) as advance:
        labels = dataset.labels(skip_bad, lambda done, total: advance(1))
    with progress.task("images", len(labels)) as advance:
        bad_images = unreadable_images(dataset, list(labels.ids), lambda done, total: advance(1))
    if bad_images and not skip_bad:
        raise SampleError(bad_images[0].reason)
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
    return checks, [*labels.faults, *bad_images], fingerprint(labels)


def _is_open(dataset: Dataset, protocol: Protocol) -> bool:
    """Whether the dataset is opened as the protocol wants it: another variant's samples cannot be counted here."""
    return all(getattr(dataset.options, key, None) == value for key, value in protocol.dataset_options.items())
