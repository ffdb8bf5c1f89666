"""The synthetic grid: every cell once, the same for everybody, and a face."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import UsageError, canonical_face, evaluate, pose
from hpe_bench_plugins.datasets.synthetic import Synthetic, identity, project


def make(**options):
    return Synthetic(root=None, options=Synthetic.Options(**options))


def landmarks(dataset, id):
    return dataset.sample(id).landmarks()


def test_the_default_grid_of_a_head_has_693_cells():
    ids = make(identities=1).ids()
    assert len(ids) == len(set(ids)) == 11 * 9 * 7
    angles = np.array([[float(angle) for angle in id.split("_")[1:]] for id in ids])
    assert angles.min(axis=0).tolist() == [-50, -40, -30] and angles.max(axis=0).tolist() == [50, 40, 30]


def test_a_sample_is_the_same_in_whatever_order_it_is_made():
    one, other = make(identities=3), make(identities=3)
    ids = one.ids()
    forward = [landmarks(one, id) for id in ids[:5]]
    backward = [landmarks(other, id) for id in reversed(ids[:5])][::-1]
    np.testing.assert_array_equal(forward, backward)


def test_another_seed_or_another_head_is_another_face():
    base = landmarks(make(noise=0.0), "00000_+0_+0_+0")
    assert np.abs(base - landmarks(make(noise=0.0, seed=1), "00000_+0_+0_+0")).max() > 1
    assert np.abs(base - landmarks(make(noise=0.0), "00001_+0_+0_+0")).max() > 1


def test_held_out_heads_begin_where_the_others_end():
    first, later = make(identities=2), make(identities=2, first_identity=2)
    assert not set(first.ids()) & set(later.ids())


def test_a_face_is_left_right_symmetric_before_it_is_turned():
    face = canonical_face().points
    mirrored = ((face[:, None] - face[None] * (-1, 1, 1)) ** 2).sum(axis=-1).argmin(axis=0)
    for person in range(5):
        head = identity(0, person, 0.25)
        np.testing.assert_allclose(head[mirrored] * (-1, 1, 1), head, atol=0.2)
        assert 0.05 < np.abs(head - face).mean() < 1.0


def test_from_far_away_without_noise_and_deformation_the_label_is_recovered_exactly():
    row = evaluate(
        "procrustes",
        dataset="synthetic",
        dataset_options={"identities": 1, "noise": 0.0, "deformation": 0.0, "distance": 1e7},
    )
    assert row.ge_p95[0] < 1e-4


def test_perspective_is_that_of_a_pinhole_camera():
    point = np.array([[3.0, -2.0, 5.0]])
    x, y, _ = project(point, distance=60.0)[0]
    assert (x - 128) / (y - 128) == pytest.approx(3 / -2)
    nearer = project(point - (0, 0, 10), distance=60.0)[0]
    assert abs(nearer[0] - 128) > abs(x - 128)


def test_noise_has_the_size_that_is_asked_for():
    clean, noisy = make(noise=0.0), make(noise=2.0)
    id = clean.ids()[100]
    assert np.std(landmarks(noisy, id) - landmarks(clean, id)) == pytest.approx(2.0, rel=0.1)


def test_the_label_is_the_rotation_of_the_stated_angles():
    sample = make().sample("00000_+30_-20_+10")
    np.testing.assert_allclose(sample.rotation, pose.rotation_from_euler((30, -20, 10)))
    assert sample.euler.tolist() == [30, -20, 10] and sample.person == "00000"


def test_any_range_and_step_may_be_asked_for_within_reason():
    assert len(make(identities=1, yaw=180, pitch=0, roll=0, step=7.5).ids()) == 49
    with pytest.raises(UsageError, match="too large"):
        evaluate("zero", dataset="synthetic", dataset_options={"step": 0.1})
