"""A plugin for the tests of the training of image networks: coloured cards that tell a pose, and networks that read it.

The cards' colours are yaw, pitch and roll. Steps and the processes that load images are written down in CARDS_LOG.
"""

import os
import time
from typing import ClassVar

import numpy as np
from pydantic import Field

from hpe_bench import (
    Dataset,
    Estimator,
    ImageArray,
    ImageRecipe,
    Images,
    ImageTraining,
    MissingError,
    Options,
    Preset,
    Sample,
    SampleError,
    geodesic_loss,
    hookimpl,
    pose,
    train_image_network,
)

SIZE = 12


class Cards(Dataset):
    """So many people, each with so many cards; the last of them are to validate on, and no one else."""

    class Options(Options):
        """Options of cards."""

        people: int = Field(6, ge=1, description="number of people")
        cards: int = Field(8, ge=1, description="cards of each")
        validation: int = Field(2, ge=0, description="people to validate on")
        damaged: int = Field(-1, description="the number of a card that cannot be read")
        seen: str = Field("", description="who is to be seen: train, validation")

    def ids(self):
        o = self.options
        people = range(o.people)
        if o.seen:
            people = people[: o.people - o.validation] if o.seen == "train" else people[o.people - o.validation :]
        return [f"{person}_{card}" for person in people for card in range(o.cards)]

    def sample(self, id):
        log(f"process {os.getpid()}")
        person, card = map(int, id.split("_"))
        euler = np.random.default_rng([person, card]).uniform(-60, 60, 3)
        image = Torn() if card == self.options.damaged else ImageArray(picture(euler))
        return Sample(id, pose.rotation_from_euler(euler), euler, image, person=str(person))

    def part(self, part):
        if part == "validation" and not self.options.validation:
            return None
        return Cards(self.root, self.options.model_copy(update={"seen": part}))


class Torn:
    """An image that cannot be read."""

    def pixels(self):
        raise SampleError("card.jpg: not a readable image")


class Blank(Cards):
    """Has no images."""

    provides = frozenset({"landmarks"})


class Whole(Cards):
    """Has no parts."""

    part = Dataset.part


def picture(euler):
    """The card (SIZE, SIZE, 3) of yaw, pitch and roll in degrees."""
    return np.broadcast_to(np.round(128 + 2 * np.asarray(euler)).astype(np.uint8), (SIZE, SIZE, 3)).copy()


class ReaderTraining(ImageTraining):
    """Options of the training."""

    dropout: float = Field(0.1, ge=0, lt=1, description="share of the numbers that are dropped")
    explode: bool = Field(False, description="let the loss become infinite")
    norm: bool = Field(False, description="normalise over the batch")


class Reader(Estimator):
    """From the mean colour to the angles."""

    class Options(Options):
        """Options of the reader."""

        weights: str = Field("default", description="the set of weights")

    TrainingOptions = ReaderTraining
    presets: ClassVar = {
        "quick": Preset(
            "four epochs", {"epochs": 4, "batch": 8, "rate": 0.05, "mirror": 0, "blur": 0, "workers": 0}, ("cards",)
        )
    }
    inputs = Images(size=(SIZE, SIZE))
    requires = ("torch",)

    @classmethod
    def train(cls, training):
        import torch

        def loss(output, target):
            apart = geodesic_loss(rotations(output), target.rotation)
            return apart * torch.inf if training.options.explode else apart

        def made():
            return network(training.options.dropout, training.options.norm)

        recipe = ImageRecipe(cls.inputs, made, loss, files, prepare, rotations, about={"licence": "MIT"})
        return train_image_network(training, recipe)

    def find_weights(self, folder):
        path = folder / self.options.weights / "reader.npy"
        if not path.is_file():
            raise MissingError(f"no {path}")
        return {"reader": path}

    def load(self, weights, device):
        import torch

        self.network = network()
        torch.nn.utils.vector_to_parameters(torch.from_numpy(np.load(weights["reader"])), self.network.parameters())

    def predict(self, batch):
        import torch

        with torch.inference_mode():
            return rotations(self.network(prepare(torch.from_numpy(batch.images)))).double().numpy()


def network(dropout=0.0, norm=False):
    from torch import nn

    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8) if norm else nn.Dropout(dropout), nn.Linear(8, 3))


def prepare(images):
    log("step")
    time.sleep(float(os.environ.get("CARDS_SECONDS", "0")))
    return (images.float().mean(dim=(1, 2)) - 128) / 120


def rotations(angles):
    """X(-pitch) Y(yaw) Z(roll) of yaw, pitch, roll (N, 3) in radians, multiplied out."""
    import torch

    (sy, sp, sr), (cy, cp, cr) = angles.sin().unbind(-1), angles.cos().unbind(-1)
    rows = [cy * cr, -cy * sr, sy, cp * sr - sp * sy * cr, cp * cr + sp * sy * sr, sp * cy]
    rows += [-sp * sr - cp * sy * cr, -sp * cr + cp * sy * sr, cp * cy]
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def files(trained):
    import io

    import torch

    np.save(buffer := io.BytesIO(), torch.nn.utils.parameters_to_vector(trained.parameters()).detach().numpy())
    return {"reader.npy": buffer.getvalue()}


def log(text):
    if path := os.environ.get("CARDS_LOG"):
        with open(path, "a") as file:
            file.write(f"{text}\n")


@hookimpl
def register_estimators(register):
    register("reader", Reader, summary="reads cards")


@hookimpl
def register_datasets(register):
    register("cards", Cards, summary="coloured cards")
    register("blank", Blank, summary="cards without images")
    register("whole", Whole, summary="cards without parts")
