"""A small training, as the harness would give it to an estimator."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

from hpe_bench import Grid, GridAxes, canonical_face


class Recorded:
    """What a training reports and saves; ``interrupt`` raises at the checkpoint of that number."""

    def __init__(self, datasets, options, seed=0, checkpoints=None, interrupt=None):
        self.datasets, self.options, self.seed, self.device = datasets, options, seed, "cpu"
        self.checkpoints = {} if checkpoints is None else checkpoints
        self.figures, self.curves, self.saved, self._interrupt = {}, {}, 0, interrupt

    def report(self, stage, **figures):
        self.figures[stage] = figures

    def record(self, stage, **values):
        self.curves.setdefault(stage, []).append(values)

    @contextmanager
    def progress(self, what, total, done=0):
        yield lambda steps: None

    def save(self, name, content):
        self.checkpoints[name] = content
        self.saved += 1
        if self.saved == self._interrupt:
            raise KeyboardInterrupt

    def restore(self, name):
        return self.checkpoints.get(name)


class TurnedFaces(Grid):
    """The canonical face, stretched a little for each identity, turned exactly and seen from far away."""

    def read(self, start, stop):
        heads = [
            canonical_face().points * (1 + 0.03 * np.random.default_rng(int(name)).normal(size=3))
            for name in self.identities[start:stop]
        ]
        turned = np.einsum("yprab,nkb->nyprka", self.axes.rotations(), np.array(heads))
        return (10 * turned + 128).astype(np.float32)


class Heads:
    """A dataset of such faces."""

    def __init__(self, identities=6, convention="pitch-yaw-roll"):
        self._identities = identities
        self._axes = GridAxes((-40.0, -20.0, 0.0, 20.0, 40.0), (-20.0, 0.0, 20.0), (-20.0, 0.0, 20.0), convention)

    def grid(self, part):
        names = range(self._identities) if part == "train" else range(100, 102)
        return TurnedFaces(self._axes, [str(name) for name in names])


@pytest.fixture(scope="session")
def heads():
    return Heads


@pytest.fixture(scope="session")
def recorded():
    return Recorded
