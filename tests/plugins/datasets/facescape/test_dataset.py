"""A grid of renders on disk: its samples, its people, its faults, and the grid that is learned from."""

from __future__ import annotations

import json
import math
import os
import pickle

import numpy as np
import pytest

from hpe_bench import DataError, MissingError, SampleError, evaluate, pose
from hpe_bench_plugins.datasets.facescape.dataset import FaceScape
from hpe_bench_plugins.datasets.facescape.layout import Manifest, read_layout

CELLS = 9


def make(root, **options):
    return FaceScape(root, FaceScape.Options(**options))


def manifest(axes, **generator):
    return Manifest(axes, generator).text()


def test_every_image_is_a_sample_with_the_rotation_of_its_cell(tree):
    dataset = make(tree())
    ids = dataset.ids()
    assert len(ids) == len(set(ids)) == 3 * CELLS
    sample = dataset.sample("10_-20_+10_+0")
    np.testing.assert_allclose(sample.rotation, pose.rotation_from_euler((-20, 10, 0)))
    assert sample.euler.tolist() == [-20, 10, 0] and sample.person == "10"
    assert sample.files[0].name == "ID10_(-20_10_0).png" and sample.files[0].is_file()
    assert list(dict.fromkeys(dataset.sample(id).person for id in ids)) == ["1", "2", "10"]


def test_jpg_and_png_may_be_mixed(tree):
    tree(people=("1",), suffix="jpg")
    root = tree(people=("2",), suffix="png")
    assert len(make(root).ids()) == 2 * CELLS


def test_in_the_other_convention_the_angles_that_are_scored_are_still_the_harness_s(tree):
    sample = make(tree(), convention="yaw-pitch-roll").sample("1_+20_+10_+0")
    np.testing.assert_allclose(sample.rotation, pose.rotation_from_grid((20, 10, 0), "yaw-pitch-roll"))
    np.testing.assert_allclose(pose.rotation_from_euler(sample.euler), sample.rotation, atol=1e-12)


def test_a_missing_image_is_no_sample_and_is_counted(tree, hpe_bench):
    root = tree(absent=[("2", 0, 0, 0)])
    dataset = make(root)
    assert len(dataset.ids()) == 3 * CELLS - 1
    with pytest.raises(SampleError, match="no such image"):
        dataset.sample("2_+0_+0_+0")
    done = hpe_bench("verify", "facescape", "--json")
    assert done.returncode == 3
    checks = {check["what"]: check for check in json.loads(done.stdout)[0]["checks"]}
    assert checks["images missing from the grid"]["found"] == 1 and not checks["images missing from the grid"]["passed"]
    assert checks["people"]["found"] == 3 and checks["cells a person"]["found"] == CELLS


def test_a_whole_tree_passes_verify_and_a_damaged_image_is_named(tree, hpe_bench):
    root = tree()
    done = hpe_bench("verify", "facescape")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "facescape/all" in done.stdout and "facescape/holdout" not in done.stdout
    held = hpe_bench("verify", "facescape", "-d", "part=holdout", "--json")
    counts = {check["what"]: check["found"] for check in json.loads(held.stdout)[0]["checks"]}
    assert counts["samples in facescape/holdout"] == CELLS
    (root / "2" / "ID2_(0_0_0).png").write_bytes(b"\x89PNG")
    listed = hpe_bench("verify", "facescape", "--skip-bad")
    assert listed.returncode == 3 and "ID2_(0_0_0).png" in listed.stdout


def test_files_of_other_names_are_told_of_and_are_no_samples(tree, hpe_bench):
    root = tree()
    strange = {
        "1/ID1_(0,0,0).png": "not of the form",
        "1/ID1_(0_0).png": "not of the form",
        "1/ID2_(0_0_0).jpg": "an image of ID2 in the folder of 1",
        "1/notes.txt": "not of the form",
        "ID1_(0_0_0).jpg": "outside of any identity",
    }
    for name in strange:
        (root / name).write_bytes(b"x")
    assert len(make(root).ids()) == 3 * CELLS
    found = dict(read_layout(root).strange)
    assert set(found) == set(strange) and all(strange[name] in found[name] for name in strange)
    done = hpe_bench("verify", "facescape", "--json")
    (check,) = [check for check in json.loads(done.stdout)[0]["checks"] if "other names" in check["what"]]
    assert done.returncode == 3 and check["found"] == 5 and all(name in check["what"] for name in strange)


def test_a_name_that_is_not_utf_8_is_told_of_and_is_no_sample(tree, hpe_bench):
    root = tree()
    before = len(make(root).ids())
    os.mkdir(os.fsencode(root) + b"/caf\xe9")
    for name in (b"/caf\xe9/IDcaf\xe9_(0_0_0).jpg", b"/2/ID\xe9_(0_0_0).jpg"):
        with open(os.fsencode(root) + name, "wb") as file:
            file.write(b"x")
    assert len(make(root).ids()) == before
    done = hpe_bench("verify", "facescape", "--root", root)
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert [name for name, _ in read_layout(root).strange] == ["2/ID\\xe9_(0_0_0).jpg", "caf\\xe9"]


def test_what_is_hidden_or_of_the_program_itself_is_not_strange(tree):
    root = tree()
    for name in (".cache", "landmarks.h5", "README.txt", "1/.DS_Store"):
        (root / name).touch()
    assert not read_layout(root).strange


@pytest.mark.parametrize("twin", ["ID1_(0_0_0).jpg", "ID1_(0_0_-0).png", "ID1_(00_0_0).png"])
def test_two_images_of_one_cell_are_an_error_that_names_both(tree, twin):
    root = tree()
    (root / "1" / twin).write_bytes(b"x")
    with pytest.raises(DataError, match="one cell") as error:
        make(root).ids()
    assert twin in str(error.value) and "ID1_(0_0_0).png" in str(error.value)


def test_an_empty_folder_and_none_at_all_say_what_to_do(tmp_path):
    with pytest.raises(MissingError, match="--models"):
        make(tmp_path / "nowhere").ids()
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "face.jpg").touch()
    with pytest.raises(MissingError, match=r"1/face\.jpg.*--models"):
        make(tmp_path).ids()


@pytest.mark.parametrize("id", ["1", "1_0_0", "1_x_0_0", "../1_+0_+0_+0", "3_+0_+0_+0", "1_+5_+0_+0"])
def test_an_id_that_the_tree_does_not_have_is_refused(tree, id):
    with pytest.raises(SampleError):
        make(tree()).sample(id)


# The manifest


def test_the_manifest_declares_axes_and_convention(tree):
    root = tree(people=("1",))
    axes = read_layout(root, "yaw-pitch-roll").axes
    wider = type(axes)(axes.yaw, (-10.0, 0.0, 10.0, 20.0), axes.roll, "yaw-pitch-roll")
    (root / "grid.json").write_bytes(manifest(wider, models="x"))
    layout = read_layout(root)
    assert layout.axes == wider and layout.missing() == 3 and layout.manifest.generator == {"models": "x"}
    with pytest.raises(DataError, match="declares the convention yaw-pitch-roll"):
        make(root, convention="pitch-yaw-roll").ids()


def test_an_image_outside_of_the_declared_grid_is_strange(tree):
    root = tree(people=("1",))
    axes = read_layout(root).axes
    (root / "grid.json").write_bytes(manifest(type(axes)((0.0,), axes.pitch, axes.roll)))
    layout = read_layout(root)
    assert len(layout.strange) == 6 and "grid.json declares" in layout.strange[0][1]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(format="other"),
        lambda content: content.pop("axes"),
        lambda content: content["axes"].update(yaw=[0, 0]),
        lambda content: content["axes"].update(yaw=[0.5]),
        lambda content: content["axes"].update(yaw=["0"]),
        lambda content: content["axes"].update(yaw=[float("inf")]),
        lambda content: content["axes"].update(convention="other"),
        lambda content: content.update(generator=3),
    ],
)
def test_a_damaged_manifest_is_an_error_that_names_it(tree, change):
    root = tree(people=("1",))
    content = json.loads(manifest(read_layout(root).axes))
    change(content)
    (root / "grid.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"grid\.json"):
        make(root).ids()


# The people


def test_held_out_people_are_in_no_other_part(tree):
    root = tree(people=[str(number) for number in range(20)], bins=((0,), (0,), (0,)))
    parts = {
        part: {make(root, part=part).sample(id).person for id in make(root, part=part).ids()}
        for part in ("train", "validation", "holdout")
    }
    assert {part: len(people) for part, people in parts.items()} == {"train": 14, "validation": 2, "holdout": 4}
    assert len(set.union(*parts.values())) == 20
    other = {make(root, part="holdout", split=1).sample(id).person for id in make(root, part="holdout", split=1).ids()}
    assert other != parts["holdout"]


def test_without_a_validation_who_is_held_out_is_not_validated_on_by_images(tree):
    root = tree(people=[str(number) for number in range(20)], bins=((0,), (0,), (0,)))
    dataset = make(root, validation=0)
    assert dataset.part("validation") is None
    learned = {dataset.sample(id).person for id in dataset.part("train").ids()}
    held = {dataset.sample(id).person for id in make(root, part="holdout").ids()}
    assert len(learned) == 16 and not learned & held


def test_holdout_is_the_default_protocol_and_all_is_another(tree):
    tree(people=[str(number) for number in range(10)])
    assert evaluate("zero", dataset="facescape").n[0] == 2 * CELLS
    assert evaluate("zero", protocol="facescape/all").n[0] == 10 * CELLS
    row = evaluate("oracle", protocol="facescape/holdout")
    assert row.protocol[0] == "facescape/holdout" and row.ge_mean[0] == 0


def test_a_dataset_can_be_sent_to_a_worker(tree):
    dataset = make(tree())
    dataset.ids()
    assert pickle.loads(pickle.dumps(dataset)).sample("1_+0_+0_+0").person == "1"


# The grid that is learned from


@pytest.fixture
def prepared(tree, preparation):
    def make_it(**settings):
        root = tree(people=[str(number) for number in range(10)], **settings)
        make(root, extractor="reader", workers=1).prepare(preparation())
        return root

    return make_it


def test_the_grid_of_each_part_has_its_people(prepared):
    dataset = make(prepared())
    train, validation = dataset.grid("train"), dataset.grid("validation")
    assert len(train) == 7 and len(validation) == 1
    held = {dataset.sample(id).person for id in make(dataset.root, part="holdout").ids()}
    assert len(held) == 2 and not held & {*train.identities, *validation.identities}
    assert train.read(0, 7).shape == (7, 3, 3, 1, 468, 3) and train.about["extractor"] == "reader 1"


def test_without_a_share_to_validate_on_the_held_out_people_are_validated_on(prepared):
    dataset = make(prepared(), validation=0.0)
    held = {dataset.sample(id).person for id in make(dataset.root, part="holdout").ids()}
    assert set(dataset.grid("validation").identities) == held and len(dataset.grid("train")) == 8


def test_without_landmarks_the_error_says_how_to_make_them(tree):
    with pytest.raises(MissingError, match="hpe-bench prepare facescape"):
        make(tree()).grid("train")


def another_size(root):
    with (root / "1" / "ID1_(0_0_0).png").open("ab") as file:
        file.write(b"x")


def one_less(root):
    (root / "1" / "ID1_(0_0_0).png").unlink()


def one_more(root):
    (root / "99").mkdir()
    (root / "99" / "ID99_(0_0_0).png").write_bytes((root / "1" / "ID1_(0_0_0).png").read_bytes())


@pytest.mark.parametrize("change", [another_size, one_less, one_more])
def test_landmarks_of_other_images_are_refused(prepared, change):
    root = prepared()
    change(root)
    with pytest.raises(DataError, match="not of the images that are there now"):
        make(root).grid("train")


def test_another_convention_than_the_landmarks_have_is_refused(prepared):
    with pytest.raises(DataError, match="prepare facescape"):
        make(prepared(), convention="yaw-pitch-roll").grid("train")


def test_the_landmarks_alone_are_enough_to_learn_from(prepared, tmp_path):
    whole = make(prepared()).grid("train")
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "landmarks.h5").write_bytes((tmp_path / "datasets" / "FaceScape" / "landmarks.h5").read_bytes())
    grid = make(alone).grid("train")
    assert grid.identities == whole.identities
    np.testing.assert_array_equal(grid.read(0, 7), whole.read(0, 7))


def test_where_nobody_is_left_to_learn_from_the_error_says_so(prepared):
    with pytest.raises(DataError, match="none of its 10 people is left for train"):
        make(prepared(), holdout=1.0).grid("train")


# The command


def test_prepare_writes_the_landmarks_below_the_root_and_keeps_them_in_the_cache_of_the_results(
    tree, reader, hpe_bench, looked_at, tmp_path
):
    tree()
    arguments = ("prepare", "facescape", "--plugin", reader, "-d", "extractor=reader", "-d", "workers=1")
    done = hpe_bench(*arguments, "--results", tmp_path / "elsewhere")
    assert done.returncode == 0, done.stderr
    assert "3 people, 27 cells" in done.stdout and "landmarks.h5" in done.stdout.splitlines()[-1]
    assert looked_at() == 27 and list((tmp_path / "elsewhere").rglob("*.h5")) and not (tmp_path / "results").exists()
    assert hpe_bench(*arguments).returncode == 0 and looked_at() == 54


def test_models_are_an_option_of_the_dataset(hpe_bench, reader):
    done = hpe_bench("prepare", "aflw2000", "--models", "x")
    assert done.returncode == 2 and "no option 'models'" in done.stderr
    done = hpe_bench("prepare", "facescape", "--models", "nowhere", "--plugin", reader, "-d", "extractor=reader")
    assert done.returncode == 3 and "nowhere" in done.stderr and "Traceback" not in done.stderr


def test_an_extractor_that_there_is_not_is_refused_before_anything_is_done(tree, hpe_bench):
    tree()
    done = hpe_bench("prepare", "facescape", "-d", "extractor=facemash")
    assert done.returncode == 2 and "did you mean facemesh" in done.stderr


# Images with angles of their own


def scatter(root, person, lines):
    head = "yaw_cell,pitch_cell,roll_cell,yaw,pitch,roll"
    (root / person / "angles.csv").write_text("\n".join([head, *lines, ""]))


def test_an_image_with_angles_of_its_own_has_their_rotation(tree):
    root = tree()
    cells = [(yaw, pitch, 0) for yaw in (-20, 0, 20) for pitch in (-10, 0, 10)]
    scatter(root, "2", [f"{y},{p},{r},{y + 3.25},{p - 1.5},{r + 0.125}" for y, p, r in cells])
    dataset = make(root)
    sample = dataset.sample("2_-20_+10_+0")
    assert sample.euler.tolist() == [-16.75, 8.5, 0.125]
    np.testing.assert_allclose(sample.rotation, pose.rotation_from_euler((-16.75, 8.5, 0.125)))
    assert dataset.sample("1_-20_+10_+0").euler.tolist() == [-20, 10, 0]
    assert not read_layout(root).strange


@pytest.mark.parametrize(
    "lines", [["0,0,0,1,2"], ["0,0,0,1,2,nan"], ["0,0,0,1,2,x"], ["0,0,0,1,2,3"]], ids=["short", "nan", "text", "few"]
)
def test_angles_that_cannot_be_read_or_lack_an_image_are_refused(tree, lines):
    root = tree()
    scatter(root, "2", lines)
    with pytest.raises(DataError, match=r"2/angles\.csv"):
        make(root).ids()


def test_angles_that_are_radians_in_cells_of_degrees_are_refused(tree):
    root = tree()
    cells = [(yaw, pitch, 0) for yaw in (-20, 0, 20) for pitch in (-10, 0, 10)]
    scatter(root, "2", [f"{y},{p},{r},{math.radians(y)},{math.radians(p)},{r}" for y, p, r in cells])
    with pytest.raises(DataError, match=r"2/angles\.csv: .*look like radians"):
        make(root).ids()


def test_other_angles_are_other_images(tree):
    root = tree()
    before = read_layout(root).digest()
    cells = [(yaw, pitch, 0) for yaw in (-20, 0, 20) for pitch in (-10, 0, 10)]
    scatter(root, "2", [f"{y},{p},{r},{y},{p},{r + 0.5}" for y, p, r in cells])
    assert read_layout(root).digest() != before
