"""The faces that ``prepare biwi`` cuts out: by which rule, of what, going on after a kill, and files at fault."""

from __future__ import annotations

import json
import os
import shutil

import cv2
import h5py
import numpy as np
import pytest
from biwi_frames import FACE, FACES, boxes_of, prepare
from biwi_oracle import Lookback

from hpe_bench import DataError, evaluate
from hpe_bench_plugins.datasets.biwi.dataset import BIWI
from hpe_bench_plugins.datasets.biwi.faces import FILE, Faces


def test_what_was_found_by_either_rule_and_what_was_not_and_why_stands_in_one_file(kinect, seer, hpe_bench):
    root = kinect(FACES)
    done = prepare(hpe_bench)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == (
        "notrack: 4 faces in 6 frames; with an earlier frame's box: 1 not confident enough; "
        "dropped: 1 jumps, 1 without a face"
    )
    assert said[1] == (
        "carry: 6 faces in 6 frames; with an earlier frame's box: 1 jumps, 1 not confident enough, 1 without a face; "
        "dropped: none"
    )
    faces = Faces(root / FILE, "notrack")
    assert faces.ids == [f"03/frame_0000{n}" for n in (1, 2, 3, 4)] + ["07/frame_00001", "07/frame_00002"]
    assert faces.why == ["", "no face", "confidence 0.40, not above 0.9", "", "", "a jump of 200 pixels"]
    assert faces.person == ["F03"] * 4 + ["M01"] * 2 and faces.sequence[-1] == "07"
    np.testing.assert_array_equal(faces.box[0], (268, 160, 413, 341))
    assert np.isnan(faces.box[1]).all() and faces.confidence[0] == pytest.approx(0.95)
    carried = Faces(root / FILE, "carry")
    np.testing.assert_array_equal(carried.box[[0, 1, 2, 4, 5]], [(268, 160, 413, 341)] * 5)
    assert carried.why == faces.why and carried.digest() != faces.digest()
    with h5py.File(root / FILE, "r", locking=False) as file:
        assert file["crops"].shape == (6, 256, 256, 3), "what two rules cut alike is there once"
        assert file["crops"][0, 128, 128].tolist() == [255, 0, 95] and file["crops"][0, 0, 0].tolist() == [60, 60, 60]


def test_every_frame_is_cropped_by_the_box_of_the_published_rule_frame_by_frame(kinect, seer, hpe_bench):
    def at(left, percent=97, top=200):
        return (left, top, left + 80, top + 100, percent)

    sequences = {
        "01": [at(300), at(310), None, [at(320), at(30, 99)], at(500), at(330, 50), at(335)],  # a jump, then unsure
        "02": [at(100, 60), at(340), at(350, 93), at(360)],  # unsure at the start: the box of 01
        "05": [None, at(300), at(90), at(150), at(240)],  # nothing at the start: only the left edge will do
    }
    root = kinect(sequences)
    done = prepare(hpe_bench, "rule=carry", "confidence=0.95")
    assert done.returncode == 0 and "notrack" not in done.stdout, done.stderr
    assert "with one pixel, no box being accepted yet: 1 jumps, 1 without a face" in done.stdout
    done = prepare(hpe_bench, "confidence=0.95", "size=32")
    assert done.returncode == 0, done.stderr
    seen = [
        [[(*face[:4], face[4] / 100) for face in (frame if isinstance(frame, list) else [frame] if frame else [])]
         for frame in frames]
        for frames in sequences.values()
    ]  # fmt: skip
    for rule in ("notrack", "carry"):
        expected = Lookback(seen, 0.95).crops(rule)
        dataset = BIWI(root, BIWI.Options(rule=rule))
        assert len(dataset.ids()) == len(expected) == 16
        for id, corners in zip(dataset.ids(), expected, strict=True):
            sample = dataset.sample(id)
            if corners is None:
                assert sample.points is None and sample.image is None
                continue
            left, right, top, bottom = corners
            np.testing.assert_array_equal(sample.points, [[left, right + 1], [top, bottom + 1]])
            frame = cv2.imread(str(root / "hpdb" / f"{id}_rgb.png"))[top : bottom + 1, left : right + 1, ::-1]
            np.testing.assert_array_equal(sample.image.pixels(), cv2.resize(frame, (32, 32)))


@pytest.mark.parametrize(
    ("name", "value"),
    [("notrack/box", np.nan), ("notrack/box", np.inf), ("id", b"99/frame_00001"), ("colours", 3), ("confidence", "x")],
)
def test_a_file_of_faces_whose_content_cannot_be_is_named(kinect, seer, hpe_bench, name, value):
    root = kinect({"03": [FACE]})
    prepare(hpe_bench)
    with h5py.File(root / FILE, "r+", locking=False) as file:
        if name in file:
            column = file[name][()]
            del file[name]
            file[name] = np.full_like(column, value)
        else:
            about = json.loads(file["about"][()])
            (about if name in about else about["rules"]["notrack"])[name] = value
            del file["about"]
            file["about"] = np.bytes_(json.dumps(about).encode())
    with pytest.raises(DataError, match=r"faces\.h5: not a readable file of faces .* makes it anew"):
        BIWI(root).notes()


def test_faces_of_frames_of_other_names_are_not_taken_for_those_of_the_tree(kinect, seer, hpe_bench):
    root = kinect({"03": [FACE]})
    prepare(hpe_bench)
    with h5py.File(root / FILE, "r+", locking=False) as file:
        del file["id"]
        file["id"] = np.array([b"03/frame_00009"])
    with pytest.raises(DataError, match="not of the frames that are there now"):
        BIWI(root).ids()


def test_a_frame_that_went_missing_after_prepare_is_named_and_no_sample_to_leave_out(kinect, seer, hpe_bench):
    root = kinect({"03": [FACE, FACE]})
    prepare(hpe_bench)
    (root / "hpdb" / "03" / "frame_00002_rgb.png").unlink()
    for options in ((), ("--skip-bad",)):
        done = hpe_bench("eval", "zero", "--dataset", "biwi", *options)
        assert done.returncode == 3 and "--skip-bad" not in done.stderr
        assert (
            "faces.h5 is not of the frames that are there now" in done.stderr and "frame_00002_rgb.png" in done.stderr
        )


def test_a_file_without_the_rule_that_is_asked_for_names_the_mend(kinect, seer, hpe_bench):
    root = kinect(FACES)
    prepare(hpe_bench, "rule=notrack")
    assert len(BIWI(root).labels()) == 6
    with pytest.raises(DataError, match=r"by the rule notrack, none by carry; hpe-bench prepare biwi makes it anew"):
        BIWI(root, BIWI.Options(part="test")).labels()


def test_a_file_of_an_earlier_version_names_the_mend(kinect, seer, hpe_bench):
    root = kinect(FACES)
    prepare(hpe_bench)
    with h5py.File(root / FILE, "r+") as file:
        about = file["about"][()]
        del file["about"]
        file["about"] = np.bytes_(about.replace(b"BIWI, 2", b"BIWI, 1"))
    with pytest.raises(DataError, match=r"earlier version, whose rule is none of today's; .* makes it anew"):
        BIWI(root).labels()


FACENET = """
import numpy as np

class MTCNN:
    def __init__(self, **options):
        pass

    def detect(self, image):
        rows, columns = np.nonzero(image[..., 2] > 200)  # red, where blue comes first
        if not len(rows):
            return None, [None]
        sure = image[rows[0], columns[0], 0] / 100
        return np.array([[columns.min() + 0.9, rows.min() + 0.9, columns.max() + 2.6, rows.max() + 2.6]]), [sure]
"""


def test_mtcnn_gets_the_colours_as_the_published_script_gives_them_and_its_confidences(kinect, hpe_bench, tmp_path):
    root = kinect({"03": [(300, 200, 380, 300, 96), (302, 200, 382, 300, 93)]})
    (tmp_path / "facenet_pytorch.py").write_text(FACENET)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    asked = ("prepare", "biwi", "-d", "detector=mtcnn", "-d", "workers=1")
    done = hpe_bench(*asked, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    by = {rule: Faces(root / FILE, rule) for rule in ("notrack", "carry")}
    assert by["notrack"].about["colours"] == "bgr" and by["notrack"].about["confidence"] == 0.9
    assert by["carry"].about["confidence"] == 0.95 and by["carry"].why == ["", "confidence 0.93, not above 0.95"]
    # In whole pixels: 300 and not 300.9, and 80 wide, not 80.7.
    np.testing.assert_array_equal(by["notrack"].box[:, 0], [268, 270])
    np.testing.assert_array_equal(by["notrack"].box[0], (268, 160, 413, 341))
    refused = hpe_bench(*asked, "-d", "colours=rgb", PYTHONPATH=path)
    assert refused.returncode == 3 and "no face in any of 2 frames, the first: no face" in refused.stderr


def test_prepare_goes_on_where_it_was_interrupted(kinect, seer, monkeypatch):
    monkeypatch.setattr("hpe_bench.landmarks.find._GROUP", 1)  # 64 frames for one worker are a group
    root = kinect({"03": [(300 + n, 200, 380 + n, 300, 95) for n in range(70)]})
    last = root / "hpdb" / "03" / "frame_00070_rgb.png"
    whole = last.read_bytes()
    last.write_bytes(b"broken")
    with pytest.raises(DataError, match=r"frame_00070_rgb\.png: not a readable image"):
        BIWI(root, BIWI.Options(detector="seer", workers=1)).prepare(print)
    assert not (root / FILE).exists() and not list(root.glob(".faces*"))
    looked = seer()
    last.write_bytes(whole)
    BIWI(root, BIWI.Options(detector="seer", workers=1)).prepare(print)
    assert looked >= 64 and seer() - looked <= 6
    assert set(Faces(root / FILE, "notrack").why) == {""}
    looked = seer()
    with pytest.raises(
        DataError, match=r"no face in any of 70 frames, the first: confidence 0.95, not above 0.97, and"
    ):
        BIWI(root, BIWI.Options(detector="seer", workers=1, confidence=0.97)).prepare(print)
    assert seer() == looked, "other rules need no other look"
    assert set(Faces(root / FILE, "notrack").why) == {""}


def test_the_faces_of_other_frames_are_refused(kinect, seer, hpe_bench):
    root = kinect(FACES)
    prepare(hpe_bench)
    (root / "hpdb" / "03" / "frame_00004_rgb.png").write_bytes(b"another")
    with pytest.raises(DataError, match="not of the frames that are there now"):
        BIWI(root).labels()
    shutil.rmtree(root / "hpdb")
    assert len(BIWI(root).labels()) == 6  # who has the faces alone has nothing that they could contradict


def test_a_damaged_file_of_faces_is_an_error_that_names_the_mend(kinect, seer, hpe_bench):
    root = kinect(FACES)
    prepare(hpe_bench)
    whole = (root / FILE).read_bytes()
    (root / FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="prepare biwi makes it anew"):
        BIWI(root).labels()
    (root / FILE).write_bytes(whole)
    with h5py.File(root / FILE, "r+") as file:
        del file["crops"]
        file["crops"] = h5py.ExternalLink("elsewhere.h5", "crops")
    with pytest.raises(DataError, match="prepare biwi makes it anew"):
        BIWI(root).labels()


def test_faces_are_cut_out_by_a_box_file_too(kinect, seer, hpe_bench):
    root = kinect({"03": [FACE, FACE]})
    path = boxes_of(root, ["3,1,290,190,100,120", "3,2,,,,"])
    done = hpe_bench("prepare", "biwi", "-d", f"boxes={path}", "-d", "size=64")
    assert done.returncode == 0, done.stderr
    assert "notrack: 1 faces in 2 frames; dropped: 1 with none in the box file" in done.stdout
    assert "carry: 2 faces in 2 frames; with an earlier frame's box: 1 with none in the box file" in done.stdout
    assert seer() == 0
    assert BIWI(root).sample("03/frame_00001").image.pixels().shape == (64, 64, 3)
    assert BIWI(root, BIWI.Options(rule="carry")).sample("03/frame_00002").image.pixels().shape == (64, 64, 3)
    row = evaluate("zero", protocol="biwi/70_30").iloc[0]
    assert "faces by the rule carry, from a file of boxes" in row.notes


def test_mtcnn_says_what_to_install_where_it_is_missing(kinect, hpe_bench):
    kinect({"03": [FACE]})
    done = hpe_bench("prepare", "biwi", "-d", "detector=mtcnn")
    assert done.returncode == 3 and "pip install facenet_pytorch" in done.stderr


@pytest.mark.parametrize("box", ["700,190,100,120", "-90,190,80,80", "300.2,200,0.5,40"])
def test_faces_are_not_prepared_from_a_box_outside_of_its_frame(kinect, hpe_bench, box):
    root = kinect({"03": [FACE, FACE]})
    boxes_of(root, ["3,1,300,200,80,100", f"3,2,{box}"])
    done = hpe_bench("prepare", "biwi", "-d", "boxes=boxes.csv")
    assert done.returncode == 3 and "boxes.csv: the box of 03/frame_00002 lies outside the image" in done.stderr
    assert not (root / FILE).exists()
