"""What an estimator shows of its answers: asked for, looked at before it is believed, drawn, and written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hpe_bench import Estimator, HeatMaps, Images, Landmarks, Matrix, UsageError, pose
from hpe_bench.errors import RunFailed
from hpe_bench.inference.estimating import Asker, Looked, Seen, find_rule
from hpe_bench.inference.frames import Input
from hpe_bench.inference.map_figures import heat_maps_png, matrix_png
from hpe_bench.inference.maps import plan_maps, planned_files, require_maps, write_maps
from hpe_bench.plugins import discover

TURNED = pose.rotation_from_euler([30, 20, 10])
PLUGIN = """
import numpy as np
from hpe_bench import Estimator, HeatMaps, Images, Matrix, hookimpl

class Bright(Estimator):
    inputs = Images(crop="whole", size=(32, 32))
    maps = ("brightness", "likeness")

    def predict(self, batch):
        return np.tile(np.eye(3), (len(batch), 1, 1))

    def predict_with_maps(self, batch):
        values = batch.images.mean(axis=3)[:, None]
        return self.predict(batch), {
            "brightness": HeatMaps("Brightness", ["all"], values),
            "likeness": Matrix("Likeness", ["a", "b"], np.eye(2)),
        }

@hookimpl
def register_estimators(register):
    register("bright", Bright, summary="looks ahead, whatever it sees")
"""


class Shower(Estimator):
    """Shows one map a face, as bright as its number, and a matrix."""

    maps = ("place", "own")

    def __init__(self, inputs, shown=None):
        super().__init__()
        self.inputs, self.shown = inputs, shown

    def predict(self, batch):
        return np.stack([TURNED] * len(batch))

    def predict_with_maps(self, batch):
        place = HeatMaps("Place", ["a"], np.arange(len(batch))[:, None, None, None] + np.zeros((1, 1, 2, 2)))
        shown = {"place": place, "own": Matrix("Own", ["a", "b"], np.eye(2))}
        return self.predict(batch), shown if self.shown is None else self.shown


@pytest.fixture
def ask(frame_of):
    """A function of an estimator and of faces of one frame: the answers, with maps."""

    def go(estimator, *faces, image=None):
        frame = frame_of(np.zeros((300, 400, 3), np.uint8) if image is None else image)
        asker = Asker("shower", estimator, find_rule(estimator.inputs, None), maps=estimator.maps)
        (answered,) = asker.ask([Seen(frame, list(enumerate(faces, start=1)))], at_once=16)
        return answered.answers

    return go


@pytest.fixture
def looked():
    """What is shown of a grey crop: two maps, of which the second is bright below, and a matrix."""
    values = np.zeros((1, 2, 4, 4))
    values[0, 1, 2:] = 1
    maps = HeatMaps("Maps", ["first\nsmall", "second"], values, "share", marked=np.array([1]), note="Outlined: why.")
    return Looked(np.full((80, 60, 3), 128, np.uint8), {"maps": maps, "own": Matrix("Own", ["a", "b"], np.eye(2))})


def test_every_face_has_its_own_maps_over_what_the_estimator_saw(ask, face_at):
    image = np.full((300, 400, 3), (250, 100, 50), np.uint8)
    faces = [face_at(100, 100), face_at(-900, 100), face_at(300, 100)]
    answers = ask(Shower(Images(crop="face", size=(24, 20), order="BGR")), *faces, image=image)
    assert [answer.looked is None for answer in answers] == [False, True, False], "one of them is out of the picture"
    first, last = answers[0].looked, answers[2].looked
    assert (first.crop == (250, 100, 50)).all() and first.crop.shape == (20, 24, 3)
    assert first.maps["place"].values.max() == 0 and last.maps["place"].values.max() == 1
    np.testing.assert_array_equal(answers[2].rotation, TURNED)


def test_maps_of_landmarks_lie_over_their_crop(ask, face_at):
    image = np.full((300, 400, 3), (250, 100, 50), np.uint8)
    (answer,) = ask(Shower(Landmarks(crop="face")), face_at(200, 150, landmarks=True), image=image)
    assert (answer.looked.crop == (250, 100, 50)).all() and 20 < answer.looked.crop.shape[0] < 100


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ({}, "shower showed nothing, where its maps are place, own"),
        ([1], "showed list"),
        ({"place": np.zeros((1, 2, 2)), "own": Matrix("", ["a"], np.eye(1))}, "showed ndarray as place"),
        (
            {"place": HeatMaps("", ["a"], np.zeros((3, 1, 2, 2))), "own": Matrix("", ["a"], np.eye(1))},
            "place of 3 samples, and was asked about 1",
        ),
        (
            {"place": HeatMaps("", ["a"], np.full((1, 1, 2, 2), np.nan)), "own": Matrix("", ["a"], np.eye(1))},
            "values that are no numbers",
        ),
    ],
)
def test_what_is_not_what_it_promised_fails_the_run(ask, face_at, shown, said):
    with pytest.raises(RunFailed, match=said):
        ask(Shower(Images(crop="face", size=(8, 8)), shown), face_at(100, 100))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: HeatMaps("", ["a", "b"], np.zeros((1, 3, 2, 2))), r"\(1, 3, 2, 2\) are not \(N, 2, h, w\)"),
        (lambda: HeatMaps("", ["a", "b"], np.zeros((1, 2, 2, 2)), rows=(1, 2)), r"rows=\(1, 2\) have no place for 2"),
        (lambda: HeatMaps("", ["a"], np.zeros((2, 1, 2, 2)), marked=np.array([1])), "one number for each of 2"),
        (lambda: Matrix("", ["a", "b"], np.zeros((2, 3))), r"shape \(2, 3\) for 2 names"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_an_estimator_without_maps_says_which_ones_have_them(tmp_path):
    (tmp_path / "bright.py").write_text(PLUGIN)
    registry = discover([tmp_path / "bright.py"])
    assert require_maps(registry, "bright") == ("brightness", "likeness")
    with pytest.raises(UsageError, match=r"^zero has no maps to draw: leave --maps out, .*\bbright\b") as refused:
        require_maps(registry, "zero")
    assert refused.value.exit_code == 2


def test_a_picture_of_maps_shows_each_over_the_crop_and_all_on_one_scale(looked):
    image = cv2.imdecode(np.frombuffer(heat_maps_png(looked.maps["maps"], looked.crop, TURNED, "x"), np.uint8), 1)
    blue, green, red = (image[..., channel].astype(int) for channel in range(3))
    hot, dark = (red > 190) & (green > 170) & (red - blue > 20), (red < 70) & (red > 20) & (abs(red - green) < 25)
    assert hot.any() and 2 < dark.sum() / hot.sum() < 4, "of two maps a quarter is high"
    rows = np.flatnonzero(hot.sum(axis=1) > 100)
    assert rows.size and (dark.sum(axis=1)[rows] > 100).all(), "beside the bright half stands the first map, dark"


def test_a_face_without_an_answer_has_its_maps_all_the_same(looked):
    content = heat_maps_png(looked.maps["maps"], looked.crop, np.full((3, 3), np.nan), "x")
    assert cv2.imdecode(np.frombuffer(content, np.uint8), 1) is not None


def test_a_matrix_is_a_picture_as_large_as_it_has_names():
    small, large = (matrix_png(Matrix("M", [f"n{i}" for i in range(n)], np.eye(n))) for n in (5, 15))
    sizes = [cv2.imdecode(np.frombuffer(content, np.uint8), 1).shape for content in (small, large)]
    assert sizes[0] < sizes[1]


def test_every_face_has_files_of_its_own_and_a_matrix_is_written_once(looked, tmp_path):
    inputs = [Input("image", name, Path(Path(name).name), Path(name)) for name in ("a/x.jpg", "b/x.webp")]
    stems = list(plan_maps(inputs, tmp_path / "maps").values())
    written: list = []
    for stem, face in ((stems[0], 1), (stems[0], 2), (stems[1], 1)):
        written += write_maps(looked, TURNED, stem, face, 2, written)
    names = ["x-face1-maps.png", "own.png", "x-face2-maps.png", "x-2-face1-maps.png"]
    assert [path.name for path in written] == names and all(path.is_file() for path in written)
    planned = planned_files(dict(enumerate(stems)), tmp_path / "maps", 2, ("maps", "own"))
    assert set(written) <= set(planned)


def test_maps_are_of_images_and_go_to_a_folder(tmp_path):
    film = Input("video", "walk.mp4", tmp_path / "walk.mp4", tmp_path / "walk.mp4")
    with pytest.raises(UsageError, match=r"walk\.mp4 is a video"):
        plan_maps([film], tmp_path / "maps")
    with pytest.raises(UsageError, match=r"maps\.png: name a folder"):
        plan_maps([], tmp_path / "maps.png")


def test_the_command_draws_them_and_writes_over_none(hpe_bench, shared, tmp_path):
    pytest.importorskip("mediapipe")
    (tmp_path / "bright.py").write_text(PLUGIN)
    photo = shared("data/300w_lp-mini/AFW_134212_1_0.jpg")
    words = ("predict", "bright", photo, "--plugin", tmp_path / "bright.py", "--maps", "maps", "--draw", "none")
    done = hpe_bench(*words)
    assert done.returncode == 0, done.stderr
    assert "wrote 2 maps to maps" in done.stdout
    found = sorted(path.name for path in (tmp_path / "maps").iterdir())
    assert found == ["AFW_134212_1_0-brightness.png", "likeness.png"]
    again = hpe_bench(*words)
    assert again.returncode == 2 and "--overwrite replaces them" in again.stderr
    assert hpe_bench(*words, "--overwrite").returncode == 0
    other = hpe_bench("predict", "zero", photo, "--maps", "maps")
    assert other.returncode == 2 and "zero has no maps to draw" in other.stderr
