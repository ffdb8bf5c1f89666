"""A plugin for the tests of training: estimators that learn one angle, and the dataset that they learn it from.

The angle is the mean over the grid, approached by halves. What is done is written down in LEARNER_LOG.
"""

import os
import time
from typing import ClassVar

import numpy as np
from pydantic import Field

from hpe_bench import (
    Dataset,
    Estimator,
    Grid,
    GridAxes,
    MissingError,
    Options,
    Preset,
    Sample,
    Trained,
    UsageError,
    hookimpl,
    pose,
)


class LearnerTraining(Options):
    """Options of the training."""

    steps: int = Field(8, ge=1, description="how often the angle is approached")
    trouble: str = Field("", description="what goes wrong at the third step; or few, or told")


class Learner(Estimator):
    """Learns the mean of a grid."""

    class Options(Options):
        """Options of the learner."""

        weights: str = Field("default", description="the set of weights")

    TrainingOptions = LearnerTraining
    presets: ClassVar = {
        "quick": Preset("three steps", {"steps": 3}, ("line",)),
        "long": Preset("twenty steps", {"steps": 20}, ("line",), {"line": {"first": 20.0}}),
    }
    companions = ("learner-half", "rival", "zero", "nobody")

    def find_weights(self, folder):
        path = folder / self.options.weights / "angle.txt"
        if not path.is_file():
            raise MissingError(f"no {path}; make it with: hpe-bench train learner --as {self.options.weights}")
        return {"angle": path}

    def load(self, weights, device):
        self.angle = float(weights["angle"].read_text())

    def predict(self, batch):
        return np.repeat(pose.rotation_about("y", np.array([self.angle])), len(batch), axis=0)

    @classmethod
    def train(cls, training):
        grid = next(iter(training.datasets.values())).grid("train")
        target = float(grid.read(0, len(grid)).mean()) + training.seed
        training.report("reading", identities=len(grid))
        kept = training.restore("fit")
        step, angle = (int(kept.split()[0]), float(kept.split()[1])) if kept else (0, 0.0)
        with training.progress("fit", training.options.steps, step) as advance:
            while step < training.options.steps:
                time.sleep(float(os.environ.get("LEARNER_SECONDS", "0")))
                angle += (target - angle) / 2
                step += 1
                log(f"step {step}")
                told = {"validation_mae_degrees": target - angle} if training.options.trouble == "told" else {}
                training.record("fit", loss=target - angle, **told)
                training.save("fit", f"{step} {angle!r}".encode())
                advance(1)
                if step == 3:
                    cls.fail(training.options.trouble)
        training.report("fit", loss=target - angle, steps=step, nothing=float("nan"))
        if training.options.trouble == "few":
            error = 21.5 if len(grid) < 3 else 5.0
            training.report("held", validation_mae_degrees=error, zero_mae_degrees=20.0)
        return Trained({"angle.txt": repr(angle).encode()}, {"licence": "MIT", "target": str(target)})

    @staticmethod
    def fail(trouble):
        if trouble == "usage":
            raise UsageError("not like this")
        if trouble not in ("", "few", "told") and not os.path.exists("mended"):
            raise ZeroDivisionError(trouble)


class Half(Learner):
    """Loads the learner's weights, and turns half as far."""

    weights_folder = "learner"
    TrainingOptions = None

    def predict(self, batch):
        return np.repeat(pose.rotation_about("y", np.array([self.angle / 2])), len(batch), axis=0)


class Rival(Learner):
    """The same, with weights of its own, and no presets."""

    presets: ClassVar = {}


class Careless(Learner):
    """Returns what is not to be returned."""

    @classmethod
    def train(cls, training):
        return {"angle.txt": b"1"}


class Line(Grid):
    """Identities whose landmarks are all one number: first, first + 1 ..."""

    def __init__(self, first, identities):
        super().__init__(GridAxes((0.0,), (0.0,), (0.0,)), [f"person{index}" for index in range(identities)])
        self.about = {"first": first}

    def read(self, start, stop):
        return np.stack([np.full((1, 1, 1, 468, 3), self.about["first"] + i, np.float32) for i in range(start, stop)])


class LineDataset(Dataset):
    """Heads that turn by 10 degrees."""

    class Options(Options):
        """Options of line."""

        identities: int = Field(4, ge=1, description="identities to learn from")
        first: float = Field(10.0, description="what the first identity has")

    provides = frozenset({"landmarks"})

    def ids(self):
        return ["a", "b", "c"]

    def sample(self, id):
        return Sample(id=id, rotation=pose.rotation_from_euler((10, 0, 0)), landmarks=np.zeros((468, 3)))

    def variant(self):
        return {}

    def grid(self, part):
        return Line(self.options.first, self.options.identities if part == "train" else 1)


def log(text):
    if path := os.environ.get("LEARNER_LOG"):
        with open(path, "a") as file:
            file.write(f"{text}\n")


@hookimpl
def register_estimators(register):
    register("learner", Learner, summary="learns one angle")
    register("learner-half", Half, summary="half of it")
    register("rival", Rival, summary="another that learns")
    register("careless", Careless, summary="returns the wrong thing")


@hookimpl
def register_datasets(register):
    register("line", LineDataset, summary="one angle")
