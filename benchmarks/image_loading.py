"""How many images a second the loader of a training makes, beside OpenCV decoding the same files and nothing else.

Both have as many processes, and take turns, file by file in the same random order. Three kinds of work of the loader:

- cropped: read, decoded, cropped with a random box, mirrored; the images go to the main process in the crop's size,
  cut to 224 x 224 without any resizing
- resized: the same, and resized to 224 x 224 by OpenCV
- as 6DRepNet: a random part of the crop, blurred now and then, resized by torch's antialiased filter
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from rich.console import Console
from rich.table import Table

from hpe_bench import Images, ImageTraining
from hpe_bench.image_training.loading import Share, learning_loader
from hpe_bench.image_training.samples import Samples, read_samples
from hpe_bench.image_training.views import learning_view
from hpe_bench.workers import keep_memory
from hpe_bench_plugins.datasets.aflw2000 import AFLW2000
from hpe_bench_plugins.datasets.w300lp import W300LP

try:
    import torch
except ImportError:
    sys.exit("this benchmark needs torch: pip install 'hpe-bench[training]'")

SIZE = (224, 224)


class Cut(Images):
    """Images that are cut to a size without being resized; black where the crop is smaller."""

    def fit(self, image: np.ndarray) -> np.ndarray:
        part = image[: SIZE[1], : SIZE[0]]
        if part.shape[:2] == SIZE[::-1]:
            return part
        out = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        out[: part.shape[0], : part.shape[1]] = part
        return out


class Learned(AFLW2000):
    """AFLW2000 to measure with, cropped as 300W-LP is to learn from."""

    random_crops = W300LP.random_crops

    def part(self, part: str) -> Learned:
        return self


KINDS: dict[str, tuple[Images, dict[str, object]]] = {
    "cropped": (Cut(crop="6drepnet", size=SIZE), {"blur": 0.0}),
    "resized": (Images(crop="6drepnet", size=SIZE), {"blur": 0.0}),
    "as 6DRepNet": (
        Images(crop="6drepnet", size=SIZE, interpolation="antialias"),
        {"view": "random-resized-crop"},
    ),
}


def samples_of(root: Path, passes: int = 1) -> Samples:
    """The files, each ``passes`` times: an epoch of a few batches would measure its end, at which workers wait."""
    datasets = {f"aflw2000, pass {number}": Learned(root) for number in range(passes)}
    training = SimpleNamespace(datasets=datasets, options=ImageTraining(), labels=lambda dataset: dataset.labels())
    return read_samples(training, Images(crop="6drepnet", size=SIZE), "train")


def by_loader(
    samples: Samples, inputs: Images, more: dict[str, object], batch: int, workers: int
) -> Callable[[int], int]:
    options = ImageTraining(batch=batch, workers=workers, **more)
    loader, batches = learning_loader(samples, inputs, options, 0, Share(), torch.device("cpu"))

    def turn(epoch: int) -> int:
        batches.epoch = epoch
        return sum(len(images) for images, _, _ in loader)

    return turn


def decode(paths: list[str]) -> int:
    import cv2

    cv2.setNumThreads(1)
    return sum(cv2.imread(path) is not None for path in paths)


def by_opencv(samples: Samples, pool: multiprocessing.pool.Pool, batch: int) -> Callable[[int], int]:
    """Decoding alone, in as many processes, that many files at a time; nothing comes back but their number."""
    paths = [str(samples.read(place)[0].path) for place in range(len(samples))]

    def turn(epoch: int) -> int:
        order = np.random.default_rng(epoch).permutation(len(paths))
        parts = [[paths[place] for place in order[start : start + batch]] for start in range(0, len(paths), batch)]
        return sum(pool.imap_unordered(decode, parts))

    return turn


def milliseconds(samples: Samples, count: int, turns: int) -> dict[str, float]:
    """CPU time an image in this process, median of the turns: of one core, whatever else the machine does."""
    samples.share()
    keep_memory()
    places = np.linspace(0, len(samples) - 1, count).round().astype(int).tolist()
    paths = [str(samples.read(place)[0].path) for place in places]
    work: dict[str, Callable[[], object]] = {"OpenCV, decoding alone": lambda: decode(paths)}
    for name, (inputs, more) in KINDS.items():
        options, random = ImageTraining(**more), np.random.default_rng(0)
        work[name] = lambda inputs=inputs, options=options, random=random: sum(
            len(learning_view(samples, place, inputs, options, random).image) for place in places
        )
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(turns):
        for name, run in work.items():
            started = time.process_time()
            run()
            spent[name].append(1e3 * (time.process_time() - started) / count)
    return {name: float(np.median(own)) for name, own in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of AFLW2000's jpg and mat files, or of a part")
    parser.add_argument("--turns", type=int, default=6, help="epochs that are measured; 0: CPU times alone")
    parser.add_argument("--passes", type=int, default=6, help="how often each file is in an epoch")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2, help="processes that load, and that decode")
    arguments = parser.parse_args()
    samples = samples_of(arguments.root)
    spent = milliseconds(samples, 100, 5)
    first = spent["OpenCV, decoding alone"]
    for name, own in spent.items():
        print(f"{name}: {own:.2f} ms of a core an image, {first / own:.2f} of OpenCV's rate", flush=True)
    if not arguments.turns:
        return
    with multiprocessing.get_context("fork").Pool(arguments.workers) as pool:
        whole = samples_of(arguments.root, arguments.passes)
        contenders = {"OpenCV, decoding alone": by_opencv(whole, pool, arguments.batch)}
        for name, (inputs, more) in KINDS.items():
            own = samples_of(arguments.root, arguments.passes)
            contenders[name] = by_loader(own, inputs, more, arguments.batch, arguments.workers)
        rates: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(arguments.turns + 1):
            for name, run in contenders.items():
                started = time.perf_counter()
                count = run(turn)
                if turn:  # the first turn reads labels and starts processes
                    rates[name].append(count / (time.perf_counter() - started))
    what = f"{arguments.workers} processes, {len(whole):,} images, {arguments.turns} turns"
    table = Table(title=f"images/s, {what}: median (min-max)")
    for header in ("what", "images/s", "of OpenCV's"):
        table.add_column(header, justify="left" if header == "what" else "right")
    base = np.array(rates["OpenCV, decoding alone"])
    for name, own in rates.items():
        spread = f"{np.median(own):.0f} ({min(own):.0f}-{max(own):.0f})"
        table.add_row(name, spread, f"{np.median(np.array(own) / base):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
