"""The renderer draws what its formula says, for any rotation; and tells what it lacks."""

import itertools
import sys

import numpy as np
import pytest

from hpe_bench import MissingError, UsageError, canonical_face, pose
from hpe_bench_plugins.datasets.facescape.rendering.appearance import Look, random_look
from hpe_bench_plugins.datasets.facescape.rendering.head import EYE, TEXTURED, Head, Paint, vertex_normals
from hpe_bench_plugins.datasets.facescape.rendering.scene import Renderer, project

POSES = [
    (0, 0, 0), (50, 0, 0), (0, 40, 0), (0, 0, 30), (-50, -40, 30), (90, 0, 0), (-90, 20, 0), (110, 10, -60),
    (-150, 0, 0),
]  # fmt: skip
LOOKS = [Look(), Look(distance=45, field=40), Look(distance=300, field=25)]
CORNERS = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)], dtype=np.float64)
SIDES = np.array([(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)])


def opened(size=256, **options):
    try:
        return Renderer(size, threads=1, **options).__enter__()
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def renderer():
    renderer = opened(320)
    yield renderer
    renderer.close()


@pytest.fixture(scope="module")
def large():
    renderer = opened(960, smooth=1)
    yield renderer
    renderer.close()


def solid(points, colours, radius=0.3):
    """Small octahedra around points (N, 3) in cm, of colours (N, 3) 0 to 1."""
    vertices = (np.asarray(points)[:, None] + radius * CORNERS).reshape(-1, 3)
    triangles = (6 * np.arange(len(points))[:, None, None] + SIDES).reshape(-1, 3)
    colours = np.repeat(np.asarray(colours, dtype=np.float32), 6, axis=0)
    return head_of(vertices, triangles, Paint(colours, np.zeros((len(vertices), 4), dtype=np.float32)))


def head_of(vertices, triangles, paint, **options):
    vertices, triangles = np.asarray(vertices, dtype=np.float32), np.asarray(triangles, dtype=np.int32)
    return Head("test", vertices, triangles, vertex_normals(vertices, triangles), paint, **options)


def turned(yaw, pitch, roll):
    """X(-pitch) Y(yaw) Z(roll) written out, not taken from the code that labels."""
    p, y, r = np.radians([-pitch, yaw, roll])
    x_turn = [[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]]
    y_turn = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    z_turn = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
    return np.array(x_turn) @ y_turn @ z_turn


@pytest.mark.parametrize(("angles", "look"), list(zip(POSES, itertools.cycle(LOOKS))))
def test_a_marker_is_drawn_where_the_formula_says(large, angles, look):
    rng = np.random.default_rng(0)
    points = rng.uniform(-9, 9, (24, 3))
    colours = (np.stack([np.arange(24) % 3, np.arange(24) // 3 % 3, np.arange(24) // 9], axis=1) + 1) / 5
    image = large.flat(solid(points, colours, radius=0.12), turned(*angles), look)
    rotation = pose.rotation_from_grid(angles, "pitch-yaw-roll")
    x, y, z = (points @ rotation.T + (0, 0, look.distance)).T
    expected = 960 * (0.5 + look.distance / look.field * np.stack([x, y]).T / z[:, None])
    np.testing.assert_allclose(project(points, rotation, look, 960), expected)
    gaps = np.linalg.norm(expected[:, None] - expected, axis=-1) + 1e3 * np.eye(24)
    alone = np.flatnonzero((gaps.min(axis=1) > 40) & ((expected > 15) & (expected < 945)).all(axis=1))
    assert len(alone) > 5
    for marker in alone:
        left, top = np.floor(expected[marker]).astype(int) - 15
        cut = image[top : top + 30, left : left + 30]
        rows, columns = np.nonzero((cut == np.round(colours[marker] * 255)).all(axis=-1))
        found = np.array([left + columns.mean(), top + rows.mean()]) + 0.5
        assert np.abs(found - expected[marker]).max() < 0.5


@pytest.mark.parametrize("angles", POSES)
def test_each_pixel_shows_the_point_that_the_formula_puts_there(renderer, angles):
    face = canonical_face()
    head = head_of(face.points, face.triangles, Paint(np.ones((468, 3)), np.zeros((468, 4))))
    look, rotation = Look(distance=60, field=30), turned(*angles)
    places = renderer.places(head, rotation, look)
    rows, columns = np.nonzero(np.isfinite(places[..., 0]))
    assert len(rows) > 1000
    pixels = project(places[rows, columns], rotation, look, 320)
    assert np.abs(pixels - np.stack([columns, rows], axis=1) - 0.5).max() < 0.01


def test_what_is_nearer_hides_what_is_behind_it(renderer):
    head = solid([(0, 0, -5), (0, 0, 5)], [(1, 0, 0), (0, 1, 0)], radius=2)
    for yaw, colour in ((0, (255, 0, 0)), (180, (0, 255, 0))):
        assert tuple(renderer.flat(head, turned(yaw, 0, 0))[160, 160]) == colour


def test_an_image_is_rgb_and_not_upside_down_or_mirrored(renderer):
    points = [(-6, 0, 0), (6, 0, 0), (0, -6, 0)]
    image = renderer.render(solid(points, np.eye(3), radius=2), np.eye(3), Look(key=(1, 1, 1)))
    assert image.shape == (320, 320, 3) and image.dtype == np.uint8 and image.flags.c_contiguous
    for (x, y, _), channel in zip(points, range(3), strict=True):
        column, row = (int(160 + 320 / 36 * value) for value in (x, y))
        assert image[row, column].argmax() == channel and image[row, column, channel] > 150


def test_light_from_the_right_lights_the_right(renderer):
    face = canonical_face()
    head = head_of(face.points, face.triangles, Paint(np.full((468, 3), 0.5), np.zeros((468, 4))))
    dark = (0.0, 0.0, 0.0)
    for side in (-1, 1):
        look = Look(to_key=(side, 0, -0.5), fill=dark, sky=dark, ground=dark, background=np.zeros((1, 1, 3), np.uint8))
        image = renderer.render(head, np.eye(3), look).astype(float)
        assert side * (image[:, 160:].sum() - image[:, :160].sum()) > 0.3 * image.sum()


def test_the_background_fills_the_image_and_runs_as_it_is_given(renderer):
    background = np.array([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]], dtype=np.uint8)
    image = renderer.render(solid([(0, 0, 0)], [(1, 1, 1)]), np.eye(3), Look(background=background))
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.abs(corners.astype(int) - background.reshape(4, 3)).max() <= 2


def test_an_eyeball_has_a_pupil_an_iris_and_a_white(renderer):
    vertices, surface = [(-3, -3, 0), (3, -3, 0), (3, 3, 0), (-3, 3, 0)], np.zeros((4, 4))
    surface[:, 0], surface[:, 2:] = EYE, [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    paint = Paint(np.full((4, 3), 0.8), surface, iris=(0.0, 0.5, 0.0), pupil=(0.2, 0.5))
    image = renderer.flat(head_of(vertices, [(0, 2, 1), (0, 3, 2)], paint), np.eye(3))
    pupil, iris, white = (image[160, 160 + int(320 / 36 * 3 * radius)] for radius in (0, 0.35, 0.8))
    assert pupil.max() < 10 and iris[1] > 60 and iris[0] < 10 and white.min() > 190


def test_a_texture_is_drawn_with_its_first_row_at_the_top(renderer):
    vertices, surface = [(-3, -3, 0), (3, -3, 0), (3, 3, 0), (-3, 3, 0)], np.zeros((4, 4))
    surface[:, 0], surface[:, 2:] = TEXTURED, [(0, 0), (1, 0), (1, 1), (0, 1)]
    texture = np.zeros((64, 64, 3), dtype=np.uint8)
    texture[:32, :, 0] = texture[32:, :, 2] = 255
    image = renderer.flat(
        head_of(vertices, [(0, 2, 1), (0, 3, 2)], Paint(np.ones((4, 3)), surface, texture)), np.eye(3)
    )
    assert tuple(image[145, 160]) == (255, 0, 0) and tuple(image[175, 160]) == (0, 0, 255)


def test_the_inside_of_a_closed_head_is_not_drawn_and_its_outside_is(renderer):
    vertices, triangles = CORNERS * 5, SIDES
    paint = Paint(np.ones((6, 3)), np.zeros((6, 4)))
    for sides, shown in ((triangles[4:], True), (triangles[:4], False)):
        assert renderer.flat(head_of(vertices, sides, paint, closed=True), np.eye(3)).any() == shown


def test_the_same_call_gives_the_same_image_also_from_another_renderer(renderer):
    look = random_look((1, 2, 3))
    heads = [solid([(0, 0, shift)], [(0.5, 0.4, 0.3)], radius=5) for shift in (0, 3)]
    first, other, again = (renderer.render(head, np.eye(3), look) for head in (heads[0], heads[1], heads[0]))
    with Renderer(320) as second:
        there = second.render(heads[0], np.eye(3), look)
    assert (first == again).all() and (first == there).all() and (first != other).any()


def test_looks_are_seeded_and_differ():
    same, again, other = random_look((4, 5)), random_look((4, 5)), random_look((4, 6))
    assert same.lights() == again.lights() != other.lights()
    assert (same.background == again.background).all() and same.distance == again.distance != other.distance
    assert all(np.linalg.norm(same.lights()[name]) == pytest.approx(1) for name in ("to_key", "to_fill"))


def test_wrong_use_is_an_error(renderer):
    head = solid([(0, 0, 0)], [(1, 1, 1)], radius=10)
    with pytest.raises(UsageError, match="stands in the head"):
        renderer.render(head, np.eye(3), Look(distance=9))
    with pytest.raises(ValueError, match="rotation"):
        renderer.render(head, np.eye(2))
    for wrong in ({"size": 3}, {"size": 10**6}, {"smooth": 0}):
        with pytest.raises(UsageError):
            Renderer(**wrong)
    with pytest.raises(RuntimeError, match="not open"):
        Renderer().render(head, np.eye(3))


def test_without_moderngl_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "moderngl", None)
    with pytest.raises(MissingError, match=r"pip install 'hpe-bench\[render\]'"):
        Renderer().__enter__()


def test_without_opengl_the_error_names_the_packages(monkeypatch):
    moderngl = pytest.importorskip("moderngl")

    def fail(**settings):
        raise Exception("libEGL.so not loaded")

    monkeypatch.setattr(moderngl, "create_context", fail)
    with pytest.raises(MissingError, match=r"libEGL.*apt-get install libegl1 libgl1-mesa-dri"):
        Renderer().__enter__()


def test_two_renderers_of_one_process_draw_in_turns(renderer, large):
    head = solid(np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0]]), radius=3.0)
    alone = renderer.flat(head, np.eye(3))
    other = large.flat(head, np.eye(3))
    with opened(48) as third:
        assert third.flat(head, np.eye(3)).any()
        np.testing.assert_array_equal(renderer.flat(head, np.eye(3)), alone)
    np.testing.assert_array_equal(large.flat(head, np.eye(3)), other)
    np.testing.assert_array_equal(renderer.flat(head, np.eye(3)), alone)
