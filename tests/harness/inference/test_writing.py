"""Where pictures go, and that files are whole or absent."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hpe_bench import UsageError
from hpe_bench.inference.frames import Input
from hpe_bench.inference.writing import folder_name, plan_targets, protect_inputs, write_picture
from hpe_bench.plugins import discover


def image(name):
    return Input("image", name, Path(Path(name).name), Path(name))


def film(name):
    return Input("video", name, Path(Path(name).name), Path(name))


def test_a_folder_takes_a_file_for_each_input_under_a_name_of_its_own():
    inputs = [image("a/1.jpg"), image("b/1.jpg"), image("c.bmp"), film("d.avi")]
    targets = plan_targets(inputs, Path("out"))
    assert [str(target) for target in targets] == ["out/1.jpg", "out/1-2.jpg", "out/c.png", "out/d.mp4"]


def test_a_file_takes_one_input_of_its_kind():
    assert plan_targets([image("a.jpg")], Path("x.png")) == [Path("x.png")]
    assert plan_targets([film("a.mkv")], Path("x.mp4")) == [Path("x.mp4")]
    with pytest.raises(UsageError, match="name a folder"):
        plan_targets([image("a.jpg"), image("b.jpg")], Path("x.png"))
    for one, target in ((image("a.jpg"), "x.mp4"), (film("a.mp4"), "x.png"), (film("a.mp4"), "x.avi")):
        with pytest.raises(UsageError, match="is written as"):
            plan_targets([one], Path(target))


def test_an_input_is_never_written_over_whatever_it_is_called(tmp_path):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    for name in ("a.jpg", "link.jpg", "../" + tmp_path.name + "/a.jpg"):
        with pytest.raises(UsageError, match="is not written over"):
            plan_targets([image("a.jpg")], Path(name))
    with pytest.raises(UsageError, match="is not written over"):
        plan_targets([image(str(tmp_path / "link.jpg"))], Path())
    with pytest.raises(UsageError, match="is not written over"):
        protect_inputs([image("a.jpg")], [Path("a.jpg")])


def test_a_picture_is_what_was_given(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    write_picture(tmp_path / "new" / "a.png", pixels)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "new" / "a.png"))[..., ::-1], pixels)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_the_folder_of_an_estimators_pictures_is_called_by_its_name_and_options():
    registry = discover()
    assert folder_name(registry, "fsanet", {}) == "fsanet"
    assert (
        folder_name(registry, "fsanet:variant=capsule", {"weights": "../a b"})
        == "fsanet+variant=capsule+weights=.._a_b"
    )
    with pytest.raises(UsageError, match="did you mean"):
        folder_name(registry, "fsanett", {})
