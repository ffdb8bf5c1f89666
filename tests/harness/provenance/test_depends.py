"""Stored results are used again as long as nothing that they depend on has changed, and not any longer."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hpe_bench
from hpe_bench import Grid, GridAxes, UsageError, evaluate, write_grid
from hpe_bench.provenance import packages

ROOT = Path(__file__).parents[3]
#: Prints what each bundled thing depends on, as one JSON object.
ALL = """
import json
from hpe_bench.estimators import Landmarks
from hpe_bench.plugins import discover
from hpe_bench.provenance import depends

registry = discover(environ={})
load = lambda kind: {name: registry.get(kind, name).load() for name in registry.names(kind)}
datasets, extractors, found = load("datasets"), load("extractors"), {}
for name, kind in load("estimators").items():
    asks = kind.inputs
    finder = extractors[asks.extractor]() if isinstance(asks, Landmarks) else None
    found[f"prediction {name}"] = depends.prediction_depends_on(kind, datasets["aflw2000"], asks, finder)
    if kind.TrainingOptions is not None:
        found[f"training {name}"] = depends.training_depends_on(kind, [datasets["synthetic"]])
for name, kind in extractors.items():
    found[f"landmarks {name}"] = depends.landmarks_depend_on(kind())
for name, kind in datasets.items():
    found[f"labels {name}"] = depends.labels_depend_on(kind)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A folder with a copy of the source, to be changed."""
    folder = tmp_path_factory.mktemp("source")
    for part in ("harness", "plugins"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    return folder


def depends(folder: Path) -> dict[str, dict]:
    path = os.pathsep.join(str(folder / part) for part in ("harness", "plugins"))
    done = subprocess.run(
        [sys.executable, "-c", ALL], env={**os.environ, "PYTHONPATH": path}, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def before(copied):
    return depends(copied)


@pytest.fixture
def edit(copied):
    """A function that changes a file of the copy until the test is over, and tells what depends on it."""
    saved = {}

    def change(name: str, old: bytes, new: bytes) -> Path:
        path = copied / name
        saved[path] = path.read_bytes()
        assert old in saved[path]
        path.write_bytes(saved[path].replace(old, new, 1))
        return copied

    yield change
    for path, content in saved.items():
        path.write_bytes(content)


def differing(before, after):
    return {name for name in before if before[name] != after[name]}


def test_a_comment_in_every_file_changes_nothing_of_what_anything_depends_on(copied, before, tmp_path):
    commented = tmp_path / "commented"
    shutil.copytree(copied, commented)
    files = [path for part in ("harness", "plugins") for path in (commented / part).rglob("*.py")]
    assert len(files) > 200
    for path in files:
        path.write_text(path.read_text() + "\n\n# a comment\n")
    assert differing(before, depends(commented)) == set()


@pytest.mark.parametrize(
    ("name", "old", "new", "wanted"),
    [
        (
            "harness/hpe_bench/landmarks/facemesh.py",
            b"_STEPS = 2",
            b"_STEPS = 0",
            {"landmarks facemesh-always"},
        ),
        (
            "harness/hpe_bench/comparison/scores.py",
            b"from __future__ import annotations",
            b"from __future__ import annotations\nimport os\nos.environ['A'] = 'b'",
            set(),
        ),
        (
            "plugins/hpe_bench_plugins/estimators/constant.py",
            b"np.eye(3)",
            b"np.eye(3, 3)",
            {"prediction zero"},
        ),
        (
            "plugins/hpe_bench_plugins/estimators/procrustes.py",
            b"np.ones(len(face.weights))",
            b"2 * np.ones(len(face.weights))",
            {"prediction procrustes"},
        ),
    ],
)
def test_changed_code_changes_exactly_what_it_can_reach(before, edit, name, old, new, wanted):
    assert differing(before, depends(edit(name, old, new))) == wanted


def test_the_metric_that_picks_the_kept_epoch_is_among_what_a_training_depends_on(before):
    assert "hpe_bench.metrics" in before["training 6drepnet"]["code"]
    assert "hpe_bench.metrics" not in before["prediction 6drepnet"]["code"]


def test_the_canonical_face_counts_for_what_reads_it(before, edit):
    folder = edit("harness/hpe_bench/landmarks/canonical_face.npz", b"", b"x")
    changed = differing(before, depends(folder))
    assert {"prediction procrustes", "landmarks facemesh-always", "labels synthetic", "training nlml"} <= changed
    assert not changed & {"prediction fsanet", "prediction zero", "landmarks facemesh", "labels aflw2000"}


def test_another_version_of_scipy_concerns_what_uses_it(before):
    with_scipy = {name for name, told in before.items() if "scipy" in told["versions"]}
    assert {"training nlml", "prediction random"} <= with_scipy
    assert not with_scipy & {"prediction zero", "landmarks facemesh", "labels aflw2000", "training 6drepnet"}
    assert all("numpy" in told["versions"] for name, told in before.items() if name.startswith("prediction"))


def test_packages_that_an_estimator_requires_count_by_their_versions(before):
    assert {"torch", "safetensors"} <= set(before["prediction fsanet"]["versions"])
    assert "mediapipe" in before["landmarks facemesh"]["versions"]


EXTRACTOR = """
import os
import numpy as np
from hpe_bench import Estimator, Extractor, Landmarks, hookimpl, pose

TURN = 0.0

class Corners(Extractor):
    identity = "corners"
    points = 2

    def find(self, image):
        with open(os.environ["FOUND"], "a") as log:
            log.write("x")
        return np.array([(TURN, 0, 0), (image.mean(), 0, 0)], dtype=float)

class Turned(Estimator):
    inputs = Landmarks(crop="whole", extractor="corners")

    def predict(self, batch):
        return pose.rotation_about("z", batch.landmarks[:, 0, 0])

@hookimpl
def register_extractors(register):
    register("corners", Corners)

@hookimpl
def register_estimators(register):
    register("turned", Turned)
"""


def test_an_edited_extractor_finds_its_landmarks_anew_and_the_next_line_says_why(
    tmp_path, aflw2000, monkeypatch, capsys
):
    aflw2000(np.zeros((6, 3)))
    monkeypatch.setenv("FOUND", str(tmp_path / "found"))
    plugin = tmp_path / "corners.py"
    run = functools.partial(evaluate, "turned", dataset="aflw2000", plugins=[plugin], workers=1, progress=True)
    plugin.write_text(EXTRACTOR)
    assert run().mae_mean[0] == 0.0
    plugin.write_text(EXTRACTOR.replace("TURN = 0.0", "TURN = 9.0  # degrees"))
    capsys.readouterr()
    assert run().mae_mean[0] == pytest.approx(3.0) and (tmp_path / "found").stat().st_size == 12
    assert "is not used again, since this differs: the code of file:corners" in capsys.readouterr().err
    plugin.write_text(EXTRACTOR.replace("TURN = 0.0", "TURN = 9.0  # degrees, about z"))
    assert run().mae_mean[0] == pytest.approx(3.0) and (tmp_path / "found").stat().st_size == 12


def test_another_version_of_a_package_makes_another_run_and_the_line_names_both(aflw2000, monkeypatch, capsys):
    aflw2000(np.zeros((3, 3)))
    first = evaluate("zero", dataset="aflw2000")
    monkeypatch.setattr(packages, "version", lambda name: "9.9" if name == "numpy" else "1.0")
    second = evaluate("zero", dataset="aflw2000", progress=True)
    assert first.run[0] != second.run[0]
    assert f"numpy 9.9, was {np.__version__}" in capsys.readouterr().err


LEARNER = """
import json
from pathlib import Path
import numpy as np
from hpe_bench import Dataset, Estimator, GridFile, Images, Options, Sample, Trained, hookimpl, pose

class Table(Dataset):
    '''Labels in one file, pixels of one grey.'''

    def ids(self):
        return ["a", "b"]

    def sample(self, id):
        file = self.root / "labels.json"
        angles = json.loads(file.read_text())[id]
        return Sample(id, pose.rotation_from_euler(angles), image=np.zeros((8, 8, 3), np.uint8), files=(file,))

    def part(self, part):
        return self

    def grid(self, part):
        return GridFile(self.root / "grid.h5")

class Learned(Estimator):
    TrainingOptions = Options

    @classmethod
    def train(cls, training):
        return Trained({"nothing.txt": b"-"})

class FromImages(Learned):
    inputs = Images()

@hookimpl
def register_estimators(register):
    register("from-grid", Learned)
    register("from-images", FromImages)

@hookimpl
def register_datasets(register):
    register("table", Table)
"""


@pytest.fixture
def table(tmp_path):
    """A function that writes the labels and the grid of a dataset, and trains on it."""
    (tmp_path / "learner.py").write_text(LEARNER)

    def train(estimator, yaw=10, landmark=1.0):
        (tmp_path / "labels.json").write_text(json.dumps({"a": [yaw, 0, 0], "b": [0, 0, 0]}))
        with write_grid(tmp_path / "grid.h5", GridAxes((0.0,), (0.0,), (0.0,)), {}) as writer:
            writer.add("p", np.full((1, 1, 1, 468, 3), landmark))
        return hpe_bench.train(estimator, dataset="table", root=tmp_path, plugins=[tmp_path / "learner.py"])

    return train


@pytest.mark.parametrize(("estimator", "change"), [("from-images", {"yaw": 20}), ("from-grid", {"landmark": 2.0})])
def test_labels_or_landmarks_that_changed_under_the_same_ids_make_another_training(table, estimator, change):
    assert not table(estimator).reused and table(estimator).reused
    with pytest.raises(UsageError, match=r"another training \(the labels, files or options of the data\)"):
        table(estimator, **change)


CROPPED = """
from pathlib import Path
import numpy as np
from pydantic import Field
from hpe_bench import CropRule, Dataset, Estimator, Images, Options, Sample, hookimpl, pose

def middle(points, width, height):
    return 2, 2, 6, 6

class Faces(Dataset):
    crops = {"whole": CropRule("middle", "1", "the middle", middle)}

    def require_root(self):
        return self.root

    def ids(self):
        return ["a", "b"]

    def sample(self, id):
        picture = np.load(self.root / "pictures.npy")[int(id == "b")]
        return Sample(id, np.eye(3), image=picture)

class Grey(Estimator):
    inputs = Images(crop="whole", size=(4, 4))

    class Options(Options):
        table: Path = Field(Path("table.txt"), description="what is added")

    def predict(self, batch):
        added = float(self.options.table.read_text())
        return pose.rotation_about("z", batch.images.mean(axis=(1, 2, 3)) + added)

@hookimpl
def register_estimators(register):
    register("grey", Grey)

@hookimpl
def register_datasets(register):
    register("faces", Faces)
"""


@pytest.fixture
def grey(tmp_path):
    """A function that evaluates an estimator, and gives the MAE of roll and whether the run was there already."""
    plugin = tmp_path / "grey.py"
    plugin.write_text(CROPPED)
    np.save(tmp_path / "pictures.npy", np.arange(128, dtype=np.uint8).reshape(2, 8, 8, 1).repeat(3, axis=3))
    (tmp_path / "table.txt").write_text("0")

    def run():
        row = evaluate("grey", dataset="faces", root=tmp_path, plugins=[plugin]).iloc[0]
        return row.mae_roll

    return run


def test_pictures_that_are_no_files_count_by_their_content(grey, tmp_path):
    before = grey()
    np.save(tmp_path / "pictures.npy", np.load(tmp_path / "pictures.npy") + 9)
    assert grey() == pytest.approx(before + 9)


def test_the_code_of_a_crop_rule_counts_and_not_its_version_alone(grey, tmp_path):
    before = grey()
    (tmp_path / "grey.py").write_text(CROPPED.replace("2, 2, 6, 6", "0, 0, 4, 4"))
    assert grey() == pytest.approx(before - 18)


def test_what_stands_in_a_file_that_an_option_names_counts(grey, tmp_path):
    before = grey()
    (tmp_path / "table.txt").write_text("5")
    assert grey() == pytest.approx(before + 5)


def test_a_grid_counts_by_its_landmarks_unless_code_alone_makes_them():
    class Filled(Grid):
        number = 0.0

        def read(self, start, stop):
            return np.full((stop - start, 1, 1, 1, 468, 3), self.number, np.float32)

    class Computed(Filled):
        computed = True

    axes = GridAxes((0.0,), (0.0,), (0.0,))
    for kind, same in ((Filled, False), (Computed, True)):
        one, other = kind(axes, ["p"]), kind(axes, ["p"])
        other.number = 1.0
        assert (one.digest() == other.digest()) == same
