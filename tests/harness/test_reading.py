"""What strangers made: only files are read, no more than there should be, and JSON that all read alike."""

from __future__ import annotations

import json
import os
import socket
import zipfile

import numpy as np
import pytest

from hpe_bench.reading import parse_json, read_arrays, read_regular, require_regular, writable


def test_a_file_is_read_whole(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert read_regular(tmp_path / "x", 3) == b"abc"
    with pytest.raises(OSError, match="3 bytes; at most 2 are read"):
        read_regular(tmp_path / "x", 2)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "y", 2)


def test_a_device_a_pipe_a_socket_and_a_folder_are_no_files_nor_are_links_to_them(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    server = socket.socket(socket.AF_UNIX)
    os.chdir(tmp_path)
    server.bind("socket")
    (tmp_path / "folder").mkdir()
    for name, what in (("pipe", "pipe"), ("socket", "socket"), ("folder", "folder"), ("/dev/zero", "device")):
        (tmp_path / f"link to {what}").symlink_to(name)
        for path in (tmp_path / name, tmp_path / f"link to {what}"):
            with pytest.raises(OSError, match=f"a {what}, not a file"):
                require_regular(path)
            with pytest.raises(OSError, match=f"a {what}, not a file"):
                read_regular(path, 10)
    server.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NaN", "NaN"),
        ('{"a": -Infinity}', "-Infinity"),
        ('{"a": 1e999}', "1e999"),
        ("9" * 400, "400 digits"),
        ('{"a": 1, "b": 2, "a": 1}', "key 'a' twice"),
        ('["\\ud800"]', "half a character"),
        ('{"\\udfff": 1}', "half a character"),
        ("[" * 200 + "]" * 200, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ("{", "Expecting"),
        (b"\xc3\x28", "decode"),
    ],
)
def test_json_that_readers_take_differently_is_refused_in_a_line(text, words):
    with pytest.raises(ValueError, match=words.replace("[", r"\[")) as error:
        parse_json(text)
    assert "\n" not in str(error.value)


def test_any_other_json_is_read_as_it_is():
    content = {"a": [1, -2.5e-300, None, True, "é \U0001f600"], "b": {"a": {}}}
    assert parse_json(json.dumps(content)) == content
    assert parse_json(json.dumps(content, ensure_ascii=False).encode()) == content


def test_names_that_are_not_utf8_are_written_as_they_are_shown():
    content = {os.fsdecode(b"\xe9t\xe9"): [os.fsdecode(b"a\xff"), "é", 1]}
    assert parse_json(json.dumps(writable(content))) == {"\\udce9t\\udce9": ["a\\udcff", "é", 1]}


def test_arrays_of_an_npz_are_read_whole(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.arange(3), b=np.eye(2))
    found = read_arrays(tmp_path / "x.npz", ["b"], 10**4)
    np.testing.assert_array_equal(found["b"], np.eye(2))
    for name, most, words in (("c", 10**4, "holds no c"), ("a", 10, "at most 10")):
        with pytest.raises((OSError, ValueError), match=words):
            read_arrays(tmp_path / "x.npz", [name], most)


def test_an_array_whose_head_was_changed_is_not_read_in_part(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.arange(9))
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content.replace(b"(9,)", b"(8,)"))
    with pytest.raises(ValueError, match="Bad CRC-32"):
        read_arrays(tmp_path / "x.npz", ["a"], 10**4)


def test_an_array_that_is_shorter_than_its_entry_and_a_pickle_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    np.save(tmp_path / "b.npy", np.array([{}], dtype=object))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", (tmp_path / "a.npy").read_bytes() + b"more")
        archive.writestr("b.npy", (tmp_path / "b.npy").read_bytes())
    with pytest.raises(ValueError, match="shorter than its entry"):
        read_arrays(tmp_path / "x.npz", ["a"], 10**4)
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(tmp_path / "x.npz", ["b"], 10**4)
