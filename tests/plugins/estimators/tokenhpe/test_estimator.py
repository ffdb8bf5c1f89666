"""TokenHPE as an estimator: an official file imported and evaluated, with 11 regions as with 9."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import evaluate, open_run, pose

torch = pytest.importorskip("torch", reason="needs the 'networks' extra")

from hpe_bench_plugins.estimators.tokenhpe.estimator import TokenHPEEstimator  # noqa: E402
from hpe_bench_plugins.estimators.tokenhpe.network import TokenHPE  # noqa: E402


def test_a_checkpoint_is_imported_and_evaluated(big, scramble, aflw2000):
    aflw2000([(0, 0, 0), (10, 20, 30)])
    network = scramble(TokenHPE(11))
    torch.save({"model_state_dict": network.state_dict()}, big / "TokenHPE.tar")
    said: list[str] = []
    TokenHPEEstimator.import_weights([big / "TokenHPE.tar"], big / "tokenhpe", "300W_LP", said.append)
    assert said == ["TokenHPE.tar is TokenHPE (11 regions), 86,455,436 parameters"]
    (row,) = evaluate("tokenhpe", dataset="aflw2000", device="cpu").to_dict("records")
    run = open_run(row["run"])
    assert pose.rotation_defect(run.prediction).max() < 1e-5
    assert np.abs(run.prediction[0] - run.prediction[1]).max() > 1e-4, "or it does not look at the images"
    assert run.manifest["inputs"]["shorter_side"] == 250


def test_missing_weights_say_what_to_fetch_and_where_to_put_it(hpe_bench, aflw2000):
    aflw2000([(1, 2, 3)])
    done = hpe_bench("eval", "tokenhpe", "--dataset", "aflw2000")
    assert done.returncode == 3 and "https://github.com/zc2023/TokenHPE" in done.stderr
    assert "hpe-bench weights import tokenhpe FILE --as 300W_LP" in done.stderr


def test_there_is_no_other_form_to_deploy(hpe_bench):
    done = hpe_bench("weights", "deploy", "tokenhpe", "300W_LP", "--as", "x")
    assert done.returncode == 2 and "tokenhpe has no other form to deploy" in done.stderr
