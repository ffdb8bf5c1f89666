"""Changed landmarks still show the rotation that they are given."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench import canonical_face, metrics, pose

torch = pytest.importorskip("torch")

from hpe_bench_plugins.estimators.nlml.augmentation import Augmentation  # noqa: E402


@pytest.fixture
def turned():
    truth = pose.rotation_from_euler(np.random.default_rng(0).uniform(-60, 60, (300, 3)))
    points = np.einsum("nij,kj->nki", truth, canonical_face().points)
    return torch.from_numpy(points), torch.from_numpy(truth)


def shown(points):
    """The rotation of landmarks, by aligning the canonical face."""
    centred = points - points.mean(dim=1, keepdim=True)
    face = canonical_face().points - canonical_face().points.mean(axis=0)
    return pose.nearest_rotation(np.einsum("nki,kj->nij", centred.numpy(), face))


@pytest.mark.parametrize(
    ("change", "most"), [({"mirror": True}, 0.0), ({"turn": 8.0}, 8.0), ({"tilt": 25.0}, 25.0), ({}, 0.0)]
)
def test_the_rotation_follows_the_landmarks(turned, change, most):
    points, rotations = Augmentation(**change)(*turned, torch.Generator().manual_seed(0))
    assert metrics.geodesic_error(shown(points), rotations.numpy()).max() < 0.5
    if "mirror" in change:
        flipped = np.abs(pose.euler_from_rotation(rotations) + pose.euler_from_rotation(turned[1]) * (1, -1, 1))
        changed = flipped.max(axis=1) < 1e-9
        assert 0.35 < changed.mean() < 0.65
    else:
        moved = metrics.geodesic_error(turned[1].numpy(), rotations.numpy())
        assert moved.max() <= most + 1e-9 and moved.max() > 0.8 * most - 1e-9


def test_a_tilt_is_in_the_image_plane(turned):
    points, _ = Augmentation(tilt=40.0)(*turned, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(points[..., 2], turned[0][..., 2], atol=1e-9)


def test_noise_has_the_size_that_is_said(turned):
    points, rotations = Augmentation(noise=0.01)(*turned, torch.Generator().manual_seed(0))
    eyes = (turned[0][:, 33] - turned[0][:, 263]).norm(dim=-1).mean()
    assert float((points - turned[0]).std() / eyes) == pytest.approx(0.01, rel=0.02)
    assert torch.equal(rotations, turned[1])


def test_a_deformation_is_smooth_and_belongs_to_the_head(turned):
    """The same in the head's own axes whatever the rotation, alike at neighbouring points, of the size that is said."""
    change = Augmentation(deform=0.03)
    field = change(*turned, torch.Generator().manual_seed(0))[0] - turned[0]
    upright = canonical_face().points
    frontal = torch.from_numpy(np.broadcast_to(upright, (300, 468, 3)).copy())
    same = change(frontal, torch.eye(3).double().expand(300, 3, 3), torch.Generator().manual_seed(0))[0] - frontal
    np.testing.assert_allclose(field @ turned[1], same, atol=1e-9)
    eyes = np.linalg.norm(upright[33] - upright[263])
    assert float(same.std() / eyes) == pytest.approx(0.03, rel=0.1)
    nearest = np.argsort(np.linalg.norm(upright - upright[1], axis=1))[1]
    assert float((same[:, 1] - same[:, nearest]).std() / same.std()) < 0.3


def test_the_mirrored_face_is_a_face():
    partners, points = canonical_face().mirror, canonical_face().points
    assert np.abs(points[partners] * (-1, 1, 1) - points).max() < 0.05
    assert np.array_equal(partners[partners], np.arange(468)) and partners[33] == 263


def test_an_expression_belongs_to_the_head_and_leaves_its_rotation(turned):
    change = Augmentation(expression=1.0)
    points, rotations = change(*turned, torch.Generator().manual_seed(0))
    assert torch.equal(rotations, turned[1])
    frontal = torch.from_numpy(np.broadcast_to(canonical_face().points, (300, 468, 3)).copy())
    same = change(frontal, torch.eye(3).double().expand(300, 3, 3), torch.Generator().manual_seed(0))[0] - frontal
    np.testing.assert_allclose((points - turned[0]) @ turned[1], same, atol=1e-9)
    assert float(same[:, 152, 1].max()) > 2.0  # a chin of a wide open mouth, cm
