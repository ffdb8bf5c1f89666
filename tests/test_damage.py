"""Every reader of a stranger's bytes: whatever happened to a file, it gives the same numbers, or says what is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import scipy.io
from damage import COUNT, damages, survey

import hpe_bench
from hpe_bench import DataError, GridAxes, GridFile, label_index, open_run, pose, write_grid
from hpe_bench.estimators import Card
from hpe_bench.label_index import index_path, indexed_labels
from hpe_bench.landmarks.cache import LandmarkCache
from hpe_bench.pose import euler_from_rotation
from hpe_bench.runs.journal import RECORD, Journal
from hpe_bench.runs.runfile import Run, write_run
from hpe_bench.runs.train.runfile import open_training
from hpe_bench.runs.train.work import Work
from hpe_bench.runs.weights import find_weights, read_card
from hpe_bench.settings import resolve_folders

LEARNER = Path(__file__).parent / "harness" / "learner.py"
REFERENCE = Path(__file__).parents[1] / "results" / "reference" / "aflw2000" / "nlml"


def bounded(found):
    """Nothing hung, and nothing ended in a traceback: all that can be asked where a format has no checksum."""
    assert not found.crashed and not found.hung, found


def test_a_run(tmp_path, rotations, manifest):
    truth = rotations(300)
    names = np.array([f"image{number:05d}" for number in range(300)])
    run = Run(
        path=tmp_path / "x.h5",
        manifest=manifest(),
        ids=names,
        person=names,
        sequence=np.array([""] * 300),
        truth=truth,
        euler=euler_from_rotation(truth),
        prediction=truth[::-1].copy(),
        confidence=np.full(300, np.nan),
        seconds=np.ones((300, 3)),
    )
    write_run(run)
    found = survey(run.path, lambda: open_run(run.path))
    assert found.clean and found.refused, found


@pytest.fixture
def run_of_before(tmp_path):
    """The path of a run as earlier versions wrote it: its checksum is a text of any length, in HDF5's heap."""
    path = tmp_path / "x.h5"
    shutil.copy(next(iter(sorted(REFERENCE.glob("zero-*.h5")))), path)
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        checksum = file["manifest"].attrs["sha256"].decode()
        del file["manifest"].attrs["sha256"]
        file["manifest"].attrs["sha256"] = checksum
    assert b"GCOL" in path.read_bytes()
    return path


def test_a_run_of_before_whose_checksum_is_in_the_heap(run_of_before):
    found = survey(run_of_before, lambda: open_run(run_of_before))
    assert found.clean and found.refused, found


def test_every_bit_of_the_heap_of_a_run_of_before(run_of_before):
    content, expected = run_of_before.read_bytes(), open_run(run_of_before)
    heap = content.index(b"GCOL")
    for place in range(heap - 16, heap + 100, 2 if COUNT < 1000 else 1):
        damaged = content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
        run_of_before.write_bytes(damaged)
        try:
            read = open_run(run_of_before)
        except DataError:
            continue
        np.testing.assert_array_equal(read.prediction, expected.prediction)
        assert read.manifest == expected.manifest


def test_a_training_run(tmp_path):
    path = hpe_bench.train("learner", plugins=[LEARNER], weights=tmp_path / "w", results=tmp_path / "r").run
    found = survey(path, lambda: open_training(path))
    assert found.clean and found.refused, found


def test_a_journal(tmp_path):
    path = tmp_path / "x.journal"
    expected = np.zeros(40, dtype=RECORD)
    expected["index"] = np.arange(40)
    expected["rotation"], expected["confidence"] = np.eye(3), np.linspace(0, 1, 40)
    with Journal(path, "job", 40) as journal:
        for start in range(0, 40, 8):
            journal.append(expected[start : start + 8])

    def read():
        with Journal(path, "job", 40) as journal:
            return journal.records[journal.done].tobytes() == expected[journal.done].tobytes()

    found = survey(path, read)
    assert found.clean and not found.refused, found


def test_the_checkpoints_and_the_log_of_a_training(tmp_path):
    folder = tmp_path / "work"
    with Work(folder, "job") as work:
        for step in range(20):
            work.record("fit", {"loss": 1 / (step + 1)})
        work.save("state", bytes(range(256)))
        work.report("fit", {"loss": 0.5})
        points = work.curves["fit"]

    def restored():
        with Work(folder, "job") as work:
            curves, figures = work.curves.get("fit", []), [stage.figures for stage in work.stages.values()]
            known = curves == points[: len(curves)] and figures in ([], [{"loss": 0.5}])
            return known, work.restore("state") in (None, bytes(range(256)))

    for name in ("state.checkpoint", "log.jsonl"):
        kept = {path: path.read_bytes() for path in folder.iterdir()}

        def read(kept=kept, name=name):
            for path, content in kept.items():
                if path.name != name:
                    path.write_bytes(content)
            return restored()

        found = survey(folder / name, read)
        assert found.clean and not found.refused, found
        for path, content in kept.items():
            path.write_bytes(content)


class Angles(hpe_bench.Dataset):
    """Samples that are text files: yaw, pitch, roll."""

    def ids(self):
        return sorted(path.stem for path in self.root.glob("*.txt"))

    def sample(self, id):
        path = self.root / f"{id}.txt"
        euler = np.array([float(word) for word in path.read_text().split()])
        return hpe_bench.Sample(id, pose.rotation_from_euler(euler), euler, files=(path,))

    def labels_follow_from(self):
        return ()


def test_the_label_index(tmp_path, monkeypatch):
    root = tmp_path / "texts"
    root.mkdir()
    for number in range(30):
        (root / f"{number:02d}.txt").write_text(f"{number} {-number} {number / 2}")
    dataset = Angles(root)
    indexed_labels(dataset, tmp_path)
    key = label_index._key(
        dataset, dataset.labels_follow_from()
    )  # what the labels depend on stays the same, and takes long to find
    monkeypatch.setattr(label_index, "_key", lambda *_: key)
    found = survey(index_path(dataset, tmp_path), lambda: vars(indexed_labels(dataset, tmp_path)))
    assert found.clean and not found.refused, found


def test_a_card(tmp_path):
    figures = {"fit": {"loss": 0.123456, "validation_ge_degrees": 4.83}}
    Card("nlml", "x", {"a": "0" * 64}, figures=figures).write(tmp_path)

    def read():
        card = read_card(tmp_path)
        return card and (card.files, card.figures)

    found = survey(tmp_path / Card.FILE, read)
    assert not found.crashed and not found.hung and found.refused, found
    # A letter of a key's name changed, and the card has no checksum, or no figures, any more: no other ones.
    assert len(found.other) <= COUNT // 20, found


def tensor():
    from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids
    from hpe_bench_plugins.estimators.nlml.weights import LandmarkTensor

    rng = np.random.default_rng(0)
    curves = tuple(Sinusoids(rng.normal(size=(2, 4))) for _ in range(3))
    return LandmarkTensor(rng.normal(size=(2, 2, 2, 2, 1404)), curves, (50.0, 40.0, 30.0), "pitch-yaw-roll")


def test_a_set_of_weights_in_safetensors(tmp_path):
    pytest.importorskip("torch")
    from hpe_bench.storage import file_digest, write_atomically
    from hpe_bench_plugins.estimators.nlml.estimator import NLMLTensor
    from hpe_bench_plugins.estimators.nlml.weights import read_tensor, tensor_bytes

    path = tmp_path / "weights" / "nlml" / "own" / "tensor.safetensors"
    write_atomically(path, tensor_bytes(tensor(), "facemesh"))
    Card("nlml", "own", {path.name: file_digest(path)}).write(path.parent)
    folders = resolve_folders(weights=tmp_path / "weights")

    def read():
        weights = find_weights(NLMLTensor(NLMLTensor.Options(weights="own")), "nlml-tensor", folders)
        found = read_tensor(weights["tensor"])
        return found.w, [curve.parameters for curve in found.curves], found.limits

    found = survey(path, read)
    assert found.clean and found.refused and not found.same, found


def test_the_arrays_of_an_npz(tmp_path):
    from hpe_bench_plugins.estimators.nlml.weights import RELEASED, read_tensor

    made = tensor()
    curves = {f"optimized_{a}": c.parameters for a, c in zip(pose.ANGLES, made.curves, strict=True)}
    path = tmp_path / RELEASED
    for save in (np.savez, np.savez_compressed):
        save(path, W=made.w.astype(np.float32), **curves)

        def read():
            found = read_tensor(path)
            return found.w, [curve.parameters for curve in found.curves]

        found = survey(path, read)
        assert found.clean and found.refused, found


@pytest.mark.parametrize("regular", [True, False])
def test_a_grid_of_landmarks(tmp_path, regular):
    path = tmp_path / "grid.h5"
    axes = GridAxes((-10.0, 0.0, 10.0), (0.0,), (0.0, 5.0))
    rng = np.random.default_rng(0)
    with write_grid(path, axes, {"from": "here"}, regular=regular) as grid:
        for identity in "abc":
            angles = None if regular else rng.normal(size=(*axes.shape, 3))
            grid.add(identity, rng.normal(size=(*axes.shape, 468, 3)), rng.random(axes.shape) < 0.5, angles)

    def read():
        grid = GridFile(path)
        return grid.read(0, 3), grid.rotations(0, 3), grid.axes, grid.identities, dict(grid.about)

    found = survey(path, read)
    assert found.clean and found.refused, found


def test_a_shard_of_landmarks(tmp_path):
    rng = np.random.default_rng(0)
    keys = [number.to_bytes(32, "big") for number in range(40)]
    landmarks = rng.normal(size=(40, 468, 3)).astype(np.float32)
    LandmarkCache(tmp_path, "finder", 468).put(keys, landmarks)
    (shard,) = (tmp_path / "landmarks").rglob("*.h5")

    def read():
        cache = LandmarkCache(tmp_path, "finder", 468)
        places = [place for place, key in enumerate(keys) if key in cache]
        return np.array_equal(cache.get([keys[place] for place in places]), landmarks[places])

    found = survey(shard, read)
    assert found.clean, found


def test_a_pose_of_biwi(tmp_path):
    from hpe_bench_plugins.datasets.biwi.tree import read_pose

    path = tmp_path / "frame_00003_pose.txt"
    matrix = pose.rotation_from_euler((20.0, -10.0, 5.0))
    path.write_text("\n".join(" ".join(f"{v:.6f}" for v in row) + " " for row in matrix) + "\n\n12.5 3.25 900.125 \n")

    def read():
        # A rotation has six numbers more than it needs: no wrong digit passes that is worth more than this.
        return bool(np.all(np.abs(read_pose(path) - matrix) < 1e-3))

    found = survey(path, read)
    assert found.clean and found.refused, found


def test_labels_and_boxes_of_headpose_plus(tmp_path):
    from hpe_bench_plugins.datasets.biwi.plus import read_plus

    path = tmp_path / "Biwi_plus.npz"
    euler = np.random.default_rng(0).uniform(-40, 40, (40, 3))
    rotation = pose.rotation_from_euler(euler)
    pitch = np.arctan2(rotation[:, 2, 1], rotation[:, 2, 2])
    yaw, roll = np.arcsin(rotation[:, 2, 0]), -np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    np.savez(
        path,
        images=np.array([f"01/frame_{number:05d}_rgb.png" for number in range(40)]),
        pyr=np.degrees(np.stack([pitch, yaw, roll], axis=1)),
        ypr=euler,
        bbox=np.full((40, 4), 100),
    )

    def read():
        plus = read_plus(path)
        return plus.rotation, plus.boxes.corners

    found = survey(path, read)
    assert found.clean and found.refused, found


def test_faces_of_biwi(tmp_path):
    from hpe_bench_plugins.datasets.biwi.faces import Faces, FrameLabel, write_faces
    from hpe_bench_plugins.datasets.biwi.rules import Choice

    frames, path = [], tmp_path / "faces.h5"
    for number in range(3):
        image = tmp_path / f"{number}.png"
        cv2.imwrite(str(image), np.full((480, 640, 3), 50 * number, np.uint8))
        frames.append(FrameLabel(f"01/{number}", image, "F01", "01", np.eye(3)))
    dropped, box = Choice(None, np.nan, "no face"), Choice((10, 20, 60, 80), 0.9)
    choices = {"notrack": [box, dropped, box], "carry": [box, Choice(box.box, np.nan, "no face"), box]}
    about = {"rules": {"notrack": {"confidence": 0.9}, "carry": {"confidence": 0.95}}, "tree": "x"}
    write_faces(path, frames, choices, 16, about, hpe_bench.Preparation())
    bounded(survey(path, lambda: Faces(path, "carry").choices()))


@pytest.mark.parametrize("compressed", [True, False])
def test_a_mat_of_aflw2000(tmp_path, compressed):
    from hpe_bench_plugins.datasets.mat_pairs import read_label

    path = tmp_path / "image00002.mat"
    angles = np.radians([[10.0, -20.0, 5.0, 0, 0, 0, 0]]).astype(np.float32)
    content = {"Pose_Para": angles, "pt2d": np.random.default_rng(0).uniform(20, 70, (2, 21))}
    scipy.io.savemat(path, content, do_compression=compressed)
    found = survey(path, lambda: read_label(path))
    bounded(found)
    assert found.refused
    if compressed:  # else the format has no checksum
        assert found.clean, found


def test_a_list_of_samples(aflw2000):
    from hpe_bench_plugins.datasets.aflw2000 import AFLW2000

    root = aflw2000(np.zeros((12, 3)))
    path = root / "files.txt"
    path.write_text("\n".join(f"./image{number:05d}" for number in range(12)))
    dataset = AFLW2000(root, AFLW2000.Options(files=path))
    # A text without a checksum: a name may become another's.
    bounded(survey(path, lambda: dataset.labels().ids))


def test_an_image(tmp_path):
    from hpe_bench import ImageFile

    y, x = np.mgrid[:96, :96]
    image = np.stack([x, y, x ^ y], axis=-1).astype(np.uint8) * 2
    for name in ("x.jpg", "x.png"):
        path = tmp_path / name
        cv2.imwrite(str(path), image)
        # The pixels of a JPEG have no checksum.
        bounded(survey(path, lambda path=path: ImageFile(path).pixels()))


def test_a_video(tmp_path):
    reels = pytest.importorskip("hpe_bench.inference.reels")
    from hpe_bench.inference.sources import find_inputs

    path = tmp_path / "x.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (64, 48))
    for number in range(6):
        writer.write(np.full((48, 64, 3), 40 * number, np.uint8))
    writer.release()

    def read():
        (source,) = find_inputs([str(path)])
        reel = reels.open_reel(source)
        try:
            return len(list(reel.frames(None, 1)))
        finally:
            reel.close()

    # Neither the container nor the pictures in it have a checksum.
    bounded(survey(path, read))


def test_the_same_damages_are_drawn_again():
    assert list(damages(bytes(1000), 20, 1)) == list(damages(bytes(1000), 20, 1))
