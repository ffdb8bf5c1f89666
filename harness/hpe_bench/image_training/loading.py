"""Batches of images for a network, made ahead of it by worker processes that end with their parent."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from hpe_bench.errors import DataError
from hpe_bench.estimators import Images
from hpe_bench.image_training.options import ImageTraining
from hpe_bench.image_training.samples import Samples
from hpe_bench.image_training.views import View, learning_view, validation_view
from hpe_bench.workers import end_with_parent

#: Images (N, height, width, 3) uint8, rotations (N, 3, 3) and angles (N, 3) float32; or what is wrong with one.
Loaded = tuple[torch.Tensor, torch.Tensor, torch.Tensor] | DataError
#: An epoch, and the place of a sample.
Wanted = tuple[int, int]

_AHEAD = 2
_MOST_WORKERS = 8


@dataclass(frozen=True)
class Share:
    """Which of several processes this is, from 0, and how many there are: each loads its share of every batch."""

    rank: int = 0
    of: int = 1


class Batches(Sampler[list[Wanted]]):
    """The batches of an epoch, by place, in an order that follows from the seed and the epoch alone.

    What is left over is dropped, and is another part of the samples in every epoch; fewer samples than a batch are one.
    """

    def __init__(self, count: int, size: int, seed: int, share: Share) -> None:
        self.epoch = 0
        self._count, self._seed, self._share = count, seed, share
        size = min(size, count)
        self._size = max(size - size % share.of, share.of)

    def __len__(self) -> int:
        return self._count // self._size

    def __iter__(self) -> Iterator[list[Wanted]]:
        order = np.random.default_rng([self._seed, self.epoch]).permutation(self._count)
        for start in range(0, len(self) * self._size, self._size):
            own = order[start : start + self._size][self._share.rank :: self._share.of]
            yield [(self.epoch, int(place)) for place in own]


def learning_loader(
    samples: Samples, inputs: Images, options: ImageTraining, seed: int, share: Share, device: torch.device
) -> tuple[DataLoader[Any], Batches]:
    """Random views of the samples, and the order of their batches, whose ``epoch`` is set before each.

    A view follows from the seed, the epoch and the sample: neither from the batch nor from the number of workers.
    """

    def load(wanted: Wanted) -> View:
        epoch, place = wanted
        return learning_view(samples, place, inputs, options, np.random.default_rng([seed, epoch, place, 1]))

    samples.share()
    batches = Batches(len(samples), options.batch, seed, share)
    return _loader(_Views(load), batches, options, device), batches


def validation_loader(
    samples: Samples, inputs: Images, options: ImageTraining, share: Share, device: torch.device
) -> DataLoader[Any]:
    """This process's share of the samples, as they are tested on, in their order."""
    places = range(share.rank, len(samples), share.of)
    size = max(options.batch // share.of, 1)
    batches = [[(0, place) for place in places[start : start + size]] for start in range(0, len(places), size)]

    def load(wanted: Wanted) -> View:
        return validation_view(samples, wanted[1], inputs)

    samples.share()
    return _loader(_Views(load), batches, options, device)


class _Views(Dataset[Any]):
    """The views of samples; an error of a sample is given back, to be raised where it can be told."""

    def __init__(self, load: Any) -> None:
        self._load = load

    def __getitem__(self, wanted: Wanted) -> View | DataError:
        try:
            view: View = self._load(wanted)
        except DataError as error:
            return error
        return view


def _loader(views: _Views, batches: Any, options: ImageTraining, device: torch.device) -> DataLoader[Any]:
    workers = options.workers
    if workers is None:
        workers = max(1, min((os.cpu_count() or 1) // options.devices, _MOST_WORKERS))
    # Forked, since the classes of local plugins cannot be imported by their name in a process that is started anew.
    started = {
        "multiprocessing_context": "fork",
        "persistent_workers": True,
        "prefetch_factor": _AHEAD,
        "worker_init_fn": _start,
    }
    return DataLoader(
        views,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_gather,
        pin_memory=device.type == "cuda",
        # One of its own: the loader draws from it, and what the network draws stays the same with any workers.
        generator=torch.Generator(),
        **(started if workers else {}),  # type: ignore[arg-type]
    )


def _start(worker: int) -> None:
    """Start of a worker: it ends with its parent, leaves Ctrl-C to it, and computes in one thread."""
    import cv2

    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _gather(views: list[View | DataError]) -> Loaded:
    shown = []
    for view in views:
        if isinstance(view, DataError):
            return view
        shown.append(view)
    return (
        torch.from_numpy(np.stack([view.image for view in shown])),
        _numbers([view.rotation for view in shown]),
        _numbers([view.euler for view in shown]),
    )


def _numbers(rows: list[NDArray[np.float64]]) -> torch.Tensor:
    return torch.from_numpy(np.stack(rows).astype(np.float32))
