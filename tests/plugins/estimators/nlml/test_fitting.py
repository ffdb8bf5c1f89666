"""Fitting a network to cells: what the schedule does to rates and gradients, and which epoch is kept."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hpe_bench_plugins.estimators.nlml.augmentation import Augmentation  # noqa: E402
from hpe_bench_plugins.estimators.nlml.fitting import Schedule, fit  # noqa: E402

SGD = {"epochs": 3, "batch": 4, "rate": 0.5, "optimizer": "sgd"}


class Slope(torch.nn.Module):
    """One number, whose loss is the number itself: its gradient is 1, whatever comes in."""

    def __init__(self):
        super().__init__()
        self.number = torch.nn.Parameter(torch.zeros(()))


class Batches:
    """Two batches an epoch of faces that nobody looks at."""

    def __len__(self):
        return 8

    def batches(self, size, seed):
        points = torch.from_numpy(np.random.default_rng(0).normal(size=(size, 468, 3)).astype(np.float32))
        for _ in range(2):
            yield points, torch.eye(3).expand(size, 3, 3)


def fitted(recorded, schedule, score=lambda module: module.number.item(), training=None):
    module = Slope()
    training = training or recorded({}, None)
    found = fit(
        *("stage", module, lambda features, rotations: module.number, lambda: {"error": score(module)}),
        *(Batches(), Augmentation(), schedule, training),
    )
    return module.number.item(), found, training


def test_gradients_that_are_never_zeroed_add_up_over_all_steps(recorded):
    number, _, _ = fitted(recorded, Schedule(**SGD))
    assert number == pytest.approx(-0.5 * 6)
    number, _, _ = fitted(recorded, Schedule(**SGD, zero_gradients=False))
    assert number == pytest.approx(-0.5 * (1 + 2 + 3 + 4 + 5 + 6))


def test_a_bound_on_the_norm_is_on_what_has_added_up(recorded):
    number, _, _ = fitted(recorded, Schedule(**SGD, zero_gradients=False, clip=2.0))
    assert number == pytest.approx(-0.5 * (1 + 2 * 5), rel=1e-5)


def test_momentum_and_weight_decay_are_those_of_sgd(recorded):
    number, velocity = 0.0, 0.0
    for _ in range(6):
        velocity = 0.9 * velocity + 1 + 0.1 * number
        number -= 0.5 * velocity
    assert fitted(recorded, Schedule(**SGD, momentum=0.9, decay=0.1))[0] == pytest.approx(number, rel=1e-5)


@pytest.mark.parametrize("more", [{}, {"zero_gradients": False}, {"momentum": 0.9}])
def test_what_has_added_up_outlives_an_interruption(recorded, more):
    schedule = Schedule(**{**SGD, "epochs": 5}, **more)
    whole, _, _ = fitted(recorded, schedule)
    checkpoints = {}
    for stop in (2, 1):
        with pytest.raises(KeyboardInterrupt):
            fitted(recorded, schedule, training=recorded({}, None, checkpoints=checkpoints, interrupt=stop))
    assert fitted(recorded, schedule, training=recorded({}, None, checkpoints=checkpoints))[0] == pytest.approx(whole)


def test_the_last_epoch_or_a_copy_of_the_best_is_kept(recorded):
    def apart(module):
        return abs(module.number.item() + 1.9)

    best, found, _ = fitted(recorded, Schedule(**SGD), apart)
    assert best == pytest.approx(-2.0) and found["error"] == pytest.approx(0.1)
    last, found, _ = fitted(recorded, Schedule(**SGD, keep="last"), apart)
    assert last == pytest.approx(-3.0) and found["error"] == pytest.approx(1.1)


def test_the_rate_of_sgd_falls_to_nine_tenths_every_so_many_epochs():
    slow, fast = Schedule(**{**SGD, "epochs": 58}), Schedule(**{**SGD, "epochs": 58}, step=2)
    assert [slow.rate_at(epoch, 0.99) for epoch in (0, 9, 10, 57)] == pytest.approx([0.5, 0.5, 0.45, 0.5 * 0.9**5])
    assert [fast.rate_at(epoch, 0.0) for epoch in (0, 1, 2, 5)] == pytest.approx([0.5, 0.5, 0.45, 0.5 * 0.9**2])
