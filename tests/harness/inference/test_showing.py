"""Pictures of what was evaluated: the pixels that the estimator was given, with both poses, in files of their own."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from hpe_bench import pose
from hpe_bench.inference.drawing import DOWN, FRONT, LEFT, draw_axes
from hpe_bench.inference.showing import Given, draw_sample
from hpe_bench.inference.writing import as_file_name

PLUGIN = '''
import numpy as np
from hpe_bench import Dataset, Estimator, ImageArray, Images, Landmarks, Prediction, Sample, crops, hookimpl, pose

IDS = ["a/b 1", "..", "ü" * 200, "no face", "last"]


class Cards(Dataset):
    crops = {"face": crops.FACE_BOX, "whole": crops.WHOLE}

    def ids(self):
        return IDS

    def sample(self, id):
        place = IDS.index(id)
        image = np.random.default_rng(place).integers(0, 255, (60, 80, 3), dtype=np.uint8)
        points = None if id == "no face" else np.array([[10.0, 50.0], [5.0, 45.0]])
        return Sample(id, pose.rotation_from_euler((10.0 * place, 20, -15)), image=ImageArray(image), points=points)


class Faces(Dataset):
    provides = frozenset({"landmarks"})

    def ids(self):
        return ["0", "1"]

    def sample(self, id):
        points = np.random.default_rng(int(id)).normal(0, 100, (468, 3))
        return Sample(id, pose.rotation_from_euler((30, 0, 0)), landmarks=points)


class Small(Estimator):
    """Sees images of 28 x 28, in OpenCV's order of colours, and has no answer for the first."""

    inputs = Images(crop="face", size=(28, 28), order="BGR")

    def predict(self, batch):
        rotations = np.tile(pose.rotation_from_euler((5, 5, 5)), (len(batch), 1, 1))
        rotations[0] = np.nan
        return rotations


class Line(Estimator):
    inputs = Landmarks()

    def predict(self, batch):
        return np.tile(np.eye(3), (len(batch), 1, 1))


@hookimpl
def register_datasets(register):
    register("cards", Cards, summary="noise")
    register("faces", Faces, summary="points")


@hookimpl
def register_estimators(register):
    register("small", Small, summary="small")
    register("line", Line, summary="line")
'''


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "cards.py"
    path.write_text(PLUGIN)
    return path


def shown(folder: Path) -> list[Path]:
    return sorted(folder.glob("**/*.png"))


def test_the_first_crops_are_written_beside_the_run_and_it_says_where(hpe_bench, plugin, tmp_path):
    done = hpe_bench("eval", "small", "--dataset", "cards", "--show", "2", "--plugin", plugin)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "results" / "cards" / "all").glob("*.h5")
    folder = Path("results") / "shown" / "cards" / "all" / run.stem
    said = " ".join(done.stdout.split())
    assert f"wrote 2 crops of small, 1 without an answer, with the true axes alone, to {folder}" in said
    assert [path.name for path in shown(tmp_path / folder)] == ["0001-a_b_1.png", "0002-_..png"]


def test_they_are_the_very_pixels_that_the_network_was_given(hpe_bench, plugin, tmp_path):
    assert hpe_bench("eval", "small", "--dataset", "cards", "--show", "1", "--plugin", plugin).returncode == 0
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    given = cv2.resize(np.ascontiguousarray(image[5:45, 10:50]), (28, 28))
    (path,) = shown(tmp_path / "results" / "shown")
    page = cv2.imread(str(path))[..., ::-1]
    assert page.shape[1] == 448 and page.shape[0] > 448
    pixels = page[:448].reshape(28, 16, 28, 16, 3)
    same = (pixels == given[:, None, :, None]).all(axis=(1, 3, 4))
    assert 0.8 < same.mean() < 1  # all but where the axes are


def test_a_stored_run_is_shown_as_one_that_was_just_made(hpe_bench, plugin, tmp_path):
    command = ("eval", "small", "zero", "--dataset", "cards", "--plugin", plugin, "--show", "5")
    assert hpe_bench(*command).returncode == 0
    before = {path: path.read_bytes() for path in shown(tmp_path / "results")}
    for path in before:
        path.unlink()
    done = hpe_bench(*command, "--json")
    assert done.returncode == 0 and done.stdout.lstrip().startswith("[")
    assert done.stderr.count("wrote 5 crops of") == 2
    assert {path: path.read_bytes() for path in shown(tmp_path / "results")} == before and len(before) == 10


def test_names_that_are_no_names_of_files_are_made_some_and_the_number_keeps_them_apart(hpe_bench, plugin, tmp_path):
    target = tmp_path / "here"
    done = hpe_bench("eval", "small", "--dataset", "cards", "--plugin", plugin, "--show", "99", "--show-to", target)
    assert done.returncode == 0, done.stderr
    names = [path.name for path in shown(target)]
    assert [name[:4] for name in names] == ["0001", "0002", "0003", "0004", "0005"]
    assert len({path.parent for path in shown(target)}) == 1
    assert all(re.fullmatch(r"\d{4}-[\w.,=+-]*\.png", name) and len(name.encode()) <= 255 for name in names)


@pytest.mark.parametrize("text", ["../../etc/passwd", "/", ".hidden", "a\0b\nc", "C:\\x", "é" * 300, "", " "])
def test_no_text_makes_a_file_elsewhere_or_a_hidden_one(text, tmp_path):
    name = as_file_name(text)
    assert not name.startswith(".") and (tmp_path / f"1{name}").parent == tmp_path
    (tmp_path / f"0001-{name}.png").write_bytes(b"x")


def test_a_sample_without_a_face_is_shown_whole_as_one_that_nothing_was_shown_of(hpe_bench, plugin, tmp_path):
    done = hpe_bench("eval", "small", "--dataset", "cards", "--plugin", plugin, "--show", "4")
    assert done.returncode == 0 and "2 without an answer" in " ".join(done.stdout.split())
    page = cv2.imread(str(shown(tmp_path / "results")[3]))[..., ::-1]
    image = np.random.default_rng(3).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    assert page.shape[1] == 480  # 80 pixels, six times
    np.testing.assert_array_equal(page[0:360:6, 0:60:6], image[:, :10])


def test_landmarks_without_images_are_drawn_on_a_blank_picture(hpe_bench, plugin, tmp_path):
    done = hpe_bench("eval", "line", "zero", "--dataset", "faces", "--plugin", plugin, "--show", "2")
    assert done.returncode == 0, done.stderr
    pages = [cv2.imread(str(path)) for path in shown(tmp_path / "results")]
    assert len(pages) == 4
    for page in pages:
        blank = (page[:448] == page[0, 0]).all(axis=-1)
        assert 0.5 < blank.mean() < 0.99
    assert not np.array_equal(pages[0], pages[1])


@pytest.mark.parametrize("words", [("--show", "0"), ("--show", "-1"), ("--show", "some"), ("--show-to", "there")])
def test_a_number_of_crops_that_is_none_is_wrong_use_and_nothing_is_evaluated(hpe_bench, plugin, tmp_path, words):
    done = hpe_bench("eval", "zero", "--dataset", "cards", "--plugin", plugin, *words)
    assert done.returncode == 2 and "--show" in done.stderr
    assert not (tmp_path / "results").exists() and not (tmp_path / "there").exists()


def test_a_file_is_no_folder_to_write_crops_into(hpe_bench, plugin, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = hpe_bench("eval", "zero", "--dataset", "cards", "--plugin", plugin, "--show", "1", "--show-to", "file")
    assert done.returncode == 2 and "file" in done.stderr and (tmp_path / "file").read_text() == "mine"


def of_colour(page: np.ndarray, colour) -> int:
    return int((np.abs(page.astype(int) - colour).sum(axis=-1) < 12).sum())


def test_true_axes_are_thin_and_dashed_so_that_they_are_told_from_predicted_ones():
    rotation, middle = pose.rotation_from_euler((40.0, 25.0, -20.0)), np.array([224.0, 224.0])
    dashed, solid = (np.zeros((448, 448, 3), np.uint8) for _ in range(2))
    draw_axes(dashed, rotation, middle, 180.0, dashed=True)
    draw_axes(solid, rotation, middle, 180.0)
    for colour in (LEFT, DOWN, FRONT):
        assert 0 < 2 * of_colour(dashed, colour) < of_colour(solid, colour)


def test_where_a_pose_is_right_the_true_axes_are_seen_beyond_the_predicted_ones():
    blank, rotation = Given(np.zeros((448, 448, 3), np.uint8)), np.eye(3)
    without = draw_sample(blank, "x", rotation, np.full((3, 3), np.nan))[:448]
    both = draw_sample(blank, "x", rotation, rotation)[:448]
    ends = [np.argwhere(np.abs(page.astype(int) - DOWN).sum(axis=-1) < 12)[:, 0].max() for page in (without, both)]
    assert ends[0] == ends[1] == pytest.approx(224 + 1.25 * 0.35 * 448, abs=4)
    assert of_colour(both, DOWN) > of_colour(without, DOWN)


def test_the_axes_start_at_the_tip_of_the_nose_where_it_is_known():
    landmarks = np.full((468, 3), 50.0)
    landmarks[1] = (400, 60, 0)
    page = draw_sample(Given(np.zeros((448, 448, 3), np.uint8), landmarks), "x", np.eye(3), np.eye(3))[:448]
    drawn = np.argwhere(page[:, 250:].any(axis=-1))  # left of it are the other points
    assert drawn[:, 0].min() == pytest.approx(60, abs=12)


@pytest.mark.parametrize("shape", [(1, 1), (5, 700), (700, 5), (64, 64), (900, 1200)])
def test_a_picture_of_any_size_is_legible_and_no_pixel_of_it_is_mixed(shape):
    image = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    page = draw_sample(Given(image), "a long name of a sample " * 9, np.eye(3), np.eye(3))
    assert page.shape[1] >= 384 and max(page.shape) >= 448
    height, width = shape
    factor = max(-(-448 // max(shape)), 1)
    left = (page.shape[1] - factor * width) // 2
    np.testing.assert_array_equal(page[0, left], image[0, 0])
    np.testing.assert_array_equal(page[factor * height - 1, left], image[-1, 0])
