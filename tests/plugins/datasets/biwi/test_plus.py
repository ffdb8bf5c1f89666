"""Biwi+: HeadPose+'s rotations in the colour camera's frame, and its boxes; damaged and other files are refused."""

from __future__ import annotations

import csv
import pickle

import numpy as np
import pytest

from hpe_bench import DataError, MissingError, UsageError, evaluate, open_run, pose
from hpe_bench_plugins.datasets.biwi.dataset import BIWI
from hpe_bench_plugins.datasets.biwi.plus import FILE, read_plus

FACE = (300, 200, 380, 300, 95)
#: Yaw, pitch, roll of R = X(-pitch) Y(yaw) Z(roll), and pitch, yaw, roll of the same R = Z(-roll) Y(-yaw) X(pitch).
YPR = np.array([[0.0, 0, 0], [30, 0, 0], [0, 20, 0], [0, 0, -15]])
PYR = np.array([[0.0, 0, 0], [0, -30, 0], [-20, 0, 0], [0, 0, 15]])
NAMES = [f"03/frame_0000{n}_rgb.png" for n in (1, 2, 3)] + ["07/frame_00001_rgb.png"]


def parts(**other):
    bbox = np.array([[290, 190, 101, 121]] * 4, dtype=np.int32)
    return {"images": np.array(NAMES), "ids": np.zeros(3, int), "pyr": PYR, "ypr": YPR, "bbox": bbox, **other}


def save(root, **other):
    np.savez(root / FILE, **parts(**other))
    return root / FILE


def test_rotations_and_boxes_are_read_by_the_names_of_frames(tmp_path):
    plus = read_plus(save(tmp_path))
    np.testing.assert_allclose(plus.rotation["03/frame_00002"], pose.rotation_about("y", 30), atol=1e-15)
    np.testing.assert_allclose(plus.rotation["03/frame_00003"], pose.rotation_about("x", -20), atol=1e-15)
    np.testing.assert_allclose(plus.rotation["07/frame_00001"], pose.rotation_about("z", -15), atol=1e-15)
    # One column and one row less than stated, as HeadPose+'s own evaluation cuts.
    assert plus.boxes.corners["07/frame_00001"] == (290, 190, 390, 310)


def test_its_protocol_has_its_frames_its_rotations_and_a_box_for_each(kinect):
    root = kinect({"03": [FACE, FACE, None, FACE], "07": [FACE]})
    save(root)
    row = evaluate("zero", protocol="biwi/plus").iloc[0]
    assert (row.n, row.coverage) == (4, 1) and row.mae_yaw == 7.5 and row.mae_pitch == 5 and row.mae_roll == 3.75
    assert "rotations are those of Biwi_plus.npz, and faces are cropped by its boxes" in row.notes
    assert "biwi/plus has 15,678 samples, this dataset 4: not the published protocol" in row.notes
    assert open_run(row.run).manifest["dataset"]["about"]["labels"] == {"file": FILE, "frames": 4}
    sample = BIWI(root, BIWI.Options(labels=FILE)).sample("03/frame_00003")
    np.testing.assert_array_equal(sample.points, [[290, 390], [190, 310]])


def test_faces_that_were_cut_out_before_are_not_shown_in_its_stead(kinect, seer, hpe_bench):
    root = kinect({"03": [FACE, FACE, None], "07": [FACE]})
    hpe_bench("prepare", "biwi", "-d", "detector=seer", "-d", "workers=1")
    save(root)
    assert BIWI(root, BIWI.Options(labels=FILE)).sample("03/frame_00001").image.pixels().shape == (480, 640, 3)


def test_its_boxes_go_with_the_labels_of_the_tree_and_other_boxes_with_its_labels(kinect):
    root = kinect({"03": [FACE, FACE, None], "07": [FACE]})
    save(root)
    theirs = BIWI(root, BIWI.Options(boxes=FILE)).sample("03/frame_00002")
    np.testing.assert_allclose(theirs.rotation, pose.rotation_from_euler((2, -4, 3)), atol=1e-5)
    np.testing.assert_array_equal(theirs.points, [[290, 390], [190, 310]])
    (root / "boxes.csv").write_text("sequence,frame,x,y,w,h\n3,2,10,20,30,40\n")
    ours = BIWI(root, BIWI.Options(labels=FILE, boxes="boxes.csv"))
    np.testing.assert_array_equal(ours.sample("03/frame_00002").points, [[10, 40], [20, 60]])
    assert ours.sample("03/frame_00001").points is None
    assert "rotations are those of Biwi_plus.npz" in ours.notes()


def test_frames_that_are_missing_are_counted_and_none_at_all_is_an_error(kinect, tmp_path, hpe_bench):
    root = kinect({"03": [FACE]})
    save(root)
    done = hpe_bench("verify", "biwi", "-d", f"labels={FILE}")
    said = " ".join(done.stdout.split())
    assert done.returncode == 3 and "frames with labels that are missing 3 expected 0" in said
    assert "samples in biwi/plus 1 expected 15,678" in said and "samples in biwi/15678" not in said
    other = kinect({"24": [FACE]}, tmp_path / "other")
    save(other)
    with pytest.raises(MissingError, match=r"holds none of the frames that .* names"):
        BIWI(other, BIWI.Options(labels=FILE)).ids()


def test_without_the_file_the_error_says_where_it_comes_from_and_where_it_goes(kinect, hpe_bench):
    kinect({"03": [FACE]})
    done = hpe_bench("eval", "zero", "--protocol", "biwi/plus")
    assert done.returncode == 3 and done.stderr.count("\n") == 1
    assert "no file datasets/BIWI/Biwi_plus.npz; put it there, or point to it: HeadPose+'s files" in done.stderr


def test_what_does_not_go_with_it_is_wrong_use(kinect):
    root = kinect({"03": [FACE]})
    for other in ({"calibrated": True}, {"images": "faces"}, {"npz": "x.npz"}):
        with pytest.raises(UsageError):
            BIWI(root, BIWI.Options(labels=FILE, **other))
    with pytest.raises(UsageError, match="leave out npz, labels"):
        BIWI(root, BIWI.Options(labels=FILE)).prepare(print)


class Trap:
    """Unpickled, it would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"pyr": np.add(PYR, (0, 1, 0))}, "ypr and pyr of 03/frame_00001 are not the same rotation"),
        ({"pyr": -PYR}, "ypr and pyr of 03/frame_00002 are not the same rotation"),
        ({"ypr": YPR[:3]}, r"ypr is float64 \(3, 3\) where numbers \(4, 3\) belong"),
        ({"ypr": YPR * np.nan}, "ypr holds a number that is not finite"),
        ({"bbox": np.ones((4, 4))}, "03/frame_00001 has a box of 1 x 1 pixels"),
        ({"images": np.array([*NAMES[:3], "../../x_rgb.png"])}, "'../../x_rgb.png' names no frame"),
        ({"images": np.array([*NAMES[:3], "25/frame_00001_rgb.png"])}, "'25/frame_00001_rgb.png' names no frame"),
        ({"images": np.array([*NAMES[:3], NAMES[0]])}, "names 03/frame_00001 twice"),
        ({"images": np.arange(4)}, "where names of files belong"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path, other, said):
    with pytest.raises(DataError, match=said):
        read_plus(save(tmp_path, **other))


def test_nothing_is_unpickled_and_other_files_are_named(tmp_path):
    sprung = tmp_path / "sprung"
    names = np.empty(4, dtype=object)
    names[:] = [Trap(sprung)] * 4
    with pytest.raises(DataError, match="no labels of HeadPose"):
        read_plus(save(tmp_path, images=names))
    np.savez(tmp_path / FILE, image=np.zeros((1, 2, 2, 3)), pose=YPR)
    with pytest.raises(DataError, match="holds no images"):
        read_plus(tmp_path / FILE)
    (tmp_path / FILE).write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(DataError, match="no labels of HeadPose"):
        read_plus(tmp_path / FILE)
    assert not sprung.exists()


def test_the_published_file_turns_the_rotations_of_the_tree_by_one_rotation_a_calibration(shared):
    plus = read_plus(shared(f"data/biwi/{FILE}"))
    with open(shared("data/biwi/frames.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    ids = [f"{row['sequence']}/frame_{int(row['frame']):05d}" for row in rows]
    assert ids == list(plus.rotation) and len(ids) == 15_678
    tree = pose.rotation_from_euler([[float(row[name]) for name in ("yaw", "pitch", "roll")] for row in rows])
    turn = np.array(list(plus.rotation.values())) @ np.swapaxes(tree, 1, 2)
    late = np.array([id[:2] == "06" or id[:2] >= "15" for id in ids])
    for some in (late, ~late):
        one = pose.nearest_rotation(turn[some].mean(axis=0))
        assert np.abs(turn[some] - one).max() < 2e-6, "but for the six digits of the tree's texts"
        assert 1 < np.degrees(np.arccos((np.trace(one) - 1) / 2)) < 1.5
