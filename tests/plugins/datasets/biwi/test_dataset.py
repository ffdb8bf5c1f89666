"""BIWI as a dataset: boxes, frames without one, what tables say of them, and splits."""

from __future__ import annotations

import json

import numpy as np
import pytest
from biwi_frames import FACE, FACES, boxes_of, prepare

from hpe_bench import MissingError, UsageError, evaluate, open_run
from hpe_bench.runs.selection import unreadable_images
from hpe_bench_plugins.datasets.biwi.dataset import BIWI
from hpe_bench_plugins.datasets.biwi.split import split
from hpe_bench_plugins.datasets.biwi.tree import SUBJECTS

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


def test_the_split_keeps_the_last_box_and_says_so_and_all_frames_drop(kinect, seer, hpe_bench, always):
    kinect({"03": FACES["03"], "07": FACES["07"], "11": [None, FACE]})
    prepare(hpe_bench)
    row = evaluate("zero", protocol="biwi/70_30", plugins=[always]).iloc[0]
    assert row.n == 8 and open_run(row.run).manifest["dataset"]["about"]["faces"]["rule"] == "carry"
    assert "faces by the rule carry: seer 1, given RGB, confidence above 0.9" in row.notes
    assert (
        "3 of 8 frames show where an earlier frame's face was: 1 jumps, 1 not confident enough, 1 without a face"
        in row.notes
    )
    assert "2 frames show one pixel, no box being accepted yet: 1 jumps, 1 without a face" in row.notes
    every = evaluate("zero", dataset="biwi", plugins=[always]).iloc[0]
    assert "faces by the rule notrack: seer 1, given RGB, confidence above 0.9" in every.notes
    assert every.fingerprint != row.fingerprint
    asked = evaluate("zero", protocol="biwi/70_30", plugins=[always], dataset_options={"rule": "notrack"}).iloc[0]
    assert "1 of 8 frames show where an earlier frame's face was: 1 not confident enough" in asked.notes
    assert asked.fingerprint != row.fingerprint


def test_a_single_pixel_is_no_face_and_whole_frames_have_none_to_choose_by(kinect, seer, hpe_bench):
    root = kinect({"11": [None, FACE], "03": [FACE]})
    prepare(hpe_bench)
    carried = BIWI(root, BIWI.Options(rule="carry", frames="with-face"))
    assert carried.ids() == ["03/frame_00001"], "11 shows one pixel, for lack of a box"
    assert next(check.found for check in carried.checks() if check.what == "frames with a face") == 1
    refused = hpe_bench("eval", "zero", "--dataset", "biwi", "-d", "images=frames", "-d", "frames=with-face")
    assert refused.returncode == 2 and "leave out images=frames, or frames=with-face" in refused.stderr


def test_what_the_frames_without_a_face_add_to_every_error_is_said(kinect, seer, hpe_bench):
    # The angles of frame n are (n, -2n, 3): of frame 2, which is dropped of two, 3 degrees in the mean.
    kinect({"03": [FACE, None]})
    prepare(hpe_bench)
    row = evaluate("oracle", dataset="biwi").iloc[0]
    said = (
        "1 frames without a box (1 without a face) count as without a prediction; as the zero pose, with an MAE of "
        "3.0, they are 1.50 of every row's MAE"
    )
    assert said in row.notes


def test_what_is_learned_from_keeps_the_last_box_too(kinect, seer):
    root = kinect({name: [FACE, None] for name in SUBJECTS})
    BIWI(root, BIWI.Options(detector="seer", workers=1)).prepare(print)
    learned = BIWI(root).part("train")
    assert all(learned.sample(id).image is not None for id in learned.ids())
    dropped = BIWI(root, BIWI.Options(rule="notrack")).part("train")
    assert sum(dropped.sample(id).image is None for id in dropped.ids()) == len(dropped.ids()) / 2


def test_a_frame_without_a_face_is_a_sample_without_a_prediction(kinect, seer, hpe_bench, always):
    kinect(FACES)
    prepare(hpe_bench)
    row = evaluate("always", dataset="biwi", plugins=[always]).iloc[0]
    assert (row.n, row.n_total, row.coverage) == (6, 6, pytest.approx(4 / 6))
    assert any("2 frames without a box (1 jumps, 1 without a face) count as" in note for note in row.notes)
    run = open_run(row.run)
    assert run.found.tolist() == [True, False, True, True, True, False]
    assert run.manifest["dataset"]["about"]["faces"]["detector"] == "seer 1"
    detected = evaluate("always", dataset="biwi", plugins=[always], view="detected").iloc[0]
    assert detected.n == 4
    published = evaluate("always", protocol="biwi/13219", plugins=[always]).iloc[0]
    assert (published.n, published.coverage) == (4, 1.0)
    assert open_run(published.run).ids.tolist() == [f"03/frame_0000{n}" for n in (1, 3, 4)] + ["07/frame_00001"]


def test_a_box_file_crops_the_frames_and_others_count_as_without_a_prediction(kinect, always):
    root = kinect({"03": [FACE, FACE, None]})
    path = boxes_of(root, ["3,1,290,190,100,120", "3,2,,,,", "3,3,,,,"])
    sample = BIWI(root, BIWI.Options(boxes=path)).sample("03/frame_00001")
    np.testing.assert_array_equal(sample.points, [[290, 390], [190, 310]])
    row = evaluate("always", dataset="biwi", plugins=[always], dataset_options={"boxes": "boxes.csv"}).iloc[0]
    assert (row.n, row.coverage) == (3, pytest.approx(1 / 3))
    wide = BIWI(root, BIWI.Options(boxes=path, margin=0.4)).sample("03/frame_00001")
    np.testing.assert_array_equal(wide.points, [[250, 431], [142, 359]])


def test_a_box_file_of_which_the_last_box_is_kept(kinect, always):
    root = kinect({"03": [FACE, FACE, FACE]})
    path = boxes_of(root, ["3,1,290,190,100,120", "3,2,,,,", "3,3,,,,"])
    options = {"boxes": "boxes.csv", "rule": "carry"}
    row = evaluate("always", dataset="biwi", plugins=[always], dataset_options=options).iloc[0]
    assert (row.n, row.coverage) == (3, 1)
    assert "2 of 3 frames show where an earlier frame's face was: 2 with none in the box file" in row.notes
    (split_row,) = evaluate("always", protocol="biwi/70_30", plugins=[always], dataset_options={"boxes": path}).iloc
    assert split_row.coverage == 1 and open_run(split_row.run).manifest["dataset"]["about"]["boxes"]["rule"] == "carry"


def test_boxes_enter_the_fingerprint(kinect):
    root = kinect({"03": [FACE]})
    options = {"boxes": "boxes.csv"}
    marks = []
    for row in ("3,1,290,190,100,120", "3,1,290,190,100,121"):
        boxes_of(root, [row])
        marks.append(evaluate("zero", dataset="biwi", dataset_options=options).fingerprint[0])
    marks.append(evaluate("zero", dataset="biwi").fingerprint[0])
    assert len(set(marks)) == 3


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
