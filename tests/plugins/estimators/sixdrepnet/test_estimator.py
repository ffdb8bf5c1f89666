"""6DRepNet through the command line: an official file imported, evaluated, deployed and evaluated again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hpe_bench import Batch, evaluate, open_estimator, open_run

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.sixdrepnet.network import SixDRepNet  # noqa: E402


def test_a_checkpoint_is_imported_and_deployed_and_both_predict_the_same(hpe_bench, big, scramble, aflw2000):
    aflw2000([(0, 0, 0), (10, 20, 30), (-30, 0, 5)])
    state = scramble(SixDRepNet()).state_dict()
    content = {"epoch": 30, "model_state_dict": {f"module.{key}": value for key, value in state.items()}}
    torch.save(content, big / "6DRepNet.pth")
    done = hpe_bench("weights", "import", "6drepnet", big / "6DRepNet.pth", "--as", "mine")
    assert done.returncode == 0, done.stderr
    assert "6DRepNet.pth is 6DRepNet (training form), 43,745,670 parameters" in done.stdout

    done = hpe_bench("weights", "deploy", "6drepnet", "mine")
    assert done.returncode == 0, done.stderr
    assert "39,323,398 parameters" in done.stdout
    card = json.loads((big / "6drepnet" / "mine-deployed" / "card.json").read_text())
    old = json.loads((big / "6drepnet" / "mine" / "card.json").read_text())
    assert card["source"] == "hpe-bench weights deploy 6drepnet mine --as mine-deployed"
    assert card["origin"] == {"mine/network.safetensors": old["files"]["network.safetensors"]}
    assert card["trained_on"] == "mine" and card["licence"] == "MIT" and card["name"] == "mine-deployed"

    rows = evaluate(["6drepnet:weights=mine", "6drepnet:weights=mine-deployed"], dataset="aflw2000", device="cpu")
    trained, deployed = (open_run(run).prediction for run in rows.run)
    assert np.abs(trained - deployed).max() < 1e-4 and np.isfinite(trained).all()

    again = hpe_bench("weights", "deploy", "6drepnet", "mine")
    assert again.returncode == 2 and "is there already" in again.stderr
    twice = hpe_bench("weights", "deploy", "6drepnet", "mine-deployed", "--as", "more")
    assert twice.returncode == 2 and "in its deployed form already" in twice.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_rotations(big, scramble):
    from hpe_bench_plugins.estimators.checkpoints import network_bytes

    (big / "6drepnet" / "mine").mkdir(parents=True)
    network = scramble(SixDRepNet("deployed"))
    (big / "6drepnet" / "mine" / "network.safetensors").write_bytes(network_bytes("deployed form", network))
    images = np.random.default_rng(0).integers(0, 256, (4, 224, 224, 3), dtype=np.uint8)
    batch = Batch(seeds=np.zeros(4, np.uint64), images=images)
    cpu, gpu = (open_estimator("6drepnet:weights=mine", device=device).predict(batch) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(gpu, cpu, atol=5e-3)


def test_missing_weights_say_what_to_fetch_and_where_to_put_it(hpe_bench, aflw2000):
    aflw2000([(1, 2, 3)])
    done = hpe_bench("eval", "6drepnet", "--dataset", "aflw2000")
    assert done.returncode == 3 and "https://github.com/thohemp/6DRepNet" in done.stderr
    assert "hpe-bench weights import 6drepnet FILE --as 300W_LP" in done.stderr


def test_a_checkpoint_of_another_network_is_refused_with_what_does_not_fit(hpe_bench, tmp_path):
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7), "linear_reg.weight": torch.zeros(6, 512)}, "x.pth")
    done = hpe_bench("weights", "import", "6drepnet", "x.pth", "--as", "x")
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert "lacks 57 of its 58 tensors" in done.stderr and "1 unknown to it (conv1.weight)" in done.stderr
    assert "linear_reg.weight is (6, 512), not (6, 2048)" in done.stderr
    assert not list(tmp_path.rglob("*.safetensors"))
