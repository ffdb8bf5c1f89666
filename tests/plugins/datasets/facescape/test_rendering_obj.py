"""OBJ files of heads: what the parser reads, what it refuses, and how a head comes into its place."""

import cv2
import numpy as np
import pytest

from hpe_bench import DataError, MissingError, UsageError, canonical_face, pose
from hpe_bench_plugins.datasets.facescape.rendering.alignment import face_fit
from hpe_bench_plugins.datasets.facescape.rendering.head import TEXTURED
from hpe_bench_plugins.datasets.facescape.rendering.heads import open_models
from hpe_bench_plugins.datasets.facescape.rendering.obj import read_obj, read_positions

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


@pytest.fixture
def obj(tmp_path):
    def write(text, name="head.obj"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def face_text(turn=None, scale=10.0, shift=(0.0, 0.0, 0.0), texture=False, colour=""):
    """The canonical face as an OBJ file has it: y up, z to the viewer, mm; ``turn`` in those axes."""
    face = canonical_face()
    points = face.points * (1, -1, -1) @ np.asarray(np.eye(3) if turn is None else turn).T * scale + shift
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}{colour}" for x, y, z in points]
    corner = (lambda i: f"{i + 1}/{i + 1}") if texture else (lambda i: str(i + 1))
    if texture:
        span = np.ptp(face.points, axis=0)
        places = (face.points - face.points.min(axis=0)) / span
        lines += ["mtllib head.mtl"] + [f"vt {u:.6f} {1 - v:.6f}" for u, v in places[:, :2]]
    return "\n".join([*lines, *(f"f {corner(a)} {corner(b)} {corner(c)}" for a, b, c in face.triangles)])


def degrees_between(first, second):
    return np.degrees(np.arccos(np.clip((np.trace(first @ second.T) - 1) / 2, -1, 1)))


def test_a_quad_becomes_two_triangles_and_a_pentagon_three(obj):
    mesh = read_obj(obj(SQUARE + "v 0 2 0\nf 1 2 3 4\nf 1 2 3 4 5\n"))
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2], [0, 2, 3], [0, 3, 4]]
    assert mesh.colours is None and mesh.texcoords is None


def test_corners_may_have_texture_and_normal_and_negative_numbers_count_from_the_last(obj):
    mesh = read_obj(obj(SQUARE + "vt 0 0\nvt 1 0\nvt 1 1\nvn 0 0 1\nf 1/1/1 2/2/1 3/3/1\nf -4/1 -2/2 -1/3\n"))
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.texture_triangles.tolist() == [[0, 1, 2], [0, 1, 2]]
    assert read_obj(obj(SQUARE + "vn 0 0 1\nf 1//1 2//1 3//1\n")).texture_triangles is None


def test_materials_and_vertex_colours_are_read_and_windows_line_ends_and_continued_lines_too(obj):
    vertices = "# head\nv 0 0 0 255 0 0\nv 1 0 0 0 255 0\nv 1 1 0 0 0 255\n"
    text = vertices + "usemtl A b\nf 1 2 \\\n3\nusemtl C\nf 3 2 1\n"
    mesh = read_obj(obj(text.replace("\n", "\r\n")))
    assert mesh.materials == ("A b", "C") and mesh.material.tolist() == [0, 1]
    np.testing.assert_allclose(mesh.colours, np.eye(3))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0\1\2",
        SQUARE,
        "v 0 0 0\nf 1 1 1\n",
        SQUARE + "f 1 2\n",
        SQUARE + "f 1 2 5\n",
        SQUARE + "f 0 1 2\n",
        SQUARE + "f -5 1 2\n",
        SQUARE + "f 1 2 99999999999999999999\n",
        SQUARE + "f a b c\n",
        SQUARE + "f " + "1 " * 100 + "\n",
        SQUARE + "f -4 -3 -2\nv 5 5 5\n",
        SQUARE + "vt 0 0\nf 1/1 2/1 3/2\n",
        "v 0 0 0\nv 1 0\nv 1 1 0\nf 1 2 3\n",
        "v 0 0 0\nv 1 0 nan\nv 1 1 0\nf 1 2 3\n",
        "v 0 0 0\nv 1 0 x\nv 1 1 0\nf 1 2 3\n",
        "v 0 0 0\nv 1 0 " + "9" * 100_000 + "\nv 1 1 0\nf 1 2 3\n",
    ],
)
def test_a_damaged_file_is_an_error_that_names_it(obj, text):
    path = obj(text)
    with pytest.raises(DataError, match=r"head\.obj"):
        read_obj(path)


def test_positions_alone_are_those_of_the_whole(obj):
    path = obj(SQUARE + "f 1 2 3\n")
    np.testing.assert_array_equal(read_positions(path), read_obj(path).vertices)


@pytest.mark.parametrize("scale", [1.0, 10.0, 0.01, 123.0])
def test_a_head_in_any_unit_and_place_comes_into_the_canonical_place_and_keeps_its_direction(obj, scale):
    turn = pose.rotation_about("y", 7) @ pose.rotation_about("x", 5) @ pose.rotation_about("z", -4)
    path = obj(face_text(turn, scale, shift=(3 * scale, -50 * scale, 8 * scale)))
    head = open_models(path).head(0)
    face = canonical_face().points
    assert np.linalg.norm(head.vertices - face, axis=1).max() < 3
    assert np.ptp(head.vertices) == pytest.approx(np.ptp(face), rel=0.1)
    axes = (head.vertices - head.vertices.mean(axis=0)).T @ (face - face.mean(axis=0))
    flip = np.diag([1, -1, -1])
    assert degrees_between(pose.nearest_rotation(axes), flip @ turn @ flip) < 0.1
    free = face_fit(head.vertices, head.triangles).rotation
    assert degrees_between(free @ flip @ turn @ flip, np.eye(3)) < 0.1


def test_turn_helps_a_head_that_looks_elsewhere_and_without_it_no_face_is_found(obj):
    path = obj(face_text(pose.rotation_about("x", 90)))
    assert (
        np.abs(open_models(path, turn=pose.rotation_about("x", -90)).head(0).vertices - canonical_face().points).max()
        < 0.1
    )
    with pytest.raises(DataError, match="turn the model"):
        open_models(path).head(0)


def test_normals_point_outward_whichever_way_the_triangles_run(obj):
    lines = face_text().splitlines()
    turned = [line if line[0] != "f" else " ".join([line.split()[0], *line.split()[:0:-1]]) for line in lines]
    for text in (lines, turned):
        normals = open_models(obj("\n".join(text))).head(0).normals
        assert normals[4, 2] < -0.5


def test_a_texture_beside_the_file_is_taken_and_one_elsewhere_is_not(obj, tmp_path):
    path = obj(face_text(texture=True))
    (tmp_path / "head.mtl").write_text("newmtl a\nmap_Kd ..\\..\\skin file.png\n")
    assert open_models(path).head(0).paint.texture is None
    image = np.zeros((8, 4, 3), dtype=np.uint8)
    image[..., 0] = 200
    cv2.imwrite(str(tmp_path / "skin file.png"), image[..., ::-1])
    head = open_models(path).head(0)
    np.testing.assert_array_equal(head.paint.texture, image)
    assert (head.paint.surface[:, 0] == TEXTURED).all()
    top = head.vertices[:, 1].argmin()
    assert head.paint.surface[top, 3] == pytest.approx(0, abs=1e-5)
    (tmp_path / "skin file.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"skin file\.png"):
        open_models(path).head(0)


def test_vertices_keep_their_colours_and_else_the_seed_gives_a_skin(obj):
    coloured = open_models(obj(face_text(colour=" 1 0.5 0"))).head(0)
    np.testing.assert_allclose(coloured.paint.colours[0], [1, 0.5**2.2, 0], atol=1e-6)
    models = open_models(obj(face_text()))
    same, again, other = (models.head("head", seed).paint.colours for seed in (0, 0, 1))
    assert (same == again).all() and (same != other).any()


def test_a_folder_of_files_is_a_head_each_in_the_order_of_their_numbers(obj, tmp_path):
    for name in ("10.obj", "9.OBJ", "b.obj"):
        obj(face_text(), name)
    (tmp_path / "more").mkdir()
    obj(face_text(), "more/a.obj")
    models = open_models(tmp_path)
    assert models.names() == ["9", "10", "b", "more-a"] and not models.endless and len(models) == 4
    assert models.head("b").name == models.head(2).name == "b"
    for wrong in (4, -1, "c"):
        with pytest.raises(UsageError, match=str(wrong)):
            models.head(wrong)
    with pytest.raises(UsageError, match="5 heads"):
        models.names(5)


def test_of_facescape_only_the_neutral_faces_are_taken_named_by_person(obj, tmp_path):
    for person in ("122", "7"):
        for expression in ("1_neutral", "2_smile"):
            folder = tmp_path / "trainset" / person / "models_reg"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{expression}.obj").write_text(face_text())
    assert open_models(tmp_path).names() == ["7", "122"]


def test_nothing_there_is_an_error_that_says_what_is_needed(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(MissingError, match="ICT-FaceKit"):
            open_models(path)
