"""Options of the training of an image network: what every recipe may set, and every user change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from hpe_bench.options import Options, Purpose


class ImageTraining(Options):
    """How an image network is trained; an estimator's ``TrainingOptions`` are these, or a class with more of them."""

    epochs: int = Field(30, ge=1, description="how often every sample is learned from")
    batch: int = Field(64, ge=1, description="samples a step, on all devices together")
    rate: float = Field(1e-4, gt=0, le=10, description="highest learning rate")
    optimizer: Literal["adam", "adamw", "sgd"] = Field("adam", description="sgd has a momentum of 0.9")
    decay: float = Field(0.0, ge=0, description="weight decay")
    schedule: Literal["constant", "steps", "cosine"] = Field("constant", description="course of the learning rate")
    milestones: tuple[int, ...] = Field((), description="of schedule=steps: the epochs done when it falls, as 20,40")
    factor: float = Field(0.5, gt=0, le=1, description="of schedule=steps: what it falls to, of what it was")
    warmup: float = Field(0.0, ge=0, description="epochs in which the learning rate rises from a fiftieth")
    clip: float = Field(0.0, ge=0, description="largest norm of the gradient; 0: any")
    patience: int = Field(0, ge=0, description="epochs without a better validation after which to stop; 0: never")
    keep: Literal["best", "last"] = Field(
        "best", description="the epoch kept: of the best validation, if any, or the last"
    )
    crop: str | None = Field(None, description="family of crops to learn from; that which the estimator asks for")
    last: Literal["keep", "drop"] = Field("drop", description="an epoch's last batch, where it is not a whole one")
    largest: float = Field(99.0, gt=0, description="heads with a larger |angle| are left out, degrees")
    mirror: float = Field(0.5, ge=0, le=1, description="share of the images that are mirrored")
    blur: float = Field(0.05, ge=0, le=1, description="share of the images that are blurred")
    view: Literal["whole", "random-crop", "random-resized-crop"] = Field(
        "whole", description="of a crop: what is tested on; or a random part of its resized, or of itself"
    )
    resize: int = Field(240, ge=8, le=4096, description="of view=random-crop: pixels of the shorter side before")
    least: float = Field(0.8, gt=0, le=1, description="of view=random-resized-crop: least share of the area")
    validated: int = Field(4000, ge=1, description="samples to validate on after every epoch, at most; evenly spread")
    precision: Literal["auto", "float32", "bfloat16"] = Field("auto", description="auto: bfloat16 on CUDA")
    devices: int = Field(1, ge=1, description="devices of this machine to train on")
    nodes: int = Field(1, ge=1, description="machines to train on")
    workers: int | None = Field(None, ge=0, description="processes that load images, a device; as many as cores, or 8")
    tensorboard: bool = Field(True, description="write logs for TensorBoard, where it is installed")

    bystanders: ClassVar[frozenset[str]] = frozenset({"workers", "tensorboard"})

    def idle(self, purpose: Purpose) -> Mapping[str, str]:
        told: dict[str, str] = {}
        if self.schedule != "steps":
            told.update(dict.fromkeys(("milestones", "factor"), f"it is of schedule=steps, not {self.schedule}"))
        if self.view != "random-crop":
            told["resize"] = f"it is of view=random-crop, not {self.view}"
        if self.view != "random-resized-crop":
            told["least"] = f"it is of view=random-resized-crop, not {self.view}"
        return told

    @field_validator("milestones", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part for part in value.split(",") if part) if isinstance(value, str) else value

    @property
    def processes(self) -> int:
        """How many processes do the training together."""
        return self.devices * self.nodes

    def rate_at(self, epochs: float) -> float:
        """The learning rate when so many epochs are done."""
        rising = min(0.02 + 0.98 * epochs / self.warmup, 1.0) if self.warmup else 1.0
        if self.schedule == "steps":
            course = self.factor ** sum(epochs >= milestone for milestone in self.milestones)
        elif self.schedule == "cosine":
            course = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(epochs / self.epochs, 1.0)))
        else:
            course = 1.0
        return self.rate * rising * course
