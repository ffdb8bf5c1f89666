"""How NLML-HPE is trained: its options, and the named ways to set them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from hpe_bench import SET_NAME, Options, Preset


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
    encoder_epochs: int = Field(4, ge=1, description="epochs of the encoder on the rows of the factors")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="of the encoder; sgd steps its rate by 0.9")
    clip: float = Field(0.0, ge=0, description="largest norm of the encoder's gradient; 0: any")
    encoder_rate: float = Field(1e-3, gt=0, le=1, description="highest learning rate of the encoder")
    head_epochs: int = Field(50, ge=1, description="epochs of the heads on the curves at 0.1 degrees")
    head_rate: float = Field(5e-3, gt=0, le=1, description="highest learning rate of the heads")
    joint: bool = Field(True, description="train encoder and heads on angles together, at the end")
    standardise: bool = Field(True, description="give features and rows a mean of 0 and a spread of 1")
    near: str | None = Field(
        None,
        pattern=SET_NAME,
        description="a set beside it whose network is to answer near the front",
    )
    margin: float = Field(10.0, ge=0, le=60, description="how far beyond the grid the curves are used, degrees")

    def idle(self, purpose: str) -> Mapping[str, str]:
        if self.joint:
            return {}
        told = dict.fromkeys(("epochs", "rate"), "they are of the last stage, and joint=false leaves it out")
        return told if self.optimizer == "adamw" else {**told, "decay": "sgd has none"}

    @field_validator("ranks", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(value.split(",")) if isinstance(value, str) else value


_SYNTHETIC = {"synthetic": {"identities": 100}}

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
    # The paper's settings, with its trainer's faults mended: gradients are zeroed, and the best state is a copy.
    "reference": Preset(
        "the reference work's: SGD, cells as they are, heads apart",
        options={
            "encoder_epochs": 100,
            "batch": 256,
            "optimizer": "sgd",
            "encoder_rate": 1e-4,
            "clip": 20.0,
            "joint": False,
            "standardise": False,
            "turn": 0.0,
            "noise": 0.0,
            "mirror": False,
        },
        datasets=("synthetic",),
        dataset_options={"synthetic": {"identities": 240, "validation": 60}},
    ),
}
MLP_PRESETS = {
    "default": Preset("as long and on the same as NLML-HPE's", datasets=("synthetic",), dataset_options=_SYNTHETIC)
}
