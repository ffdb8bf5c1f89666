"""From images to the file of landmarks: found once, filled where no face was, whole or not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from hpe_bench import DataError, GridFile, UsageError, pose
from hpe_bench_plugins.datasets.facescape.dataset import FaceScape
from hpe_bench_plugins.datasets.facescape.extraction import fill_cells


def prepare(root, work, **options):
    return FaceScape(root, FaceScape.Options(extractor="reader", workers=1, **options)).prepare(work)


def test_the_landmarks_of_every_image_stand_in_their_cell(tree, preparation, as_read):
    root = tree()
    said = []
    (path,) = prepare(root, preparation(said))
    grid = GridFile(path)
    assert grid.identities == ("1", "2", "10") and grid.axes.shape == (3, 3, 1) and not grid.filled.any()
    cells = grid.read(0, 3)
    for person in range(3):
        for i, j in np.ndindex(3, 3):
            angles = grid.axes.angles()[i, j, 0]
            np.testing.assert_allclose(cells[person, i, j, 0], as_read(person, angles), atol=1e-3)
    assert said == ["3 people, 27 cells: 0 without an image, 0 without a face, made up 0.0%"]


@pytest.mark.parametrize("convention", ["pitch-yaw-roll", "yaw-pitch-roll"])
def test_cells_without_a_face_or_an_image_are_the_frontal_landmarks_turned(
    tree, preparation, as_read, convention, monkeypatch
):
    monkeypatch.setenv("READER_CONVENTION", convention)
    root = tree(blank=[("1", 20, -10, 0), ("2", 0, 0, 0)], absent=[("2", -20, 10, 0)])
    said = []
    (path,) = prepare(root, preparation(said), convention=convention)
    grid = GridFile(path)
    marked = {(grid.identities[i], *grid.axes.angles()[y, p, r].tolist()) for i, y, p, r in np.argwhere(grid.filled)}
    assert marked == {("1", 20, -10, 0), ("2", 0, 0, 0), ("2", -20, 10, 0)}
    assert said[-1].startswith("3 people, 27 cells: 1 without an image, 2 without a face, made up 11.1%")
    assert grid.about["missing"] == 1 and grid.about["missed"] == 2
    # The reader's faces turn rigidly about a pivot; filled ones about their centroid. So shapes agree, places may not.
    for person, cell, angles in [(0, (2, 0, 0), (20, -10, 0)), (1, (1, 1, 0), (0, 0, 0)), (1, (0, 2, 0), (-20, 10, 0))]:
        found, expected = grid.read(person, person + 1)[0][cell], as_read(person, angles, convention)
        np.testing.assert_allclose(found - found.mean(axis=0), expected - expected.mean(axis=0), atol=1e-3)


def test_a_made_up_cell_keeps_size_and_place_of_the_cell_nearest_to_frontal():
    rng = np.random.default_rng(0)
    rotations = pose.rotation_from_euler([(0, 0, 0), (0, 10, 0), (40, 0, 0)])
    landmarks = rng.normal(size=(3, 468, 3)) * 30 + (128, 120, 0)
    filled = fill_cells(landmarks, np.array([False, True, False]), rotations)
    np.testing.assert_array_equal(filled[1], landmarks[1])
    centre = landmarks[1].mean(axis=0)
    np.testing.assert_allclose(filled.mean(axis=1), np.tile(centre, (3, 1)))
    for cell in (0, 2):
        turn = rotations[cell] @ rotations[1].T
        np.testing.assert_allclose(filled[cell] - centre, (landmarks[1] - centre) @ turn.T, atol=1e-9)


def test_a_person_without_any_face_is_left_out_and_told_of(tree, preparation):
    blank = [("2", yaw, pitch, 0) for yaw in (-20, 0, 20) for pitch in (-10, 0, 10)]
    said = []
    (path,) = prepare(tree(blank=blank), preparation(said))
    assert GridFile(path).identities == ("1", "10") and GridFile(path).about["dropped"] == ["2"]
    assert said[-1].endswith("2") and "left out" in said[-1]


def test_where_no_face_is_found_at_all_nothing_is_written(tree, preparation):
    root = tree(people=("1",), bins=((0,), (0,), (0,)), blank=[("1", 0, 0, 0)])
    with pytest.raises(DataError, match="found no face in any of 1 images"):
        prepare(root, preparation())
    assert not (root / "landmarks.h5").exists()


def test_images_that_cannot_be_read_are_all_named_and_nothing_is_written(tree, preparation, looked_at):
    root = tree()
    (root / "1" / "ID1_(0_0_0).png").write_bytes(b"\x89PNG")
    (root / "10" / "ID10_(20_0_0).png").write_bytes(b"")
    with pytest.raises(DataError, match="2 images below") as error:
        prepare(root, preparation())
    assert "ID1_(0_0_0).png" in str(error.value) and "ID10_(20_0_0).png" in str(error.value)
    assert not (root / "landmarks.h5").exists()
    seen = looked_at()
    for name in ("1/ID1_(0_0_0).png", "10/ID10_(20_0_0).png"):
        (root / name).unlink()
    prepare(root, preparation())
    assert looked_at() == seen == 25


def test_what_was_found_once_is_not_looked_for_again(tree, preparation, looked_at):
    root = tree()
    prepare(root, preparation())
    assert looked_at() == 27
    first = (root / "landmarks.h5").read_bytes()
    tree(people=("1", "2", "10", "11"))
    prepare(root, preparation())
    assert looked_at() == 36
    assert GridFile(root / "landmarks.h5").identities == ("1", "2", "10", "11")
    assert (root / "landmarks.h5").read_bytes() != first


def test_an_evaluation_finds_the_landmarks_that_were_prepared(tree, reader, preparation, looked_at):
    from hpe_bench import evaluate

    prepare(tree(), preparation())
    options = {"part": "all"}
    row = evaluate(
        "procrustes", protocol="facescape/all", extractor="reader", plugins=[reader], dataset_options=options, workers=1
    )
    assert looked_at() == 27 and row.ge_mean[0] < 1e-4


def test_a_killed_preparation_goes_on_where_it_was(tree, reader, looked_at, tmp_path, monkeypatch):
    root = tree(people=("1", "2"), bins=(tuple(range(-80, 81, 10)), tuple(range(-40, 41, 10)), (0, 10)))
    total = 2 * 17 * 9 * 2
    program = [sys.executable, "-c", "from hpe_bench.cli import main; main()", "prepare", "facescape"]
    arguments = ["--plugin", str(reader), "-d", "extractor=reader", "-d", "workers=1"]
    slow = {**os.environ, "READER_SECONDS": "0.004"}
    parent = subprocess.Popen([*program, *arguments], env=slow, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("results/.cache/landmarks/*/*.h5")) and parent.poll() is None:
        time.sleep(0.01)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert not (root / "landmarks.h5").exists()
    before = looked_at()
    assert before < total
    done = subprocess.run([*program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"wrote {os.path.join('datasets', 'FaceScape', 'landmarks.h5')}" in done.stdout
    assert looked_at() - before <= total - 512 and len(GridFile(root / "landmarks.h5")) == 2
    assert not list(root.glob(".*"))


def test_a_stray_angle_is_an_error_rather_than_a_grid_of_gaps(tree, preparation):
    tree(people=("1",), bins=((0,), (0,), (0,)))
    root = tree(people=("2",), bins=((10,), (20,), (30,)))
    with pytest.raises(DataError, match=r"14 of 16 images are missing \(2 yaw x 2 pitch x 2 roll, 2 people\)"):
        prepare(root, preparation())


def test_an_extractor_of_too_few_points_is_refused(tree, preparation):
    with pytest.raises(UsageError, match="68 points"):
        FaceScape(tree(), FaceScape.Options(extractor="few")).prepare(preparation())


def test_files_of_other_names_are_told_of(tree, preparation):
    root = tree()
    (root / "1" / "ID1_0_0_0.png").touch()
    said = []
    prepare(root, preparation(said))
    assert "1 files of other names are left out" in said[0] and "ID1_0_0_0.png" in said[0]


def test_scattered_angles_stand_in_the_file_and_turn_what_is_made_up(tree, preparation, as_read):
    root = tree(people=("1",), absent=[("1", 20, 10, 0)])
    angles = [(y, p, 0, y + 5.0, p + 2.0, 1.0) for y in (-20, 0, 20) for p in (-10, 0, 10)]
    (root / "1" / "angles.csv").write_text(
        "\n".join(["yaw_cell,pitch_cell,roll_cell,yaw,pitch,roll", *(",".join(map(str, line)) for line in angles)])
    )
    (path,) = prepare(root, preparation([]))
    grid = GridFile(path)
    stated = np.array(angles)[:, 3:].reshape(1, 3, 3, 1, 3)
    assert not grid.regular
    np.testing.assert_allclose(grid.rotations(0, 1), pose.rotation_from_grid(stated, "pitch-yaw-roll"))
    # The reader draws what the name says; the made-up cell is the frontal one, turned by what lies between the two.
    frontal, made_up = grid.read(0, 1)[0, 1, 1, 0], grid.read(0, 1)[0, 2, 2, 0]
    turn = grid.rotations(0, 1)[0, 2, 2, 0] @ grid.rotations(0, 1)[0, 1, 1, 0].T
    centre = frontal.mean(axis=0)
    np.testing.assert_allclose(made_up, (frontal - centre) @ turn.T + centre, atol=1e-3)
