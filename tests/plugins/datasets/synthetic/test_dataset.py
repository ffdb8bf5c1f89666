"""The made-up heads as a dataset: every cell once, the same for everybody, and a face."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import DataError, MissingError, SampleError, UsageError, evaluate, pose
from hpe_bench.options import build_options
from hpe_bench_plugins.datasets.synthetic.dataset import Synthetic


def make(root=None, **options):
    return Synthetic(root, Synthetic.Options(**options))


def landmarks(dataset, id):
    return dataset.sample(id).landmarks()


def test_the_default_grid_of_a_head_has_693_cells():
    ids = make(identities=1).ids()
    assert len(ids) == len(set(ids)) == 11 * 9 * 7
    angles = np.array([[float(angle) for angle in id.split("_")[1:]] for id in ids])
    assert angles.min(axis=0).tolist() == [-50, -40, -30] and angles.max(axis=0).tolist() == [50, 40, 30]


def test_a_sample_is_the_same_in_whatever_order_it_is_made():
    one, other = make(identities=3), make(identities=3)
    ids = one.ids()[::97]
    forward = [landmarks(one, id) for id in ids]
    backward = [landmarks(other, id) for id in reversed(ids)][::-1]
    np.testing.assert_array_equal(forward, backward)


def test_a_cell_is_the_same_in_a_finer_and_wider_grid():
    id = "00001_+30_-20_+10"
    finer = make(identities=2, yaw=60, roll=40, step=5)
    np.testing.assert_allclose(landmarks(make(), id), landmarks(finer, id), atol=1e-4)


def test_another_seed_or_another_head_is_another_face():
    clean = {"noise": 0.0, "wobble": 0.0}
    base = landmarks(make(**clean), "00000_+0_+0_+0")
    assert np.abs(base - landmarks(make(seed=1, **clean), "00000_+0_+0_+0")).max() > 1
    assert np.abs(base - landmarks(make(**clean), "00001_+0_+0_+0")).max() > 1


def test_no_head_is_in_two_parts():
    parts = {part: make(identities=4, validation=3, part=part) for part in ("test", "train", "validation")}
    people = {part: {dataset.sample(id).person for id in dataset.ids()} for part, dataset in parts.items()}
    assert [len(people[part]) for part in parts] == [4, 4, 3]
    assert len(set.union(*people.values())) == 11
    faces = [landmarks(dataset, dataset.ids()[0]) for dataset in parts.values()]
    assert min(np.abs(a - b).max() for a, b in [faces[:2], faces[1:], faces[::2]]) > 1


@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.parametrize("convention", ["pitch-yaw-roll", "yaw-pitch-roll"])
def test_samples_of_a_part_are_the_cells_of_its_grid_to_the_last_bit(part, convention):
    dataset = make(identities=3, validation=2, part=part, convention=convention, step=20)
    grid = dataset.grid(part)
    cells = grid.read(0, len(grid)).reshape(-1, 468, 3)
    ids = dataset.ids()
    np.testing.assert_array_equal(cells, [landmarks(dataset, id) for id in ids])
    rotations = np.tile(grid.axes.rotations().reshape(-1, 3, 3), (len(grid), 1, 1))
    np.testing.assert_array_equal(rotations, [dataset.sample(id).rotation for id in ids])
    assert tuple(dict.fromkeys(dataset.sample(id).person for id in ids)) == grid.identities


def test_from_far_away_without_noise_and_deformation_the_label_is_recovered():
    still = {"identities": 1, "noise": 0.0, "wobble": 0.0, "deformation": 0.0, "distance": 1e6}
    assert evaluate("procrustes", dataset="synthetic", dataset_options=still).ge_p95[0] < 1e-3


def test_the_label_is_the_rotation_of_the_stated_angles():
    sample = make().sample("00000_+30_-20_+10")
    np.testing.assert_allclose(sample.rotation, pose.rotation_from_euler((30, -20, 10)))
    assert sample.euler.tolist() == [30, -20, 10] and sample.person == "00000"


def test_in_the_other_convention_the_angles_that_are_scored_are_still_the_harness_s():
    sample = make(convention="yaw-pitch-roll", yaw=170).sample("00000_+150_-20_+10")
    np.testing.assert_allclose(sample.rotation, pose.rotation_from_grid((150, -20, 10), "yaw-pitch-roll"))
    np.testing.assert_allclose(pose.rotation_from_euler(sample.euler), sample.rotation, atol=1e-12)
    assert not np.allclose(sample.euler, (150, -20, 10), atol=1)


def test_any_range_and_step_may_be_asked_for_within_reason():
    assert len(make(identities=1, yaw=180, pitch=0, roll=0, step=7.5).ids()) == 49
    with pytest.raises(UsageError, match="too large"):
        evaluate("zero", dataset="synthetic", dataset_options={"step": 0.1})
    with pytest.raises(UsageError, match="too large a test"):
        evaluate("zero", dataset="synthetic", dataset_options={"identities": 20_000})


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"yaw": 100, "pitch": 100, "roll": 100}, "same rotations twice"),
        ({"distance": 30, "spread": 0.5}, "nearer than 20 cm"),
        ({"part": "tests"}, "did you mean test"),
        ({"convention": "roll"}, "convention"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, reason):
    with pytest.raises(UsageError, match=reason):
        build_options(Synthetic.Options, options, "dataset synthetic")


@pytest.mark.parametrize(
    "id", ["00000_+5_+0_+0", "00008_+0_+0_+0", "0_+0_+0_+0", "1000000_+0_+0_+0", "x_+0_+0_+0", "²_+0_+0_+0", ""]
)
def test_an_id_that_the_grid_does_not_have_is_refused(id):
    with pytest.raises(SampleError, match="not one of this grid"):
        make().sample(id)


@pytest.fixture
def small():
    return {"identities": 3, "validation": 2, "yaw": 20, "pitch": 10, "roll": 0}


def prepared(root, options):
    dataset = make(root, **options)
    dataset.prepare(lambda text: None)
    return dataset


def test_prepare_writes_what_the_grid_makes_and_stored_reads_it(tmp_path, hpe_bench, small):
    pairs = [part for key, value in small.items() for part in ("-d", f"{key}={value}")]
    done = hpe_bench("prepare", "synthetic", *pairs)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wrote") == 2 and "3 heads of 15 poses to train" in done.stdout
    root = tmp_path / "datasets" / "synthetic"
    for part in ("train", "validation"):
        made, stored = make(root, **small).grid(part), make(root, stored=True, **small).grid(part)
        assert stored.identities == made.identities and stored.axes == made.axes
        np.testing.assert_array_equal(stored.read(0, 3), made.read(0, 3))


def test_a_stored_grid_serves_fewer_heads_than_it_holds(tmp_path, small):
    prepared(tmp_path, small)
    grid = make(tmp_path, stored=True, **{**small, "identities": 2}).grid("train")
    assert len(grid) == len(grid.read(0, 2)) == 2


@pytest.mark.parametrize("change", [{"seed": 1}, {"noise": 0.1}, {"identities": 4}, {"yaw": 30}, {"step": 5}])
def test_a_stored_grid_of_other_options_is_refused(tmp_path, small, change):
    prepared(tmp_path, small)
    with pytest.raises(DataError, match="hpe-bench prepare synthetic"):
        make(tmp_path, stored=True, **{**small, **change}).grid("train")


def test_a_stored_grid_that_this_program_would_not_make_is_refused(tmp_path, small):
    import h5py

    prepared(tmp_path, small)
    with h5py.File(tmp_path / "train.h5", "r+") as file:
        file["landmarks"][2] += 1
    with pytest.raises(DataError, match="does not hold what this program makes"):
        make(tmp_path, stored=True, **small).grid("train")


def test_without_the_file_stored_says_how_to_write_it(tmp_path):
    with pytest.raises(MissingError, match="hpe-bench prepare synthetic"):
        make(tmp_path, stored=True).grid("train")


def test_where_the_grid_is_read_from_makes_no_other_run():
    assert make(stored=True).variant() == make().variant()
    assert make(noise=0.1).variant() != make().variant()
