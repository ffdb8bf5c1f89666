"""Options of the training of 6DRepNet and TokenHPE, and the named ways to set them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from hpe_bench import ImageTraining, Preset


class SixDRepNetTraining(ImageTraining):
    """Options of 6DRepNet's training."""

    start: Path | None = Field(
        None,
        description="a file to start from: RepVGG-B1g2-train.pth of RepVGG's authors, or a checkpoint in training form",
    )


class TokenHPETraining(ImageTraining):
    """Options of TokenHPE's training."""

    start: Path | None = Field(
        None, description="a file to start from: timm's jx_vit_base_patch16_224_in21k, or a checkpoint"
    )
    regions: Literal[9, 11] = Field(9, description="regions of orientations")
    alpha: float = Field(0.95, ge=0, le=1, description="share of the loss that is the prediction's; the rest: tokens'")


_300W_LP = ("300w_lp",)
#: Both authors' loaders keep an epoch's last batch, and their networks learn in float32 on CUDA too.
_AS_THEY_DO = {"last": "keep", "precision": "float32"}

# As published, but for faults: TokenHPE's regions are those of the mirrored head, and the epoch that is kept is chosen
# on photos set aside, where the authors' scripts keep every epoch and leave the choice to the reader of the test.
SIXDREPNET_PRESETS = {
    "official": Preset(
        "the authors': Adam, 80 epochs, random parts of the crop",
        options={
            "epochs": 80,
            "batch": 80,
            "rate": 1e-4,
            "view": "random-resized-crop",
            "least": 0.8,
            **_AS_THEY_DO,
        },
        datasets=_300W_LP,
    ),
}
TOKENHPE_PRESETS = {
    "official": Preset(
        "the authors': Adam, 60 epochs, halved at 20 and 40",
        options={
            "epochs": 60,
            "batch": 64,
            "rate": 1e-5,
            "schedule": "steps",
            "milestones": (20, 40),
            "factor": 0.5,
            "view": "random-crop",
            "resize": 240,
            **_AS_THEY_DO,
        },
        datasets=_300W_LP,
    ),
}
