"""What is read: images, folders, globs, videos, a camera, and what is said where there is nothing to read."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hpe_bench import MissingError, UsageError
from hpe_bench.inference.sources import find_inputs, read_images


@pytest.fixture
def album(tmp_path, grey, video):
    """A folder with b.png, a.jpg, a text, a video, and one more image in a folder of its own."""
    (tmp_path / "album" / "inner").mkdir(parents=True)
    for name in ("b.png", "a.jpg", "inner/c.png"):
        cv2.imwrite(str(tmp_path / "album" / name), grey(100)[0])
    (tmp_path / "album" / "notes.txt").write_text("no picture")
    video(grey(10, 20), "album/film.mp4")
    return tmp_path / "album"


def names(found):
    return [(one.kind, one.path.name) for one in found]


def test_a_folder_gives_its_images_and_videos_by_name(album):
    assert names(find_inputs([album])) == [("image", "a.jpg"), ("image", "b.png"), ("video", "film.mp4")]


def test_a_glob_may_look_into_folders_and_a_name_that_exists_is_none(album, grey):
    assert names(find_inputs([f"{album}/**/*.png"])) == [("image", "b.png"), ("image", "c.png")]
    cv2.imwrite(str(album / "x[1].png"), grey(5)[0])
    assert names(find_inputs([album / "x[1].png"])) == [("image", "x[1].png")]


def test_what_a_file_is_is_told_by_its_content_where_its_name_says_nothing(album, grey):
    (album / "b.png").rename(album / "picture")
    (album / "film.mp4").rename(album / "film")
    assert names(find_inputs([album / "picture", album / "film"])) == [("image", "picture"), ("video", "film")]


def test_a_picture_in_a_folder_is_found_whatever_it_is_called(album):
    (album / "b.png").rename(album / "b")
    assert names(find_inputs([album])) == [("image", "a.jpg"), ("image", "b"), ("video", "film.mp4")]


def test_arrays_are_images(grey):
    (one,) = find_inputs(grey(7))
    assert (next(read_images([one], pytest.fail)).image == 7).all()
    with pytest.raises(UsageError, match="uint8"):
        find_inputs([np.zeros((4, 4))])


def test_where_there_is_nothing_it_is_said_what_could_be(tmp_path):
    with pytest.raises(UsageError, match="--camera 0"):
        find_inputs([])
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingError, match=r"no image and no video in .*jpg.*mp4.*\*\*"):
        find_inputs([tmp_path / "empty"])
    for nothing in ("gone.jpg", "*.jpg"):
        with pytest.raises(MissingError, match="neither a file, nor a folder, nor a glob"):
            find_inputs([nothing])


def test_a_picture_is_turned_as_the_camera_was_held(tmp_path):
    from PIL import Image

    lying = np.zeros((20, 40, 3), np.uint8)
    lying[:, :20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be seen turned to the right
    Image.fromarray(lying).save(tmp_path / "phone.jpg", exif=exif)
    frame = next(read_images(find_inputs([tmp_path / "phone.jpg"]), pytest.fail))
    assert frame.image.shape == (40, 20, 3) and frame.image[:18].mean() > 250 and frame.image[22:].mean() < 5


def test_an_image_that_cannot_be_read_is_told_of_and_the_others_are_read(album):
    (album / "a.jpg").write_bytes(b"no picture")
    faults = []
    frames = list(read_images(find_inputs([f"{album}/*.jpg", f"{album}/*.png"]), faults.append))
    assert [frame.source.path.name for frame in frames] == ["b.png"] and "a.jpg" in str(faults[0])
