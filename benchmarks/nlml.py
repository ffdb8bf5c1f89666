"""NLML-HPE's parts beside what people use: Tucker beside tensorly, the solver beside Powell, the network, the disk."""

from __future__ import annotations

import argparse
import os
import resource
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from hpe_bench import GridFile
from hpe_bench_plugins.datasets.synthetic.dataset import Synthetic
from hpe_bench_plugins.estimators.nlml.manifold import fit_sinusoids
from hpe_bench_plugins.estimators.nlml.solver import TensorSolver
from hpe_bench_plugins.estimators.nlml.training import feature_chunks
from hpe_bench_plugins.estimators.nlml.tucker import reconstruct, tucker

RANKS = (5, 3, 3, 3)
BOUNDS = np.radians([60.0, 50.0, 40.0])


def synthetic(identities: int, root: Path | None = None) -> Synthetic:
    return Synthetic(root, Synthetic.Options(identities=identities, validation=8, stored=root is not None))


def features(grid: Any) -> np.ndarray:
    return np.concatenate(list(feature_chunks(grid)()))


def timed(work: Any) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def relative_error(tensor: np.ndarray, made: np.ndarray) -> float:
    return float(np.linalg.norm(tensor - made) / np.linalg.norm(tensor))


def chunked(tensor: np.ndarray, size: int = 8) -> Any:
    return lambda: (tensor[start : start + size] for start in range(0, len(tensor), size))


def benchmark_tucker(identities: int, repeats: int, devices: list[str | None], table: Table) -> None:
    import tensorly
    from tensorly.decomposition import tucker as peer

    tensor = features(synthetic(identities).grid("train"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, (core, factors) = timed(lambda: peer(tensorly.tensor(tensor), rank=[*RANKS, tensor.shape[-1]]))
    there = relative_error(tensor, tensorly.tucker_to_tensor((core, factors)))
    for device in devices:
        runs = [timed(lambda device=device: tucker(chunked(tensor), RANKS, device=device)) for _ in range(repeats)]
        seconds = float(np.median([spent for spent, _ in runs]))
        name = "NumPy" if device is None else f"torch on {device}"
        table.add_row(
            f"Tucker, {identities} identities, {name}, s",
            f"{seconds:.2f}",
            f"tensorly {theirs:.1f}",
            f"{theirs / seconds:.0f}",
        )
        here = relative_error(tensor, reconstruct(runs[0][1]))
        table.add_row("  its relative error", f"{here:.6f}", f"{there:.6f}", "")


def benchmark_growth(counts: list[int], table: Table) -> None:
    for identities in counts:
        tensor = features(synthetic(identities).grid("train"))
        seconds, _ = timed(lambda tensor=tensor: tucker(chunked(tensor), RANKS))
        table.add_row(f"Tucker, {identities} identities, ms an identity", f"{1000 * seconds / identities:.1f}", "", "")


def benchmark_disk(identities: int, folder: Path, table: Table) -> None:
    """A grid larger than memory may hold, in a process whose peak is its own; the page cache is emptied of the file."""
    dataset = synthetic(identities, folder)
    if not (folder / "train.h5").exists():
        dataset.prepare(print)
    path = folder / "train.h5"
    size = path.stat().st_size

    def forget() -> None:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)

    def read() -> None:
        buffer = bytearray(16 * 2**20)
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass

    forget()
    sequential, _ = timed(read)
    forget()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grid = GridFile(path)
    seconds, found = timed(lambda: tucker(feature_chunks(grid), RANKS))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    speed, disk = found.passes * size / seconds / 1e6, size / sequential / 1e6
    table.add_row(f"Tucker, {identities} identities on disk, s", f"{seconds:.1f}", "", "")
    table.add_row(
        f"  {size / 1e9:.1f} GB read {found.passes} times, MB/s",
        f"{speed:.0f}",
        f"cold read {disk:.0f}",
        f"{speed / disk:.2f}",
    )
    table.add_row("  peak resident memory, GiB", f"{peak:.2f}", f"before {before / 2**20:.2f}", "")


def benchmark_solver(identities: int, samples: int, peers: int, device: str, table: Table) -> None:
    from scipy.optimize import minimize

    grid = synthetic(identities).grid("train")
    found = tucker(feature_chunks(grid), RANKS)
    axes = (grid.axes.yaw, grid.axes.pitch, grid.axes.roll)
    curves = tuple(
        fit_sinusoids(factor, np.radians(axis))[0] for factor, axis in zip(found.factors[1:], axes, strict=True)
    )
    solver = TensorSolver(found.core, curves, BOUNDS, device)
    rows = features(synthetic(identities).grid("validation")).reshape(-1, 1404)
    x = rows[np.random.default_rng(0).permutation(len(rows))[:samples]]
    solver.solve(x[:100])
    ours, solution = timed(lambda: solver.solve(x))

    def objective(unknowns: np.ndarray, target: np.ndarray) -> float:
        fy, fp, fr = (curve(angle) for curve, angle in zip(curves, unknowns, strict=False))
        made = np.einsum("iypre,i,y,p,r->e", found.core, unknowns[3:], fy, fp, fr, optimize=True)
        return float(((target - made) ** 2).sum())

    start = np.concatenate([np.zeros(3), found.factors[0].mean(axis=0)])
    spent, worse = [], 0
    for target, residual in zip(x[:peers].astype(np.float64), solution.residual, strict=False):
        seconds, peer = timed(lambda target=target: minimize(objective, start, args=(target,), method="Powell"))
        spent.append(seconds)
        worse += residual**2 > peer.fun * (1 + 1e-6)
    rate = samples / ours
    peer_rate = 1 / np.mean(spent) if spent else float("nan")
    table.add_row(
        f"Solver on {device}, {samples} samples, samples/s",
        f"{rate:.0f}",
        f"Powell {peer_rate:.2f}",
        f"{rate / peer_rate:.0f}",
    )
    table.add_row("  no worse a residual than Powell's", f"{peers - worse} of {peers}", "", "")


def benchmark_network(batch: int, repeats: int, device: str, table: Table) -> None:
    import torch

    from hpe_bench_plugins.estimators.nlml.network import Network, predict_rotations

    network = Network().to(device).eval()
    x = np.random.default_rng(0).normal(size=(batch, 1404)).astype(np.float32)
    seconds = []
    for _ in range(repeats + 2):
        spent, _ = timed(lambda: predict_rotations(network, x, "pitch-yaw-roll"))
        seconds.append(spent)
    rates = batch / np.array(seconds[2:])
    plain = torch.nn.Sequential(torch.nn.Linear(1404, 1024), torch.nn.ReLU()).to(device)
    with torch.inference_mode():
        tensor = torch.from_numpy(x).to(device)
        plain(tensor)
        first, _ = timed(lambda: plain(tensor).sum().item())
    table.add_row(
        f"Network on {device}, batch {batch}, samples/s",
        f"{np.median(rates):.0f} ({rates.min():.0f}-{rates.max():.0f})",
        f"its first layer alone {batch / first:.0f}",
        "",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identities", type=int, default=60, help="of the tensor beside tensorly")
    parser.add_argument("--repeats", type=int, default=5, help="of our decomposition; the median counts")
    parser.add_argument(
        "--growth", type=int, nargs="*", default=[25, 50, 100, 200], help="identities of growing tensors"
    )
    parser.add_argument("--disk", type=Path, help="a folder for a grid on disk (6.3 GB for 1,620 identities)")
    parser.add_argument("--disk-identities", type=int, default=1620)
    parser.add_argument("--samples", type=int, default=2000, help="for our solver, held-out identities")
    parser.add_argument("--peers", type=int, default=20, help="samples for Powell, which takes seconds each")
    parser.add_argument("--parts", nargs="*", default=["tucker", "growth", "solver", "network"], help="what to measure")
    given = parser.parse_args()
    import torch

    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    table = Table("what", "ours", "peer", "ratio")
    if given.disk is not None:
        benchmark_disk(given.disk_identities, given.disk, table)
    if "tucker" in given.parts:
        benchmark_tucker(given.identities, given.repeats, [None, *devices], table)
    if "growth" in given.parts:
        benchmark_growth(given.growth, table)
    for device in devices:
        if "solver" in given.parts:
            benchmark_solver(given.identities, given.samples, given.peers, device, table)
        if "network" in given.parts:
            benchmark_network(4096, 20, device, table)
    Console().print(table)


if __name__ == "__main__":
    main()
