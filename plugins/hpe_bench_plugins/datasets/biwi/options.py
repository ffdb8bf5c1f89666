"""The options of biwi: which frames, by which labels, and how faces are found and cut."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from hpe_bench import Options

#: What only ``prepare`` does with a detector.
_FINDING = ("detector", "colours", "confidence", "jump", "workers")


class BIWIOptions(Options):
    """Options of biwi: what is shown of the frames, which frames, and how faces are found."""

    images: Literal["auto", "frames", "faces"] = Field(
        "auto", description="whole frames, or the faces that prepare cut out; auto: these, where they are"
    )
    boxes: Path | None = Field(
        None,
        description="faces to crop by, or to prepare from: a table (sequence, frame, x, y, w, h), or HeadPose+'s npz",
    )
    labels: Path | None = Field(
        None, description="HeadPose+'s npz, such as Biwi_plus.npz: its rotations, its boxes, the frames that it names"
    )
    npz: Path | None = Field(None, description="a file of FSA-Net's, with image and pose, instead of the tree")
    frames: Literal["all", "with-face"] = Field("all", description="all, or those of which a face is cropped")
    rule: Literal["auto", "notrack", "carry"] = Field(
        "auto",
        description="a frame without a face has no box (notrack) or the last one (carry); auto: carry in a part of the "
        "split, else notrack; prepare: both",
    )
    part: Literal["all", "train", "test"] = Field("all", description="16 sequences to learn from, 8 to test on")
    by: Literal["person", "sequence"] = Field("person", description="what the two parts do not share")
    split: int = Field(0, ge=0, description="seed of the two parts")
    validation: int = Field(2, ge=0, le=8, description="sequences, of those to learn from, to validate on; 0: none")
    calibrated: bool = Field(False, description="rotations in the frame of the colour camera, by rgb.cal")
    detector: str = Field("mediapipe-faces", description="what finds the faces: mediapipe-faces, mtcnn")
    colours: Literal["auto", "rgb", "bgr"] = Field(
        "auto", description="order in which the detector gets them; auto: bgr of mtcnn, as FSA-Net gave it, else rgb"
    )
    confidence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="what a face's must exceed; of mtcnn 0.9 for notrack, 0.95 for carry; else the detector's own",
    )
    margin: float | None = Field(
        None, ge=0, le=2, description="added on every side of a face, in its sizes; 0.4, of a table 0"
    )
    jump: float = Field(80, gt=0, description="move of a face between two frames that is too far, pixels")
    size: int = Field(256, ge=16, le=1024, description="width and height of the faces cut out, pixels")
    workers: int | None = Field(None, ge=1, description="processes that find faces; as many as cores")
    people: int | None = Field(None, ge=1, description="people to learn from, of those of the part train; all")

    def idle(self, purpose: str) -> Mapping[str, str]:
        if purpose == "prepare":
            told = dict.fromkeys(("images", "by", "split", "validation", "people"), "prepare takes every frame")
            return told | (dict.fromkeys(_FINDING, "boxes name the faces") if self.boxes is not None else {})
        told = dict.fromkeys((*_FINDING, "size"), "it is for hpe-bench prepare biwi")
        if self.boxes is None and self.labels is None:
            told["margin"] = "it is for boxes, and for hpe-bench prepare biwi"
        if self.npz is not None:
            told |= dict.fromkeys(("images", "frames", "rule"), "an npz is taken as it is")
        elif self.images == "frames" and self.boxes is None:
            told["rule"] = "whole frames have no boxes"
        elif self.labels is not None and self.boxes is None:
            told["rule"] = "HeadPose+ has a box for every frame"
        if purpose != "evaluate":
            return told | {"part": "a training takes its parts itself"}
        told |= dict.fromkeys(("validation", "people"), "it is of a training")
        return told | (dict.fromkeys(("by", "split"), "part=all divides nothing") if self.part == "all" else {})
