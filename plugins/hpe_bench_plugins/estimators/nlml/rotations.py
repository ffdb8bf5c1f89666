"""Rotations and a grid's angles in torch, differentiable: what :mod:`hpe_bench.pose` does in NumPy."""

from __future__ import annotations

import torch
from torch import Tensor

from hpe_bench import pose


def rotation_from_vector(vector: Tensor) -> Tensor:
    """Rotations (N, 3, 3) of rotation vectors (N, 3): axis times angle in radians."""
    zero = torch.zeros_like(vector[:, 0])
    x, y, z = vector.unbind(-1)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).view(-1, 3, 3)
    rotation: Tensor = torch.linalg.matrix_exp(cross)
    return rotation


def rotation_from_angles(angles: Tensor, convention: pose.GridConvention) -> Tensor:
    """Rotations (N, 3, 3) of a grid's yaw, pitch, roll (N, 3) in radians, in the harness's frame."""
    yaw, pitch, roll = angles.unbind(-1)
    x, y, z = _about(0, -pitch), _about(1, yaw), _about(2, roll)
    return x @ y @ z if convention == "pitch-yaw-roll" else y @ x @ z.mT


def angles_from_rotation(rotation: Tensor, convention: pose.GridConvention) -> Tensor:
    """A grid's yaw, pitch, roll (N, 3) in radians of rotations (N, 3, 3)."""
    r = rotation
    if convention == "pitch-yaw-roll":
        yaw = torch.atan2(r[:, 0, 2], torch.hypot(r[:, 1, 2], r[:, 2, 2]))
        pitch, roll = torch.atan2(r[:, 1, 2], r[:, 2, 2]), torch.atan2(-r[:, 0, 1], r[:, 0, 0])
    else:
        yaw = torch.atan2(r[:, 0, 2], r[:, 2, 2])
        pitch = torch.atan2(r[:, 1, 2], torch.hypot(r[:, 1, 0], r[:, 1, 1]))
        roll = torch.atan2(-r[:, 1, 0], r[:, 1, 1])
    return torch.stack([yaw, pitch, roll], dim=-1)


def geodesic(a: Tensor, b: Tensor) -> Tensor:
    """The angle (N,) in radians between rotations (N, 3, 3), from their chord: smooth enough at 0 to be a loss."""
    chord = ((a - b).square().sum(dim=(-2, -1)) + 1e-12).sqrt()
    return 2 * torch.asin((chord / 8**0.5).clamp(max=1 - 1e-6))


def _about(axis: int, angle: Tensor) -> Tensor:
    one, zero, c, s = torch.ones_like(angle), torch.zeros_like(angle), angle.cos(), angle.sin()
    rows = {
        0: (one, zero, zero, zero, c, -s, zero, s, c),
        1: (c, zero, s, zero, one, zero, -s, zero, c),
        2: (c, -s, zero, s, c, zero, zero, zero, one),
    }
    return torch.stack(rows[axis], dim=-1).view(-1, 3, 3)
