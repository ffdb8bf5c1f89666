"""The grid made on the fly: the same however it is read, and disturbed as much as was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import canonical_face
from hpe_bench_plugins.datasets.synthetic.dataset import Synthetic
from hpe_bench_plugins.datasets.synthetic.heads import identities, project


def grid(**options):
    small = {"identities": 5, "yaw": 30, "pitch": 20, "roll": 10}
    return Synthetic(None, Synthetic.Options(**{**small, **options})).grid("train")


def test_the_chunking_changes_no_bit():
    heads = grid()
    whole = heads.read(0, 5)
    assert whole.shape == (5, 7, 5, 3, 468, 3) and whole.dtype == np.float32
    np.testing.assert_array_equal(whole[2:4], heads.read(2, 4))
    np.testing.assert_array_equal(whole, np.concatenate(list(heads.chunks(max_bytes=1))))
    np.testing.assert_array_equal(whole[[4, 1]], heads.part([4, 1]).read(0, 2))
    np.testing.assert_array_equal(whole[:2], grid(identities=2).read(0, 2))


def test_without_noise_a_cell_is_the_head_turned_and_projected():
    still = grid(noise=0.0, wobble=0.0)
    heads = identities(0, range(1_000_000, 1_000_005), 0.25)
    turned = np.einsum("yprij,nkj->nyprki", still.axes.rotations(), heads)
    np.testing.assert_allclose(still.read(0, 5), project(turned, 60.0), atol=2e-3)


@pytest.mark.parametrize(("option", "size"), [("noise", 2.0), ("wobble", 2.0)])
def test_noise_has_the_size_that_is_asked_for_and_no_mean(option, size):
    clean = {"noise": 0.0, "wobble": 0.0}
    error = grid(**{**clean, option: size}).read(0, 5) - grid(**clean).read(0, 5)
    assert error.std(axis=(0, 1, 2, 3, 4)) == pytest.approx([size] * 3, rel=0.1)
    assert error.mean() == pytest.approx(0, abs=0.25)


def test_wobble_is_shared_by_neighbouring_landmarks_and_white_noise_is_not():
    points = canonical_face().points
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    near = np.argwhere((distance < 1.0) & (distance > 0))
    for option, shared in (("noise", 0.0), ("wobble", 0.95)):
        clean = {"noise": 0.0, "wobble": 0.0}
        error = (grid(**{**clean, option: 1.0}).read(0, 5) - grid(**clean).read(0, 5)).reshape(-1, 468, 3)
        correlation = (error[:, near[:, 0]] * error[:, near[:, 1]]).mean()
        assert correlation == pytest.approx(shared, abs=0.05)


def test_no_two_cells_have_the_same_noise():
    heads = grid(deformation=0.0, distance=1e6, wobble=0.0)
    clean = grid(deformation=0.0, distance=1e6, wobble=0.0, noise=0.0)
    error = (heads.read(0, 5) - clean.read(0, 5)).reshape(-1, 1404)
    correlation = np.corrcoef(error) - np.eye(len(error))
    assert np.abs(correlation).max() < 0.2


def test_the_distance_varies_from_cell_to_cell_by_the_share_that_is_asked_for():
    still = {"noise": 0.0, "wobble": 0.0, "deformation": 0.0}
    heads = canonical_face().points
    axes = grid().axes
    turned = np.einsum("yprij,kj->yprki", axes.rotations(), heads)
    found = grid(spread=0.3, distance=50.0, **still).read(0, 1)[0]
    nearest, farthest = project(turned, 35.0), project(turned, 65.0)
    low, high = np.minimum(nearest, farthest) - 1e-2, np.maximum(nearest, farthest) + 1e-2
    assert ((found >= low) & (found <= high)).all()
    middle = np.abs(found - project(turned, 50.0)).max(axis=(-1, -2))
    assert (middle > 0.05).mean() > 0.9
