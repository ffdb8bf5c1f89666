"""MATLAB's files of version 5: what SciPy reads in them, without what takes it down."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import scipy.io

from hpe_bench_plugins.datasets.mat5 import read_matrices

ARRAYS = {
    "Pose_Para": np.array([[0.1, -0.2, 0.3]], dtype=np.float32),
    "pt2d": np.random.default_rng(0).uniform(0, 100, (2, 21)),
    "roi": np.array([[1, 2, 300, -4]], dtype=np.int16),
    "cube": np.arange(24, dtype=np.float64).reshape(2, 3, 4),
    "name_of_more_than_four_letters": np.zeros((0, 3)),
}


@pytest.mark.parametrize("compressed", [True, False])
def test_arrays_are_those_that_scipy_reads(tmp_path, compressed):
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {**ARRAYS, "text": "words", "nested": {"a": 1}}, do_compression=compressed)
    found = read_matrices(path.read_bytes(), list(ARRAYS))
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)


def test_only_what_is_asked_for_is_read(tmp_path):
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, ARRAYS)
    assert set(read_matrices(path.read_bytes(), ["roi", "other"])) == {"roi"}


def test_a_block_of_zeros_in_a_head_is_refused(tmp_path):
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {"Pose_Para": np.zeros((1, 7), np.float32), "pt2d": ARRAYS["pt2d"]})
    content = bytearray(path.read_bytes())
    content[192:256] = bytes(64)
    with pytest.raises(ValueError, match="no array of real numbers"):
        read_matrices(bytes(content), ["Pose_Para", "pt2d"])


@pytest.mark.parametrize(
    ("value", "message"),
    [("words", "no array of real numbers"), ({"a": 1}, "no array of real"), (np.array([[1j]]), "no array of real")],
)
def test_what_is_no_array_of_numbers_is_refused(tmp_path, value, message):
    scipy.io.savemat(tmp_path / "x.mat", {"Pose_Para": value})
    with pytest.raises(ValueError, match=message):
        read_matrices((tmp_path / "x.mat").read_bytes(), ["Pose_Para"])


@pytest.mark.parametrize("content", [b"", b"MATLAB 7.3", bytes(500), b"<html>" * 100])
def test_other_files_are_not_of_this_version(content):
    with pytest.raises(ValueError, match="not a MATLAB file of version 5"):
        read_matrices(content, ["x"])


def test_a_file_that_was_cut_is_refused_wherever_it_was_cut(tmp_path):
    scipy.io.savemat(tmp_path / "x.mat", {"pt2d": ARRAYS["pt2d"]}, do_compression=True)
    content = (tmp_path / "x.mat").read_bytes()
    for size in range(129, len(content), 7):
        with pytest.raises(ValueError, match="cut short"):
            read_matrices(content[:size], ["pt2d"])


def test_version_4_is_read_in_either_order_of_bytes(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(4, dtype=np.int32).reshape(1, 4)}
    scipy.io.savemat(tmp_path / "four.mat", arrays, format="4")
    found = read_matrices((tmp_path / "four.mat").read_bytes(), ["a", "b"])
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    numbers = np.array([[1.5, -2.5]], ">f8")
    swapped = struct.pack(">5i", 1000, 1, 2, 0, 2) + b"a\0" + numbers.tobytes()
    np.testing.assert_array_equal(read_matrices(swapped, ["a"])["a"], numbers)


def test_version_4_is_refused_wherever_it_was_cut(tmp_path):
    scipy.io.savemat(tmp_path / "four.mat", {"a": np.arange(6.0).reshape(2, 3)}, format="4")
    content = (tmp_path / "four.mat").read_bytes()
    for end in range(len(content)):
        with pytest.raises(ValueError, match=r"cut short|not a MATLAB file"):
            read_matrices(content[:end], ["a"])
