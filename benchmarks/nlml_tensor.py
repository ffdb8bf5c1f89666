"""NLML-HPE's tensor: the streamed Tucker decomposition beside tensorly's, and the solver beside SciPy's Powell."""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from hpe_bench_plugins.datasets.synthetic import Synthetic
from hpe_bench_plugins.estimators.nlml.features import landmark_features
from hpe_bench_plugins.estimators.nlml.manifold import fit_sinusoids
from hpe_bench_plugins.estimators.nlml.solver import TensorSolver
from hpe_bench_plugins.estimators.nlml.tucker import reconstruct, tucker

RANKS = (5, 3, 3, 3)
CHUNK = 16
AXES = [np.radians(np.arange(-limit, limit + 1, 10)) for limit in (50, 40, 30)]
BOUNDS = np.radians([60.0, 50.0, 40.0])


def grid(identities: int, first: int = 0) -> np.ndarray:
    dataset = Synthetic(root=None, options=Synthetic.Options(identities=identities, first_identity=first))
    landmarks = np.stack([dataset.sample(id).landmarks() for id in dataset.ids()])
    return landmark_features(landmarks).reshape(identities, 11, 9, 7, -1).astype(np.float32)


def timed(work: Any) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def relative_error(tensor: np.ndarray, made: np.ndarray) -> float:
    return float(np.linalg.norm(tensor - made) / np.linalg.norm(tensor))


def benchmark_tucker(tensor: np.ndarray, repeats: int, table: Table) -> Any:
    import tensorly
    from tensorly.decomposition import tucker as peer

    def ours() -> Any:
        return tucker(lambda: (tensor[i : i + CHUNK] for i in range(0, len(tensor), CHUNK)), RANKS)

    seconds = []
    for _ in range(repeats):
        spent, found = timed(ours)
        seconds.append(spent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, (core, factors) = timed(lambda: peer(tensorly.tensor(tensor), rank=[*RANKS, tensor.shape[-1]]))
    here, there = (
        relative_error(tensor, reconstruct(found)),
        relative_error(tensor, tensorly.tucker_to_tensor((core, factors))),
    )
    median = float(np.median(seconds))
    table.add_row(
        f"Tucker, {len(tensor)} identities, s", f"{median:.2f}", f"tensorly {theirs:.1f}", f"{theirs / median:.0f}"
    )
    table.add_row("its relative error", f"{here:.6f}", f"{there:.6f}", "")
    return found


def benchmark_solver(found: Any, samples: int, peers: int, table: Table) -> None:
    from scipy.optimize import minimize

    curves = tuple(fit_sinusoids(factor, axis)[0] for factor, axis in zip(found.factors[1:], AXES, strict=True))
    solver = TensorSolver(found.core, curves, BOUNDS)
    rows = grid(samples // 693 + 1, first=1000).reshape(-1, 1404)
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
    table.add_row(
        f"Solver, {samples} samples, samples/s",
        f"{samples / ours:.0f}",
        f"Powell {1 / np.mean(spent):.2f}",
        f"{np.mean(spent) * samples / ours:.0f}",
    )
    table.add_row("no worse a residual than Powell's", f"{peers - worse} of {peers}", "", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identities", type=int, default=24, help="of the tensor")
    parser.add_argument("--repeats", type=int, default=5, help="of our decomposition; the median counts")
    parser.add_argument("--samples", type=int, default=2000, help="for our solver, held-out identities")
    parser.add_argument("--peers", type=int, default=20, help="samples for Powell, which takes seconds each")
    given = parser.parse_args()
    table = Table("what", "ours", "peer", "ratio")
    found = benchmark_tucker(grid(given.identities), given.repeats, table)
    benchmark_solver(found, given.samples, given.peers, table)
    Console().print(table)


if __name__ == "__main__":
    main()
