"""AFLW2000: the official layout, its selections, and each fault a tree can have."""

from __future__ import annotations

import json
import os
import re
import shutil

import numpy as np
import pytest
import scipy.io

from hpe_bench import DataError, MissingError, UsageError, evaluate, open_run, pose
from hpe_bench.datasets import read_labels
from hpe_bench_plugins.datasets.aflw2000 import AFLW2000
from hpe_bench_plugins.datasets.mat_pairs import read_label

EULER = [(10, 5, -3), (98.9, 0, 0), (0, -99.5, 0), (50.9, 40.9, 30.9), (-51, 0, 0), (120, 10, 10)]


def test_a_label_is_pitch_yaw_roll_in_radians_on_disk_and_yaw_pitch_roll_in_degrees_here(aflw2000):
    dataset = AFLW2000(aflw2000([(10, 20, -30)]))
    sample = dataset.sample("image00000")
    np.testing.assert_allclose(sample.euler, (10, 20, -30), atol=1e-5)
    np.testing.assert_allclose(pose.euler_from_rotation(sample.rotation), (10, 20, -30), atol=1e-5)
    assert np.shape(sample.points) == (2, 21)


def test_a_real_label_is_what_the_official_outputs_list(shared):
    import pandas as pd

    table = pd.read_csv(shared("reference/fsanet_aflw2000-dev_official_outputs.csv")).set_index("id")
    root = shared("data/aflw2000-dev")
    labels = AFLW2000(root).labels()
    assert len(labels) == len(table) == 500
    expected = table.loc[list(labels.ids), ["gt_yaw", "gt_pitch", "gt_roll"]].to_numpy()
    np.testing.assert_allclose(labels.euler, expected, atol=1e-4)
    assert (np.abs(labels.euler).max(axis=1) <= 99).sum() == table.within_99.sum() == 491


@pytest.mark.parametrize(("protocol", "kept"), [("1969", 4), ("2000", 6), ("nlml", 2)])
def test_each_protocol_keeps_its_samples(aflw2000, protocol, kept):
    aflw2000(EULER)
    assert evaluate("zero", dataset="aflw2000", protocol=protocol).n[0] == kept


def test_the_default_protocol_is_1969():
    with pytest.raises(MissingError, match=r"AFLW2000-3D\.zip"):
        evaluate("zero", dataset="aflw2000")


def test_angles_beyond_the_principal_range_are_scored_as_stated(aflw2000):
    aflw2000([(120, 10, 10), (-170, 5, 170)])
    assert evaluate("oracle", protocol="aflw2000/2000").mae_mean[0] == 0


def break_jpg(root):
    content = (root / "image00001.jpg").read_bytes()
    (root / "image00001.jpg").write_bytes(content[: len(content) // 2])


def break_mat(root):
    content = (root / "image00001.mat").read_bytes()
    (root / "image00001.mat").write_bytes(content[: len(content) // 3])


def empty_jpg(root):
    (root / "image00001.jpg").write_bytes(b"")


def nan_label(root):
    scipy.io.savemat(root / "image00001.mat", {"Pose_Para": np.full((1, 7), np.nan), "pt2d": np.zeros((2, 21))})


def no_pose(root):
    scipy.io.savemat(root / "image00001.mat", {"pt2d": np.zeros((2, 21))})


def flat_points(root):
    scipy.io.savemat(root / "image00001.mat", {"Pose_Para": np.zeros((1, 7)), "pt2d": np.zeros(42)})


def nan_points(root):
    scipy.io.savemat(root / "image00001.mat", {"Pose_Para": np.zeros((1, 7)), "pt2d": np.full((2, 21), np.nan)})


def points_elsewhere(root):
    scipy.io.savemat(root / "image00001.mat", {"Pose_Para": np.zeros((1, 7)), "pt2d": np.full((2, 21), -900.0)})


def points_far_apart(root):
    points = np.linspace(-1e6, 1e6, 42).reshape(2, 21)
    scipy.io.savemat(root / "image00001.mat", {"Pose_Para": np.zeros((1, 7)), "pt2d": points})


def no_jpg(root):
    (root / "image00001.jpg").unlink()


def no_mat(root):
    (root / "image00001.mat").unlink()


FAULTS = [
    break_jpg,
    break_mat,
    empty_jpg,
    nan_label,
    no_pose,
    flat_points,
    nan_points,
    points_elsewhere,
    points_far_apart,
    no_jpg,
    no_mat,
]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_an_error_that_names_the_file_and_skip_bad_counts_it_instead(aflw2000, hpe_bench, fault):
    root = aflw2000([(10, 5, -3), (20, 5, 2), (-30, 1, 1)])
    fault(root)
    plain = hpe_bench("verify", "aflw2000")
    assert plain.returncode == 3 and "image00001" in plain.stderr and "Traceback" not in plain.stderr
    listed = hpe_bench("verify", "aflw2000", "--skip-bad", "--json")
    assert listed.returncode == 3
    (report,) = json.loads(listed.stdout)
    assert [bad["id"] for bad in report["bad"]] == ["image00001"] and not report["passed"]
    done = hpe_bench("eval", "zero", "oracle", "--dataset", "aflw2000", "--skip-bad", "--json")
    assert done.returncode == 0, done.stderr
    for row in json.loads(done.stdout):
        assert row["n"] == row["n_total"] == 2
        assert "1 unreadable sample" in " ".join(row["notes"])
        (skipped,) = open_run(root.parents[1] / row["run"]).manifest["dataset"]["skipped"]
        assert skipped["id"] == "image00001" and "image00001" in skipped["reason"]


def test_an_empty_folder_says_what_to_download(tmp_path):
    (tmp_path / "AFLW2000").mkdir()
    with pytest.raises(MissingError, match="no jpg and no mat"):
        AFLW2000(tmp_path / "AFLW2000").ids()


def test_prepare_writes_the_list_that_the_peers_scripts_write_and_the_option_reads_it(aflw2000, hpe_bench):
    root = aflw2000(EULER)
    done = hpe_bench("prepare", "aflw2000")
    assert done.returncode == 0 and "4 of 6 samples" in done.stdout
    text = (root / "files.txt").read_text()
    assert text == "./image00000\n./image00001\n./image00003\n./image00004"
    row = evaluate("zero", protocol="aflw2000/2000", dataset_options={"files": "files.txt"})
    assert row.n[0] == 4
    assert evaluate("zero", protocol="aflw2000/2000").n[0] == 6


def test_prepare_replaces_no_list_of_other_samples(aflw2000, hpe_bench):
    root = aflw2000([(10, 5, 0), (-30, 0, 5)])
    for _ in range(2):
        assert hpe_bench("prepare", "aflw2000").returncode == 0
    (root / "files.txt").write_text("mine")
    done = hpe_bench("prepare", "aflw2000")
    assert done.returncode == 2 and "rename or remove it first" in done.stderr
    assert (root / "files.txt").read_text() == "mine"


@pytest.mark.parametrize("line", ["../image00000", "/etc/passwd"])
def test_a_list_that_leaves_the_folder_is_refused(aflw2000, line):
    root = aflw2000(EULER)
    (root / "files.txt").write_text(line)
    with pytest.raises(DataError, match="leaves the folder"):
        evaluate("zero", dataset="aflw2000", dataset_options={"files": "files.txt"})


def test_a_list_that_is_not_there_says_how_to_make_one(aflw2000):
    aflw2000(EULER)
    with pytest.raises(MissingError, match="prepare aflw2000"):
        evaluate("zero", dataset="aflw2000", dataset_options={"files": "nowhere.txt"})


def test_the_fingerprint_follows_labels_and_file_sizes_and_not_the_place(aflw2000, tmp_path):
    from hpe_bench.runs.selection import fingerprint

    root = aflw2000(EULER)
    before = fingerprint(AFLW2000(root).labels())
    shutil.copytree(root, tmp_path / "elsewhere")
    assert fingerprint(AFLW2000(tmp_path / "elsewhere").labels()) == before
    with (root / "image00002.jpg").open("ab") as file:
        file.write(b"\0")
    longer = fingerprint(AFLW2000(root).labels())
    aflw2000([(10.001, 5, -3), *EULER[1:]])
    other = fingerprint(AFLW2000(root).labels())
    content = scipy.io.loadmat(root / "image00000.mat")
    scipy.io.savemat(root / "image00000.mat", {"Pose_Para": content["Pose_Para"], "pt2d": content["pt2d"] + 1})
    assert len({before, longer, other, fingerprint(AFLW2000(root).labels())}) == 4


def test_verify_checks_the_counts_of_the_whole_set(aflw2000, hpe_bench):
    aflw2000(EULER)
    done = hpe_bench("verify", "aflw2000")
    assert done.returncode == 3
    assert "expected 1,969" in done.stdout and "expected 1,467" in done.stdout and "fingerprint" in done.stdout


def test_verify_goes_on_to_the_end_and_lists_every_fault(aflw2000, hpe_bench):
    root = aflw2000([(10 * n, 5, -3) for n in range(5)])
    no_jpg(root)
    (root / "image00000.mat").write_bytes(b"<html><title>Quota")
    content = (root / "image00003.jpg").read_bytes()
    (root / "image00003.jpg").write_bytes(content[: len(content) // 2] + b"\xff\xd9")
    (root / "image00004.jpg").write_bytes(b"version https://git-lfs.github.com/spec/v1\nsize 9\n")
    done = hpe_bench("verify", "aflw2000")
    bad = [line for line in done.stdout.splitlines() if line.startswith("bad ")]
    assert done.returncode == 3 and len(bad) == 4
    for line, words in zip(
        bad, ("image00000: .*web page", "image00001: .*missing", "00003: .*damaged", "00004: .*lfs")
    ):
        assert re.search(words, line)
    assert "4 of 5 samples cannot be used; the first, image00000" in done.stderr


def in_degrees(root, places):
    for place in places:
        path = root / f"image{place:05d}.mat"
        content = scipy.io.loadmat(path)
        content["Pose_Para"][0, :3] = np.degrees(content["Pose_Para"][0, :3])
        scipy.io.savemat(path, {key: content[key] for key in ("Pose_Para", "pt2d")})


def test_a_dataset_in_degrees_is_refused_whole_whatever_of_it_could_be_read(aflw2000, hpe_bench):
    root = aflw2000([(10, 5, -3), (20, 5, 2), (-30, 1, 1), (1, 2, 3)])
    in_degrees(root, range(4))
    for more in ((), ("--skip-bad",)):
        done = hpe_bench("eval", "oracle", "--dataset", "aflw2000", *more)
        assert done.returncode == 3 and "look like degrees" in done.stderr and not done.stdout
    assert "3 of 4 labels" in done.stderr


def test_a_single_label_in_degrees_is_a_bad_sample(aflw2000):
    root = aflw2000([(10, 5, -3), (20, 5, 2), (-30, 1, 1)])
    in_degrees(root, [1])
    with pytest.raises(DataError, match="image00001"):
        evaluate("oracle", dataset="aflw2000")
    assert evaluate("oracle", dataset="aflw2000", skip_bad=True).n[0] == 2


@pytest.mark.parametrize(("count", "noted"), [(12, True), (3, False)])
def test_a_dataset_without_any_turned_head_is_noted(aflw2000, hpe_bench, count, noted):
    aflw2000(np.radians([(40 * np.sin(n), 5, -3) for n in range(count)]))
    assert ("are they radians" in hpe_bench("verify", "aflw2000").stdout) == noted
    assert ("are they radians" in hpe_bench("eval", "zero", "--dataset", "aflw2000").stdout) == noted


@pytest.mark.parametrize("suffix", [".JPG", ".jpeg", ".Jpg", ".JPEG"])
def test_the_case_of_suffixes_says_nothing(aflw2000, suffix):
    root = aflw2000(EULER)
    (root / "image00001.jpg").rename(root / f"image00001{suffix}")
    (root / "image00002.mat").rename(root / "image00002.MAT")
    assert evaluate("zero", protocol="aflw2000/2000").n[0] == 6
    sample = AFLW2000(root).sample("image00001")
    assert sample.files[0].suffix == suffix and sample.image.pixels().shape == (90, 90, 3)


def test_what_macos_and_windows_leave_in_folders_is_no_sample(aflw2000):
    root = aflw2000(EULER)
    (root / "__MACOSX").mkdir()
    for strange in ("__MACOSX/._image00001.jpg", "._image00001.jpg", "._image00001.mat", ".DS_Store", "Thumbs.db"):
        (root / strange).write_bytes(b"\0\5\x16\7")
    assert len(AFLW2000(root).ids()) == 6


@pytest.mark.parametrize("name", ["image00001 (1)", "image00001 - Copy", "image00001 - Copy (2)", "image00001 copy"])
def test_copies_of_samples_are_left_out_and_told_of(aflw2000, hpe_bench, name):
    root = aflw2000(EULER)
    for suffix in (".jpg", ".mat"):
        shutil.copy(root / f"image00001{suffix}", root / f"{name}{suffix}")
    assert len(AFLW2000(root).ids()) == 6
    assert f"copies left out, such as '{name}'" in " ".join(AFLW2000(root).notes())
    assert name in hpe_bench("verify", "aflw2000").stdout
    (root / "image00001.jpg").unlink()
    (root / "image00001.mat").unlink()
    assert name in AFLW2000(root).ids()  # of nothing


def test_a_folder_of_the_dataset_in_the_folder_is_pointed_to(aflw2000, tmp_path):
    aflw2000(EULER, tmp_path / "unpacked" / "AFLW2000")
    with pytest.raises(MissingError, match=r"--root .*unpacked/AFLW2000"):
        AFLW2000(tmp_path / "unpacked").ids()


def test_a_file_whose_name_is_not_utf_8_is_a_bad_sample(aflw2000, hpe_bench):
    root = aflw2000([(10, 5, -3), (20, 5, 2)])
    for suffix in (".jpg", ".mat"):
        shutil.copy(root / f"image00001{suffix}", os.fsencode(root) + b"/latin-\xe9" + suffix.encode())
    done = hpe_bench("verify", "aflw2000")
    assert done.returncode == 3 and r"bad   latin-\xe9: " in done.stdout and "not UTF-8" in done.stderr
    done = hpe_bench("eval", "oracle", "--dataset", "aflw2000")
    assert done.returncode == 3 and r"latin-\xe9" in done.stderr
    done = hpe_bench("eval", "oracle", "--dataset", "aflw2000", "--skip-bad", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)[0]["n"] == 2


def test_a_run_that_was_stored_with_a_wrong_count_is_measured_by_the_right_one(manifest):
    from types import SimpleNamespace

    from hpe_bench.comparison.scores import notes

    def noted(expected, here):
        return notes(
            SimpleNamespace(
                order="pitch-yaw-roll",
                manifest=manifest(
                    protocol__name="aflw2000/nlml", protocol__expected=expected, dataset__n_protocol=here
                ),
            )
        )

    assert noted(1464, 1467) == noted(1467, 1467) == []
    assert noted(1464, 360) == noted(1467, 360) and "1,467" in noted(1464, 360)[0]


def test_reading_labels_holds_no_image(aflw2000):
    root = aflw2000(EULER)
    for image in root.glob("*.jpg"):
        image.write_bytes(b"not an image")
    dataset = AFLW2000(root)
    assert len(read_labels(dataset, dataset.ids())) == 6


def test_a_usage_error_for_what_the_dataset_cannot(tmp_path):
    with pytest.raises(UsageError, match="no grid to learn from"):
        AFLW2000(tmp_path).grid("train")


def test_pose_para_of_a_whole_file_is_read_as_it_stands(tmp_path):
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {"Pose_Para": np.array([[0.1, 0.2, 0.3, 4, 5, 6, 7]]), "pt2d": np.ones((2, 21))})
    euler, _ = read_label(path)
    np.testing.assert_allclose(euler, np.degrees([0.2, 0.1, 0.3]))
