"""Landmark grids: read in pieces, written whole or not at all, and not believed when they come from strangers."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from hpe_bench import DataError, Grid, GridAxes, GridFile, MissingError, pose, write_grid
from hpe_bench.errors import StorageError

AXES = GridAxes((-30.0, 0.0, 30.0), (-10.0, 10.0), (0.0,))
SHAPE = (3, 2, 1, 468, 3)


class Counted(Grid):
    """A grid in memory that notes what is read."""

    def __init__(self, count: int) -> None:
        super().__init__(AXES, [f"p{number}" for number in range(count)])
        rng = np.random.default_rng(0)
        self.whole = rng.normal(size=(count, *SHAPE)).astype(np.float32)
        self.asked: list[tuple[int, int]] = []

    def read(self, start, stop):
        self.asked.append((start, stop))
        return self.whole[start:stop]


@pytest.fixture
def landmarks():
    return np.random.default_rng(1).normal(size=(4, *SHAPE)).astype(np.float32)


@pytest.fixture
def stored(tmp_path, landmarks):
    """The path of a stored grid of four identities, one of whose cells is made up."""
    path = tmp_path / "grid.h5"
    with write_grid(path, AXES, {"source": "a test"}) as writer:
        for number, points in enumerate(landmarks):
            filled = np.zeros(AXES.shape, bool)
            filled[2, 1, 0] = number == 1
            writer.add(f"p{number}", points, filled)
    return path


# The axes


def test_cells_are_crossed_with_yaw_first_and_roll_last():
    axes = GridAxes((-1.0, 0.0), (2.0, 3.0, 4.0), (5.0, 6.0))
    assert axes.shape == (2, 3, 2) and axes.angles().shape == (2, 3, 2, 3)
    assert axes.angles()[1, 2, 0].tolist() == [0, 4, 5]
    assert axes.angles().reshape(-1, 3)[:3].tolist() == [[-1, 2, 5], [-1, 2, 6], [-1, 3, 5]]


@pytest.mark.parametrize("convention", ["pitch-yaw-roll", "yaw-pitch-roll"])
def test_rotations_are_those_of_the_convention(convention):
    axes = GridAxes((-40.0, 20.0), (10.0, 30.0), (-15.0, 5.0), convention)
    for y, p, r in np.ndindex(axes.shape):
        expected = pose.rotation_from_grid((axes.yaw[y], axes.pitch[p], axes.roll[r]), convention)
        np.testing.assert_array_equal(axes.rotations()[y, p, r], expected)


@pytest.mark.parametrize("bins", [(), (1.0, 1.0), (2.0, 1.0), (float("nan"),), (0.0, float("inf")), ("a",)])
def test_bins_that_are_not_ascending_numbers_are_refused(bins):
    with pytest.raises(ValueError):
        GridAxes((0.0,), bins, (0.0,))


def test_a_convention_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="roll-roll"):
        GridAxes((0.0,), (0.0,), (0.0,), "roll-roll")


# Reading in pieces


def test_chunks_are_the_whole_grid_in_order_and_keep_their_size():
    grid = Counted(7)
    one = int(np.prod(SHAPE)) * 4
    pieces = list(grid.chunks(max_bytes=3 * one))
    assert grid.asked == [(0, 3), (3, 6), (6, 7)]
    np.testing.assert_array_equal(np.concatenate(pieces), grid.whole)
    grid.asked.clear()
    assert len(list(grid.chunks(max_bytes=1))) == 7  # at least one identity


def test_a_part_reads_what_lies_together_at_once():
    grid = Counted(6)
    part = grid.part([1, 2, 3, 5])
    assert part.identities == ("p1", "p2", "p3", "p5") and len(part) == 4 and part.axes is grid.axes
    np.testing.assert_array_equal(part.read(0, 3), grid.whole[1:4])
    assert grid.asked == [(1, 4)]
    np.testing.assert_array_equal(part.read(1, 4), grid.whole[[2, 3, 5]])
    np.testing.assert_array_equal(grid.part([4, 0]).read(0, 2), grid.whole[[4, 0]])


def test_a_part_of_a_part_and_the_first_few():
    grid = Counted(6)
    np.testing.assert_array_equal(grid.part([5, 3, 1]).part([2, 0]).read(0, 2), grid.whole[[1, 5]])
    assert grid.first(2).identities == ("p0", "p1") and len(grid.first(99)) == 6
    assert grid.part([]).read(0, 0).shape == (0, *SHAPE)


def test_a_part_knows_where_the_whole_comes_from(stored):
    assert GridFile(stored).part([0]).about["source"] == "a test" and Counted(1).first(1).about == {}


# The file


def test_what_was_written_is_read(stored, landmarks):
    grid = GridFile(stored)
    assert grid.axes == AXES and grid.identities == ("p0", "p1", "p2", "p3") and grid.about["source"] == "a test"
    np.testing.assert_array_equal(grid.read(0, 4), landmarks)
    np.testing.assert_array_equal(grid.read(1, 3), landmarks[1:3])
    assert np.argwhere(grid.filled).tolist() == [[1, 2, 1, 0]]


def test_what_is_told_at_the_end_is_kept_too(tmp_path, landmarks):
    about = {"source": "x"}
    with write_grid(tmp_path / "grid.h5", AXES, about) as writer:
        writer.add("p0", landmarks[0])
        about["missed"] = 3
    assert GridFile(tmp_path / "grid.h5").about["missed"] == 3


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(stored, landmarks):
    before = stored.read_bytes()
    with pytest.raises(KeyError), write_grid(stored, AXES, {}) as writer:
        writer.add("p0", landmarks[0])
        raise KeyError
    assert stored.read_bytes() == before and [path.name for path in stored.parent.glob("*grid*")] == ["grid.h5"]


def test_an_error_of_the_caller_s_own_files_is_not_taken_for_one_of_the_grid_s(tmp_path):
    with pytest.raises(FileNotFoundError), write_grid(tmp_path / "grid.h5", AXES, {}):
        (tmp_path / "absent").read_bytes()


def test_a_folder_that_cannot_be_written_to_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError), write_grid(tmp_path / "file" / "grid.h5", AXES, {}):
        pass


def test_what_a_killed_writer_left_is_removed_by_the_next(stored, landmarks):
    leftover = stored.with_name(".grid.h5.tmp-999999999-abcdef01")
    leftover.touch()
    with write_grid(stored, AXES, {}) as writer:
        writer.add("p0", landmarks[0])
    assert not leftover.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda points: points[:2],
        lambda points: points[..., :2],
        lambda points: np.where(points == points.max(), np.nan, points),
    ],
)
def test_landmarks_that_do_not_belong_into_a_grid_are_refused(tmp_path, landmarks, damage):
    with pytest.raises(ValueError, match="p0"), write_grid(tmp_path / "grid.h5", AXES, {}) as writer:
        writer.add("p0", damage(landmarks[0]))


def test_an_identity_is_written_once(tmp_path, landmarks):
    with pytest.raises(ValueError, match="there already"), write_grid(tmp_path / "grid.h5", AXES, {}) as writer:
        writer.add("p0", landmarks[0])
        writer.add("p0", landmarks[1])


def test_a_grid_without_identities_can_be_kept(tmp_path):
    with write_grid(tmp_path / "grid.h5", AXES, {}):
        pass
    assert len(GridFile(tmp_path / "grid.h5")) == 0 and list(GridFile(tmp_path / "grid.h5").chunks()) == []


def test_a_file_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(MissingError, match=r"absent\.h5"):
        GridFile(tmp_path / "absent.h5")


# Poses that are scattered around the cells


@pytest.fixture
def scattered(tmp_path, landmarks):
    path = tmp_path / "scattered.h5"
    angles = AXES.angles() + np.random.default_rng(5).uniform(-4, 4, (len(landmarks), *AXES.shape, 3))
    with write_grid(path, AXES, {}, regular=False) as writer:
        for number, points in enumerate(landmarks):
            writer.add(f"p{number}", points, angles=angles[number])
    return path, angles


def test_every_identity_of_a_regular_grid_has_the_rotations_of_its_axes(stored):
    grid = GridFile(stored)
    assert grid.regular and grid.part([1]).regular and grid.rotations(1, 3).shape == (2, *AXES.shape, 3, 3)
    np.testing.assert_array_equal(grid.rotations(1, 3)[1], AXES.rotations())


def test_scattered_poses_are_read_as_they_were_written(scattered):
    path, angles = scattered
    grid = GridFile(path)
    assert not grid.regular and not grid.first(2).regular
    np.testing.assert_array_equal(grid.rotations(0, 4), pose.rotation_from_grid(angles, AXES.convention))
    np.testing.assert_array_equal(grid.part([3, 1]).rotations(0, 2), grid.rotations(0, 4)[[3, 1]])


def test_a_scattered_grid_takes_angles_with_every_identity_and_a_regular_one_none(tmp_path, landmarks):
    for regular, angles in ((False, None), (False, AXES.angles()[:1]), (False, AXES.angles() * np.nan), (True, 0.0)):
        with (
            pytest.raises(ValueError, match="p0"),
            write_grid(tmp_path / "grid.h5", AXES, {}, regular=regular) as writer,
        ):
            writer.add("p0", landmarks[0], angles=angles)


@pytest.mark.parametrize("damage", [lambda angles: angles[:1], lambda angles: angles * np.nan])
def test_angles_that_do_not_fit_their_grid_are_refused(scattered, damage):
    path, angles = scattered
    with h5py.File(path, "r+") as file:
        del file["angles"]
        file["angles"] = damage(angles)
    with pytest.raises(DataError, match="angles"):
        GridFile(path)


# Strangers' files


def edit_about(**changes):
    def change(path):
        with h5py.File(path, "r+") as file:
            about = json.loads(bytes(file["about"][()]))
            del file["about"]
            file["about"] = np.bytes_(json.dumps({**about, **changes}).encode())

    return change


def cut_short(path):
    path.write_bytes(path.read_bytes()[:20_000])


def no_hdf5(path):
    path.write_bytes(b"not HDF5 at all")


def replace_landmarks(make):
    def change(path):
        with h5py.File(path, "r+") as file:
            shape = file["landmarks"].shape
            del file["landmarks"]
            make(file, shape)

    return change


def elsewhere(file, shape):
    with h5py.File(f"{file.filename}.other", "w") as other:
        other["landmarks"] = np.zeros(shape, np.float32)
    file["landmarks"] = h5py.ExternalLink(f"{file.filename}.other", "landmarks")


def raw_file(file, shape):
    file.create_dataset("landmarks", shape, "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def of_doubles(file, shape):
    file["landmarks"] = np.zeros(shape)


def too_few(file, shape):
    file["landmarks"] = np.zeros((1, *shape[1:]), np.float32)


def a_group(file, shape):
    file.create_group("landmarks")


@pytest.mark.parametrize(
    "change",
    [
        cut_short,
        no_hdf5,
        edit_about(format="another program's"),
        edit_about(identities=["p0"]),
        edit_about(identities=["p0", "p0", "p1", "p2"]),
        edit_about(identities=None),
        edit_about(axes={"yaw": [0]}),
        edit_about(axes={"yaw": [3, 2, 1], "pitch": [-10, 10], "roll": [0], "convention": "pitch-yaw-roll"}),
        edit_about(axes={"yaw": list(range(10**4)), "pitch": [-1, 1], "roll": [0], "convention": "pitch-yaw-roll"}),
        replace_landmarks(elsewhere),
        replace_landmarks(raw_file),
        replace_landmarks(of_doubles),
        replace_landmarks(too_few),
        replace_landmarks(a_group),
        replace_landmarks(lambda file, shape: None),
    ],
)
def test_a_file_that_is_not_such_a_grid_is_an_error_that_names_it(stored, change):
    change(stored)
    with pytest.raises(DataError, match=r"grid\.h5"):
        GridFile(stored)


def test_a_bit_that_tipped_is_found_when_it_is_read(stored):
    with h5py.File(stored) as file:
        place = file["landmarks"].id.get_chunk_info(0).byte_offset
    content = bytearray(stored.read_bytes())
    content[place + 1000] ^= 1
    stored.write_bytes(content)
    grid = GridFile(stored)
    with pytest.raises(DataError, match=r"grid\.h5"):
        grid.read(0, 1)
    assert grid.read(1, 2).shape == (1, *SHAPE)
