"""Lists of samples in all the ways in which they are written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hpe_bench import DataError, MissingError
from hpe_bench_plugins.datasets.sample_lists import read_list

NAMES = ["AFW/a_1", "b c", "image00002 (1)", "d.e"]


@pytest.fixture
def read(tmp_path):
    """A function of a list's content: the samples that are read from it, below tmp_path."""

    def give(content: str | bytes, encoding: str = "utf-8"):
        path = tmp_path / "list.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return read_list(path, tmp_path, "mend it")

    return give


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", " \t\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_the_encoding_and_the_ends_of_lines_say_nothing(read, encoding, end):
    assert read(end.join([*NAMES, "ü 面"]) + end, encoding) == [*NAMES, "ü 面"]


@pytest.mark.parametrize(
    "form",
    [
        *("{}.jpg", "{}.JPG", "{}.mat", "./{}", '"{}"', '"{}.jpg",1', "{}\x1a", "# {}\n{}"),
        *("{} 10.0 -3.25 1e-3", "{} 1 nan", "{},1,2", "{}\t1\t2"),
    ],
)
def test_suffixes_columns_and_what_stands_before_a_name_say_nothing(read, form):
    assert read("\n".join(form.replace("{}", name) for name in NAMES)) == NAMES


def test_suffixes_and_columns_together_say_nothing(read):
    assert read("AFW/a_1.jpg 0.1 0.2\nimage 3.png,front,1\n") == ["AFW/a_1", "image 3"]


def test_backslashes_are_what_windows_calls_slashes(read):
    assert read(".\\AFW\\a_1\r\nAFW\\a_2.jpg") == ["AFW/a_1", "AFW/a_2"]


def test_a_path_below_the_root_is_good_for_it_and_any_other_is_refused(read, tmp_path):
    assert read(f"{tmp_path}/AFW/a_1.jpg\n{tmp_path}/b") == ["AFW/a_1", "b"]
    for line in ("/etc/passwd", "../x", "a/../../x", "C:\\data\\x.jpg", "..\\x"):
        with pytest.raises(DataError, match="leaves the folder"):
            read(line)


def test_a_sample_that_is_named_twice_is_one(read):
    assert read("a\nb.jpg\n./a\nb") == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"caf\xe9\n", "not UTF-8: save it as that"),
        (b"\xff\xd8\xff\xe0", "cannot be read"),
    ],
)
def test_what_is_no_list_is_refused_with_the_mend(read, content, said):
    with pytest.raises(MissingError, match=rf"list\.txt: .*{said}.*mend it"):
        read(content)


def test_what_is_no_file_is_no_list_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for strange in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(MissingError, match="no list; mend it"):
            read_list(strange, tmp_path, "mend it")
