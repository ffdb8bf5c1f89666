"""Videos and cameras: every frame as it is to be seen, at its own time, and what is said of those that are broken."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from hpe_bench import DataError, MissingError
from hpe_bench.inference import cameras
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
    monkeypatch.setattr(cameras, "_require_camera", lambda number: None)
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: opened(str(film)))
    reel = open_reel(find_inputs([], camera=0)[0])
    frames = list(reel.frames(None, 1))
    assert reel.count is None and len(frames) == 3
    assert 0 <= frames[0].time <= frames[1].time <= frames[2].time < 5


def opened(path):
    return open_reel(find_inputs([path])[0])


def read(path):
    """The frames of a video, and the reel that gave them."""
    reel = opened(path)
    frames = list(reel.frames(None, 1))
    reel.close()
    return frames, reel


def layout(image):
    """Which colours the corners of an image have: top left, top right, bottom left, bottom right."""
    height, width = image.shape[:2]
    names = {(1, 0, 0): "R", (0, 1, 0): "G", (0, 0, 1): "B", (1, 1, 1): "W"}
    places = [(height // 4, width // 4), (height // 4, 3 * width // 4)]
    places += [(3 * height // 4, x) for _, x in places]
    return "".join(names[tuple(int(value > 110) for value in image[place])] for place in places)


@pytest.mark.parametrize(
    ("matrix", "expected", "size", "mirrored"),
    [
        ((1, 0, 0, 1), "RGBW", (64, 96), False),
        ((0, 1, -1, 0), "BRWG", (96, 64), False),  # a quarter turn to the right
        ((-1, 0, 0, -1), "WBGR", (64, 96), False),
        ((0, -1, 1, 0), "GWRB", (96, 64), False),
        ((-1, 0, 0, 1), "GRWB", (64, 96), True),
        ((1, 0, 0, -1), "BWRG", (64, 96), True),
        ((0, 1, 1, 0), "RBGW", (96, 64), True),
        ((0, -1, -1, 0), "WGBR", (96, 64), True),
    ],
)
def test_a_video_is_turned_and_mirrored_as_its_display_matrix_says(
    clocked, tagged, corners, matrix, expected, size, mirrored
):
    frames, reel = read(tagged(clocked(corners(3), [0, 0.1, 0.2], "stored.mp4"), *matrix))
    assert [layout(frame.image) for frame in frames] == [expected] * 3 and frames[0].image.shape[:2] == size
    assert reel.notes == (
        ["its display matrix mirrors it: the angles are those of the mirrored picture"] if mirrored else []
    )


def test_a_display_matrix_that_is_no_quarter_turn_is_told_of(clocked, tagged, corners):
    half = 0.5**0.5
    for matrix in ((half, half, -half, half), (0, 0, 0, 0), (1, 0, 0, 0.5)):
        frames, reel = read(tagged(clocked(corners(2), [0, 0.1], "stored.mp4"), *matrix))
        assert layout(frames[0].image) == "RGBW" and ["quarter turns" in note for note in reel.notes] == [True]


@pytest.mark.parametrize(
    ("aspect", "size"), [(2, (64, 192)), (Fraction(1, 2), (128, 96)), (Fraction(449, 451), (64, 96))]
)
def test_pixels_that_are_not_square_are_made_so(clocked, corners, aspect, size):
    frames, _ = read(clocked(corners(), [0], aspect=Fraction(aspect)))
    assert frames[0].image.shape[:2] == size and layout(frames[0].image) == "RGBW"


def test_pixels_that_no_camera_has_are_refused(clocked, corners):
    with pytest.raises(DataError, match=r"pixels are 50 times as wide as high"):
        opened(clocked(corners(), [0], aspect=Fraction(50)))


@pytest.mark.parametrize("name", ["gap.mkv", "gap.mp4"])
def test_every_frame_has_the_time_that_the_video_gives_it(clocked, grey, name):
    times = [0, 0.1, 0.2, 2.5, 2.6, 2.63]
    frames, reel = read(clocked(grey(*range(0, 180, 30)), times, name))
    np.testing.assert_allclose([frame.time for frame in frames], times, atol=1e-6)
    assert reel.end == pytest.approx(2.73) and reel.notes == []


def test_times_count_from_the_first_frame(clocked, grey):
    frames, _ = read(clocked(grey(10, 20, 30), [0, 0.1, 0.2], offset=7))
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.1, 0.2], atol=1e-6)


def test_a_clock_that_leaps_by_hours_is_not_believed(clocked, grey):
    frames, reel = read(clocked(grey(*range(0, 250, 50)), [0, 0.1, 9000, 9000.1, 9000.2]))
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.1, 0.2, 0.3, 0.4], atol=1e-6)
    assert any("its clock leaps (once)" in note for note in reel.notes)


def test_a_stream_without_times_goes_at_its_rate(tmp_path, grey):
    path = tmp_path / "raw.h264"
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for image in grey(*range(0, 200, 40)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    frames, reel = read(path)
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(5) / 25, atol=1e-6)
    assert not any("clock" in note for note in reel.notes)


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "size"),
    [
        ("odd.mkv", "libx264", "yuv444p", (49, 67)),
        ("deep.mkv", "libx265", "yuv420p10le", (64, 96)),
        ("stills.avi", "mjpeg", "yuvj420p", (64, 96)),
        ("moving.gif", "gif", "rgb8", (64, 96)),
        ("moving.apng", "apng", "rgb24", (64, 96)),
    ],
)
def test_usual_and_unusual_kinds_of_video_are_read(clocked, corners, name, codec, pixels, size):
    frames, _ = read(clocked(corners(3, *size), [0, 0.1, 0.2], name, codec=codec, pixels=pixels))
    assert [layout(frame.image) for frame in frames] == ["RGBW"] * 3 and frames[0].image.shape[:2] == size
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.1, 0.2], atol=1e-2)


def test_sound_alone_and_nothing_at_all_are_no_videos(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (tmp_path / "empty.mp4").touch()
    for name, message in (("sound.mp4", "sound only"), ("empty.mp4", "empty")):
        with pytest.raises(DataError, match=message):
            opened(tmp_path / name)


def test_a_video_that_was_cut_short_gives_what_there_is_and_says_so(clocked):
    noise = list(np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), dtype=np.uint8))
    whole = clocked(noise, np.arange(40) / 10)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    frames, reel = read(whole)
    assert 10 < len(frames) < 30 and "of the 4.0 s it should have; is it whole?" in reel.notes[0]


def test_a_header_that_counts_more_frames_than_there_are_is_told_of(clocked, corners):
    path = clocked(corners(3), [0, 0.1, 0.2], "stills.avi", codec="mjpeg", pixels="yuvj420p")
    content = bytearray(path.read_bytes())
    start = content.index(b"strh") + 8
    content[start + 32 : start + 36] = struct.pack("<I", 2_000_000_000)
    path.write_bytes(content)
    frames, reel = read(path)
    assert len(frames) == 3 and reel.notes == ["3 of the 2,000,000,000 frames it should have; is it whole?"]


def test_a_frame_that_cannot_be_decoded_is_passed_over_and_told_of(tmp_path, clocked):
    noise = list(np.random.default_rng(0).integers(0, 255, (8, 48, 64, 3), dtype=np.uint8))
    path = clocked(noise, np.arange(8) / 10, "stills.mkv", codec="mjpeg", pixels="yuvj420p")
    content = path.read_bytes()
    starts = [place for place in range(len(content)) if content.startswith(b"\xff\xd8\xff", place)]
    path.write_bytes(content[: starts[3]] + bytes(1000) + content[starts[3] + 1000 :])
    frames, reel = read(path)
    assert len(frames) == 7 and any("cannot be decoded is left out (once)" in note for note in reel.notes)
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.1, 0.2, 0.4, 0.5, 0.6, 0.7], atol=1e-6)


def test_a_frame_of_which_parts_are_guessed_is_told_of(clocked):
    noise = list(np.random.default_rng(0).integers(0, 255, (4, 48, 64, 3), dtype=np.uint8))
    path = clocked(noise, np.arange(4) / 10, "noise.mp4")
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 3000  # within the first frame, behind what the encoder says of itself
    content[start : start + 60] = bytes(value ^ 255 for value in content[start : start + 60])
    path.write_bytes(content)
    frames, reel = read(path)
    assert len(frames) == 4 and any("parts of which are guessed" in note for note in reel.notes)


def test_a_video_whose_clock_begins_late_is_whole(clocked, grey):
    frames, reel = read(clocked(grey(10, 20, 30), [0, 0.1, 0.2], offset=100))
    assert len(frames) == 3 and not reel.notes


def test_what_stands_in_place_of_a_video_is_called_what_it_is(tmp_path):
    contents = {
        "git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "a web page": b"<!DOCTYPE html><title>404</title>",
        "empty": b"",
    }
    for said, content in contents.items():
        (tmp_path / "film.mp4").write_bytes(content)
        with pytest.raises(DataError, match=f"film.mp4: cannot be decoded as a video; .*{said}"):
            opened(tmp_path / "film.mp4")


def test_a_claim_of_huge_frames_is_refused(clocked, grey):
    path = clocked(grey(1, 2, 3), [0, 0.1, 0.2], "moving.gif", codec="gif", pixels="rgb8")
    content = bytearray(path.read_bytes())
    content[6:10] = struct.pack("<HH", 65000, 65000)
    path.write_bytes(content)
    with pytest.raises(DataError, match="no frame of it can be decoded"):
        opened(path)


def test_a_name_is_a_file_and_neither_a_pattern_nor_an_address(clocked, grey, tmp_path, monkeypatch):
    whole = clocked(grey(10, 20), [0, 0.1])
    (tmp_path / "http:").mkdir()
    names = [
        "a%03d.mkv",
        "-a.mkv",
        "a[1].mkv",
        "concat:a|b.mkv",
        "http:/x.mkv",
        b"\xff\xfe.mkv".decode(errors="surrogateescape"),
    ]
    for name in names:
        (tmp_path / name).write_bytes(whole.read_bytes())
        assert len(read(name)[0]) == 2


def test_a_picture_in_a_container_of_videos_is_no_video(clocked, grey, tmp_path):
    content = clocked(grey(10, 20), [0, 0.1], "a.mp4").read_bytes()
    assert content[8:12] == b"isom"
    for name in ("picture", "picture.mp4"):
        (tmp_path / name).write_bytes(content[:8] + b"heic" + content[12:])
    assert find_inputs([tmp_path / "picture"])[0].kind == "image"
    with pytest.raises(DataError, match="HEIC or AVIF picture"):
        opened(tmp_path / "picture.mp4")


def test_a_playlist_is_not_followed(clocked, grey, tmp_path):
    whole = clocked(grey(10, 20), [0, 0.1])
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile {whole.name}\n")
    (tmp_path / "hls.ts").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{whole.name}\n#EXT-X-ENDLIST\n")
    for name in ("list.mp4", "hls.ts"):
        with pytest.raises(DataError, match="cannot be decoded as a video"):
            opened(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.gif"])
def test_any_flip_cut_or_block_gives_frames_or_a_refusal(clocked, grey, name):
    kinds = {"a.avi": ("mjpeg", "yuvj420p"), "a.gif": ("gif", "rgb8")}
    codec, pixels = kinds.get(name, ("libx264", "yuv420p"))
    path = clocked(grey(*range(0, 120, 20)), np.arange(6) / 10, name, codec=codec, pixels=pixels)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for number in range(60):
        content, place = bytearray(whole), int(rng.integers(len(whole)))
        if number % 3 == 0:
            content[place] ^= 1 << int(rng.integers(8))
        elif number % 3 == 1:
            del content[place:]
        else:
            length = int(rng.integers(1, 64))
            content[place : place + length] = rng.bytes(length)
        path.write_bytes(content)
        try:
            reel = opened(path)
        except DataError as error:
            assert name in str(error)
            continue
        times = [frame.time for frame in reel.frames(200, 1)]
        reel.close()
        assert times[0] == 0 and (np.diff(times) > 0).all() and np.isfinite(reel.end)
