"""The canonical face, and the basis that heads are made up from."""

from __future__ import annotations

import numpy as np

from hpe_bench import canonical_face, pose


def test_the_smooth_basis_does_not_hang_on_the_signs_of_the_eigenvectors(monkeypatch):
    face = canonical_face()
    eigh, turned = np.linalg.eigh, np.random.default_rng(0).choice([-1.0, 1.0], len(face.points))
    monkeypatch.setattr(np.linalg, "eigh", lambda kernel: (eigh(kernel)[0], eigh(kernel)[1] * turned))
    np.testing.assert_allclose(type(face)(face.points, face.triangles, face.weights).smooth_basis, face.smooth_basis)


def test_the_smooth_basis_is_that_of_the_heads_which_the_shipped_weights_learned_from():
    outer_eye_corner = canonical_face().smooth_basis[33]
    np.testing.assert_allclose(
        outer_eye_corner[[0, 10, 20, 30, 39]],
        [0.015586279, 0.003950014, -0.031436755, 0.077047028, 0.433324163],
        atol=1e-8,
    )


def test_the_face_is_known_again_however_it_is_laid():
    face, random = canonical_face(), np.random.default_rng(0)
    turned = pose.rotation_from_euler(random.uniform(-90, 90, (5, 3)))
    laid = 40 * face.points @ turned.swapaxes(1, 2) + (200, 100, 0)
    assert face.fits(laid.astype(np.float32)).all()
    assert not face.fits(laid + random.normal(0, 1, laid.shape)).any()
    assert not face.fits(laid * (1, 1.05, 1)).any()
    assert not face.fits(np.full_like(laid, np.nan)).any()
