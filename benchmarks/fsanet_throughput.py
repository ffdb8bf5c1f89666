"""FSA-Net's throughput on a CPU: our torch networks beside onnxruntime on the same networks, in one run.

The contenders take turns batch by batch, so that whatever else the machine does slows them alike. Images are
decoded and cropped before the clock starts. Where no weights are given, random ones take as long.

    python benchmarks/fsanet_throughput.py --weights weights/fsanet/300W_LP
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from hpe_bench_plugins.estimators.fsanet.checkpoint import read_keras, read_safetensors
from hpe_bench_plugins.estimators.fsanet.network import VARIANTS, FSANet

try:
    import onnx  # noqa: F401 (torch.onnx.export needs it)
    import onnxruntime
except ImportError as missing:
    sys.exit(f"this benchmark needs {missing.name}: pip install 'hpe-bench[benchmarks]'")

Contender = Callable[[], np.ndarray]
TOLERANCE = 0.01  # degrees, between two runtimes on the same network


def networks(folder: Path | None) -> list[FSANet]:
    """One network a variant, with the weights found in the folder, or random ones."""
    found = {}
    for path in sorted(folder.iterdir()) if folder else []:
        if path.suffix in (".h5", ".safetensors"):
            variant, state = (read_keras if path.suffix == ".h5" else read_safetensors)(path)
            found.setdefault(variant, state)
    chosen = []
    for variant in VARIANTS:
        network = FSANet(variant).eval().requires_grad_(False)
        if variant in found:
            network.load_state_dict(found[variant])
        chosen.append(network)
    for variant in VARIANTS:
        print(f"{variant}: {'weights given' if variant in found else 'random weights'}")
    return chosen


def by_torch(network: FSANet, images: torch.Tensor) -> Contender:
    fused = network.fused()

    def run() -> np.ndarray:
        with torch.inference_mode():
            return fused(images).numpy()

    return run


def by_onnxruntime(network: FSANet, images: torch.Tensor, threads: int) -> Contender:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # its threads would otherwise spin on through our turns
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "fsanet.onnx"
        torch.onnx.export(network, (images,), path, input_names=["images"], dynamo=False)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {"images": images.numpy()}
    return lambda: session.run(None, feed)[0]


def fusion(contenders: list[Contender]) -> Contender:
    return lambda: np.mean([run() for run in contenders], axis=0)


def rates(contenders: dict[tuple[str, str], Contender], batch: int, repeats: int) -> dict:
    """Images a second, (repeats,) for each contender, taken in turns."""
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in contenders}
    for turn in range(repeats + 3):
        for key, run in contenders.items():
            start = time.perf_counter()
            run()
            if turn >= 3:  # the first turns warm up
                seconds[key].append(time.perf_counter() - start)
    return {key: batch / np.array(values) for key, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="folder of official .h5 or our .safetensors checkpoints")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.weights and not arguments.weights.is_dir():
        parser.error(f"--weights {arguments.weights} is not a folder")

    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    coarse = torch.rand(arguments.batch, 3, 8, 8) * 255
    images = torch.nn.functional.interpolate(coarse, size=64, mode="bilinear")

    contenders: dict[tuple[str, str], Contender] = {}
    rows = [*VARIANTS, "fusion"]
    for network in networks(arguments.weights):
        contenders[network.variant, "torch"] = by_torch(network, images)
        contenders[network.variant, "onnxruntime"] = by_onnxruntime(network, images, arguments.threads)
    for runtime in ("torch", "onnxruntime"):
        contenders["fusion", runtime] = fusion([contenders[variant, runtime] for variant in VARIANTS])

    differences = {row: np.abs(contenders[row, "torch"]() - contenders[row, "onnxruntime"]()).max() for row in rows}
    if (worst := max(differences.values())) > TOLERANCE:
        sys.exit(f"the two runtimes differ by {worst:.4f} degrees: the times would mean nothing")

    measured = rates(contenders, arguments.batch, arguments.repeats)
    table = Table(
        title=f"FSA-Net, images/s: median (min-max) of {arguments.repeats} batches of {arguments.batch}, "
        f"{arguments.threads} threads"
    )
    table.add_column("network")
    for header in ("torch", "onnxruntime", "ratio", "apart, deg"):
        table.add_column(header, justify="right")
    for row in rows:
        ours, theirs = measured[row, "torch"], measured[row, "onnxruntime"]
        ratio = np.median(ours) / np.median(theirs)
        spread = [f"{np.median(r):.0f} ({r.min():.0f}-{r.max():.0f})" for r in (ours, theirs)]
        table.add_row(row, *spread, f"{ratio:.2f}", f"{differences[row]:.5f}")
    Console().print(table)
    print(f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}")


if __name__ == "__main__":
    main()
