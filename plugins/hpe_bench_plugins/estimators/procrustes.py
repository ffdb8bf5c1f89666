"""Head pose without training: the rotation that carries the canonical face onto the landmarks found."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hpe_bench import Batch, Estimator, Landmarks, canonical_face, pose
from hpe_bench import Options as BaseOptions


class Procrustes(Estimator):
    """Weighted Kabsch alignment of MediaPipe's canonical face with 468 landmarks.

    Landmarks that come from another extractor may number more; the first 468 count.
    """

    class Options(BaseOptions):
        """Options of procrustes."""

        weights: Literal["mediapipe", "uniform"] = Field(
            "mediapipe",
            description="the 33 points that MediaPipe aligns by, with its weights; or all 468 alike",
        )

    inputs = Landmarks()

    def predict(self, batch: Batch) -> NDArray[Any]:
        face = canonical_face()
        weights = face.weights if self.options.weights == "mediapipe" else np.ones(len(face.weights))
        return weighted_kabsch(face.points, batch.landmarks[:, : len(face.points)], weights)


def weighted_kabsch(source: NDArray[Any], target: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Rotations (N, 3, 3) R that minimise sum w |s R source + t - target|^2 over R, the scale s and the shift t.

    ``source`` (K, 3), ``target`` (N, K, 3), ``weights`` (K,) not negative. NaN in a target gives NaN.
    """
    share = weights / weights.sum()
    centred_source = source - share @ source
    centred_target = target - np.einsum("k,nkd->nd", share, target)[:, None]
    return pose.nearest_rotation(np.einsum("k,nki,kj->nij", share, centred_target, centred_source))
