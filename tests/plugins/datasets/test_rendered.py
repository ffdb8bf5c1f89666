"""Each official layout, end to end: what is read of rendered heads is what was rendered, from disk to the table."""

import json

import numpy as np
import pytest

from hpe_bench import evaluate, pose
from hpe_bench_plugins.datasets.aflw2000 import AFLW2000
from hpe_bench_plugins.datasets.biwi.dataset import BIWI
from hpe_bench_plugins.datasets.w300lp import W300LP

ANGLES = [(0, 0, 0), (30, -10, 5), (-25, 12, -15), (10, 20, 20)]
PHOTOS = ["AFW/AFW_1_1", "HELEN/HELEN_2_1", "IBUG/IBUG_image_003_1", "LFPW/LFPW_image_train_0004"]


def assert_read_back(dataset, made, tolerance):
    labels = dataset.labels()
    assert set(labels.ids) == set(made)
    for id, rotation, euler in zip(labels.ids, labels.rotation, labels.euler, strict=True):
        np.testing.assert_allclose(rotation, made[id], atol=tolerance)
        np.testing.assert_allclose(pose.rotation_from_euler(euler), made[id], atol=2 * tolerance)


def assert_table(rows, n):
    """The true rotation scores nothing, and what looks at the images is near it: image and label belong together."""
    rows = rows.set_index("estimator")
    assert (rows.n == n).all()
    assert rows.ge_mean["oracle"] == 0
    assert rows.ge_median["procrustes"] < 9 < rows.ge_median["zero"]
    assert rows.coverage["procrustes"] > 0.8


def test_aflw2000(studio, real_heads, tmp_path):
    root = tmp_path / "datasets" / "AFLW2000"
    assert_read_back(AFLW2000(root), studio.aflw2000(root, ANGLES), 1e-9)
    assert_table(evaluate(["procrustes", "zero", "oracle"], dataset="aflw2000", workers=1), 4)


def test_300w_lp_and_its_mirror_images(studio, real_heads, tmp_path):
    root = tmp_path / "datasets" / "300W_LP"
    assert_read_back(W300LP(root), studio.w300lp(root, PHOTOS[:2], ANGLES[1:3]), 1e-9)
    assert_table(evaluate(["procrustes", "zero", "oracle"], dataset="300w_lp", workers=1), 8)


def test_biwi_from_the_tree_to_the_table(studio, real_heads, tmp_path, hpe_bench):
    root = tmp_path / "datasets" / "BIWI"
    made = studio.biwi(root, {"03": ANGLES[:2], "07": ANGLES[2:], "01": ANGLES[1:2]})
    assert_read_back(BIWI(root), made, 1e-5)
    done = hpe_bench("prepare", "biwi", "-d", "workers=1")
    assert done.returncode == 0 and "5 faces in 5 frames" in done.stdout, done.stderr
    assert_table(evaluate(["procrustes", "zero", "oracle"], dataset="biwi", workers=1), 5)
    # Every estimator that can run, over the tested part of the split.
    done = hpe_bench("eval", "--protocol", "biwi/70_30", "--workers", "1", TORCH_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    assert "cov %" in done.stdout and "split by person, seed 0, cfc12d233a: sequences 03, 07" in done.stdout
    assert "biwi/70_30 has 5,157 samples, this dataset 4" in " ".join(done.stdout.split())
    table = done.stdout[done.stdout.index("sequence") :].splitlines()
    assert [line.split()[:2] for line in table if line[:2] in ("03", "07")] == [["03", "2"], ["07", "2"]]
    shown = json.loads(hpe_bench("show", "biwi/70_30", "--json").stdout)
    (procrustes,) = [row for row in shown if row["estimator"] == "procrustes"]
    assert list(procrustes["clusters"]["figures"]) == ["03", "07"] and procrustes["clusters"]["by"] == "sequence"
    split = procrustes["manifest"]["dataset"]["about"]["split"]
    assert split["digest"].startswith("cfc12d233a") and len(split["test"]["sequences"]) == 8
    assert not set(split["test"]["people"]) & set(split["train"]["people"])
    page = hpe_bench("show", "biwi/70_30").stdout
    assert "cfc12d233a" in page and "F03" in page


def test_facescape(real_heads, shared, tmp_path, hpe_bench):
    options = ["identities=1", "yaw=30", "pitch=0", "roll=0", "step=30", "workers=1", "size=320"]
    pairs = [word for option in options for word in ("-d", option)]
    done = hpe_bench("prepare", "facescape", "--models", shared("data/ict-facekit/ict_facekit.npz"), *pairs)
    assert done.returncode == 0, done.stderr
    assert_table(evaluate(["procrustes", "zero", "oracle"], protocol="facescape/all", workers=1), 3)


def test_heads_are_read_back_without_any_model_of_people(studio, tmp_path):
    """The layouts alone: this runs wherever something can be drawn."""
    assert_read_back(AFLW2000(tmp_path / "a"), studio.aflw2000(tmp_path / "a", ANGLES[:2]), 1e-9)
    assert_read_back(W300LP(tmp_path / "w"), studio.w300lp(tmp_path / "w", PHOTOS, ANGLES[:1]), 1e-9)
    assert_read_back(BIWI(tmp_path / "b"), studio.biwi(tmp_path / "b", {"24": ANGLES[:1]}, binary=True), 1e-5)


def test_facial_points_lie_on_the_face_that_was_drawn(studio, tmp_path):
    root = tmp_path / "lp"
    made = studio.w300lp(root, PHOTOS[:1], ANGLES[1:2])
    dataset = W300LP(root)
    images = {id: dataset.sample(id).image.pixels().astype(int) for id in made}
    backdrop = images["AFW/AFW_1_1_0"][2, 2]
    for id, image in images.items():
        x, y = np.round(dataset.sample(id).points).astype(int)
        assert (np.abs(image[y, x] - backdrop).max(axis=1) > 12).mean() > 0.8


@pytest.mark.parametrize("angles", [(5.0, -8.0, 3.0)])
def test_calibration_turns_the_rotations_of_biwi_into_the_frame_of_the_colour_camera(studio, tmp_path, angles):
    turn = pose.rotation_from_euler(angles)
    made = studio.biwi(tmp_path, {"11": ANGLES[:1]}, calibration=turn)
    (id,) = made
    read = BIWI(tmp_path, BIWI.Options(calibrated=True)).sample(id).rotation
    np.testing.assert_allclose(read, turn @ made[id], atol=1e-5)
    np.testing.assert_allclose(BIWI(tmp_path).sample(id).rotation, made[id], atol=1e-5)
