"""300W-LP: the official tree, flat folders, lists, and a division by photo that no mirror image crosses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from hpe_bench import DataError, MissingError, SampleError, evaluate
from hpe_bench_plugins.datasets.w300lp import W300LP


@pytest.fixture
def tree(tmp_path):
    """A function that writes small pairs of the ids given, all labelled alike, and returns the root."""
    import cv2

    def write(ids, root=tmp_path / "datasets" / "300W_LP", euler=(10, 5, -3)) -> Path:
        yaw, pitch, roll = np.radians(euler)
        for id in ids:
            (root / id).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(f"{root / id}.jpg", np.full((60, 60, 3), 90, np.uint8))
            points = np.array([[15.0, 40, 30], [20.0, 30, 45]])
            scipy.io.savemat(
                f"{root / id}.mat", {"Pose_Para": np.array([[pitch, yaw, roll, 0, 0, 0, 0]]), "pt2d": points}
            )
        return root

    return write


def photos(count, rotations=3):
    """Ids of photos with their mirror images, over the four folders."""
    return [
        f"{folder}{flip}/{folder}_{photo}_1_{turn}"
        for photo, folder in zip(range(count), ["AFW", "HELEN", "IBUG", "LFPW"] * count, strict=False)
        for flip in ("", "_Flip")
        for turn in range(rotations)
    ]


def test_the_official_tree_is_read_without_its_landmarks_and_code(tree):
    ids = photos(4)
    root = tree(ids)
    for strange in ("landmarks/AFW/AFW_0_1_0_pts.mat", "Code/ModelGeneration/a.mat", "AFW/.hidden.jpg"):
        (root / strange).parent.mkdir(parents=True, exist_ok=True)
        (root / strange).write_bytes(b"")
    dataset = W300LP(root)
    assert dataset.ids() == sorted(ids)
    sample = dataset.sample("HELEN_Flip/HELEN_1_1_2")
    np.testing.assert_allclose(sample.euler, (10, 5, -3))
    assert sample.person == "HELEN_1_1" and sample.files[0].name == "HELEN_1_1_2.jpg"


def test_a_flat_folder_of_real_images_is_read(shared):
    dataset = W300LP(shared("data/300w_lp-mini"))
    labels = dataset.labels()
    assert len(labels) == 60 and labels.ids[0] == "AFW_134212_1_0"
    assert set(labels.person) == {"AFW_134212_1", "AFW_134212_2", "AFW_261068_1", "AFW_261068_2"}
    assert np.shape(dataset.sample("AFW_134212_2_16").points) == (2, 68)
    assert (np.abs(labels.euler) < 99).all() and np.ptp(labels.euler[:, 0]) > 100


def test_rotated_copies_and_mirror_images_of_a_photo_are_in_one_part(tree):
    root = tree(photos(20))
    parts = {part: W300LP(root, W300LP.Options(part=part, validation=0.3)) for part in ("train", "validation")}
    people = {part: set(dataset.labels().person) for part, dataset in parts.items()}
    assert not people["train"] & people["validation"]
    assert len(people["train"]) == 14 and len(people["validation"]) == 6
    assert sorted([*parts["train"].ids(), *parts["validation"].ids()]) == sorted(photos(20))
    for dataset in parts.values():
        assert len(dataset.ids()) == 6 * len(set(dataset.labels().person))


def test_another_photo_moves_few_of_the_others_and_another_seed_moves_many(tree):
    def validated(seed=0):
        return set(W300LP(root, W300LP.Options(part="validation", validation=0.25, split=seed)).labels().person)

    root = tree(photos(40, rotations=1))
    before = validated()
    other = validated(seed=1)
    tree(photos(41, rotations=1))
    assert len(before - validated()) <= 1 and len(before & other) < len(before)


def test_the_parts_of_a_run_are_kept_in_it(tree, hpe_bench):
    tree(photos(10))
    done = hpe_bench("eval", "zero", "--protocol", "300w_lp/validation")
    assert done.returncode == 0, done.stderr
    (shown,) = json.loads(hpe_bench("show", "300w_lp/validation", "--json").stdout)
    split = shown["manifest"]["dataset"]["about"]["split"]
    assert split == {"by": "photo", "seed": 0, "part": "validation", "photos": {"train": 9, "validation": 1}}
    assert shown["n"] == 6


def test_angles_beyond_99_degrees_are_left_out_of_the_default_and_of_the_list(tree, hpe_bench):
    root = tree(photos(2, rotations=1))
    tree(["AFW/AFW_7_1_0"], euler=(100, 0, 0))
    assert evaluate("zero", dataset="300w_lp").n[0] == 4
    assert evaluate("zero", protocol="300w_lp/all").n[0] == 5
    assert "4 of 5 samples" in hpe_bench("prepare", "300w_lp").stdout
    listed = W300LP(root, W300LP.Options(files=Path("files.txt")))
    assert len(listed.ids()) == 4 and "AFW/AFW_7_1_0" not in listed.ids()


@pytest.mark.parametrize("line", ["../AFW/AFW_0_1_0", "/etc/passwd"])
def test_a_list_that_leaves_the_folder_is_refused(tree, line):
    root = tree(photos(1))
    (root / "files.txt").write_text(line)
    with pytest.raises(DataError, match="leaves the folder"):
        W300LP(root, W300LP.Options(files=Path("files.txt"))).ids()


def test_a_missing_twin_is_an_error_that_names_it(tree):
    root = tree(photos(1))
    (root / "AFW_Flip" / "AFW_0_1_1.mat").unlink()
    with pytest.raises(SampleError, match=r"AFW_Flip/AFW_0_1_1\.mat is missing"):
        W300LP(root).labels()
    labels = W300LP(root).labels(skip_bad=True)
    assert len(labels) == 5 and [fault.id for fault in labels.faults] == ["AFW_Flip/AFW_0_1_1"]


def test_verify_misses_a_folder_and_a_mirror_image(tree, hpe_bench):
    root = tree(photos(4, rotations=1))
    shutil.rmtree(root / "IBUG")
    (root / "LFPW_Flip" / "LFPW_3_1_0.jpg").unlink()
    (root / "LFPW_Flip" / "LFPW_3_1_0.mat").unlink()
    done = hpe_bench("verify", "300w_lp", "--json")
    assert done.returncode == 3
    (report,) = json.loads(done.stdout)
    failed = {check["what"]: check for check in report["checks"] if not check["passed"]}
    assert set(failed) == {
        "folder IBUG",
        "mirror images in IBUG_Flip",
        "mirror images in LFPW_Flip",
        "samples in 300w_lp/all",
    }
    assert failed["samples in 300w_lp/all"]["expected"] == 122_450


def test_missing_data_says_what_to_fetch(tmp_path):
    with pytest.raises(MissingError, match=r"300W-LP\.zip"):
        W300LP(tmp_path / "nowhere").ids()
    with pytest.raises(MissingError, match="no jpg and no mat"):
        W300LP(tmp_path).ids()


def test_a_part_without_a_photo_is_an_error(tree):
    root = tree(photos(1))
    with pytest.raises(MissingError, match="none of 1 photos is left for train"):
        W300LP(root, W300LP.Options(part="train")).ids()


def test_what_is_learned_from_and_what_is_validated_on_share_no_photo(tree):
    dataset = W300LP(tree(photos(20)), W300LP.Options(validation=0.25))
    train, validation = (dataset.part(part).labels() for part in ("train", "validation"))
    assert not set(train.person) & set(validation.person)
    assert sorted(train.ids + validation.ids) == dataset.ids() and len(set(validation.person)) == 5


def test_without_a_validation_every_photo_is_learned_from(tree):
    dataset = W300LP(tree(photos(20)), W300LP.Options(validation=0))
    assert dataset.part("validation") is None
    assert sorted(dataset.part("train").ids()) == sorted(photos(20))


def test_a_list_of_files_holds_for_both_parts(tree):
    root = tree(photos(8))
    listed = sorted(photos(8))[:24]
    (root / "files.txt").write_text("\n".join(listed))
    dataset = W300LP(root, W300LP.Options(files="files.txt", validation=0.5))
    assert sorted([*dataset.part("train").ids(), *dataset.part("validation").ids()]) == listed
