"""Names as they are printed and written into tables."""

from __future__ import annotations

import os

import pytest

from hpe_bench.words import shown_path


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"a b/\xc3\xa4.jpg", "a b/ä.jpg"),
        (b"\xff\xfe.jpg", r"\xff\xfe.jpg"),
        (b"\x1b[31mred.jpg", r"\x1b[31mred.jpg"),
        ("a\u202egpj.exe".encode(), r"a\u202egpj.exe"),
        (b"two\nlines", r"two\nlines"),
    ],
)
def test_a_name_of_any_bytes_is_printed_without_steering_the_terminal(name, shown):
    assert shown_path(os.fsdecode(name)) == shown
