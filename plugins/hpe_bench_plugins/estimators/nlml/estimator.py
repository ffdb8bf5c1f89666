"""NLML-HPE's tensor as an estimator: landmarks to features, features to angles by the solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hpe_bench import Batch, DataError, Estimator, Landmarks, MissingError, Options, Prediction, pose
from hpe_bench_plugins.estimators.nlml.features import SIZE, landmark_features
from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids

RELEASED = "Trained_data.npz"
#: The largest |yaw|, |pitch|, |roll| of the grid that the released tensor was made from, degrees.
RELEASED_RANGE = (50.0, 40.0, 30.0)
_SOURCE = "https://github.com/MahdiGhafoorian/NLML_HPE"
_MAX_NUMBERS = 10_000_000


class NLMLTensor(Estimator):
    """The tensor that NLML-HPE's authors released, solved for yaw, pitch and roll; no network.

    Its angles are read as Y(yaw) X(-pitch) Z(-roll) in camera axes, which is the convention of the renders that it was
    made from; taken for 300W-LP's angles they would be wrong by much. The confidence is the negated length of the
    residual, in units of the distance between the outer eye corners.
    """

    class Options(Options):
        """Options of nlml-tensor."""

        weights: Literal["released"] = Field("released", description="the tensor that the authors released")
        margin: float = Field(10.0, ge=0, le=40, description="how far beyond the grid's range angles may go, degrees")

    inputs = Landmarks()
    devices = ("cpu", "cuda")
    requires = ("torch",)
    extra = "networks"

    def find_weights(self, folder: Path) -> Mapping[str, Path]:
        path = folder.with_name("nlml") / RELEASED
        if not path.is_file():
            raise MissingError(f"no {path}. Fetch {RELEASED} from {_SOURCE} and put it there")
        return {"tensor": path}

    def load(self, weights: Mapping[str, Path], device: str) -> None:
        from hpe_bench_plugins.estimators.nlml.solver import TensorSolver

        model = read_released(weights["tensor"])
        bounds = np.radians(np.array(RELEASED_RANGE) + self.options.margin)
        self._solver = TensorSolver(model.w, model.curves, bounds, device)

    def predict(self, batch: Batch) -> Prediction:
        solution = self._solver.solve(landmark_features(batch.landmarks))
        yaw, pitch, roll = np.degrees(solution.angles).T
        rotations = pose.rotation_about("y", yaw) @ pose.rotation_about("x", -pitch) @ pose.rotation_about("z", -roll)
        return Prediction(rotations, confidence=-solution.residual)


@dataclass(frozen=True)
class ReleasedTensor:
    """``w`` (5, 3, 3, 3, 1404): core times feature factor; the curves of yaw, pitch and roll."""

    w: NDArray[Any]
    curves: tuple[Sinusoids, Sinusoids, Sinusoids]


def read_released(path: Path) -> ReleasedTensor:
    """The authors' Trained_data.npz; :class:`DataError` naming the file where it is not what it should be."""
    try:
        with np.load(path, allow_pickle=False) as content:
            w = content["W"]
            parameters = [content[f"optimized_{angle}"] for angle in pose.ANGLES]
    except Exception as error:  # a damaged archive makes NumPy's reader raise almost anything
        raise DataError(
            f"{path}: not a readable {RELEASED} ({type(error).__name__}: {error}); fetch it anew"
        ) from error
    shapes = [array.shape for array in (w, *parameters)]
    fits = w.ndim == 5 and w.shape[4] == SIZE and w.size <= _MAX_NUMBERS
    if not fits or shapes[1:] != [(rank, 4) for rank in w.shape[1:4]]:
        raise DataError(f"{path}: W and the three optimized_* arrays have shapes {shapes}, which do not fit together")
    if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in (w, *parameters)):
        raise DataError(f"{path}: holds numbers that are not finite")
    yaw, pitch, roll = (Sinusoids(array.astype(np.float64)) for array in parameters)
    return ReleasedTensor(w, (yaw, pitch, roll))
