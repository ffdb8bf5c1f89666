"""The crop rules: boxes worked out by hand, and the pixels inside them."""

import numpy as np
import pytest

from hpe_bench import SampleError
from hpe_bench.crops import (
    FACE_BOX,
    FSANET_POINTS,
    NLML_TEST,
    SIXDREPNET_TEST,
    SIXDREPNET_TRAIN,
    WHOLE,
    CropRule,
    RandomCrop,
    cut,
    resolve_box,
)

# A tight box of width 100 and height 50, with its left top corner at (200, 300), and a point within.
TIGHT = np.array([[200.0, 300.0, 250.0], [300.0, 350.0, 320.0]])


def points(*pairs):
    """Facial points (2, K) of x, y pairs."""
    return np.array(pairs, dtype=float).T


def picture(height=40, width=60):
    """An image in which every pixel names its place: blue its row, green its column, red always 255."""
    rows, columns = np.mgrid[:height, :width]
    return np.dstack([rows, columns, np.full_like(rows, 255)]).astype(np.uint8)


# The whole image


def test_the_whole_image_needs_no_points():
    assert WHOLE.box(None, 640, 480) == (0, 0, 640, 480)


# 6DRepNet's test on AFLW2000


def test_6drepnet_widens_one_side_after_the_other():
    # Left .40 w, right .40 (w + .40 w) = .56 w, top .40 h, bottom .12 (h + .40 h) = .168 h.
    assert SIXDREPNET_TEST.box(TIGHT, 450, 450) == (200 - 40, 300 - 20, 300 + 56, int(350 + 8.4))


def test_nlml_s_box_is_6drepnet_s_clamped_to_the_image_so_that_nothing_is_black():
    assert NLML_TEST.box(TIGHT, 450, 450) == SIXDREPNET_TEST.box(TIGHT, 450, 450)
    assert SIXDREPNET_TEST.box(points((5, 5), (55, 35)), 60, 40) == (-15, -7, 83, 40)
    assert NLML_TEST.box(points((5, 5), (55, 35)), 60, 40) == (0, 0, 60, 40)
    image = picture()
    assert np.array_equal(cut(image, NLML_TEST.box(points((5, 5), (55, 35)), 60, 40)), image)


def test_6drepnet_shares_of_a_large_box_are_exact():
    box = SIXDREPNET_TEST.box(points((1000, 1000), (2000, 3000)), 5000, 5000)

    assert box == (1000 - 400, 1000 - 800, 2000 + 560, 3000 + 336)


def test_6drepnet_truncates_a_part_of_a_pixel():
    # Width 10.5: left 100.75 - 4.2 = 96.55, right 111.25 + .4 * 14.7 = 117.13.
    # Height 20.25: top 50.5 - 8.1 = 42.4, bottom 70.75 + .12 * 28.35 = 74.152.
    assert SIXDREPNET_TEST.box(points((100.75, 50.5), (111.25, 70.75)), 450, 450) == (96, 42, 117, 74)


def test_6drepnet_truncates_towards_zero_outside_the_image_too():
    # Left 1 - .4 * 9 = -2.6, top 2 - .4 * 8 = -1.2.
    assert SIXDREPNET_TEST.box(points((1, 2), (10, 10)), 450, 450)[:2] == (-2, -1)


def test_6drepnet_reaches_outside_the_image():
    box = SIXDREPNET_TEST.box(points((10, 20), (440, 430)), 450, 450)

    assert box == (10 - 172, 20 - 164, int(440 + 240.8), int(430 + 68.88))


def test_6drepnet_keeps_points_of_negative_coordinates():
    assert SIXDREPNET_TEST.box(points((-50, 100), (50, 200)), 450, 450) == (-90, 60, 106, 216)


def test_6drepnet_takes_no_notice_of_the_size_of_the_image():
    assert SIXDREPNET_TEST.box(TIGHT, 10, 10) == SIXDREPNET_TEST.box(TIGHT, 4000, 4000)


# FSA-Net's preparation of AFLW2000 and 300W-LP


def test_fsanet_widens_every_side_by_six_tenths():
    assert FSANET_POINTS.box(TIGHT, 1000, 1000) == (200 - 60, 300 - 30, 300 + 60, 350 + 30)


def test_fsanet_measures_the_margin_on_the_box_of_whole_pixels():
    # 100.9..110.9 is 100..110: margin 6. 50.9..61.1 is 50..61: margin 6.6, top 43.4, bottom 67.6.
    assert FSANET_POINTS.box(points((100.9, 50.9), (110.9, 61.1)), 450, 450) == (94, 43, 116, 67)


def test_fsanet_stays_within_the_last_pixel_of_the_image():
    assert FSANET_POINTS.box(points((10, 20), (440, 430)), 450, 460) == (0, 0, 449, 459)


def test_fsanet_clamps_each_side_on_its_own():
    # Margins of 60 and 30: left 10 - 60 below 0, top 40 - 30, right 110 + 60 beyond 149, bottom 90 + 30.
    assert FSANET_POINTS.box(points((10, 40), (110, 90)), 150, 300) == (0, 10, 149, 120)


def test_fsanet_drops_points_of_negative_x():
    # The third point, and its y with it: x 200..300, y 300..350.
    assert FSANET_POINTS.box(points((200, 300), (300, 350), (-1, 900)), 1000, 1000) == (140, 270, 360, 380)


def test_fsanet_drops_points_of_negative_y():
    assert FSANET_POINTS.box(points((200, 300), (300, 350), (900, -1)), 1000, 1000) == (140, 270, 360, 380)


def test_fsanet_drops_points_at_zero():
    assert FSANET_POINTS.box(points((200, 300), (300, 350), (0, 0)), 1000, 1000) == (140, 270, 360, 380)


def test_fsanet_masks_by_y_where_fewer_y_are_positive_and_so_keeps_a_negative_x():
    # One x and two y are not positive: the y mask serves. It keeps (-50, 400): x -50..300, y 300..400.
    # Margins 210 and 60: left -260 becomes 0, top 240, right 510, bottom 460.
    given = points((200, 300), (300, 350), (-50, 400), (100, -10), (120, -20))

    assert FSANET_POINTS.box(given, 1000, 1000) == (0, 240, 510, 460)


def test_fsanet_masks_by_x_where_fewer_x_are_positive_and_so_keeps_a_negative_y():
    # Two x and one y are not positive: the x mask serves. It keeps (250, -10): x 200..300, y -10..350.
    # Margins 60 and 216: left 140, top -226 becomes 0, right 360, bottom 566.
    given = points((200, 300), (300, 350), (-50, 400), (-60, 410), (250, -10))

    assert FSANET_POINTS.box(given, 1000, 1000) == (140, 0, 360, 566)


def test_fsanet_masks_by_x_where_as_many_x_as_y_are_positive():
    # One x and one y are not positive: the x mask drops (-50, 400) and keeps (250, -10), as above.
    given = points((200, 300), (300, 350), (-50, 400), (250, -10))

    assert FSANET_POINTS.box(given, 1000, 1000) == (140, 0, 360, 566)


# Missing points


@pytest.mark.parametrize("rule", [SIXDREPNET_TEST, FSANET_POINTS], ids=lambda rule: rule.name)
@pytest.mark.parametrize(
    "given",
    [None, np.empty((2, 0)), np.array([[10.0, np.nan], [10.0, 20.0]]), np.array([[10.0, 20.0], [np.inf, 20.0]])],
    ids=["none", "empty", "nan", "infinite"],
)
def test_a_rule_on_points_refuses_a_sample_without_them(rule, given):
    with pytest.raises(ValueError, match="pt2d"):
        rule.box(given, 450, 450)


@pytest.mark.parametrize("given", [points((-5, 10), (-6, 20)), points((10, -5), (20, 0))], ids=["x", "y"])
def test_fsanet_refuses_a_sample_without_a_positive_point(given):
    with pytest.raises(ValueError, match="positive"):
        FSANET_POINTS.box(given, 450, 450)


@pytest.mark.parametrize("rule", [SIXDREPNET_TEST, FSANET_POINTS], ids=lambda rule: rule.name)
def test_a_rule_leaves_the_points_as_they_were(rule):
    given = TIGHT.copy()

    rule.box(given, 450, 450)

    np.testing.assert_array_equal(given, TIGHT)


def test_every_rule_has_a_name_and_a_version_of_its_own():
    rules = (WHOLE, SIXDREPNET_TEST, FSANET_POINTS)

    assert len({rule.name for rule in rules}) == len({rule.version for rule in rules}) == 3


# Pixels


def test_a_box_within_the_image_gives_its_pixels():
    pixels = cut(picture(), (5, 10, 8, 12))

    assert pixels.shape == (2, 3, 3)
    np.testing.assert_array_equal(pixels[0], [[10, 5, 255], [10, 6, 255], [10, 7, 255]])
    np.testing.assert_array_equal(pixels[1], [[11, 5, 255], [11, 6, 255], [11, 7, 255]])


def test_a_box_of_the_whole_image_gives_the_image():
    np.testing.assert_array_equal(cut(picture(), WHOLE.box(None, 60, 40)), picture())


def test_outside_the_image_left_and_above_is_black():
    pixels = cut(picture(), (-2, -1, 2, 3))

    assert pixels.shape == (4, 4, 3)
    assert not pixels[0].any()
    assert not pixels[:, :2].any()
    np.testing.assert_array_equal(pixels[1:, 2:, 0], [[0, 0], [1, 1], [2, 2]])
    np.testing.assert_array_equal(pixels[1:, 2:, 1], [[0, 1], [0, 1], [0, 1]])
    assert (pixels[1:, 2:, 2] == 255).all()


def test_outside_the_image_right_and_below_is_black():
    pixels = cut(picture(height=40, width=60), (58, 39, 61, 42))

    assert pixels.shape == (3, 3, 3)
    np.testing.assert_array_equal(pixels[0], [[39, 58, 255], [39, 59, 255], [0, 0, 0]])
    assert not pixels[1:].any()


def test_a_box_around_the_image_frames_it_in_black():
    pixels = cut(picture(height=2, width=3), (-1, -2, 5, 3))

    assert pixels.shape == (5, 6, 3)
    np.testing.assert_array_equal(pixels[2:4, 1:4], picture(height=2, width=3))
    assert (pixels[..., 2] == 255).sum() == 6


@pytest.mark.parametrize(
    "box",
    [(-30, 5, -10, 15), (60, 5, 80, 15), (70, 5, 90, 15), (5, -30, 25, -20), (5, 40, 25, 50), (100, 100, 120, 110)],
)
def test_a_box_wholly_outside_the_image_is_black_and_of_its_size(box):
    pixels = cut(picture(height=40, width=60), box)

    assert pixels.shape == (10, 20, 3)
    assert pixels.dtype == np.uint8
    assert not pixels.any()


@pytest.mark.parametrize("box", [(10, 10, 10, 20), (10, 10, 20, 10), (20, 20, 10, 10), (-9, -9, -9, -9)])
def test_a_box_without_an_area_is_black_and_never_empty(box):
    pixels = cut(picture(), box)

    assert min(pixels.shape) >= 1
    assert not pixels.any()


def test_cutting_leaves_the_image_as_it_was():
    image = picture()

    cut(image, (-5, -5, 70, 50))

    np.testing.assert_array_equal(image, picture())


# Learning from 300W-LP


class Drawn:
    """A generator that draws what it is told to."""

    def __init__(self, k):
        self.k = k

    def uniform(self, low, high):
        assert (low, high) == (0.2, 0.4)
        return self.k


def test_6drepnet_learns_from_boxes_widened_one_side_after_the_other():
    # k = .3: left .18 * 100, top .6 * 50, right .18 * 118, bottom .18 * 80.
    assert SIXDREPNET_TRAIN.box(TIGHT, 450, 450, Drawn(0.3)) == (200 - 18, 300 - 30, int(300 + 21.24), int(350 + 14.4))


def test_random_crops_stay_between_those_of_the_ends_and_follow_their_generator():
    low, high = (SIXDREPNET_TRAIN.box(TIGHT, 450, 450, Drawn(k)) for k in (0.2, 0.4))
    boxes = [SIXDREPNET_TRAIN.box(TIGHT, 450, 450, np.random.default_rng(seed)) for seed in range(40)]
    assert len(set(boxes)) > 10
    for left, top, right, bottom in boxes:
        assert high[0] <= left <= low[0] and high[1] <= top <= low[1]
        assert low[2] <= right <= high[2] and low[3] <= bottom <= high[3]
    assert boxes[7] == SIXDREPNET_TRAIN.box(TIGHT, 450, 450, np.random.default_rng(7))


# Boxes


def test_the_box_of_a_face_is_cut_as_it_stands():
    assert FACE_BOX.box(points((274, 171), (423, 360)), 640, 480) == (274, 171, 423, 360)


def test_a_rule_for_faces_allows_samples_without_one_and_others_do_not():
    assert FACE_BOX.faceless and not WHOLE.faceless and not SIXDREPNET_TEST.faceless
    with pytest.raises(ValueError, match="needs the sample's facial points"):
        FACE_BOX.box(None, 640, 480)


@pytest.mark.parametrize("box", [(2, 3, 7, 6), (-4, -2, 5, 3), (3, 1, 20, 30), (-5, -5, 40, 40), (12, 0, 15, 4)])
def test_what_is_cut_is_the_image_and_black_around_it(box):
    image = np.random.default_rng(0).integers(1, 256, (9, 11, 3), dtype=np.uint8)
    left, top, right, bottom = (edge + 50 for edge in box)
    around = np.pad(image, ((50, 50), (50, 50), (0, 0)))
    np.testing.assert_array_equal(cut(image, box), around[top:bottom, left:right])
    np.testing.assert_array_equal(
        cut(image[:, ::-1], box), np.pad(image[:, ::-1], ((50, 50), (50, 50), (0, 0)))[top:bottom, left:right]
    )


# A rule's box, looked at


def boxed(box, faceless=False):
    return CropRule("made-up", "made-up/1", "a box", lambda points, width, height: box, faceless)


def test_a_box_is_what_the_rule_makes_of_the_points_and_the_size_of_the_image():
    seen = []
    rule = CropRule("look", "look/1", "", lambda *given: seen.append(given) or (0, 0, 1, 1))
    resolve_box(rule, [[1, 2], [3, 4]], 40, 30, "here")
    resolve_box(rule, None, 40, 30, "here")
    points, width, height = seen[0]
    assert points.dtype == np.float64 and points.tolist() == [[1, 2], [3, 4]]
    assert (width, height) == (40, 30) and seen[1] == (None, 40, 30)


def test_a_random_crop_draws_from_the_generator_given():
    seen = []
    rule = RandomCrop("look", "look/1", "", lambda *given: seen.append(given) or (0, 0, 1, 1))
    generator = np.random.default_rng(0)
    assert resolve_box(rule, np.ones((2, 3)), 40, 30, "here", generator) == (0, 0, 1, 1)
    points, width, height, random = seen[0]
    assert points.shape == (2, 3) and (width, height) == (40, 30) and random is generator


@pytest.mark.parametrize(
    "box",
    [(0, 0, 40, 30), (39, 29, 41, 31), (-5, -5, 1, 1), (-380, 0, 420, 30), (0, -285, 40, 315), (-60, -40, 100, 70)],
    ids=str,
)
def test_a_box_that_shares_a_pixel_with_the_image_is_taken_up_to_20_times_its_size(box):
    assert resolve_box(boxed(box), None, 40, 30, "here") == box


@pytest.mark.parametrize(
    "box",
    [
        (5, 5, 5, 9),
        (5, 5, 9, 5),
        (9, 5, 5, 9),
        (5, 9, 9, 5),
        (-9, 5, 0, 9),
        (5, -9, 9, 0),
        (40, 5, 45, 9),
        (5, 30, 9, 35),
    ],
    ids=str,
)
def test_a_box_without_a_pixel_of_the_image_names_rule_and_sample(box):
    with pytest.raises(SampleError, match=r"^here: the crop made-up of its facial points lies outside the image: \("):
        resolve_box(boxed(box), None, 40, 30, "here")


@pytest.mark.parametrize("box", [(-381, 0, 420, 30), (0, -285, 40, 316), (0, 0, 801, 30), (0, 0, 40, 601)], ids=str)
def test_a_box_of_more_than_20_times_the_image_names_rule_and_sample(box):
    with pytest.raises(SampleError, match=r"^here: the crop made-up of its facial points is far larger than the image"):
        resolve_box(boxed(box), None, 40, 30, "here")


def test_what_a_rule_refuses_names_the_sample():
    with pytest.raises(SampleError, match=r"^here: this crop rule needs the sample's facial points"):
        resolve_box(FACE_BOX, None, 40, 30, "here")


def test_an_empty_box_off_the_image_is_cut_to_one_black_pixel():
    image = np.full((30, 40, 3), 7, dtype=np.uint8)
    assert cut(image, (50, 5, 50, 5)).shape == (1, 1, 3) and not cut(image, (50, 5, 50, 5)).any()
    assert cut(image, (50, 5, 53, 5)).shape == (1, 3, 3) and cut(image, (50, 5, 50, 9)).shape == (4, 1, 3)


@pytest.mark.parametrize("place", [(0, 0), (0, 2), (1, 0), (1, 2)])
@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_one_point_that_is_not_finite_leaves_no_box(place, hole):
    points = np.array([[10.0, 20.0, 15.0], [5.0, 25.0, 30.0]])
    points[place] = hole
    with pytest.raises(ValueError, match="all of them finite"):
        FACE_BOX.box(points, 40, 30)


def test_fsanet_keeps_points_within_the_first_pixel():
    left, top, right, bottom = FSANET_POINTS.box(np.array([[0.5, 20.0], [0.5, 10.0]]), 100, 80)
    assert (left, top, right, bottom) == (0, 0, 32, 16)


def test_fsanet_drops_a_point_whose_x_alone_is_zero():
    assert FSANET_POINTS.box(points((0, 10), (20, 10), (30, 20)), 100, 80) == (14, 4, 36, 26)
    assert FSANET_POINTS.box(points((10, 0), (10, 20), (20, 30)), 100, 80) == (4, 14, 26, 36)
