"""NLML-HPE as estimators: landmarks to features, features to angles by the network or by the solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from hpe_bench import (
    SET_NAME,
    Batch,
    Chart,
    DataError,
    Estimator,
    Landmarks,
    MissingError,
    Options,
    Prediction,
    Trained,
    Training,
    canonical_face,
    pose,
)
from hpe_bench_plugins.estimators.nlml.features import POINTS, landmark_features, with_one_scale
from hpe_bench_plugins.estimators.nlml.imports import ImportOptions as OfImport
from hpe_bench_plugins.estimators.nlml.imports import TensorImportOptions as OfTensorImport
from hpe_bench_plugins.estimators.nlml.imports import import_network, import_tensor
from hpe_bench_plugins.estimators.nlml.options import MLP_PRESETS, PRESETS, NetworkTraining, NLMLTraining
from hpe_bench_plugins.estimators.nlml.weights import (
    NETWORK,
    RELEASED,
    SOURCE,
    TENSOR,
    Units,
    read_extractor,
    read_near,
    read_network,
    read_tensor,
    read_units,
)
from hpe_bench_plugins.estimators.procrustes import weighted_kabsch

#: How far the usual grid of poses turns a head, degrees: beyond it the network knows little.
_LEARNED = 50.0


#: Whose choices hold where no other option says.
Choices = Literal["ours", "authors"]
_CHOICES: Any = Field(
    "ours",
    description="authors: what no other option says is as in their scripts: units=image, convention=pitch-yaw-roll, "
    "their crop (--crop nlml), and solver=powell of nlml-tensor",
)


class _Landmarks(Estimator):
    """What the estimators of this package share: a set of weights, and landmarks in."""

    class Options(Options):
        """Options of an estimator on landmarks."""

        weights: str = Field("default", pattern=SET_NAME, description="name of the set of weights")
        units: Units | None = Field(
            None,
            description="of the landmarks: pixels, or image: shares of the crop's width and height; as the weights say",
        )
        convention: pose.GridConvention | None = Field(
            None, description="how its angles make a rotation: pitch-yaw-roll is 300W-LP's; as the weights say"
        )

    #: As the weights that are found say, where no option does.
    inputs: Landmarks = Landmarks()
    devices = ("cpu", "cuda")
    requires = ("torch", "safetensors")
    extra = "networks"
    file: ClassVar[str] = NETWORK
    #: What ``weights import`` is given for it; "" where there is nothing to import.
    imported: ClassVar[str] = ""

    def find_weights(self, folder: Path) -> Mapping[str, Path]:
        path = folder / self.options.weights / self.file
        if not path.is_file():
            raise MissingError(f"no {path}. {self._mend(folder)}")
        self._ask_for(path)
        return {Path(self.file).stem: path}

    def _ask_for(self, path: Path) -> None:
        """Set the inputs as a file of weights wants them, where no option says otherwise."""
        units = self.options.units or ("image" if self._as_authors else read_units(path))
        crop = "nlml" if self._as_authors else None
        self.inputs = Landmarks(crop=crop, extractor=read_extractor(path), units=units)

    @property
    def _as_authors(self) -> bool:
        """Whether what no option says is to be as NLML-HPE's authors have it."""
        return getattr(self.options, "choices", "ours") == "authors"

    def _convention(self, stated: pose.GridConvention) -> pose.GridConvention:
        """How angles are read of weights that state a convention: the authors take them for the labels' angles."""
        chosen: pose.GridConvention = self.options.convention or ("pitch-yaw-roll" if self._as_authors else stated)
        return chosen

    def predict(self, batch: Batch) -> Prediction:
        return self.predict_landmarks(batch.landmarks)

    def predict_landmarks(self, landmarks: ArrayLike) -> Prediction:
        """Rotations (N, 3, 3) of landmarks (N, >=468, 3) in the units of :attr:`inputs`, NaN where they are NaN."""
        return self._predict_features(landmark_features(landmarks))

    def _predict_features(self, features: NDArray[Any]) -> Prediction:
        raise TypeError(f"{type(self).__name__} has no _predict_features()")

    def charts(self, weights: Mapping[str, Path]) -> Sequence[Chart]:
        from hpe_bench_plugins.estimators.nlml.charts import tensor_charts

        first = weights[Path(self.file).stem]
        return tensor_charts(first if self.file == TENSOR else first.with_name(TENSOR))

    def _points(self, features: NDArray[Any]) -> NDArray[Any]:
        """The landmarks (N, 468, 3) that features (N, 1404) are of, x, y and z on one scale."""
        points = features.reshape(-1, POINTS, 3)
        return with_one_scale(points) if self.inputs.units == "image" else points

    def _mend(self, folder: Path) -> str:
        trained = sorted(path.parent.name for path in folder.glob(f"*/{self.file}"))
        have = f"There is {', '.join(trained)}; choose with weights=NAME. " if trained else ""
        name = self.options.weights
        train = f"Train it: hpe-bench train {folder.name} --as {name}"
        mend = f"; or take the authors' files: hpe-bench weights import {self.imported} --as {name}"
        return f"{have}{train}{mend if self.imported else ''}"


class _Network(_Landmarks):
    """A network that learned angles from landmarks, and may have another one beside it.

    A set of weights may name another one, for what is near the front: up to a yaw of 25 degrees that network answers;
    from 40 degrees on this one; between the two, a mean of both. How far a head is turned, this network says, since it
    has learned what FaceMesh makes of large yaws. Where a face was not seen but laid over key points, it is least sure:
    there the other network, which takes such a face as it lies and so understates the yaw, keeps a share everywhere.

    The confidence is the negated angle between the answers of the two networks in degrees. Where there is one alone, it
    is the angle between its answer and the canonical face's alignment, and by how much the head is turned beyond the
    usual grid, negated. It is -180, the least there is, where a face was laid.
    """

    #: Where landmarks are still what the pose makes them, and where FaceMesh begins to understate it.
    _NEAR, _FAR = 25.0, 40.0
    #: The near network's share where a face was laid. On images of 300W-LP and held-out renders it leaves the geodesic
    #: error as it is and takes a tenth to a third off the MAE, which is steep near a yaw of 90.
    _LAID = 0.25

    def find_weights(self, folder: Path) -> Mapping[str, Path]:
        found = dict(super().find_weights(folder))
        near = read_near(found["network"])
        if near is not None:
            path = folder / near / self.file
            if not path.is_file():
                raise MissingError(
                    f"no {path}, which the set {self.options.weights} needs near the front: put that set beside it"
                )
            if read_extractor(path) != self.inputs.extractor:
                raise DataError(f"{path} and {found['network']} learned from the landmarks of different extractors")
            if read_units(path) != read_units(found["network"]):
                raise DataError(f"{path} and {found['network']} learned from landmarks in different units")
            found["near"] = path
        return found

    def load(self, weights: Mapping[str, Path], device: str) -> None:
        self._networks = {}
        for role, path in weights.items():
            network, stated = read_network(path)
            self._networks[role] = network.to(device), self._convention(stated) if role == "network" else stated

    def parameters(self) -> int:
        networks = [network for network, _ in self._networks.values()]
        return sum(parameter.numel() for network in networks for parameter in network.parameters())

    def _predict_features(self, features: NDArray[Any]) -> Prediction:
        from hpe_bench_plugins.estimators.nlml.network import predict_rotations

        answers = {
            role: predict_rotations(network, features, convention)
            for role, (network, convention) in self._networks.items()
        }
        points = self._points(features)
        laid = canonical_face().fits(points)
        far = answers["network"]
        if "near" not in answers:
            return Prediction(far, _confidence(_doubt(far, points), laid))
        near = answers["near"]
        yaw = np.degrees(np.arctan2(np.abs(far[:, 0, 2]), far[:, 2, 2]))
        share = np.clip((yaw - self._NEAR) / (self._FAR - self._NEAR), 0.0, 1.0)
        share = np.where(laid, np.minimum(share, 1 - self._LAID), share)[:, None, None]
        rotations = pose.nearest_rotation((1 - share) * near + share * far)
        return Prediction(rotations, _confidence(_angle_between(near, far), laid))


class NLML(_Network):
    """The network of NLML-HPE: the rows of the angle factors from landmarks, and from each row its angle."""

    class Options(_Network.Options):
        """Options of nlml."""

        choices: Choices = _CHOICES

    TrainingOptions: ClassVar[type[NetworkTraining] | None] = NLMLTraining
    presets = PRESETS
    ImportOptions = OfImport
    imported = "nlml Encoder.pth yaw_network.pth pitch_network.pth roll_network.pth"
    companions: ClassVar[tuple[str, ...]] = ("nlml-tensor", "landmark-mlp")

    @classmethod
    def train(cls, training: Training) -> Trained:
        from hpe_bench_plugins.estimators.nlml.training import train_nlml

        return train_nlml(training)

    @classmethod
    def import_weights(
        cls,
        paths: Sequence[Path],
        folder: Path,
        name: str | None,
        report: Callable[[str], None],
        options: OfImport | None = None,
    ) -> Sequence[Path]:
        """The authors' network, whole or its four parts, to ``folder``/``name``/network.safetensors and card.json."""
        return import_network(paths, folder, name, report, options or OfImport.model_validate({}))


class LandmarkMLP(_Network):
    """A network of the same size as NLML-HPE's, trained on angles alone: no tensor, no curves; its baseline."""

    TrainingOptions = NetworkTraining
    presets = MLP_PRESETS
    companions = ()

    @classmethod
    def train(cls, training: Training) -> Trained:
        from hpe_bench_plugins.estimators.nlml.training import train_plain

        return train_plain(training)


class NLMLTensor(_Landmarks):
    """The tensor of NLML-HPE, solved for yaw, pitch and roll; no network.

    ``weights=released`` is the tensor that the authors released. The confidence is the negated standard error of the
    three angles in degrees, as the least squares have it; -180, the least there is, where a face was not seen but laid.
    """

    class Options(_Landmarks.Options):
        """Options of nlml-tensor."""

        weights: str = Field(
            "default", pattern=SET_NAME, description="name of the set of weights; released: the tensor of the authors"
        )
        choices: Choices = _CHOICES
        margin: float = Field(
            10.0,
            ge=0,
            le=40,
            description="how far beyond the grid's range angles may go, degrees; solver=powell has no bounds",
        )
        solver: Literal["marquardt", "powell"] | None = Field(
            None,
            description="marquardt: bounded, from several starts, all samples at once; powell: the authors', "
            "unbounded, from zeros; as choices says",
        )

        @model_validator(mode="after")
        def _margin_counts(self) -> Any:
            if "margin" in self.model_fields_set and self.solves_by == "powell":
                raise ValueError("margin makes no difference here: solver=powell has no bounds; leave it out")
            return self

        @property
        def solves_by(self) -> Literal["marquardt", "powell"]:
            """The solver that is asked for, by itself or by the choices."""
            return self.solver or ("powell" if self.choices == "authors" else "marquardt")

    weights_folder = "nlml"
    file = TENSOR
    imported = f"nlml-tensor {RELEASED}"
    ImportOptions = OfTensorImport

    def find_weights(self, folder: Path) -> Mapping[str, Path]:
        if self.options.weights != "released":
            return super().find_weights(folder)
        path = folder / RELEASED
        if not path.is_file():
            raise MissingError(f"no {path}. Fetch {RELEASED} from {SOURCE} and put it there")
        self._ask_for(path)
        return {"tensor": path}

    def load(self, weights: Mapping[str, Path], device: str) -> None:
        from hpe_bench_plugins.estimators.nlml.solver import TensorSolver

        self._tensor = tensor = read_tensor(weights["tensor"])
        bounds = np.radians(np.array(tensor.limits) + self.options.margin)
        self._solver = TensorSolver(tensor.w, tensor.curves, bounds, device)
        self._parameters = tensor.w.size + sum(curve.parameters.size for curve in tensor.curves)

    def parameters(self) -> int:
        return self._parameters

    def _predict_features(self, features: NDArray[Any]) -> Prediction:
        angles, error = self._solve(features)
        rotations = pose.rotation_from_grid(np.degrees(angles), self._convention(self._tensor.convention))
        laid = canonical_face().fits(self._points(features))
        return Prediction(rotations, _confidence(np.degrees(error), laid))

    def _solve(self, features: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Angles (N, 3) and their standard error (N,) in radians, by the solver that is asked for."""
        if self.options.solves_by == "marquardt":
            solution = self._solver.solve(features)
            return solution.angles, solution.error
        from hpe_bench_plugins.estimators.nlml.powell import solve_by_powell

        angles = solve_by_powell(self._tensor.w, self._tensor.curves, features)
        return angles, self._solver.error_at(features, angles)

    @classmethod
    def import_weights(
        cls,
        paths: Sequence[Path],
        folder: Path,
        name: str | None,
        report: Callable[[str], None],
        options: OfTensorImport | None = None,
    ) -> Sequence[Path]:
        """The authors' Trained_data.npz to ``folder``/``name``/tensor.safetensors and card.json."""
        return import_tensor(paths, folder, name, report, options or OfTensorImport.model_validate({}))


def _doubt(rotations: NDArray[Any], points: NDArray[Any]) -> NDArray[np.float64]:
    """How far rotations (N, 3, 3) are from those that carry the canonical face onto the landmarks (N, 468, 3), and how
    far beyond the usual grid of poses they are turned, degrees (N,)."""
    face = canonical_face()
    aligned = weighted_kabsch(face.points, points, face.weights)
    turned = _angle_between(rotations, np.broadcast_to(np.eye(3), rotations.shape))
    return np.asarray(_angle_between(rotations, aligned) + np.maximum(turned - _LEARNED, 0.0))


def _angle_between(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """The angle (N,) in degrees from rotations (N, 3, 3) to others."""
    cosine = (np.einsum("nij,nij->n", a, b) - 1) / 2
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def _confidence(doubt: NDArray[Any], laid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The confidence (N,) of doubts in degrees, NaN where they are NaN; the least for a face that was laid over
    key points: it fits every model best, and says nothing of the face in the image."""
    return np.where(np.isfinite(doubt), -np.where(laid, 180.0, np.minimum(doubt, 179.0)), np.nan)
