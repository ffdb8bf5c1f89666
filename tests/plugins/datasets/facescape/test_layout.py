"""The layout of a grid of renders, and the files beside the images that say more: as people and systems leave them."""

from __future__ import annotations

import pytest

from hpe_bench import DataError
from hpe_bench_plugins.datasets.facescape.layout import ANGLES, MANIFEST, Manifest, angles_text, image_name, read_layout

CELLS = [(yaw, 0, 0) for yaw in (-30, 0, 30)]
STATED = {cell: (cell[0] + 0.5, 0.25, 0.0) for cell in CELLS}


@pytest.fixture
def person(tmp_path):
    """The folder of the one identity of a grid of three cells."""
    folder = tmp_path / "7"
    folder.mkdir()
    for cell in CELLS:
        (folder / image_name("7", cell, "jpg")).write_bytes(b"image")
    return folder


@pytest.mark.parametrize("name", [ANGLES, "Angles.CSV"])
@pytest.mark.parametrize("change", [bytes, lambda text: b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n") + b"\n\n"])
def test_angles_are_read_whatever_the_case_of_the_name_and_the_editor(person, name, change):
    (person / name).write_bytes(change(angles_text(STATED)))
    layout = read_layout(person.parent)
    assert layout.scattered["7"] == STATED and not layout.strange


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (angles_text(STATED) + b"0,0,0,9,9,9\n", "two lines for the cell 0,0,0"),
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (None, "a folder, not a file"),
    ],
)
def test_angles_that_cannot_be_meant_are_refused_and_the_names_do_not_count(person, content, said):
    (person / ANGLES).mkdir() if content is None else (person / ANGLES).write_bytes(content)
    with pytest.raises(DataError, match=f"{ANGLES}: no readable angles .*{said}"):
        read_layout(person.parent)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 100_000, "RecursionError"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (None, "a folder, not a file"),
    ],
)
def test_a_manifest_that_is_none_is_refused(person, content, said):
    path = person.parent / MANIFEST
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(DataError, match=f"{MANIFEST}: not a readable manifest .*{said}"):
        read_layout(person.parent)


def test_a_manifest_counts_whatever_the_case_of_its_name(person):
    axes = read_layout(person.parent, "yaw-pitch-roll").axes
    (person.parent / "Grid.json").write_bytes(Manifest(axes, {}).text())
    assert read_layout(person.parent).axes.convention == "yaw-pitch-roll"


def test_what_windows_puts_into_folders_is_passed_over(person):
    (person / "Thumbs.db").write_bytes(b"x")
    assert not read_layout(person.parent).strange
