"""How NLML-HPE is trained: its options, and the named ways to set them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from hpe_bench import SET_NAME, Options, Preset

#: Where the reference work's training leaves the rows of the factors, beside its Trained_data.npz.
FACTORS = "Factor_Matrices.npz"


class NetworkTraining(Options):
    """Options of a network's training on the cells of landmark grids."""

    epochs: int = Field(12, ge=1, description="epochs of the network on angles")
    batch: int = Field(256, ge=8, description="samples a step")
    rate: float = Field(1e-3, gt=0, le=1, description="highest learning rate")
    decay: float = Field(1e-2, ge=0, description="weight decay")
    patience: int = Field(6, ge=0, description="epochs without a better validation after which to stop; 0: never")
    turn: float = Field(6.0, ge=0, le=30, description="random turns about any axis, degrees at most")
    tilt: float = Field(0.0, ge=0, le=180, description="random turns in the image plane, degrees at most")
    noise: float = Field(0.008, ge=0, le=0.2, description="random error of a point, of the eye corners' distance")
    deform: float = Field(
        0.0, ge=0, le=0.2, description="random smooth change of a face's shape, of the eye corners' distance"
    )
    expression: float = Field(0.0, ge=0, le=2, description="random expressions, as shares of strong ones")
    mirror: bool = Field(True, description="mirror half of the samples")
    likely: float = Field(
        0.0,
        ge=0,
        description="weigh samples by how likely their poses are: a spread of pitch and roll in degrees, which also "
        "makes little of a yaw beyond 90; 0: all alike",
    )
    extractor: str = Field("facemesh", description="landmark extractor to ask for when it estimates")
    validation: int = Field(3000, ge=10, description="cells of each grid that are validated on")


class NLMLTraining(NetworkTraining):
    """Options of NLML-HPE's training."""

    ranks: tuple[int, int, int, int] = Field(
        (5, 3, 3, 3), description="ranks of identity, yaw, pitch and roll, such as 5,3,3,3"
    )
    rotation_features: bool = Field(False, description="make the tensor of each frontal face, turned to every cell")
    tensor: Path | None = Field(
        None, description="a tensor to use, not made here: Trained_data.npz, or of this program"
    )
    factors: Path | None = Field(
        None, description="of rows=factors: its Factor_Matrices.npz; that which lies beside the tensor"
    )
    rows: Literal["curves", "factors"] = Field(
        "curves", description="what the encoder learns: the curves at a head's true angles, or the factors at its bins"
    )
    encoder_epochs: int = Field(4, ge=1, description="epochs of the encoder on the rows of the factors")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="of the encoder; sgd steps its rate by 0.9")
    momentum: float = Field(0.0, ge=0, lt=1, description="of sgd")
    step: int = Field(10, ge=1, description="of sgd: epochs after which its rate falls to 0.9 of what it was")
    row_loss: Literal["mean", "sum"] = Field(
        "mean", description="of the encoder: mean square over all rows, or the sum of the three angles' means"
    )
    start: Literal["torch", "small"] = Field(
        "torch", description="the encoder's weights at first: as torch has them, or uniform from 1e-5 to 1e-3"
    )
    zero_gradients: bool = Field(
        True, description="false: those of all steps add up in the encoder, a fault of the reference work's trainer"
    )
    keep: Literal["best", "last"] = Field("best", description="the epoch of encoder and heads that is kept")
    clip: float = Field(0.0, ge=0, description="largest norm of the encoder's gradient; 0: any")
    encoder_rate: float = Field(1e-3, gt=0, le=1, description="highest learning rate of the encoder")
    heads: Literal["draws", "passes"] = Field(
        "draws", description="how heads learn: from random points of the curves, or as the reference work's"
    )
    head_epochs: int = Field(50, ge=1, description="epochs of the heads on the curves")
    head_rate: float = Field(5e-3, gt=0, le=1, description="highest learning rate of the heads")
    head_step: float = Field(0.1, ge=0.0005, le=1, description="step of the curves that the heads learn, degrees")
    joint: bool = Field(True, description="train encoder and heads on angles together, at the end")
    standardise: bool = Field(True, description="give features and rows a mean of 0 and a spread of 1")
    near: str | None = Field(
        None,
        pattern=SET_NAME,
        description="a set beside it whose network is to answer near the front",
    )
    margin: float = Field(10.0, ge=0, le=60, description="how far beyond the grid the curves are used, degrees")

    def idle(self, purpose: str) -> Mapping[str, str]:
        told: dict[str, str] = {}
        if not self.joint:
            told.update(dict.fromkeys(("epochs", "rate"), "they are of the last stage, and joint=false leaves it out"))
        if self.keep == "last" and not self.joint:
            told["patience"] = "keep=last trains to the last epoch"
        if self.optimizer == "adamw":
            told.update(dict.fromkeys(("momentum", "step"), "it is of optimizer=sgd"))
        if self.tensor is not None:
            told.update(dict.fromkeys(("ranks", "rotation_features"), "the tensor is made already"))
        if self.tensor is None or self.rows == "curves":
            told["factors"] = "it is of rows=factors with a tensor=FILE"
        return told

    @model_validator(mode="before")
    @classmethod
    def _beside(cls, given: Any) -> Any:
        """Named, so that what stands in it counts as what stands in any other file of an option."""
        if isinstance(given, dict) and given.get("tensor") and given.get("rows") == "factors":
            beside = Path(given["tensor"]).parent / FACTORS
            if not given.get("factors") and beside.is_file():
                return {**given, "factors": beside}
        return given

    @model_validator(mode="after")
    def _fits(self) -> Any:
        if self.rows == "factors" and (self.turn or self.tilt or self.mirror or self.joint):
            raise ValueError("factors have no rows between the bins: turn=0, tilt=0, mirror=false and joint=false")
        return self

    @field_validator("ranks", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(value.split(",")) if isinstance(value, str) else value


_SYNTHETIC = {"synthetic": {"identities": 100}}

_SIXTY = {"synthetic": {"identities": 60}}

_AUTHORS: dict[str, Any] = {
    "rotation_features": True,
    "rows": "factors",
    "encoder_epochs": 100,
    "batch": 256,
    "optimizer": "sgd",
    "encoder_rate": 1e-4,
    "decay": 1e-5,
    "row_loss": "sum",
    "start": "small",
    "zero_gradients": False,
    "keep": "last",
    "patience": 0,
    "clip": 20.0,
    "heads": "passes",
    "head_step": 0.01,
    "margin": 0.0,
    "joint": False,
    "standardise": False,
    "turn": 0.0,
    "noise": 0.0,
    "mirror": False,
}
_FAULTS = ("zero_gradients", "keep", "start")
_MENDED = {"momentum": 0.9, "encoder_rate": 0.05, "encoder_epochs": 10, "step": 1}

PRESETS = {
    "default": Preset(
        "ours, over the paper's range: AdamW, poses between the bins, encoder and heads together at the end",
        options={"extractor": "facemesh-always"},
        datasets=("synthetic",),
        dataset_options=_SYNTHETIC,
    ),
    # FaceMesh understates large yaws, and detects no face in profile: rendered heads show what it makes of them. The
    # tensor is of made-up heads over the paper's range; its sinusoids carry on to where the renders go.
    "full": Preset(
        "ours, to a yaw of 100 degrees: also from FaceMesh on rendered heads",
        options={
            "extractor": "facemesh-always",
            "epochs": 16,
            "tilt": 12.0,
            "turn": 4.0,
            "noise": 0.006,
            "deform": 0.02,
            "expression": 0.8,
            "likely": 20.0,
            "margin": 55.0,
            "near": "default",
        },
        datasets=("synthetic", "facescape"),
        # With yaw outermost, profiles are far from where the angles are singular.
        dataset_options={
            "synthetic": {"identities": 50, "convention": "yaw-pitch-roll"},
            "facescape": {"extractor": "facemesh-always"},
        },
    ),
    # What kept the authors' recipe from learning is mended: gradients are zeroed, the best epoch is a copy, weights
    # start as torch has them, and the rate gets somewhere.
    "reference": Preset(
        "the reference work's, mended so that it learns: SGD, cells as they are, heads apart",
        options={name: value for name, value in _AUTHORS.items() if name not in _FAULTS} | _MENDED,
        datasets=("synthetic",),
        dataset_options=_SIXTY,
    ),
    "authors": Preset(
        "the reference work's scripts, step for step, faults included: it hardly learns",
        options=_AUTHORS,
        datasets=("synthetic",),
        dataset_options=_SIXTY,
    ),
}
MLP_PRESETS = {
    "default": Preset("as long and on the same as NLML-HPE's", datasets=("synthetic",), dataset_options=_SYNTHETIC)
}
