"""The official tree: poses as text and as bin, calibrations, and each fault that a tree can have."""

import csv
import os
import struct

import numpy as np
import pytest

from hpe_bench import DataError, MissingError, SampleError, pose
from hpe_bench_plugins.datasets.biwi.boxes import read_boxes
from hpe_bench_plugins.datasets.biwi.dataset import BIWI
from hpe_bench_plugins.datasets.biwi.tree import SUBJECTS, read_calibration, read_pose

FACE = (300, 200, 380, 300, 95)


def official_angles(path):
    with open(path, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["sequence"] == "01"]
    return {int(row["frame"]): [float(row[name]) for name in ("yaw", "pitch", "roll")] for row in rows}


def test_the_bin_files_of_real_frames_hold_the_official_angles_and_so_does_a_text_written_from_them(shared, tmp_path):
    official = official_angles(shared("data/biwi/frames.csv"))
    files = sorted(shared("data/biwi/hpdb").glob("01/*_pose.bin"))
    assert len(files) == 10
    for file in files:
        rotation = read_pose(file)
        expected = official[int(file.name.split("_")[1])]
        np.testing.assert_allclose(pose.euler_from_rotation(rotation), expected, atol=1e-3)
        text = tmp_path / file.with_suffix(".txt").name
        rows = [" ".join(f"{number:.6g}" for number in row) + " " for row in rotation]
        text.write_text("\n".join([*rows, "", "65.0796 34.112 877.915 ", ""]))
        np.testing.assert_allclose(pose.euler_from_rotation(read_pose(text)), expected, atol=1e-3)


def test_the_subjects_are_those_of_the_readme(shared):
    lines = (line.split(" - ") for line in shared("data/biwi/readmeBIWI.txt").read_text().splitlines() if " - " in line)
    listed = {parts[0].strip(): parts[1].strip() for parts in lines if parts[0].strip().isdigit()}
    assert listed == SUBJECTS and len(SUBJECTS) == 24 and len(set(SUBJECTS.values())) == 20


def test_a_bin_file_is_the_same_rotation_in_another_euler_order(tmp_path):
    # Z(30) Y(20) X(10), multiplied out by hand for the entries that tell.
    path = tmp_path / "frame_00001_pose.bin"
    path.write_bytes(struct.pack("<6f", 1, 2, 900, 10, 20, 30))
    rotation = read_pose(path)
    p, y, r = np.radians([10, 20, 30])
    assert rotation[2, 0] == pytest.approx(-np.sin(y), abs=1e-6)
    assert rotation[0, 0] == pytest.approx(np.cos(r) * np.cos(y), abs=1e-6)
    assert rotation[2, 2] == pytest.approx(np.cos(y) * np.cos(p), abs=1e-6)


@pytest.mark.parametrize("inside", ["hpdb", "faces_0", "."])
def test_the_sequences_may_lie_in_the_root_or_one_folder_below(kinect, tmp_path, inside):
    root = kinect({"01": [FACE], "15": [FACE, FACE]})
    target = tmp_path / "moved" / inside
    target.parent.mkdir(parents=True, exist_ok=True)
    (root / "hpdb").rename(target)
    dataset = BIWI(tmp_path / "moved")
    assert dataset.ids() == ["01/frame_00001", "15/frame_00001", "15/frame_00002"]
    sample = dataset.sample("15/frame_00002")
    assert (sample.person, sample.sequence) == ("F03", "15")
    np.testing.assert_allclose(pose.euler_from_rotation(sample.rotation), (2, -4, 3), atol=1e-4)
    assert sample.image.pixels().shape == (480, 640, 3)


def text(content):
    return lambda folder: (folder / "frame_00002_pose.txt").write_bytes(content)


def as_bin(content):
    def break_it(folder):
        (folder / "frame_00002_pose.txt").unlink()
        (folder / "frame_00002_pose.bin").write_bytes(content)

    return break_it


NUMBERS = b"1 0 0\n0 1 0\n0 0 1\n\n0 0 900\n"
FAULTS = {
    "no frame": (lambda folder: (folder / "frame_00002_rgb.png").unlink(), r"frame_00002_rgb\.png is missing"),
    "no pose": (lambda folder: (folder / "frame_00002_pose.txt").unlink(), r"frame_00002_pose\.txt is missing"),
    "empty pose": (text(b""), "the file is empty"),
    "blank pose": (text(b"\n \n"), "the file is empty"),
    "few numbers": (text(NUMBERS[:18]), "9 numbers where a rotation and a centre, 12, belong"),
    "words": (text(NUMBERS.replace(b"900", b"far")), "not a file of numbers"),
    "not finite": (text(NUMBERS.replace(b"900", b"nan")), "not finite"),
    "no rotation": (text(NUMBERS.replace(b"1 0 0", b"2 0 0")), "not a rotation"),
    "mirrored": (text(NUMBERS.replace(b"1 0 0", b"-1 0 0")), "not a rotation"),
    "short bin": (as_bin(b"\1" * 20), "20 bytes where six float32 belong"),
    "nan bin": (as_bin(struct.pack("<6f", 0, 0, 0, 0, float("nan"), 0)), "not finite"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_a_frame_is_an_error_that_names_its_file(kinect, fault):
    break_it, message = FAULTS[fault]
    root = kinect({"04": [FACE, FACE, FACE]})
    break_it(root / "hpdb" / "04")
    dataset = BIWI(root)
    with pytest.raises(SampleError, match=message) as caught:
        dataset.labels()
    assert "frame_00002" in str(caught.value)
    labels = BIWI(root).labels(skip_bad=True)
    assert [fault.id for fault in labels.faults] == ["04/frame_00002"] and len(labels) == 2


def test_an_image_of_another_size_is_an_error(kinect, hpe_bench):
    kinect({"04": [FACE]}, width=320, height=240)
    done = hpe_bench("verify", "biwi")
    assert done.returncode == 3 and "320 x 240 pixels where 640 x 480 belong" in done.stderr


def test_a_calibration_is_the_second_3_x_3_block(tmp_path):
    path = tmp_path / "rgb.cal"
    turn = pose.rotation_from_euler((1, 2, 3))
    rows = "\n".join(" ".join(f"{number:.7f}" for number in row) + " " for row in turn)
    path.write_text(f"517.679 0 320 \n0 517.679 240.5 \n0 0 1 \n\n0 0 0 0 \n\n{rows}\n\n-24 5.9 -13.2 \n\n640 480\n")
    np.testing.assert_allclose(read_calibration(path), turn, atol=1e-6)


@pytest.mark.parametrize(
    "content", ["", "1 0 0\n0 1 0\n0 0 1\n", "1 0 0\n0 1 0\n0 0 1\n\n9 0 0\n0 1 0\n0 0 1\n", "a b"]
)
def test_a_calibration_that_is_none_is_an_error_that_names_it(kinect, content):
    root = kinect({"04": [FACE]})
    (root / "hpdb" / "04" / "rgb.cal").write_text(content)
    with pytest.raises(DataError, match=r"rgb\.cal"):
        BIWI(root, BIWI.Options(calibrated=True)).labels()


def test_a_calibration_that_is_missing_says_what_to_do(kinect):
    root = kinect({"04": [FACE]})
    with pytest.raises(DataError, match="leave out -d calibrated"):
        BIWI(root, BIWI.Options(calibrated=True)).labels()


def test_no_sequence_says_what_to_fetch_and_where_to_put_it(tmp_path, hpe_bench):
    done = hpe_bench("eval", "--dataset", "biwi")
    assert done.returncode == 3
    assert "icu.ee.ethz.ch" in done.stderr and "datasets/BIWI/hpdb/01/frame_00003_rgb.png" in done.stderr
    with pytest.raises(MissingError, match="holds no sequence"):
        BIWI(tmp_path).ids()


def test_angles_of_a_bin_file_that_are_more_than_a_turn_are_refused(tmp_path):
    path = tmp_path / "frame_00001_pose.bin"
    path.write_bytes(struct.pack("<6f", 1, 2, 900, 10, 720, 30))
    with pytest.raises(SampleError, match=r"frame_00001_pose\.bin: angles of 10, 720, 30 degrees"):
        read_pose(path)


def test_a_mark_at_the_start_of_a_text_says_nothing(tmp_path):
    path = tmp_path / "frame_00001_pose.txt"
    path.write_bytes(b"\xef\xbb\xbf1 0 0\r\n0 1 0\r\n0 0 1\r\n\r\n1 2 900\r\n")
    np.testing.assert_array_equal(read_pose(path), np.eye(3))


def test_what_stands_in_place_of_a_pose_is_called_what_it_is(tmp_path):
    path = tmp_path / "frame_00001_pose.txt"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\nsize 5\n")
    with pytest.raises(SampleError, match="git lfs pull"):
        read_pose(path)


def test_a_pipe_in_the_place_of_a_pose_or_a_box_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "frame_00003_pose.txt")
    with pytest.raises(SampleError, match="a pipe, not a file"):
        read_pose(tmp_path / "frame_00003_pose.txt")
    with pytest.raises(DataError, match="a pipe, not a file"):
        read_boxes(tmp_path / "frame_00003_pose.txt")
