"""Changed inputs: what is changed, and nothing else."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from hpe_bench import ImageArray
from hpe_bench.comparison.audit.sensitivity import Change, ExchangedColours, changed_rule, effects
from hpe_bench.crops import FACE_BOX, FSANET_POINTS, WHOLE
from hpe_bench.datasets import Labels
from hpe_bench.pose import euler_from_rotation, rotation_about


def test_a_box_is_scaled_about_its_centre_and_shifted_by_a_share_of_its_size():
    points = np.array([[100.0, 200.0], [50.0, 250.0]])
    assert FACE_BOX.box(points, 640, 480) == (100, 50, 200, 250)
    assert changed_rule(FACE_BOX, scale=1.1).box(points, 640, 480) == (95, 40, 205, 260)
    assert changed_rule(FACE_BOX, scale=0.8).box(points, 640, 480) == (110, 70, 190, 230)
    assert changed_rule(FACE_BOX, shift=(0.1, -0.1)).box(points, 640, 480) == (110, 30, 210, 230)
    assert changed_rule(WHOLE, scale=1.1).box(None, 100, 200) == (-5, -10, 105, 210)


def test_a_changed_rule_has_another_version_keeps_the_rest_and_reaches_the_workers():
    versions = {changed_rule(FSANET_POINTS, scale, shift).version for scale in (0.9, 1.1) for shift in ((0, 0), (0, 1))}
    assert len(versions) == 4 and all(version.startswith("fsanet-pt2d/1, ") for version in versions)
    changed = pickle.loads(pickle.dumps(changed_rule(FACE_BOX, scale=1.1)))
    assert changed.faceless and changed.name == "face" and changed.box(np.array([[0, 10], [0, 10]]), 9, 9)


def test_exchanged_colours_are_another_image():
    image = ImageArray(np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8))
    exchanged = ExchangedColours(image)
    np.testing.assert_array_equal(exchanged.pixels(), image.array[..., [2, 1, 0]])
    assert exchanged.digest() != image.digest() and exchanged.digest() != ImageArray(exchanged.pixels()).digest()


def test_all_changes_are_scored_on_the_samples_that_each_of_them_leaves_predicted(rotations):
    truth = rotations(6)
    labels = Labels(
        tuple("abcdef"), truth, euler_from_rotation(truth), ("",) * 6, ("",) * 6, (b"",) * 6, np.ones(6, bool)
    )
    turned = rotation_about("y", 10) @ truth
    missing = truth.copy()
    missing[4:] = np.nan
    tried = [(Change(kind, kind, None), answer) for kind, answer in (("none", truth), ("a", turned), ("b", missing))]
    base, a, b = effects(tried, labels, np.arange(6))
    assert [own.n for own in (base, a, b)] == [4, 4, 4] and base.n_total == 6
    assert [own.coverage for own in (base, a, b)] == pytest.approx([1, 1, 4 / 6])
    assert base.ge == pytest.approx(0) and a.ge == pytest.approx(10) and a.ge_change.mean == pytest.approx(10)
    assert a.mae_change == pytest.approx(a.mae) and b.ge_change.mean == pytest.approx(0)
    _, by_roll, _ = effects(tried, labels, np.arange(6), "roll-yaw-pitch")
    assert by_roll.ge == pytest.approx(10) and abs(by_roll.mae - a.mae) > 0.01
