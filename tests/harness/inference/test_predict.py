"""From files to files: real faces where they are here, pictures without any elsewhere."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import av
import cv2
import numpy as np
import pytest

pytest.importorskip("mediapipe")

import hpe_bench
from hpe_bench import DataError, MissingError, UsageError, crops, predict_images
from hpe_bench.inference import passes


@pytest.fixture
def photo(shared):
    """A nearly frontal face, (450, 450, 3), RGB."""
    return np.ascontiguousarray(cv2.imread(str(shared("data/300w_lp-mini/AFW_134212_1_0.jpg")))[..., ::-1])


@pytest.fixture
def moving(photo, video):
    """A function of shifts: a video in which the face goes to the right by so many pixels; None has no face."""

    def make(shifts, name="moving.mp4"):
        frames = []
        for shift in shifts:
            canvas = np.full((480, 640, 3), 90, np.uint8)
            if shift is not None:
                canvas[15:465, shift : shift + 450] = photo
            frames.append(canvas)
        return video(frames, name)

    return make


def angles(frame):
    return frame[["yaw", "pitch", "roll"]].to_numpy(dtype=float)


def test_an_image_has_the_rotation_that_its_crop_has_in_an_evaluation(photo, shared):
    """Here the face is found in the whole picture; there FaceMesh is given the crop of the dataset."""
    import scipy.io

    from hpe_bench.landmarks.facemesh import FaceMesh

    found = hpe_bench.predict_images("procrustes", photo)
    rotation = found[[f"r{row}{column}" for row in range(3) for column in range(3)]].to_numpy(float).reshape(3, 3)
    points = scipy.io.loadmat(str(shared("data/300w_lp-mini/AFW_134212_1_0.mat")))["pt2d"]
    extractor = FaceMesh()
    extractor.open()
    landmarks = extractor.find(crops.cut(photo, crops.SIXDREPNET_TEST.box(points, 450, 450)))
    extractor.close()
    batch = hpe_bench.Batch(np.zeros(1, np.uint64), landmarks=landmarks[None])
    there = hpe_bench.open_estimator("procrustes").predict(batch)
    assert hpe_bench.metrics.geodesic_error(rotation, there[0]) < 3


def test_several_faces_are_found_the_largest_first(photo):
    small = cv2.resize(photo, (225, 225))
    both = np.full((450, 675, 3), 90, np.uint8)
    both[:, 225:], both[100:325, :225] = photo, small
    found = hpe_bench.predict_images("procrustes", both, faces=5)
    assert found["face"].tolist() == [1, 2] and found["left"][0] > 225 > found["right"][1]
    np.testing.assert_allclose(angles(found)[0], angles(found)[1], atol=4)
    assert len(hpe_bench.predict_images("procrustes", both)) == 1


def test_a_face_is_followed_through_a_video_and_frames_without_it_are_kept(moving, tmp_path):
    shifts = [*range(0, 160, 8), None, None, *range(160, 190, 3)]
    found = hpe_bench.predict_images("procrustes", moving(shifts), output=tmp_path / "out")
    assert found["frame"].tolist() == list(range(len(shifts)))
    here = [shift is not None for shift in shifts]
    assert found["face"].notna().tolist() == here and set(found["face"].dropna()) == {1}
    moved = found["left"].to_numpy()[here] - np.array([shift for shift in shifts if shift is not None])
    assert np.ptp(moved) < 6 and np.ptp(angles(found)[here], axis=0).max() < 4
    written = cv2.VideoCapture(str(tmp_path / "out" / "moving.mp4"))
    assert int(written.get(cv2.CAP_PROP_FRAME_COUNT)) == len(shifts) and written.get(cv2.CAP_PROP_FPS) == 25


def test_smoothing_calms_the_angles_of_a_video(moving):
    film = moving([3 * (number % 5) for number in range(30)])
    plain, calm = (hpe_bench.predict_images("procrustes", film, smooth=smooth) for smooth in (False, True))
    assert np.abs(np.diff(angles(calm), axis=0)).mean() < 0.6 * np.abs(np.diff(angles(plain), axis=0)).mean()


def test_an_estimator_without_any_input_answers_where_a_face_is(photo):
    (row,) = hpe_bench.predict_images("zero", photo).to_dict("records")
    assert [str(row[angle]) for angle in ("yaw", "pitch", "roll")] == ["0.0"] * 3 and row["presence"] > 0.9


def test_pictures_keep_their_size_and_are_drawn_on(photo, tmp_path):
    for draw in ("axes", "cube"):
        hpe_bench.predict_images("procrustes", photo, output=tmp_path / f"{draw}.png", draw=draw)
        image = cv2.imread(str(tmp_path / f"{draw}.png"))[..., ::-1]
        assert image.shape == photo.shape and 0.01 < (image != photo).any(axis=-1).mean() < 0.4


def test_a_picture_without_a_face_is_kept_and_marked(grey, tmp_path):
    found = hpe_bench.predict_images("procrustes", grey(90, height=120, width=160), output=tmp_path / "a.png")
    assert found["face"].isna().all() and len(found) == 1
    assert (cv2.imread(str(tmp_path / "a.png")) != 90).any()


def test_what_cannot_be_done_is_said_before_anything_is_read(grey, tmp_path):
    image = grey(90)
    for settings in ({"faces": 0}, {"every": 0}, {"limit": 0}, {"confidence": 1.0}, {"draw": "arrows"}):
        with pytest.raises(UsageError):
            hpe_bench.predict_images("zero", image, **settings)
    with pytest.raises(UsageError, match="images only"):
        hpe_bench.predict_images("zero", image, smooth=True)
    with pytest.raises(UsageError, match="did you mean zero"):
        hpe_bench.predict_images("zer0", image)
    with pytest.raises(UsageError, match="truth of a dataset"):
        hpe_bench.predict_images("oracle", image)
    with pytest.raises(MissingError, match="weights import fsanet"):
        hpe_bench.predict_images("fsanet", image, weights=tmp_path)
    with pytest.raises(UsageError, match="did you mean facemesh"):
        hpe_bench.predict_images("zero", image, extractor="facemsh")
    with pytest.raises(UsageError, match="takes no landmarks"):
        hpe_bench.predict_images("zero", image, extractor="facemesh")
    with pytest.raises(UsageError, match="shown no crop"):
        hpe_bench.predict_images("procrustes", image, crop="whole")
    with pytest.raises(UsageError, match=r"written as \.jpg or \.jpeg or \.png"):
        hpe_bench.predict_images("zero", image, output=tmp_path / "face.gif")
    with pytest.raises(UsageError, match="finds faces, not landmarks"):
        hpe_bench.predict_images("procrustes", image, extractor="mediapipe-faces")


def test_images_are_counted_through_the_videos_between_them(grey, video):
    (image,), film = grey(90), video(grey(90))
    found = hpe_bench.predict_images("zero", [image, image, film, image, image, image], every=2)
    assert found["file"].tolist() == ["image 0", str(film), "image 3", "image 5"]
    found = hpe_bench.predict_images("zero", [image, film, image], limit=1)
    assert found["file"].tolist() == ["image 0", str(film)]


def test_places_that_cannot_be_written_are_found_before_any_work(hpe_bench, grey, tmp_path):
    cv2.imwrite(str(tmp_path / "wall.png"), grey(90)[0])
    (tmp_path / "file").touch()
    for arguments, code, message in (
        (["--csv", "a", "--json", "./a"], 2, "a would be written twice"),
        (["--output", "b.png", "--csv", "b.png"], 2, "b.png would be written twice"),
        (["--csv", "file/a.csv"], 3, "a file stands where a folder is needed"),
        (["--json", "."], 3, "a folder stands where the file is to be"),
    ):
        done = hpe_bench("predict", "zero", "wall.png", *arguments)
        assert done.returncode == code and message in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "wall.png"]


def test_of_several_inputs_a_bad_one_costs_the_others_nothing(grey, video, tmp_path):
    cv2.imwrite("good.png", grey(90)[0])
    for name in ("bad.png", "bad.mp4"):
        (tmp_path / name).write_text("nothing to see")
    film = video(grey(90, 90))
    with pytest.raises(DataError, match=r"bad\.png"):
        hpe_bench.predict_images("zero", ["bad.png", "bad.mp4", "good.png", film], output="out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["good.png", "video.mp4"]


def test_a_camera_ends_well_when_it_is_interrupted(grey, video, tmp_path, monkeypatch):
    """A video in the place of the device, and the interrupt in the place of its fifth frame."""
    from hpe_bench.inference import cameras
    from hpe_bench.inference.predict import predict
    from hpe_bench.inference.request import Request
    from hpe_bench.plugins import discover
    from hpe_bench.runs.progress import Progress
    from hpe_bench.settings import resolve_folders

    film, opened, drawn = str(video(grey(*[90] * 10))), cv2.VideoCapture, passes.draw
    count = iter(range(100))

    def draw(*arguments):
        if next(count) == 4:
            raise KeyboardInterrupt
        return drawn(*arguments)

    monkeypatch.setattr(cameras, "_require_camera", lambda number: None)
    monkeypatch.setattr(cv2, "VideoCapture", lambda what: opened(film if what == 0 else what))
    monkeypatch.setattr(passes, "draw", draw)
    request = Request("zero", camera=0, output=tmp_path / "out")
    outcome = predict(request, discover(), resolve_folders(), Progress(quiet=True))
    assert outcome.frames == 5 and outcome.written == [tmp_path / "out" / "camera-0.mp4"]
    assert int(opened(str(outcome.written[0])).get(cv2.CAP_PROP_FRAME_COUNT)) == 4


def test_the_command_draws_and_writes_and_says_what_it_did(hpe_bench, grey, video, tmp_path):
    film = video(grey(90, 90, 90))
    cv2.imwrite(str(tmp_path / "wall.png"), grey(90)[0])
    done = hpe_bench("predict", "zero", film, "wall.png", "--csv", "faces.csv", "--json", "-")
    records = json.loads(done.stdout)
    assert done.returncode == 0 and done.stderr == ""
    assert [(record["frame"], record["face"]) for record in records] == [(0, None), (1, None), (2, None), (0, None)]
    assert len(list(csv.DictReader((tmp_path / "faces.csv").open()))) == 4
    (tmp_path / "bad.png").write_text("no picture")
    done = hpe_bench("predict", "zero", "wall.png", "bad.png", "--draw", "cube", "--overwrite")
    assert done.returncode == 3 and "Error: bad.png: not a" in done.stderr
    assert "none" in done.stdout and "1 image, 0 faces, 1 without a face" in done.stdout
    assert (tmp_path / "results" / "predicted" / "zero" / "wall.png").exists()
    assert "wrote results/predicted/zero/wall.png" in done.stdout.replace("\n", " ")


def test_an_interrupted_video_leaves_no_file(grey, video, tmp_path):
    film = video(grey(*[90] * 2000))
    # Where the tests run in the background of a shell, the signal is ignored unless somebody says otherwise.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program = [sys.executable, "-c", f"{heed}from hpe_bench.cli import main; main()"]
    process = subprocess.Popen(
        [*program, "predict", "zero", str(film), "--output", "out"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/.video.mp4.tmp-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "no half file" in said
    assert list((tmp_path / "out").iterdir()) == []


def test_a_drawn_video_lasts_as_long_as_the_original_and_keeps_its_gaps(clocked, grey, tmp_path):
    times = [0, 0.1, 0.2, 2.5, 2.6]
    found = hpe_bench.predict_images("zero", clocked(grey(*[90] * 5), times), output=tmp_path / "out")
    np.testing.assert_allclose(found["time"], times, atol=1e-6)
    with av.open(str(tmp_path / "out" / "clocked.mp4")) as drawn:
        np.testing.assert_allclose([frame.time for frame in drawn.decode(video=0)], times, atol=1e-5)
        assert drawn.duration / 1e6 == pytest.approx(2.7, abs=1e-3)
    found = hpe_bench.predict_images("zero", tmp_path / "clocked.mkv", every=2, output=tmp_path / "thinned")
    np.testing.assert_allclose(found["time"], times[::2], atol=1e-6)
    with av.open(str(tmp_path / "thinned" / "clocked.mp4")) as drawn:
        assert drawn.duration / 1e6 == pytest.approx(2.7, abs=1e-3)


def test_a_phones_portrait_video_has_the_angles_of_the_upright_face(photo, clocked, tagged):
    lying = np.ascontiguousarray(np.rot90(photo))  # as the sensor has it; to be turned to the right
    stored = clocked([lying] * 3, [0, 0.1, 0.2], "stored.mp4")
    upright = hpe_bench.predict_images("procrustes", clocked([photo] * 3, [0, 0.1, 0.2]))
    found = hpe_bench.predict_images("procrustes", tagged(stored, 0, 1, -1, 0))
    np.testing.assert_allclose(angles(found), angles(upright), atol=2)


def test_what_another_run_wrote_is_not_written_over(hpe_bench, grey, tmp_path):
    """Neither by another estimator, nor of another folder's file of the same name."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "wall.png"), grey(90)[0])
    assert hpe_bench("predict", "zero", "a/wall.png").returncode == 0
    assert hpe_bench("predict", "random", "a/wall.png").returncode == 0
    drawn = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "results" / "predicted").rglob("*.png"))
    assert drawn == [f"results/predicted/{name}/wall.png" for name in ("random", "zero")]
    before = (tmp_path / drawn[-1]).stat().st_mtime_ns
    done = hpe_bench("predict", "zero", "b/wall.png", "--csv", "faces.csv")
    assert done.returncode == 2 and done.stdout == "" and not (tmp_path / "faces.csv").exists()
    assert done.stderr == "Error: results/predicted/zero/wall.png is there already: --overwrite replaces it\n"
    assert (tmp_path / drawn[-1]).stat().st_mtime_ns == before
    assert hpe_bench("predict", "zero", "b/wall.png", "--overwrite").returncode == 0
    for option in ("--csv", "--json"):
        (tmp_path / "there").write_text("mine")
        done = hpe_bench("predict", "zero", "a/wall.png", "--draw", "none", option, "there")
        assert done.returncode == 2 and (tmp_path / "there").read_text() == "mine"


def test_files_of_one_name_in_several_folders_have_a_picture_each(hpe_bench, grey, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "wall.png"), grey(90)[0])
    assert hpe_bench("predict", "zero", "a/wall.png", "b/wall.png", "--output", "out").returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["wall-2.png", "wall.png"]


def test_everything_in_a_folder_that_looks_like_a_picture_is_read_or_told_of(hpe_bench, grey, video, tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    for name in ("a[1].JPG", "100%d.png", "-x.PNG", "\x1b[31mred.png", os.fsdecode(b"\xff\xfe.png")):
        (album / name).write_bytes(cv2.imencode(name[-4:].lower(), grey(90)[0])[1].tobytes())
    video(grey(90), "album/film.MP4")
    (album / "iphone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (album / "sensor.CR2").write_bytes(b"II*\0")
    (album / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(album / "pipe.jpg")
    (album / "._a.jpg").write_bytes(b"\0\x05\x16\x07")
    (album / "notes.txt").write_text("none of ours")
    done = hpe_bench("predict", "zero", album, "--json", "-", "--csv", "a.csv")
    assert done.returncode == 3 and "Traceback" not in done.stderr and "\x1b" not in done.stderr + done.stdout
    names = [os.path.basename(record["file"]) for record in json.loads(done.stdout)]
    assert sorted(names) == sorted(["-x.PNG", "100%d.png", r"\x1b[31mred.png", "a[1].JPG", "film.MP4", r"\xff\xfe.png"])
    told = [line.removeprefix(f"Error: {album}/").partition(":")[0] for line in done.stderr.splitlines()]
    assert sorted(told) == ["gone.png", "iphone.HEIC", "pipe.jpg", "sensor.CR2"]
    assert len(list(csv.DictReader((tmp_path / "a.csv").open()))) == 6
    assert len(list((tmp_path / "results" / "predicted" / "zero").iterdir())) == 6


def test_show_without_a_screen_is_said_before_anything_is_done(hpe_bench, grey, tmp_path):
    cv2.imwrite(str(tmp_path / "wall.png"), grey(90)[0])
    for display in ("", ":83"):
        done = hpe_bench("predict", "zero", "wall.png", "--show", DISPLAY=display, WAYLAND_DISPLAY="")
        assert done.returncode == 2 and done.stderr.startswith("Error: --show: no window can be opened here")
        assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("module", "message", "code"),
    [
        ("raise ImportError('libGL.so.1: cannot open shared object file')", "apt-get install libgl1", 3),
        ("def namedWindow(name): raise RuntimeError('The function is not implemented')", "without windows", 2),
    ],
)
def test_an_opencv_that_cannot_do_it_is_one_line(hpe_bench, grey, tmp_path, module, message, code):
    cv2.imwrite(str(tmp_path / "wall.png"), grey(90)[0])
    (tmp_path / "fake" / "cv2").mkdir(parents=True)
    (tmp_path / "fake" / "cv2" / "__init__.py").write_text(module)
    path = os.pathsep.join([str(tmp_path / "fake"), os.environ.get("PYTHONPATH", "")])
    done = hpe_bench("predict", "zero", "wall.png", "--show", PYTHONPATH=path)
    assert done.returncode == code and message in done.stderr and len(done.stderr.splitlines()) == 1


def test_what_is_odd_about_a_video_is_said_and_costs_the_json_nothing(hpe_bench, clocked, tagged, corners, tmp_path):
    film = tagged(clocked(corners(2), [0, 0.1], "stored.mp4"), -1, 0, 0, 1)
    done = hpe_bench("predict", "zero", film.name, "--json", "-", "--draw", "none")
    assert done.returncode == 0 and len(json.loads(done.stdout)) == 2
    assert done.stderr.startswith("phone.mp4: its display matrix mirrors it")
    with pytest.warns(UserWarning, match="mirrors it"):
        predict_images("zero", film)


LOUD_PLUGIN = """
import os
import numpy as np
from hpe_bench import Estimator, Nothing, hookimpl

class Loud(Estimator):
    inputs = Nothing()
    def predict(self, batch):
        print("by Python")
        os.write(1, b"by itself\\n")
        return np.tile(np.eye(3), (len(batch.seeds), 1, 1))

@hookimpl
def register_estimators(register):
    register("loud", Loud, summary="x")
"""


def test_what_an_estimator_prints_is_not_the_json(hpe_bench, photo, tmp_path):
    cv2.imwrite(str(tmp_path / "face.png"), photo[..., ::-1])
    (tmp_path / "loud.py").write_text(LOUD_PLUGIN)
    done = hpe_bench("predict", "loud", "face.png", "--plugin", "loud.py", "--json", "-", "--draw", "none")
    assert done.returncode == 0 and len(json.loads(done.stdout)) == 1
    assert "by Python" in done.stderr and "by itself" in done.stderr
