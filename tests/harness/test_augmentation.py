"""Mirror and blur: against what they mean, on numbers worked out by hand."""

import numpy as np
import pytest

from hpe_bench import augmentation, pose


def test_the_mirror_turns_yaw_and_roll_and_leaves_pitch():
    euler = np.random.default_rng(0).uniform(-80, 80, (50, 3))
    mirrored = pose.euler_from_rotation(augmentation.mirror_rotation(pose.rotation_from_euler(euler)))
    np.testing.assert_allclose(mirrored, euler * (-1, 1, -1), atol=1e-9)


def test_mirrored_points_are_at_the_same_content_of_the_mirrored_image():
    image = np.random.default_rng(1).integers(0, 255, (30, 41, 3), dtype=np.uint8)
    points = np.array([[0.0, 40, 13], [0.0, 29, 7]])
    x, y = augmentation.mirror_points(points, 41).astype(int)
    np.testing.assert_array_equal(augmentation.mirror_image(image)[y, x], image[[0, 29, 7], [0, 40, 13]])
    assert x.tolist() == [40, 0, 27]


def test_a_mirrored_rotation_mirrors_the_projection_of_a_symmetric_pair():
    rotation = pose.rotation_from_euler((30, 10, 20))
    left, right = np.array([2.0, 1, 3]), np.array([-2.0, 1, 3])
    np.testing.assert_allclose(augmentation.mirror_rotation(rotation) @ right, (rotation @ left) * (-1, 1, 1))


def test_twice_is_as_if_never():
    image = np.random.default_rng(2).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    np.testing.assert_array_equal(augmentation.mirror_image(augmentation.mirror_image(image)), image)
    points = np.array([[1.5], [2.5]])
    np.testing.assert_allclose(augmentation.mirror_points(augmentation.mirror_points(points, 6), 6), points)


def test_blur_is_the_mean_of_the_ring_of_a_5_x_5_window():
    image = np.zeros((9, 9, 3), np.uint8)
    image[4, 4] = 160
    blurred = augmentation.blur(image)[..., 0]
    ring = np.ones((5, 5), bool)
    ring[1:4, 1:4] = False
    np.testing.assert_array_equal(blurred[2:7, 2:7], np.where(ring, 10, 0))
    assert blurred.sum() == 160


def test_what_is_given_is_not_changed():
    image = np.full((8, 8, 3), 7, np.uint8)
    image[:, 0] = 90
    before = image.copy()
    augmentation.mirror_image(image)[:] = 0
    augmentation.blur(image)[:] = 0
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("size", [(4, 30), (5, 5), (61, 40), (3, 2)])
def test_blur_is_pillows_in_every_pixel(size):
    from PIL import Image, ImageFilter

    for image in np.random.default_rng(1).integers(0, 256, (20, *size, 3), dtype=np.uint8):
        expected = np.asarray(Image.fromarray(image).filter(ImageFilter.BLUR))
        np.testing.assert_array_equal(augmentation.blur(image), expected)
