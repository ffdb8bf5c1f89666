"""Images in the size that a network asks for: which pixels, and how many."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest
from PIL import Image

from hpe_bench import Images, SampleError
from hpe_bench.images import ImageFile, cut_centre, resize, resize_shorter_side


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("given", "side", "expected"),
    [
        ((450, 450), 256, (256, 256)),
        ((300, 200), 250, (375, 250)),
        ((200, 300), 250, (250, 375)),
        ((451, 450), 250, (250, 250)),
        ((97, 64), 256, (388, 256)),
        ((64, 99), 250, (250, 386)),  # 386.7: the longer side is rounded down
        ((1, 3), 224, (224, 672)),
    ],
)
@pytest.mark.parametrize("method", ["linear", "antialias"])
def test_the_shorter_side_is_what_was_asked_for_and_the_aspect_stays(given, side, expected, method):
    height, width, _ = resize_shorter_side(noise(*given), side, method).shape
    assert (width, height) == expected


@pytest.mark.parametrize(("longer", "left"), [(224, 0), (225, 0), (226, 1), (227, 2), (229, 2), (231, 4), (250, 13)])
def test_the_centre_is_cut_where_torchvision_cuts_it(longer, left):
    columns = np.broadcast_to(np.arange(longer, dtype=np.uint8)[None, :, None], (224, longer, 3))
    cut = cut_centre(columns, (224, 224))
    assert cut.shape == (224, 224, 3) and cut[0, 0, 0] == left
    np.testing.assert_array_equal(cut_centre(columns.transpose(1, 0, 2), (224, 224)), cut.transpose(1, 0, 2))


def triangles(image: np.ndarray, size: int) -> np.ndarray:
    """Columns (H, size, 3), each the mean of those that a triangle as wide as the scale covers."""
    scale = image.shape[1] / size
    centre = (np.arange(size) + 0.5) * scale
    distance = (np.arange(image.shape[1]) + 0.5)[None] - centre[:, None]
    weights = np.maximum(1 - np.abs(distance) / max(scale, 1), 0)
    weights /= weights.sum(1, keepdims=True)
    return np.einsum("oi,hic->hoc", weights, image.astype(float))


@pytest.mark.parametrize("size", [(20, 31), (150, 140), (64, 97)])
def test_antialias_weighs_every_pixel_that_a_smaller_one_stands_for(size):
    image = noise(97, 64)
    expected = triangles(triangles(image, size[0]).transpose(1, 0, 2), size[1]).transpose(1, 0, 2)
    assert np.abs(resize(image, size, "antialias") - expected).max() < 1.1


def test_an_image_is_not_changed_by_its_own_size():
    image = noise(97, 64)
    np.testing.assert_array_equal(resize(image, (97, 64), "antialias"), image)
    np.testing.assert_array_equal(resize_shorter_side(image, 64, "antialias"), image)


@pytest.mark.parametrize("size", [None, (224, 300), (300, 224)])
def test_what_cannot_be_cut_out_of_every_image_is_refused(size):
    with pytest.raises(ValueError, match="256"):
        Images(size=size, shorter_side=256)


@pytest.mark.parametrize("settings", [{}, {"subsampling": 0}, {"progressive": True}, {"quality": 30}], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_has_the_pixels_that_opencv_gives_it(tmp_path, mode, settings):
    pixels = np.random.default_rng(0).integers(0, 256, (23, 37, 3)).repeat(3, 0).repeat(3, 1).astype(np.uint8)
    path = tmp_path / "one.jpg"
    Image.fromarray(pixels).convert(mode).save(path, **settings)
    expected = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)[..., ::-1]
    np.testing.assert_array_equal(ImageFile(path).pixels(), expected)


def test_what_is_called_a_jpeg_and_is_none_is_read_as_what_it_is(tmp_path):
    path = tmp_path / "one.jpg"
    cv2.imwrite(str(tmp_path / "one.png"), np.full((8, 9, 3), 7, np.uint8))
    path.write_bytes((tmp_path / "one.png").read_bytes() + b"\xff\xd9")
    assert ImageFile(path).pixels().shape == (8, 9, 3)


@pytest.mark.parametrize("strange", ["pipe", "/dev/zero", "folder"])
def test_what_is_no_file_is_no_image_and_is_not_waited_for(tmp_path, strange):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SampleError):
        ImageFile(tmp_path / strange).pixels()


def test_a_file_larger_than_any_image_is_not_read(tmp_path):
    with (tmp_path / "one.jpg").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(SampleError, match="2 GiB"):
        ImageFile(tmp_path / "one.jpg").pixels()
