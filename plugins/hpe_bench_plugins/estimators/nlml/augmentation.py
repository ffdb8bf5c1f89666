"""Poses between the bins: landmarks of a grid's cells, turned, mirrored and disturbed, with the new rotation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hpe_bench import canonical_face
from hpe_bench_plugins.estimators.nlml.features import EYE_CORNERS
from hpe_bench_plugins.estimators.nlml.rotations import rotation_from_vector


@dataclass(frozen=True)
class Augmentation:
    """How far landmarks are changed: ``turn`` degrees about any axis at most, ``tilt`` degrees in the image plane at
    most; half of them mirrored or none; ``expression`` times a random expression; and in units of the distance between
    the outer eye corners, the standard deviations of ``deform``, a smooth change of the face's shape, and of ``noise``.
    """

    turn: float = 0.0
    tilt: float = 0.0
    expression: float = 0.0
    deform: float = 0.0
    noise: float = 0.0
    mirror: bool = False

    def __call__(self, points: Tensor, rotations: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Landmarks (N, 468, 3) of one scale and their rotations (N, 3, 3) in camera axes, changed alike."""

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator).to(points) * 2 - 1

        if self.mirror:
            chosen = uniform(len(points), 1, 1) > 0
            flip = torch.diag(torch.tensor([-1.0, 1.0, 1.0])).to(points)
            partners = torch.as_tensor(canonical_face().mirror, device=points.device)
            points = torch.where(chosen, points[:, partners] @ flip, points)
            rotations = torch.where(chosen, flip @ rotations @ flip, rotations)
        if self.turn or self.tilt:
            axis = torch.nn.functional.normalize(torch.randn(len(points), 3, generator=generator), dim=-1).to(points)
            # A uniform point of a ball has the cube root of a uniform number as its distance from the middle.
            vector = axis * np.radians(self.turn) * uniform(len(points), 1).abs().pow(1 / 3)
            vector[:, 2] += np.radians(self.tilt) * uniform(len(points))
            turn = rotation_from_vector(vector)
            points = points @ turn.mT
            rotations = turn @ rotations
        left, right = (points[:, corner] for corner in EYE_CORNERS)
        scale = (left - right).norm(dim=-1)[:, None, None]
        if self.expression:
            face = canonical_face()
            rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
            corners = np.linalg.norm(np.subtract(*face.points[list(EYE_CORNERS)]))
            moved = torch.from_numpy(face.expressions(rng, len(points)) / corners).to(points)
            points = points + self.expression * scale * (moved @ rotations.mT)
        if self.deform:
            basis = torch.as_tensor(canonical_face().smooth_basis, dtype=points.dtype, device=points.device)
            field = basis @ torch.randn(len(points), basis.shape[1], 3, generator=generator).to(points)
            points = points + self.deform * scale * (field @ rotations.mT)
        if self.noise:
            points = points + self.noise * scale * torch.randn(points.shape, generator=generator).to(points)
        return points, rotations
