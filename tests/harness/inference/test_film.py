"""Videos that are written: whole or not at all, every frame at its time."""

from __future__ import annotations

import errno

import av
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


def times_of(path):
    """When each frame of a video is to be seen, and when the last is over, in seconds."""
    with av.open(str(path)) as written:
        return [frame.time for frame in written.decode(video=0)], written.duration / 1e6


def test_every_frame_stands_at_its_time_and_the_last_one_ends_when_it_should(tmp_path, grey):
    times = [0, 1001 / 24000, 0.5, 2.5, 2.6]
    with film_at(tmp_path / "x.mp4", 24000 / 1001) as written:
        for seconds, frame in zip(times, grey(*range(0, 250, 50)), strict=True):
            written.add(frame, seconds)
        written.end = 3.0
    seen, end = times_of(tmp_path / "x.mp4")
    np.testing.assert_allclose(seen, times, atol=1e-5)
    assert end == pytest.approx(3.0, abs=1e-3)


def test_frames_of_another_size_keep_their_proportions(tmp_path):
    wide, tall = np.full((48, 64, 3), 200, np.uint8), np.full((64, 32, 3), 200, np.uint8)
    with film_at(tmp_path / "x.mp4", 10) as written:
        written.add(wide)
        written.add(tall)
    with av.open(str(tmp_path / "x.mp4")) as film:
        _, second = (frame.to_ndarray(format="rgb24") for frame in film.decode(video=0))
    bright = second.mean(axis=(0, 2)) > 100
    assert second.shape == (48, 64, 3) and bright.sum() == 24 and bright[20:44].all()


def test_odd_sides_gain_a_line_and_lose_none(tmp_path):
    with film_at(tmp_path / "x.mp4", 10) as written:
        written.add(np.full((45, 63, 3), 200, np.uint8))
    with av.open(str(tmp_path / "x.mp4")) as film:
        (image,) = (frame.to_ndarray(format="rgb24") for frame in film.decode(video=0))
    assert image.shape == (46, 64, 3) and image.min() > 180


def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path, grey, monkeypatch):
    def full(self, packets):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match=r"x\.mp4: .*the disk is full"), film_at(tmp_path / "x.mp4", 10) as written:
        written.add(grey(1)[0])
        monkeypatch.setattr(written, "_put", lambda frame: full(written, frame))
        written.add(grey(2)[0])
    assert list(tmp_path.iterdir()) == []
