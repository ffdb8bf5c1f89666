"""BIWI as a dataset: boxes, faces that are cut out, frames without one, splits, and going on after a kill."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pytest

from hpe_bench import DataError, MissingError, UsageError, evaluate, open_run
from hpe_bench.runs.selection import unreadable_images
from hpe_bench_plugins.datasets.biwi.dataset import BIWI
from hpe_bench_plugins.datasets.biwi.faces import FILE, Faces
from hpe_bench_plugins.datasets.biwi.split import split
from hpe_bench_plugins.datasets.biwi.tree import SUBJECTS

FACE = (300, 200, 380, 300, 95)
FACES = {"03": [FACE, None, (310, 200, 390, 300, 40), (305, 200, 385, 300, 96)], "07": [FACE, (500, 200, 580, 300, 99)]}
ALWAYS = """
import numpy as np
from hpe_bench import Estimator, Images, hookimpl

class Always(Estimator):
    inputs = Images(size=(32, 32))

    def predict(self, batch):
        assert (batch.images[:, 16, 16, 0] > 200).all(), "no face in the middle"
        return np.tile(np.eye(3), (len(batch), 1, 1))

@hookimpl
def register_estimators(register):
    register("always", Always)
"""


@pytest.fixture
def always(tmp_path):
    """The plugin file of an estimator that insists on a face, and has an answer wherever it is shown one."""
    path = tmp_path / "always.py"
    path.write_text(ALWAYS)
    return path


def prepare(hpe_bench, *options):
    pairs = [word for option in ("detector=seer", "workers=1", *options) for word in ("-d", option)]
    return hpe_bench("prepare", "biwi", *pairs)


def boxes_of(root, rows):
    path = root / "boxes.csv"
    path.write_text("sequence,frame,x,y,w,h\n" + "\n".join(rows) + "\n")
    return path


def test_what_was_found_and_what_was_dropped_and_why_stands_in_one_file(kinect, seer, hpe_bench):
    root = kinect(FACES)
    done = prepare(hpe_bench)
    assert done.returncode == 0, done.stderr
    assert "3 faces in 6 frames; dropped: 1 jumps, 1 not confident enough, 1 without a face" in done.stdout
    faces = Faces(root / FILE)
    assert faces.ids == [f"03/frame_0000{n}" for n in (1, 2, 3, 4)] + ["07/frame_00001", "07/frame_00002"]
    assert faces.dropped == ["", "no face", "confidence 0.40, not above 0.9", "", "", "a jump of 200 pixels"]
    assert faces.person == ["F03"] * 4 + ["M01"] * 2 and faces.sequence[-1] == "07"
    np.testing.assert_array_equal(faces.box[0], (268, 160, 413, 341))
    assert np.isnan(faces.box[1]).all() and faces.confidence[0] == pytest.approx(0.95)
    with h5py.File(root / FILE, "r", locking=False) as file:
        assert file["crops"].shape == (3, 256, 256, 3)
        assert file["crops"][0, 128, 128].tolist() == [255, 0, 95] and file["crops"][0, 0, 0].tolist() == [60, 60, 60]


def test_a_frame_without_a_face_is_a_sample_without_a_prediction(kinect, seer, hpe_bench, always):
    kinect(FACES)
    prepare(hpe_bench)
    row = evaluate("always", dataset="biwi", plugins=[always]).iloc[0]
    assert (row.n, row.n_total, row.coverage) == (6, 6, 0.5)
    assert "3 frames in which no face was found count as without a prediction" in row.notes
    run = open_run(row.run)
    assert run.found.tolist() == [True, False, False, True, True, False]
    assert run.manifest["dataset"]["about"]["faces"]["detector"] == "seer 1"
    detected = evaluate("always", dataset="biwi", plugins=[always], view="detected").iloc[0]
    assert detected.n == 3
    published = evaluate("always", protocol="biwi/13219", plugins=[always]).iloc[0]
    assert (published.n, published.coverage) == (3, 1.0)
    assert open_run(published.run).ids.tolist() == ["03/frame_00001", "03/frame_00004", "07/frame_00001"]


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
    assert set(Faces(root / FILE).dropped) == {""}
    looked = seer()
    with pytest.raises(DataError, match=r"no face in any of 70 frames, the first: confidence 0.95, not above 0.97"):
        BIWI(root, BIWI.Options(detector="seer", workers=1, confidence=0.97)).prepare(print)
    assert seer() == looked, "other rules need no other look"
    assert set(Faces(root / FILE).dropped) == {""}


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


def test_a_box_file_crops_the_frames_and_others_count_as_without_a_prediction(kinect, always):
    root = kinect({"03": [FACE, FACE, None]})
    path = boxes_of(root, ["3,1,290,190,100,120", "3,2,,,,", "3,3,,,,"])
    sample = BIWI(root, BIWI.Options(boxes=path)).sample("03/frame_00001")
    np.testing.assert_array_equal(sample.points, [[290, 390], [190, 310]])
    row = evaluate("always", dataset="biwi", plugins=[always], dataset_options={"boxes": "boxes.csv"}).iloc[0]
    assert (row.n, row.coverage) == (3, pytest.approx(1 / 3))
    wide = BIWI(root, BIWI.Options(boxes=path, margin=0.4)).sample("03/frame_00001")
    np.testing.assert_array_equal(wide.points, [[250, 431], [142, 359]])


def test_boxes_enter_the_fingerprint(kinect):
    root = kinect({"03": [FACE]})
    options = {"boxes": "boxes.csv"}
    marks = []
    for row in ("3,1,290,190,100,120", "3,1,290,190,100,121"):
        boxes_of(root, [row])
        marks.append(evaluate("zero", dataset="biwi", dataset_options=options).fingerprint[0])
    marks.append(evaluate("zero", dataset="biwi").fingerprint[0])
    assert len(set(marks)) == 3


def test_faces_are_cut_out_by_a_box_file_too(kinect, seer, hpe_bench):
    root = kinect({"03": [FACE, FACE]})
    path = boxes_of(root, ["3,1,290,190,100,120", "3,2,,,,"])
    done = hpe_bench("prepare", "biwi", "-d", f"boxes={path}", "-d", "size=64")
    assert done.returncode == 0 and "1 faces in 2 frames; dropped: 1 not in the box file" in done.stdout, done.stderr
    assert seer() == 0
    assert BIWI(root).sample("03/frame_00001").image.pixels().shape == (64, 64, 3)


def test_without_faces_whole_frames_are_shown_and_every_table_says_so(kinect, hpe_bench, always):
    kinect({"03": [FACE]})
    done = hpe_bench("eval", "zero", "--dataset", "biwi")
    assert "whole frames are shown: hpe-bench prepare biwi finds the faces" in " ".join(done.stdout.split())
    (row,) = json.loads(hpe_bench("eval", "zero", "--dataset", "biwi", "--json").stdout)
    assert row["clusters"]["figures"]["03"]["n"] == 1
    refused = hpe_bench("eval", "zero", "--protocol", "biwi/13219")
    assert refused.returncode == 3 and "prepare biwi finds out" in refused.stderr


def test_a_landmark_estimator_is_not_fed_by_a_face_detector(kinect, hpe_bench):
    kinect({"03": [FACE]})
    done = hpe_bench("eval", "procrustes", "--dataset", "biwi", "--extractor", "mediapipe-faces")
    assert done.returncode == 2 and "finds faces, not landmarks" in done.stderr
    done = hpe_bench("prepare", "biwi", "-d", "detector=facemesh")
    assert done.returncode == 2 and "finds landmarks, not faces" in done.stderr


def test_mtcnn_says_what_to_install_where_it_is_missing(kinect, hpe_bench):
    kinect({"03": [FACE]})
    done = hpe_bench("prepare", "biwi", "-d", "detector=mtcnn")
    assert done.returncode == 3 and "pip install facenet_pytorch" in done.stderr


def test_the_two_parts_have_no_frame_in_common_and_learn_by_the_same_options(kinect):
    root = kinect({f"{number:02d}": [None] for number in range(1, 25)})
    parts = [BIWI(root, BIWI.Options(part=part)).labels() for part in ("train", "test")]
    assert [len(part) for part in parts] == [16, 8]
    assert not set(parts[0].person) & set(parts[1].person)


def test_a_split_by_sequence_warns_of_who_is_on_both_sides(kinect, hpe_bench):
    kinect({f"{number:02d}": [None] for number in range(1, 25)})
    done = hpe_bench("eval", "zero", "--protocol", "biwi/70_30-sequences")
    said = " ".join(done.stdout.split())
    assert "four people have two, and can be on both sides" in said
    assert "F02, F05, M01 are in both parts of the split" in said
    assert "both sides" not in hpe_bench("eval", "zero", "--protocol", "biwi/70_30").stdout


def test_verify_counts_sequences_people_and_what_the_box_file_names(kinect, hpe_bench):
    root = kinect({"03": [FACE], "15": [FACE]})
    path = boxes_of(root, ["3,1,290,190,100,120", "3,9,290,190,100,120"])
    done = hpe_bench("verify", "biwi", "-d", f"boxes={path}", "--json")
    assert done.returncode == 3
    (report,) = json.loads(done.stdout)
    checks = {check["what"]: (check["found"], check["expected"]) for check in report["checks"]}
    assert checks["sequences"] == (2, 24) and checks["people"] == (1, 20)
    assert checks["samples in biwi/15678"] == (2, 15_678)
    assert checks["frames of the box file that are missing"] == (1, 0) and checks["frames with a face"] == (1, None)


def test_a_box_outside_of_its_frame_is_an_error_that_names_the_frame(kinect):
    root = kinect({"03": [FACE]})
    boxes_of(root, ["3,1,700,190,100,120"])
    (fault,) = unreadable_images(BIWI(root, BIWI.Options(boxes="boxes.csv")), ["03/frame_00001"])
    assert fault.id == "03/frame_00001" and "lies outside the image" in fault.reason


def test_what_does_not_go_together_is_wrong_use(kinect):
    root = kinect({"03": [FACE]})
    with pytest.raises(UsageError, match="boxes are for frames"):
        BIWI(root, BIWI.Options(boxes="boxes.csv", images="faces"))
    with pytest.raises(UsageError, match="prepare takes every frame"):
        BIWI(root, BIWI.Options(part="test")).prepare(print)
    with pytest.raises(MissingError, match=r"no .*faces\.h5"):
        BIWI(root, BIWI.Options(images="faces")).ids()


def test_the_sequences_to_learn_from_are_told_apart_by_person_and_none_is_tested_on(tmp_path):
    for by in ("person", "sequence"):
        drawn = split(by, 0)
        parts = drawn.for_learning(2)
        assert len(parts.validation) == 2 and sorted([*parts.train, *parts.validation]) == sorted(drawn.train)
        assert not {SUBJECTS[name] for name in parts.train} & {SUBJECTS[name] for name in parts.validation}


def test_parts_to_learn_from_hold_the_frames_of_their_sequences(kinect):
    dataset = BIWI(kinect({name: [FACE] for name in SUBJECTS}))
    learned = {part: {id[:2] for id in dataset.part(part).ids()} for part in ("train", "validation")}
    tested = {id[:2] for id in BIWI(dataset.root, BIWI.Options(part="test")).ids()}
    assert [len(learned["train"]), len(learned["validation"]), len(tested)] == [14, 2, 8]
    assert not learned["train"] & learned["validation"] and not tested & (learned["train"] | learned["validation"])


def test_without_a_validation_all_that_is_not_tested_on_is_learned_from(kinect):
    dataset = BIWI(kinect({name: [FACE] for name in SUBJECTS}), BIWI.Options(validation=0))
    assert dataset.part("validation") is None
    assert {id[:2] for id in dataset.part("train").ids()} == set(split("person", 0).train)


def test_an_npz_in_which_nobody_is_named_has_no_parts(tmp_path):
    with pytest.raises(UsageError, match="who is in its images"):
        BIWI(tmp_path, BIWI.Options(npz="x.npz")).part("train")
