"""Landmarks from images: worker processes, the cache in an evaluation, and FaceMesh itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from hpe_bench import evaluate, open_run
from hpe_bench.crops import WHOLE
from hpe_bench.images import ImageArray, ImageFile
from hpe_bench.landmarks.pool import ExtractionPool, Task

CORNERS = """
import os, time
from pathlib import Path
import numpy as np
from hpe_bench import Estimator, Extractor, Landmarks, hookimpl, pose

class Corners(Extractor):
    identity = "corners 1"
    points = 4

    def open(self):
        (Path(os.environ["CORNERS_LOG"]) / f"pid{os.getpid()}").touch()

    def find(self, image):
        time.sleep(float(os.environ.get("CORNERS_SECONDS", "0")))
        with open(Path(os.environ["CORNERS_LOG"]) / "log", "a") as log:
            log.write("x")
        if image[0, 0, 0] > 250:
            return None
        if os.environ.get("CORNERS_DIE"):
            print("the end is near", flush=True, file=__import__("sys").stderr)
            os._exit(7)
        height, width = image.shape[:2]
        return np.array([(0, 0, 0), (width, 0, 0), (0, height, 0), (width, height, image.mean())], dtype=float)

class Brightness(Estimator):
    inputs = Landmarks(crop="whole", extractor="corners")

    def predict(self, batch):
        return pose.rotation_about("z", batch.landmarks[:, 3, 2] / 10)

class Shares(Estimator):
    # Turned as far as the crop's last corner is not at (1, 1).
    inputs = Landmarks(crop="6drepnet", extractor="corners", units="image")

    def predict(self, batch):
        return pose.rotation_about("z", 100 * abs(batch.landmarks[:, 3, :2] - 1).sum(axis=1))

class Pixels(Shares):
    inputs = Landmarks(crop="6drepnet", extractor="corners")

@hookimpl
def register_extractors(register):
    register("corners", Corners)

@hookimpl
def register_estimators(register):
    register("brightness", Brightness)
    register("shares", Shares)
    register("pixels", Pixels)
"""


@pytest.fixture
def corners(tmp_path, monkeypatch):
    path = tmp_path / "corners.py"
    path.write_text(CORNERS)
    monkeypatch.setenv("CORNERS_LOG", str(tmp_path))
    return path


@pytest.fixture
def tree(aflw2000):
    import cv2

    root = aflw2000(np.random.default_rng(0).uniform(-30, 30, (40, 3)))
    cv2.imwrite(str(root / "image00007.jpg"), np.full((90, 120, 3), 255, np.uint8))
    return root


def run(plugin, **settings):
    return evaluate("brightness", dataset="aflw2000", plugins=[plugin], workers=2, **settings)


def extracted(tmp_path) -> int:
    return (tmp_path / "log").stat().st_size if (tmp_path / "log").exists() else 0


def test_a_second_evaluation_reads_the_cache(corners, tree, tmp_path):
    first = run(corners)
    assert extracted(tmp_path) == 40 and first.coverage[0] == 39 / 40
    second = run(corners, seed=1)
    assert extracted(tmp_path) == 40 and second.run[0] != first.run[0]
    one, two = open_run(first.run[0]), open_run(second.run[0])
    np.testing.assert_array_equal(one.prediction, two.prediction)
    assert (~one.found).tolist() == [index == 7 for index in range(40)]


def test_landmarks_in_image_units_are_shares_of_the_crop_whether_found_or_kept(corners, tree, tmp_path):
    first, second = (evaluate("shares", dataset="aflw2000", plugins=[corners], workers=2, seed=seed) for seed in (0, 1))
    for row in (first, second):
        run = open_run(row.run[0])
        assert run.manifest["inputs"]["units"] == "image" and run.found.sum() > 30
        turned = run.prediction[run.found] - np.eye(3)
        np.testing.assert_allclose(turned, 0.0, atol=1e-4)
    assert extracted(tmp_path) == len(run.ids)


def test_units_stand_in_a_run_only_where_they_are_not_the_usual_ones(corners, tree):
    run = open_run(evaluate("pixels", dataset="aflw2000", plugins=[corners], workers=2).run[0])
    assert "units" not in run.manifest["inputs"] and "units" not in run.manifest["key"]["inputs"]


def test_a_changed_image_alone_is_looked_at_again(corners, tree, tmp_path):
    run(corners)
    (tree / "image00003.jpg").write_bytes((tree / "image00004.jpg").read_bytes())
    (tree / "image00005.jpg").write_bytes((tree / "image00007.jpg").read_bytes())
    row = run(corners)
    # image00004 was seen before, but with other facial points, which the key holds too.
    assert extracted(tmp_path) == 42 and row.coverage[0] == 38 / 40


def test_another_crop_is_looked_at_again(corners, tree, tmp_path):
    run(corners)
    run(corners, crop="6drepnet")
    assert extracted(tmp_path) == 80


def test_a_bad_image_is_named_and_can_be_skipped(corners, tree):
    (tree / "image00009.jpg").write_bytes(b"\xff\xd8 no image \xff\xd9")
    failed = run(corners)
    assert "image00009.jpg" in failed.skipped[0] and "--skip-bad" in failed.skipped[0]
    assert run(corners, skip_bad=True).n[0] == 39


def test_a_worker_that_dies_is_an_error_with_its_last_words(corners, tree, monkeypatch):
    monkeypatch.setenv("CORNERS_DIE", "1")
    row = run(corners)
    assert "a landmark worker died (corners)" in row.skipped[0] and "the end is near" in row.skipped[0]


def test_workers_end_with_a_killed_parent(corners, tree, tmp_path):
    program = [sys.executable, "-c", "from hpe_bench.cli import main; main()", "eval", "brightness"]
    arguments = ["--dataset", "aflw2000", "--plugin", str(corners), "--workers", "2"]
    environment = {**os.environ, "CORNERS_SECONDS": "1"}
    parent = subprocess.Popen([*program, *arguments], env=environment, stderr=subprocess.DEVNULL)
    while extracted(tmp_path) < 2 and parent.poll() is None:
        time.sleep(0.05)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    workers = [int(path.name.removeprefix("pid")) for path in tmp_path.glob("pid*")]
    assert len(workers) == 2
    for _ in range(200):
        alive = [pid for pid in workers if os.path.exists(f"/proc/{pid}/exe")]
        if not alive:
            return
        time.sleep(0.05)
    pytest.fail(f"workers outlive their parent: {alive}")


def test_a_kill_costs_no_more_than_what_is_under_way(corners, tree, tmp_path):
    """Images that take long are kept one by one, though they are given out by eights."""
    program = [sys.executable, "-c", "from hpe_bench.cli import main; main()", "eval", "brightness"]
    arguments = [*program, "--dataset", "aflw2000", "--plugin", str(corners), "--workers", "2"]
    for times in range(2):
        slow = {**os.environ, "CORNERS_SECONDS": "0.3"}
        parent = subprocess.Popen(arguments, env=slow, stderr=subprocess.DEVNULL, start_new_session=True)
        while extracted(tmp_path) < 8 + 8 * times and parent.poll() is None:
            time.sleep(0.02)
        os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()
    assert subprocess.run(arguments, capture_output=True).returncode == 0
    # Each kill costs the two images that were looked at, and one each that may not have been handed over.
    assert extracted(tmp_path) <= 40 + 2 * 4
    (folder,) = tmp_path.glob("results/.cache/landmarks/*")
    assert [path.suffix for path in folder.iterdir()] == [".h5"]


def test_an_extractor_that_ends_its_process_by_exit_is_an_error(corners, tree):
    corners.write_text(CORNERS.replace("os._exit(7)", "raise SystemExit(0)").replace("CORNERS_DIE", "CORNERS_LOG"))
    assert "made to end: SystemExit(0)" in run(corners).skipped[0]


def test_landmarks_come_in_the_order_of_the_tasks_and_nothing_else_is_held(corners):
    taken = 0

    def tasks():
        nonlocal taken
        for number in range(200):
            taken += 1
            image = np.full((10, 20, 3), number, np.uint8)
            yield Task(number.to_bytes(32, "big"), str(number), ImageArray(image), WHOLE, None)

    pool = ExtractionPool("corners", [str(corners)], 4, workers=2)
    try:
        for expected, (key, landmarks, _) in enumerate(pool.extract(tasks())):
            assert int.from_bytes(key, "big") == expected
            assert landmarks[3].tolist() == [20, 10, expected]
            assert taken <= expected + 8 * 6
    finally:
        pool.close()


def test_facemesh_finds_a_real_face_and_undoes_the_aspect(shared):
    pytest.importorskip("mediapipe")
    path = shared("data/aflw2000-dev") / "image00020.jpg"
    image = ImageFile(path).pixels()
    wide = np.zeros((image.shape[0], 2 * image.shape[1], 3), np.uint8)
    wide[:, : image.shape[1]] = image
    pool = ExtractionPool("facemesh", (), 468, workers=1)
    try:
        tasks = [
            Task(bytes(32), "plain", ImageFile(path), WHOLE, None),
            Task(bytes(32), "wide", ImageArray(wide), WHOLE, None),
            Task(bytes(32), "none", ImageArray(np.zeros_like(wide)), WHOLE, None),
        ]
        plain, beside, none = (landmarks for _, landmarks, _ in pool.extract(tasks))
    finally:
        pool.close()
    assert plain.shape == (468, 3) and np.isnan(none).all()
    assert plain[263, 0] > plain[33, 0] and plain[152, 1] > plain[10, 1]
    # In pixels the same face is the same shape, whatever the image's aspect.
    assert np.abs(plain - beside)[:, :2].max() < 6
    spread = np.ptp(plain, axis=0)
    np.testing.assert_allclose(np.ptp(beside, axis=0) / spread, 1, atol=0.12)


def test_extractors_are_listed(hpe_bench, corners):
    listed = json.loads(hpe_bench("list", "extractors", "--plugin", corners, "--json").stdout)
    assert [row["name"] for row in listed] == ["corners", "facemesh", "facemesh-always", "mediapipe-faces", "mtcnn"]
