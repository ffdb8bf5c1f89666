"""Rendering a grid into the layout: the same whoever draws it, kept when it is there, and refused beside another's."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hpe_bench import DataError, GridFile, MissingError, Preparation, UsageError, canonical_face, pose
from hpe_bench.images import ImageFile
from hpe_bench.plugins import discover
from hpe_bench_plugins.datasets.facescape.dataset import FaceScape
from hpe_bench_plugins.datasets.facescape.layout import read_layout

SHARED = Path(__file__).resolve().parents[5] / "shared"
SMALL = {"yaw": 20, "pitch": 0, "roll": 0, "step": 20, "size": 48, "identities": 2, "format": "png", "workers": 1}


@pytest.fixture(scope="session")
def drawable():
    """Whether heads can be drawn here: moderngl, and the system's EGL."""
    pytest.importorskip("moderngl")
    from hpe_bench_plugins.datasets.facescape.rendering.scene import Renderer

    try:
        with Renderer(size=32):
            pass
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def models(drawable, shared):
    return shared("data/ict-facekit/ict_facekit.npz")


@pytest.fixture
def draw(models, tmp_path):
    """A function that renders a small tree and gives what was said; the landmarks are left aside."""

    def make(root=tmp_path / "heads", **options):
        said = []
        dataset = FaceScape(root, FaceScape.Options(models=models, **{**SMALL, **options}))
        dataset._render(Preparation(said.append, registry=discover()))
        return said

    return make


@pytest.fixture(scope="module")
def rendered(drawable, tmp_path_factory):
    """A small tree that is rendered once."""
    models = SHARED / "data/ict-facekit/ict_facekit.npz"
    if not models.exists():
        pytest.skip("../shared/data/ict-facekit is not here")
    root, said = tmp_path_factory.mktemp("rendered") / "heads", []
    FaceScape(root, FaceScape.Options(models=models, **SMALL))._render(Preparation(said.append, registry=discover()))
    return root, said


@pytest.fixture
def drawn(rendered, tmp_path):
    """A copy of that tree."""
    return Path(shutil.copytree(rendered[0], tmp_path / "heads"))


def pictures(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.png"))}


def test_every_cell_of_every_head_has_an_image_and_the_manifest_says_how(rendered):
    root, said = rendered
    layout = read_layout(root)
    assert layout.identities == ("0000", "0001") and layout.axes.shape == (3, 1, 1)
    assert layout.missing() == 0 and not layout.strange
    assert ImageFile(layout.image("0001", (20, 0, 0))).pixels().shape == (48, 48, 3)
    generator = layout.manifest.generator
    assert generator["seed"] == 0 and "ICT" in generator["models"] and "/" not in generator["models"]
    assert said == [f"2 heads of {generator['models']}: 6 images"]


def test_images_depend_on_neither_the_number_of_workers_nor_that_of_heads_nor_on_the_other_bins(draw, drawn, tmp_path):
    draw(tmp_path / "more", workers=2, identities=3, yaw=40)
    first, more = pictures(drawn), pictures(tmp_path / "more")
    assert len(first) == 6 and len(more) == 15
    assert {name: more[name] for name in first} == first


def test_another_seed_is_other_images_and_the_convention_is_kept_in_the_manifest(draw, drawn, tmp_path):
    draw(tmp_path / "other", seed=1, identities=1, convention="yaw-pitch-roll")
    first, other = pictures(drawn), pictures(tmp_path / "other")
    assert len(other) == 3 and all(first[name] != content for name, content in other.items())
    assert read_layout(tmp_path / "other").axes.convention == "yaw-pitch-roll"
    assert json.loads((tmp_path / "other" / "grid.json").read_bytes())["generator"]["seed"] == 1


def test_whole_images_are_kept_and_others_drawn_again_and_heads_are_added(draw, drawn):
    before = pictures(drawn)
    times = {path: path.stat().st_mtime_ns for path in drawn.rglob("*.png")}
    cut, gone = drawn / "0000" / "ID0000_(0_0_0).png", drawn / "0001" / "ID0001_(20_0_0).png"
    cut.write_bytes(cut.read_bytes()[:-20])
    gone.unlink()
    (drawn / "0000" / ".ID0000_(0_0_0).png.tmp-999999999-0123abcd").touch()
    assert draw(drawn, identities=3)[0].endswith("9 images, 4 of them kept")
    assert {name: pictures(drawn)[name] for name in before} == before
    assert {path for path in times if path.stat().st_mtime_ns != times[path]} == {cut, gone}
    assert not list(drawn.rglob(".*")) and len(read_layout(drawn).identities) == 3


def test_a_tree_that_was_rendered_with_other_options_is_left_alone(draw, drawn):
    before = pictures(drawn)
    for change, named in [({"seed": 1}, "seed"), ({"size": 64}, "size"), ({"yaw": 40}, "angles")]:
        with pytest.raises(DataError, match=f"other options .*{named}"):
            draw(drawn, **change)
    assert pictures(drawn) == before


def test_a_tree_of_somebody_else_is_left_alone(draw, tree):
    root = tree(people=("1",))
    with pytest.raises(DataError, match=r"no grid\.json says how they were made"):
        draw(root)
    assert not (root / "grid.json").exists() and not (root / "0000").exists()


def test_a_folder_of_obj_files_is_rendered_whole(drawable, shared, tmp_path):
    folder = shared("data/ict-facekit")
    heads = tmp_path / "obj"
    heads.mkdir()
    (heads / "7.obj").symlink_to(folder / "identity000.obj")
    options = {**SMALL, "identities": None, "yaw": 0}
    dataset = FaceScape(tmp_path / "heads", FaceScape.Options(models=heads, **options))
    dataset._render(Preparation(lambda text: None, registry=discover()))
    assert read_layout(tmp_path / "heads").identities == ("7",)


def test_angles_that_describe_the_same_rotations_twice_are_refused(draw):
    with pytest.raises(UsageError, match="same rotations twice"):
        draw(yaw=100, pitch=100, roll=100)


def test_a_killed_rendering_goes_on_and_its_workers_end_with_it(models, reader, tmp_path, monkeypatch):
    root = tmp_path / "datasets" / "FaceScape"
    program = [sys.executable, "-c", "from hpe_bench.cli import main; main()", "prepare", "facescape"]
    options = {**SMALL, "yaw": 50, "pitch": 20, "step": 10}
    pairs = [part for key, value in options.items() for part in ("-d", f"{key}={value}")]
    arguments = ["--models", str(models), *pairs, "-d", "extractor=reader", "--plugin", str(reader)]
    parent = subprocess.Popen([*program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list(root.rglob("*.png"))) < 5 and parent.poll() is None:
        time.sleep(0.01)
    of_parent = re.compile(rf"\) [A-Z] {parent.pid} ").search  # whatever they are busy with
    children = [stat.parent for stat in Path("/proc").glob("[0-9]*/stat") if of_parent(stat.read_text())]
    assert children
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    for _ in range(1200):
        if not any((child / "exe").exists() for child in children):
            break
        time.sleep(0.05)
    else:
        pytest.fail("workers outlive their parent")
    kept = pictures(root)
    assert 5 <= len(kept) < 110
    done = subprocess.run([*program, *arguments], capture_output=True, text=True)
    assert f"110 images, {len(kept)} of them kept" in done.stdout
    assert {name: pictures(root)[name] for name in kept} == kept


def test_a_rendered_head_s_landmarks_are_found_where_its_rotation_puts_them(models, tmp_path):
    pytest.importorskip("mediapipe")
    options = {"yaw": 30, "pitch": 0, "roll": 0, "step": 30, "look": "plain", "identities": 2, "workers": 1}
    dataset = FaceScape(tmp_path / "heads", FaceScape.Options(models=models, holdout=0.0, validation=0.5, **options))
    said = []
    dataset.prepare(Preparation(said.append, registry=discover()))
    assert said[1].startswith("2 people, 6 cells: 0 without an image, 0 without a face")
    grid = GridFile(tmp_path / "heads" / "landmarks.h5")
    assert len(dataset.grid("train")) == len(dataset.grid("validation")) == 1
    face = canonical_face()
    weights = face.weights / face.weights.sum()
    source = face.points - weights @ face.points
    landmarks = grid.read(0, 2)
    centred = landmarks - np.einsum("k,...kd->...d", weights, landmarks)[..., None, :]
    found = pose.nearest_rotation(np.einsum("k,...ki,kj->...ij", weights, centred, source))
    cosine = (np.einsum("iyprab,yprab->iypr", found, grid.axes.rotations()) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 12


def test_scattered_images_stay_near_their_cells_and_show_the_angles_that_are_stated(draw, tmp_path):
    root = tmp_path / "heads"
    draw(scatter=0.5, look="plain", size=96)
    draw(root=tmp_path / "regular", look="plain", size=96)
    layout = read_layout(root)
    names = layout.identities
    away = np.stack([layout.angles(name) - np.array(list(layout.cells)) for name in names])
    assert np.abs(away).max() <= 5 and (np.abs(away) > 0.01).all() and len(np.unique(away)) == away.size
    # Heads that are turned by the angles stated are drawn alike; those of the cells are not.
    from hpe_bench_plugins.datasets.facescape.rendering.appearance import Look
    from hpe_bench_plugins.datasets.facescape.rendering.heads import open_models
    from hpe_bench_plugins.datasets.facescape.rendering.scene import Renderer

    head = open_models(SHARED / "data/ict-facekit/ict_facekit.npz").head(0, 0)
    cell = (20, 0, 0)
    turned = pose.rotation_from_grid(layout.angles(names[0])[layout.cells[cell]], "pitch-yaw-roll")
    with Renderer(size=96) as renderer:
        again = renderer.render(head, turned, Look())
    drawn = ImageFile(layout.image(names[0], cell)).pixels()
    regular = ImageFile(read_layout(tmp_path / "regular").image(names[0], cell)).pixels()
    np.testing.assert_array_equal(drawn, again)
    assert np.abs(drawn.astype(int) - regular).mean() > 1


def test_scattering_that_went_on_states_the_same_angles(draw, tmp_path):
    root = tmp_path / "heads"
    draw(scatter=1)
    stated = (root / "0001" / "angles.csv").read_bytes()
    assert "kept" in " ".join(draw(scatter=1)) and (root / "0001" / "angles.csv").read_bytes() == stated
    with pytest.raises(DataError, match="scatter"):
        draw(scatter=0.5)
