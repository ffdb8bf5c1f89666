"""FSA-Net through the command line: official weights give the published figures, and bad ones a clear error."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hpe_bench import open_run, pose

torch = pytest.importorskip("torch")

MAE = {"capsule": 5.324, "var_capsule": 5.449, "noS_capsule": 6.209, "fusion": 5.276}


def evaluate(hpe_bench, shared, *specs, weights=None):
    arguments = ["--dataset", "aflw2000", "--root", shared("data/aflw2000-dev"), "--wrap", "plain", "--json"]
    done = hpe_bench("eval", *specs, *arguments, HPE_BENCH_WEIGHTS=str(weights or shared("weights")))
    return done, {row["options"]["variant"]: row for row in json.loads(done.stdout) if "options" in row}


def test_the_official_weights_give_the_official_figures_and_every_output(hpe_bench, shared, tmp_path):
    import pandas as pd

    done, rows = evaluate(hpe_bench, shared, *(f"fsanet:variant={variant}" for variant in MAE))
    assert done.returncode == 0, done.stderr
    official = pd.read_csv(shared("reference/fsanet_aflw2000-dev_official_outputs.csv")).set_index("id")
    for variant, expected in MAE.items():
        row = rows[variant]
        assert row["n"] == row["n_total"] == 491 and row["coverage"] == 1
        assert row["mae"]["mean"] == pytest.approx(expected, abs=0.01)
        assert "not the published protocol" in row["notes"][0]
        if variant == "fusion":
            continue
        run = open_run(tmp_path / row["run"])
        stated = official.loc[run.ids.tolist(), [f"{variant}_{angle}" for angle in pose.ANGLES]].to_numpy()
        difference = pose.rotation_from_euler(stated) - run.prediction
        assert np.degrees(np.abs(difference)).max() < 0.002


def test_imported_weights_give_the_same_figures(hpe_bench, shared, tmp_path):
    source = shared("weights/fsanet/300W_LP")
    imported = hpe_bench("weights", "import", "fsanet", source)
    assert imported.returncode == 0, imported.stderr
    card = json.loads((tmp_path / "weights" / "fsanet" / "300W_LP" / "card.json").read_text())
    assert card["trained_on"] == "300W_LP" and len(card["files"]) == len(card["origin"]) == 3
    _, rows = evaluate(hpe_bench, shared, "fsanet", weights=tmp_path / "weights")
    assert rows["fusion"]["mae"]["mean"] == pytest.approx(MAE["fusion"], abs=0.01)
    assert open_run(tmp_path / rows["fusion"]["run"]).manifest["weights"]["capsule"]["file"] == "capsule.safetensors"


def test_missing_weights_say_what_to_fetch_and_where_to_put_it(hpe_bench, aflw2000):
    aflw2000([(1, 2, 3)])
    done = hpe_bench("eval", "fsanet", "--dataset", "aflw2000")
    assert done.returncode == 3 and "hpe-bench weights import fsanet" in done.stderr


def test_weights_of_unknown_training_ask_for_a_name(hpe_bench, tmp_path):
    (tmp_path / "x.h5").write_bytes(b"")
    done = hpe_bench("weights", "import", "fsanet", tmp_path / "x.h5")
    assert done.returncode == 2 and "--as 300W_LP" in done.stderr


@pytest.mark.parametrize("content", [b"", b"no hdf5 at all"])
def test_a_damaged_checkpoint_is_named_and_leaves_nothing(hpe_bench, tmp_path, content):
    (tmp_path / "x.h5").write_bytes(content)
    done = hpe_bench("weights", "import", "fsanet", tmp_path / "x.h5", "--as", "300W_LP")
    assert done.returncode == 3 and "x.h5" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_truncated_safetensors_is_named(hpe_bench, aflw2000, tmp_path):
    aflw2000([(1, 2, 3)])
    for variant in ("capsule", "var_capsule", "noS_capsule"):
        path = tmp_path / "weights" / "fsanet" / "300W_LP" / f"{variant}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x10\0\0\0")
    done = hpe_bench("eval", "fsanet", "--dataset", "aflw2000")
    assert done.returncode in (3, 4) and "capsule.safetensors" in done.stderr and "Traceback" not in done.stderr
