"""An audit, whole: wrong axes and colours are named, and nothing is left in the results but the run."""

from __future__ import annotations

import json

import pytest

#: The pose is painted into the image: red, green and blue are yaw, pitch and roll, in the middle; the margin is grey.
PAINTED = """
import numpy as np
from hpe_bench import Dataset, Estimator, Images, Sample, hookimpl, pose

class Painted(Dataset):
    def ids(self):
        return [f"{index:03}" for index in range(60)]

    def sample(self, id):
        euler = np.random.default_rng(int(id)).integers((-50, -20, -20), (50, 20, 20))
        image = np.full((40, 40, 3), 100, dtype=np.uint8)
        image[12:28, 12:28] = 100 + euler
        return Sample(id=id, rotation=pose.rotation_from_euler(euler), image=image)

class Reader(Estimator):
    inputs = Images("whole", size=(40, 40))
    signs = (1, 1, 1)

    def predict(self, batch):
        noise = np.random.default_rng(0).normal(0, 2, (len(batch), 3))
        angles = batch.images[:, 18:22, 18:22].mean((1, 2)) - 100 + noise
        return pose.rotation_from_euler(angles * self.signs)

class Mislabelled(Painted):
    wrong = (-1, 1, 1)

    def sample(self, id):
        sample = super().sample(id)
        euler = pose.euler_from_rotation(sample.rotation) * self.wrong
        return Sample(id=id, rotation=pose.rotation_from_euler(euler), image=sample.image)

class Negated(Reader):
    signs = (1, 1, -1)

class Second(Reader):
    def predict(self, batch):
        noise = np.random.default_rng(1).normal(0, 2, (len(batch), 3))
        return pose.rotation_from_euler(batch.images[:, 18:22, 18:22].mean((1, 2)) - 100 + noise)

class Radians(Reader):
    signs = (np.pi / 180,) * 3

class WrongColours(Reader):
    inputs = Images("whole", size=(40, 40), order="BGR")

class Blind(Estimator):
    def predict(self, batch):
        return np.broadcast_to(np.eye(3), (len(batch), 3, 3))

class Broken(Reader):
    def predict(self, batch):
        raise RuntimeError("no")

@hookimpl
def register_estimators(register):
    for kind in (Reader, Negated, Second, Radians, WrongColours, Blind, Broken):
        register(kind.__name__.lower(), kind)

@hookimpl
def register_datasets(register):
    register("painted", Painted)
    register("mislabelled", Mislabelled)
"""


@pytest.fixture
def audit(hpe_bench, tmp_path):
    """A function of an estimator and more arguments: its audit on painted images, and the finished process."""
    (tmp_path / "painted.py").write_text(PAINTED)

    def run(estimator, *arguments):
        return hpe_bench("audit", estimator, "--dataset", "painted", "--plugin", "painted.py", *arguments)

    return run


def test_right_axes_are_said_to_be_right_and_only_the_run_is_stored(audit, tmp_path):
    done = audit("reader", "--limit", "30", "--json")
    assert done.returncode == 0 and done.stderr == ""
    (record,) = json.loads(done.stdout)
    axes = record["axes"]
    assert axes["verdict"] == "right" and axes["n"] == 60 and axes["gain"] is None and axes["ge"] < 5
    assert axes["readings"][0]["name"] == "as predicted"
    rows = {row["change"]: row for row in record["sensitivity"]}
    assert rows["as it is"]["ge_change"] == 0 and {row["n"] for row in rows.values()} == {30}
    # Yaw and roll are exchanged with the colours; the painted middle is wide enough for every crop.
    assert rows["red and blue exchanged"]["ge_change_interval"][0] > 10
    assert abs(rows["crop 10% larger"]["ge_change"]) < 1e-6 and rows["crop 10% left"]["coverage"] == 1
    assert len([name for name in rows if name.startswith("resized by")]) == 3
    stored = [path for path in (tmp_path / "results").rglob("*") if path.is_file() and ".cache" not in path.parts]
    assert [path.name for path in stored] == [record["run"].split("/")[-1]]


def test_a_negated_roll_is_exit_5_with_the_mend_at_80_columns(audit):
    done = audit("negated", "--axes-only")
    assert done.returncode == 5 and "your roll is negated" in done.stderr and "Traceback" not in done.stderr
    assert "mend: yaw, pitch, roll = yaw, pitch, -roll" in done.stdout and "60 predictions" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_colours_in_the_wrong_order_are_remarked_on(audit):
    done = audit("wrongcolours")
    assert done.returncode == 5 and "yaw and roll are exchanged" in done.stderr
    assert "red and blue exchanged GE is lower" in done.stdout and "BGR" in done.stdout


def test_an_estimator_that_sees_nothing_has_no_sensitivity_and_tells_nothing(audit):
    done = audit("blind")
    assert done.returncode == 0 and "the predictions do not tell" in done.stdout and "it sees no image" in done.stdout


def test_wrong_use_and_failures_have_their_exit_codes(audit, hpe_bench):
    unknown = audit("readr")
    assert unknown.returncode == 2 and "did you mean reader" in unknown.stderr
    assert audit("reader", "--limit", "0").returncode == 2
    assert audit("broken").returncode == 4
    assert hpe_bench("audit", "zero").returncode == 2
    assert hpe_bench("audit", "zero", "--dataset", "aflw2000").returncode == 3


@pytest.fixture
def audit_of_wrong_labels(audit, hpe_bench):
    """A function of estimators and more arguments: their audit where yaw is negated in the labels."""

    def run(*arguments):
        return hpe_bench("audit", *arguments, "--axes-only", "--dataset", "mislabelled", "--plugin", "painted.py")

    return run


def test_one_estimator_alone_is_not_accused_for_wrong_labels(audit_of_wrong_labels):
    done = audit_of_wrong_labels("reader")
    assert done.returncode == 5 and "one estimator alone cannot tell" in done.stderr
    assert "or the labels are wrong in that way" in done.stdout.replace("\n", " ")


def test_where_estimators_agree_with_each_other_and_not_with_the_labels_these_are_suspected(audit_of_wrong_labels):
    done = audit_of_wrong_labels("reader", "second", "--json")
    assert done.returncode == 3 and done.stderr.count("the labels are suspected") == 2
    assert "(yaw is negated)" in done.stderr and "your" not in done.stderr
    assert [record["axes"]["blame"] for record in json.loads(done.stdout)] == ["labels", "labels"]


def test_a_stored_run_of_another_estimator_is_a_witness(audit_of_wrong_labels, hpe_bench):
    hpe_bench("eval", "second", "--dataset", "mislabelled", "--plugin", "painted.py")
    done = audit_of_wrong_labels("reader")
    assert done.returncode == 3 and "this estimator and second agree with each other" in done.stderr


def test_an_estimator_is_accused_where_another_is_right_by_the_same_labels(audit):
    done = audit("negated", "reader", "--axes-only", "--json")
    assert done.returncode == 5 and "your roll is negated; the labels are not" in done.stderr
    assert [record["axes"]["blame"] for record in json.loads(done.stdout)] == ["estimator", None]


def test_radians_are_named(audit):
    done = audit("radians", "second", "--axes-only")
    assert done.returncode == 5 and "your angles are in radians, and were taken for degrees" in done.stderr
