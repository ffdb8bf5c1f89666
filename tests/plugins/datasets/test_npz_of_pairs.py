"""AFLW2000 and 300W-LP as FSA-Net passes them on: crops and angles in an npz, in place of the tree."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import scipy.io

from hpe_bench import UsageError, evaluate, pose
from hpe_bench_plugins.datasets.aflw2000 import AFLW2000
from hpe_bench_plugins.datasets.w300lp import W300LP

ANGLES = np.array([[10.0, -5, 3], [-40, 20, 0], [0, 0, 60], [120, 0, 0]])


def pack(path, root):
    """The npz of a folder of jpg and mat: a margin of 0.6 around the points that are in the image, 64 x 64, BGR."""
    images, angles = [], []
    for file in sorted(root.glob("*.jpg")):
        label, image = scipy.io.loadmat(file.with_suffix(".mat")), cv2.imread(str(file))
        (left, right), (top, bottom) = [(int(row.min()), int(row.max())) for row in label["pt2d"]]
        height, width, (h, w) = bottom - top, right - left, image.shape[:2]
        rows = slice(max(int(top - 0.6 * height), 0), min(int(bottom + 0.6 * height), h - 1))
        columns = slice(max(int(left - 0.6 * width), 0), min(int(right + 0.6 * width), w - 1))
        images.append(cv2.resize(image[rows, columns], (64, 64)))
        pitch, yaw, roll = np.degrees(label["Pose_Para"][0][:3])
        angles.append([yaw, pitch, roll])
    np.savez(path, image=np.array(images), pose=np.array(angles), img_size=64)
    return path


def test_a_tree_and_the_npz_made_of_it_show_a_network_the_same_pixels(aflw2000, tmp_path):
    root = aflw2000(ANGLES)
    packed = AFLW2000(tmp_path, AFLW2000.Options(npz=pack(tmp_path / "AFLW2000.npz", root)))
    tree = AFLW2000(root)
    assert packed.ids() == [f"AFLW2000/0000{row}" for row in range(4)]
    for id, other in zip(packed.ids(), tree.ids(), strict=True):
        sample, whole = packed.sample(id), tree.sample(other)
        pixels = whole.image.pixels()
        left, top, right, bottom = tree.crop_rules()["fsanet"].box(whole.points, *pixels.shape[1::-1])
        np.testing.assert_array_equal(sample.image.pixels(), cv2.resize(pixels[top:bottom, left:right], (64, 64)))
        np.testing.assert_allclose(sample.rotation, whole.rotation, atol=1e-6)
        assert packed.crop_rules()["fsanet"].box(None, 64, 64) == (0, 0, 64, 64)


@pytest.mark.parametrize("dataset", ["aflw2000", "300w_lp"])
def test_it_is_evaluated_under_the_usual_protocol_and_the_table_says_what_it_was(tmp_path, dataset):
    images = np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), dtype=np.uint8)
    np.savez(tmp_path / "AFW.npz", image=images, pose=ANGLES)
    rows = evaluate(["zero", "oracle"], dataset=dataset, root=tmp_path, dataset_options={"npz": "AFW.npz"})
    rows = rows.set_index("estimator")
    assert rows.n["zero"] == 3  # one is turned by more than 99 degrees
    assert rows.mae_yaw["zero"] == pytest.approx(50 / 3) and rows.ge_mean["oracle"] == 0
    assert "crops of AFW.npz" in " ".join(rows.notes["zero"])


def test_another_npz_of_the_same_angles_is_another_dataset(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (2, 4, 64, 64, 3), dtype=np.uint8)
    for name, content in zip("ab", images, strict=True):
        np.savez(tmp_path / f"{name}.npz", image=content, pose=ANGLES)
    first, second = (AFLW2000(tmp_path, AFLW2000.Options(npz=f"{name}.npz")).variant() for name in "ab")
    assert first != second and AFLW2000(tmp_path).variant() == {}


def test_who_is_in_an_npz_nobody_knows_so_that_it_has_no_parts_and_no_list_fits(tmp_path):
    np.savez(tmp_path / "AFW.npz", image=np.zeros((4, 64, 64, 3), np.uint8), pose=ANGLES)
    with pytest.raises(UsageError, match="one photo"):
        W300LP(tmp_path, W300LP.Options(npz="AFW.npz")).part("train")
    with pytest.raises(UsageError, match="part"):
        W300LP(tmp_path, W300LP.Options(npz="AFW.npz", part="validation"))
    everything = W300LP(tmp_path, W300LP.Options(npz="AFW.npz", validation=0)).part("train")
    assert everything is not None and len(everything.ids()) == 4
    with pytest.raises(UsageError, match="list"):
        AFLW2000(tmp_path, AFLW2000.Options(npz="AFW.npz", files="files.txt"))


def test_the_angles_of_an_npz_are_degrees_in_the_order_yaw_pitch_roll(tmp_path):
    np.savez(tmp_path / "AFW.npz", image=np.zeros((4, 64, 64, 3), np.uint8), pose=ANGLES)
    labels = AFLW2000(tmp_path, AFLW2000.Options(npz="AFW.npz")).labels()
    np.testing.assert_allclose(labels.euler, ANGLES)
    np.testing.assert_allclose(labels.rotation, pose.rotation_from_euler(ANGLES))
