"""Batches of images for a network, made ahead of it by worker processes that end with their parent."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from hpe_bench.errors import DataError
from hpe_bench.estimators import Images
from hpe_bench.image_training.options import ImageTraining
from hpe_bench.image_training.samples import Samples
from hpe_bench.image_training.views import View, learning_view, validation_view
from hpe_bench.opencv import opencv
from hpe_bench.workers import end_with_parent, keep_memory, shared_zeros, usable_cpus

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

    Fewer samples than a batch are one. What is left over is another part of the samples in every epoch: it is dropped,
    or the last batch, of which every process has as many samples as the others, or one less, but never none: one that
    would have none loads the batch's first, which does not count.
    """

    def __init__(self, count: int, size: int, seed: int, share: Share, last: Literal["keep", "drop"] = "drop") -> None:
        self.epoch = 0
        self._count, self._seed, self._share = count, seed, share
        size = min(size, count)
        self._size = max(size - size % share.of, share.of)
        self.seen = count if last == "keep" else count // self._size * self._size

    def __len__(self) -> int:
        return -(-self.seen // self._size)

    def __iter__(self) -> Iterator[list[Wanted]]:
        order = np.random.default_rng([self._seed, self.epoch]).permutation(self._count)
        for step in range(len(self)):
            batch = order[step * self._size :][: self.size(step)]
            own = batch[self._share.rank :: self._share.of] if self.own(step) else batch[:1]
            yield [(self.epoch, int(place)) for place in own]

    def size(self, step: int) -> int:
        """Samples of a step, on all processes together."""
        return min(self._size, self.seen - step * self._size)

    def own(self, step: int) -> int:
        """Those of them that count and are this process's."""
        return len(range(self._share.rank, self.size(step), self._share.of))

    def weight(self, step: int) -> float:
        """What this process's mean over a step counts, so that the mean over processes is that over the batch."""
        return self.own(step) * self._share.of / self.size(step)

    @property
    def fewest(self) -> int:
        """The fewest samples that a process sees in a step."""
        return max(self.size(len(self) - 1) // self._share.of, 1)


def learning_loader(
    samples: Samples, inputs: Images, options: ImageTraining, seed: int, share: Share, device: torch.device
) -> tuple[Loader, Batches]:
    """Random views of the samples, and the order of their batches, whose ``epoch`` is set before each.

    A view follows from the seed, the epoch and the sample: neither from the batch nor from the number of workers.
    """

    chances = _Chances(seed)

    def load(batch: list[Wanted]) -> Iterator[View]:
        for epoch, place in batch:
            yield learning_view(samples, place, inputs, options, chances.of(epoch, place))

    samples.share()
    batches = Batches(len(samples), options.batch, seed, share, options.last)
    return Loader(load, batches, inputs, options, share, device), batches


def validation_loader(
    samples: Samples, inputs: Images, options: ImageTraining, share: Share, device: torch.device
) -> Loader:
    """This process's share of the samples, as they are tested on, in their order."""
    places = range(share.rank, len(samples), share.of)
    size = max(options.batch // share.of, 1)
    batches = [[(0, place) for place in places[start : start + size]] for start in range(0, len(places), size)]

    def load(batch: list[Wanted]) -> Iterator[View]:
        return (validation_view(samples, place, inputs) for _, place in batch)

    samples.share()
    return Loader(load, batches, inputs, options, share, device)


class Loader:
    """The batches of an epoch, in their order, every time that it is gone through.

    Workers write them into memory that they share with this process and that is written to again and again: what a
    batch holds is valid until the next but one is asked for.
    """

    def __init__(
        self,
        load: Callable[[list[Wanted]], Iterator[View]],
        batches: Iterable[list[Wanted]],
        inputs: Images,
        options: ImageTraining,
        share: Share,
        device: torch.device,
    ) -> None:
        workers = options.workers
        if workers is None:
            workers = max(1, min(usable_cpus() // options.devices, _MOST_WORKERS))
        assert inputs.size is not None
        width, height = inputs.size
        # Beside the batches under way, the one that is handed over and the one before it, which may be in use still.
        slots, size = _AHEAD * workers + 2, max(options.batch // share.of, 1)
        self._images = torch.from_numpy(shared_zeros((slots, size, height, width, 3), np.uint8))
        self._rotations = torch.from_numpy(shared_zeros((slots, size, 3, 3), np.float32))
        self._euler = torch.from_numpy(shared_zeros((slots, size, 3), np.float32))
        self._load, self._pinned = load, device.type == "cuda"
        # Forked, since the classes of local plugins cannot be imported by their name in a process that is started anew.
        started = {
            "multiprocessing_context": "fork",
            "persistent_workers": True,
            "prefetch_factor": _AHEAD,
            "worker_init_fn": _start,
        }
        self._filled: DataLoader[Any] = DataLoader(
            _Filling(self._fill),
            sampler=_Placed(batches, slots),
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=workers,
            # One of its own: the loader draws from it, and what the network draws stays the same with any workers.
            generator=torch.Generator(),
            **(started if workers else {}),  # type: ignore[arg-type]
        )

    def __iter__(self) -> Iterator[Loaded]:
        with _opencv_in_one_thread():
            started = iter(self._filled)
        for filled in started:
            if isinstance(filled, DataError):
                yield filled
                continue
            slot, count = filled
            parts = (self._images[slot, :count], self._rotations[slot, :count], self._euler[slot, :count])
            yield tuple(part.pin_memory() for part in parts) if self._pinned else parts  # type: ignore[misc]

    def _fill(self, slot: int, batch: list[Wanted]) -> tuple[int, int] | DataError:
        """In a worker: the slot and how many views are in it now, or what is wrong with a sample."""
        images, rotations, euler = (part[slot].numpy() for part in (self._images, self._rotations, self._euler))
        try:
            for place, view in enumerate(self._load(batch)):
                images[place], rotations[place], euler[place] = view.image, view.rotation, view.euler
        except DataError as error:
            return error
        return slot, len(batch)


class _Chances:
    """Random numbers that follow from the seed, the epoch and the sample alone.

    All come from one generator, which counts: it is set to where those of a sample begin, in a twentieth of the time
    that one of its own would take to make.
    """

    def __init__(self, seed: int) -> None:
        self._counting = np.random.Philox(np.random.SeedSequence([seed, 1]))
        self._start: Any = self._counting.state
        self._random = np.random.Generator(self._counting)

    def of(self, epoch: int, place: int) -> np.random.Generator:
        """The generator, set to a sample's numbers; another sample's take it away."""
        self._start["state"]["counter"][:] = 0, 0, place, epoch
        self._counting.state = self._start
        return self._random


class _Placed(Sampler[tuple[int, list[Wanted]]]):
    """Batches, each with the slot that it is written to: the one that has been left alone longest, in all epochs."""

    def __init__(self, batches: Iterable[list[Wanted]], slots: int) -> None:
        self._batches, self._slots = batches, itertools.cycle(range(slots))

    def __iter__(self) -> Iterator[tuple[int, list[Wanted]]]:
        for batch in self._batches:
            yield next(self._slots), batch


class _Filling(Dataset[Any]):
    """What a worker is asked for: a slot and the batch for it."""

    def __init__(self, fill: Callable[[int, list[Wanted]], tuple[int, int] | DataError]) -> None:
        self._fill = fill

    def __getitem__(self, wanted: tuple[int, list[Wanted]]) -> tuple[int, int] | DataError:
        return self._fill(*wanted)


def _as_it_is(filled: Any) -> Any:
    return filled


def _start(worker: int) -> None:
    """Start of a worker: it ends with its parent, leaves Ctrl-C to it, and keeps its memory."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_memory()


@contextmanager
def _opencv_in_one_thread() -> Iterator[None]:
    """Let processes that are forked meanwhile use OpenCV in one thread.

    To say so in a forked process may wait forever for threads that the fork did not bring along.
    """
    cv2 = opencv()
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
