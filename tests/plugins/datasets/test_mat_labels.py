"""Labels of 300W-LP and AFLW2000: in radians, in MATLAB 5 or 7.3, and everything else that such a file can be."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest
import scipy.io

from hpe_bench import SampleError, UnitError
from hpe_bench_plugins.datasets.mat_labels import read_label

ANGLES = np.array([[0.1, -0.2, 0.3, 60.0, 80.0, 0.0, 1e-3]])
POINTS = np.arange(42.0).reshape(2, 21) + 5
EULER = np.degrees([-0.2, 0.1, 0.3])


def written(path, **content):
    scipy.io.savemat(path, {"Pose_Para": ANGLES, "pt2d": POINTS} | content)
    return path


def written_73(path, **content):
    """As MATLAB writes version 7.3: HDF5 behind a header of 512 bytes, arrays with their axes in reverse."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, value in ({"Pose_Para": ANGLES, "pt2d": POINTS} | content).items():
            file[key] = np.asarray(value).T
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + b"\0" * 8 + b"\x00\x02IM")
    return path


@pytest.mark.parametrize("write", [written, written_73])
def test_both_versions_of_matlab_files_give_the_same_label(tmp_path, write):
    euler, points = read_label(write(tmp_path / "a.mat"))
    np.testing.assert_allclose(euler, EULER)
    np.testing.assert_array_equal(points, POINTS)


@pytest.mark.parametrize("write", [written, written_73])
def test_angles_in_a_column_and_points_in_rows_are_turned(tmp_path, write):
    euler, points = read_label(write(tmp_path / "a.mat", Pose_Para=ANGLES.T, pt2d=POINTS.T))
    np.testing.assert_allclose(euler, EULER)
    np.testing.assert_array_equal(points, POINTS)


def test_angles_are_degrees_if_one_is_more_than_a_whole_turn_of_radians(tmp_path):
    near = np.array([[5.72, -5.59, 2.1, 0, 0, 0, 0]])  # such as AFLW2000 has
    np.testing.assert_allclose(
        read_label(written(tmp_path / "a.mat", Pose_Para=near))[0], np.degrees([-5.59, 5.72, 2.1])
    )
    with pytest.raises(UnitError, match=r"a\.mat: Pose_Para begins with 22, -6\.5, 2\.1.*look like degrees"):
        read_label(written(tmp_path / "a.mat", Pose_Para=[[22, -6.5, 2.1, 0, 0, 0, 0]]))
    with pytest.raises(UnitError, match="no angles"):
        read_label(written(tmp_path / "a.mat", Pose_Para=[[1e7, 0, 0, 0, 0, 0, 0]]))


@pytest.mark.parametrize("write", [written, written_73])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"Pose_Para": ANGLES[:, :2]}, "Pose_Para has 2 numbers"),
        ({"Pose_Para": ANGLES * np.nan}, "Pose_Para holds a number that is not finite"),
        ({"pt2d": np.zeros(42)}, "pt2d is not"),
        ({"pt2d": POINTS * np.nan}, "pt2d is not"),
        ({"pt2d": POINTS[:, :0]}, "pt2d is not"),
        ({"pt2d": np.full((2, 21), -1.0)}, "pt2d has no point in the image"),
    ],
)
def test_what_is_wrong_with_a_label_is_said_with_its_file_and_key(tmp_path, write, content, said):
    with pytest.raises(SampleError, match=rf"a\.mat: {said}"):
        read_label(write(tmp_path / "a.mat", **content))


@pytest.mark.parametrize("key", ["Pose_Para", "pt2d"])
def test_a_key_that_is_missing_is_named(tmp_path, key):
    content = {"Pose_Para": ANGLES, "pt2d": POINTS}
    del content[key]
    scipy.io.savemat(tmp_path / "a.mat", content)
    with pytest.raises(SampleError, match=rf"a\.mat: has no {key}"):
        read_label(tmp_path / "a.mat")
    with h5py.File(tmp_path / "b.mat", "w") as file:
        file.update({name: value.T for name, value in content.items()})
    with pytest.raises(SampleError, match=rf"b\.mat: has no {key}"):
        read_label(tmp_path / "b.mat")


def test_texts_and_complex_numbers_are_no_labels(tmp_path):
    for value in ("0.1 0.2 0.3", ANGLES * 1j):
        with pytest.raises(SampleError, match=r"Pose_Para is .*real numbers"):
            read_label(written(tmp_path / "a.mat", Pose_Para=value))


@pytest.mark.parametrize("write", [written, written_73])
def test_a_file_that_is_cut_anywhere_is_refused(tmp_path, write):
    content = write(tmp_path / "a.mat").read_bytes()
    for cut in np.linspace(1, len(content) * 0.9, 25).astype(int):
        (tmp_path / "a.mat").write_bytes(content[:cut])
        with pytest.raises(SampleError, match=r"a\.mat: "):
            read_label(tmp_path / "a.mat")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1000\n", "git lfs pull"),
        (b"<html><head><title>Quota</title>", r"web page \('Quota'\)"),
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG"),
    ],
)
def test_what_stands_in_place_of_a_label_is_called_what_it_is(tmp_path, content, said):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(SampleError, match=rf"a\.mat: not a readable label file: it is .*{said}"):
        read_label(tmp_path / "a.mat")


def test_a_link_out_of_a_matlab_file_is_not_followed(tmp_path):
    written_73(tmp_path / "other.mat")
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["Pose_Para"] = h5py.ExternalLink("other.mat", "Pose_Para")
        file["pt2d"] = POINTS.T
    with pytest.raises(SampleError, match="link"):
        read_label(tmp_path / "a.mat")


@pytest.mark.parametrize("write", [written, written_73])
@pytest.mark.parametrize(
    ("pose", "said"),
    [(np.ones((2, 7)) / 10, "one row, or one column"), (np.array([[1, 2, 0, 4]], np.int32), "whole numbers")],
)
def test_what_may_be_several_poses_or_none_is_refused(tmp_path, write, pose, said):
    with pytest.raises(SampleError, match=said):
        read_label(write(tmp_path / "a.mat", Pose_Para=pose, pt2d=np.ones((2, 21))))


def test_a_pipe_in_place_of_a_label_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.mat")
    with pytest.raises(SampleError, match="a pipe, not a file"):
        read_label(tmp_path / "a.mat")
