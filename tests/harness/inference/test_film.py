"""Videos that are written: whole or not at all, every frame at its time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hpe_bench.errors import StorageError
from hpe_bench.inference.film import film_at


def test_a_video_is_read_back_as_it_was_written(tmp_path, grey):
    with film_at(tmp_path / "x.mp4", 12.5) as written:
        for frame in grey(*range(0, 250, 10), height=45, width=63):  # sides that the codec has to round
            written.add(frame)
        assert not (tmp_path / "x.mp4").exists()
    read = cv2.VideoCapture(str(tmp_path / "x.mp4"))
    assert read.get(cv2.CAP_PROP_FPS) == 12.5 and read.get(cv2.CAP_PROP_FRAME_COUNT) == 25
    levels = [read.read()[1].mean() for _ in range(25)]
    np.testing.assert_allclose(levels, range(0, 250, 10), atol=5)
    assert not read.read()[0]


def test_what_is_interrupted_leaves_the_old_file_and_nothing_else(tmp_path, grey):
    (tmp_path / "x.mp4").write_text("the old one")
    with pytest.raises(KeyboardInterrupt), film_at(tmp_path / "x.mp4", 25) as written:
        for frame in grey(1, 2, 3):
            written.add(frame)
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp4"]
    assert (tmp_path / "x.mp4").read_text() == "the old one"


def test_a_video_that_lost_frames_on_its_way_to_the_disk_is_no_video(tmp_path, grey):
    with pytest.raises(StorageError, match=r"x\.mp4.* 3 of 4 frames"), film_at(tmp_path / "x.mp4", 25) as written:
        for frame in grey(1, 2, 3):
            written.add(frame)
        written.count += 1
    with pytest.raises(StorageError, match="no frame"), film_at(tmp_path / "x.mp4", 25):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writers_leftover_goes_with_the_next_one(tmp_path, grey):
    (tmp_path / ".x.mp4.tmp-999999999-aa.mp4").touch()
    with film_at(tmp_path / "x.mp4", 25) as written:
        written.add(grey(1)[0])
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp4"]
