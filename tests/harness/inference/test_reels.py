"""Videos and cameras: every frame as it is to be seen, at its own time, and what is said of those that are broken."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hpe_bench import DataError, MissingError
from hpe_bench.inference import reels
from hpe_bench.inference.reels import open_reel
from hpe_bench.inference.sources import find_inputs


def test_a_video_gives_frames_with_their_times(video, grey):
    (film,) = find_inputs([video(grey(*range(0, 200, 20)), rate=25.0)])
    reel = open_reel(film)
    frames = list(reel.frames(None, 1))
    reel.close()
    assert reel.rate == 25.0 and reel.count == 10
    assert [frame.index for frame in frames] == list(range(10))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(10) / 25)
    np.testing.assert_allclose([frame.image.mean() for frame in frames], range(0, 200, 20), atol=4)


def test_every_third_frame_up_to_two(video, grey):
    (film,) = find_inputs([video(grey(*range(0, 200, 20)))])
    frames = list(open_reel(film).frames(2, 3))
    assert [frame.index for frame in frames] == [0, 3]
    np.testing.assert_allclose([frame.image.mean() for frame in frames], [0, 60], atol=4)


def test_a_video_that_cannot_be_decoded_is_named(tmp_path, video, grey):
    whole = video(grey(*range(100)))
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:2000])
    for path in (cut, tmp_path / "text.mp4"):
        cut.with_name("text.mp4").write_text("no video")
        with pytest.raises(DataError, match=rf"{path.name}: cannot be decoded"):
            open_reel(find_inputs([path])[0])


def test_a_camera_that_is_not_there_is_an_error_that_says_which_are():
    (camera,) = find_inputs([], camera=63)
    assert camera.kind == "camera" and camera.number == 63
    with pytest.raises(MissingError, match=r"no camera 63|gives no picture"):
        open_reel(camera)


def test_a_cameras_frames_carry_the_time_since_it_began(monkeypatch, video, grey):
    """A video in the place of the device."""
    film, opened = video(grey(10, 20, 30)), cv2.VideoCapture
    monkeypatch.setattr(reels, "_require_camera", lambda number: None)
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: opened(str(film)))
    reel = open_reel(find_inputs([], camera=0)[0])
    frames = list(reel.frames(None, 1))
    assert reel.count is None and len(frames) == 3
    assert 0 <= frames[0].time <= frames[1].time <= frames[2].time < 5
