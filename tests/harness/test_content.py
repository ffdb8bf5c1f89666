"""What a file is by its first bytes, for the end of an error message."""

from __future__ import annotations

import io
import json
import zipfile

import h5py
import numpy as np
import pytest

from hpe_bench import instead_of
from hpe_bench.content import HEAD, content_at, content_of, instead_of_bytes


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a/data.pkl", b"x")
    return out.getvalue()


def saved(save) -> bytes:
    out = io.BytesIO()
    save(out)
    return out.getvalue()


KINDS = {
    "zip": zipped(),
    "npy": saved(lambda out: np.save(out, np.zeros(3))),
    "hdf5": saved(lambda out: h5py.File(out, "w").close()),
    "safetensors": (20).to_bytes(8, "little") + json.dumps({"w": {}}).encode().ljust(20),
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
    "mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n",
    "html": b"\n<!-- saved -->\n<HTML><head>",
    "xml": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "json": b'{"a": 1}',
    "text": b"image00002\nimage00004\n",
    "zeros": b"\0" * 100,
    "empty": b"",
    "gzip": b"\x1f\x8b\x08\0",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_known_by_its_first_bytes(kind):
    assert content_of(KINDS[kind]).kind == kind


def test_bytes_of_no_known_kind_are_none():
    assert content_of(bytes([7, 200, 3, 251]) * 40) is None
    assert instead_of_bytes(bytes([7, 200, 3, 251]) * 40) is None


def test_it_is_only_told_where_another_kind_is_wanted(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(KINDS["lfs"])
    assert instead_of(path, "zip") == "it is a Git LFS pointer to 7 bytes; run: git lfs pull"
    assert instead_of(path, "zip", "lfs") is None
    assert instead_of(tmp_path / "nowhere") is None and content_at(tmp_path) is None


def test_what_a_page_says_cannot_act_on_a_terminal():
    page = b"<html><title>\x1b[2J\x07 Sign\nin \xe2\x80\xae x" + b"y" * 500 + b"</title>"
    said = instead_of_bytes(page)
    assert said.isprintable() and "Sign in" in said and len(said) < 200


def test_a_text_that_is_cut_within_a_character_is_a_text():
    assert content_of(("ü" * HEAD).encode()[: HEAD - 1] + b"\xc3").kind == "text"
    assert content_of(b"caf\xe9") is None
