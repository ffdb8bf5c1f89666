"""The 6D representation of rotations that image networks give (Zhou, Barnes, Lu, Yang, Li, CVPR 2019)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def gram_schmidt(vectors: Tensor) -> Tensor:
    """Rotations (..., 3, 3) of two vectors (..., 6), in whatever frame these stand.

    The first is the direction of column x, and z that of x and the second's cross product; y is z times x. Numbers of
    half precision, in which a training computes, are made float32 before.
    """
    vectors = vectors.float() if vectors.dtype in (torch.bfloat16, torch.float16) else vectors
    first, second = torch.unflatten(vectors, -1, (2, 3)).unbind(-2)
    x = functional.normalize(first, dim=-1)
    z = functional.normalize(torch.linalg.cross(x, second), dim=-1)
    return torch.stack([x, torch.linalg.cross(z, x), z], dim=-1)
