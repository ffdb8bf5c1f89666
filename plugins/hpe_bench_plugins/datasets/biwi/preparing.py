"""What ``prepare`` does for BIWI: finds the face of every frame, or takes it from a table, and cuts it out."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench import DataError, FaceDetector, Preparation
from hpe_bench_plugins.datasets.biwi.boxes import Boxes
from hpe_bench_plugins.datasets.biwi.faces import FrameLabel, write_faces
from hpe_bench_plugins.datasets.biwi.notes import reasons
from hpe_bench_plugins.datasets.biwi.options import BIWIOptions
from hpe_bench_plugins.datasets.biwi.rules import PIXEL, RULES, Choice, Rule, Rules, choose, choose_given, inside
from hpe_bench_plugins.datasets.biwi.tree import SUBJECTS, Frame, Tree, read_pose

#: What FSA-Net's scripts ask of the detector that they use, and in which order it gets the colours.
_PUBLISHED: Mapping[str, Mapping[Rule, float]] = {"mtcnn": {"notrack": 0.9, "carry": 0.95}}


@dataclass(frozen=True)
class ReversedFrame(Frame):
    """The colour image of a frame, blue first: what OpenCV reads, given to a detector as it is."""

    def digest(self) -> bytes:
        return hashlib.sha256(super().digest() + b"\0reversed").digest()

    def pixels(self) -> NDArray[np.uint8]:
        return np.ascontiguousarray(super().pixels()[..., ::-1])


def prepare_faces(
    path: Path, tree: Tree, options: BIWIOptions, boxes: Boxes | None, margin: float, work: Preparation
) -> None:
    """Write the file of faces of a tree, by the rule of the options, or by both. :class:`DataError` where no frame has
    a face."""
    frames = []
    with work.progress("labels", len(tree.files)) as advance:
        for id in tree.files:
            frames.append(FrameLabel(id, tree.image(id), SUBJECTS[id[:2]], id[:2], read_pose(tree.pose(id))))
            advance(1)
    rules = RULES if options.rule == "auto" else (options.rule,)
    if boxes is not None:
        order = [(frame.sequence, frame.id) for frame in frames]
        choices = {rule: list(choose_given(order, boxes, margin, rule)) for rule in rules}
        for (_, id), choice in zip(order, choices[rules[0]], strict=True):
            if choice.box is not None and not inside(choice.box):
                raise DataError(
                    f"{boxes.path}: the box of {id} lies outside the image: {choice.box}; leave it empty where there "
                    "is no face"
                )
        about: dict[str, Any] = {"boxes": boxes.digest, "rules": {rule: {} for rule in rules}}
    else:
        choices, about = _find(frames, options, rules, margin, work)
    if not any(choice.box and choice.box != PIXEL for own in choices.values() for choice in own):
        first = next(iter(choices.values()))[0].why
        raise DataError(f"{tree.folder}: no face in any of {len(frames):,} frames, the first: {first}")
    write_faces(path, frames, choices, options.size, {**about, "margin": margin, "tree": tree.digest()}, work)
    for rule, own in choices.items():
        work(f"{rule}: {summary(own)}")


def summary(choices: Sequence[Choice]) -> str:
    """How many frames have a face, how many of them not their own, and why."""
    cropped = [choice for choice in choices if choice.box is not None]
    told = [f"{len(cropped):,} faces in {len(choices):,} frames"]
    for what, some in (
        ("with an earlier frame's box", [choice for choice in cropped if choice.why and choice.box != PIXEL]),
        ("with one pixel, no box being accepted yet", [choice for choice in cropped if choice.box == PIXEL]),
        ("dropped", [choice for choice in choices if choice.box is None]),
    ):
        if some or what == "dropped":
            told.append(f"{what}: {reasons(some) or 'none'}")
    return "; ".join(told)


def _find(
    frames: Sequence[FrameLabel], options: BIWIOptions, rules: Sequence[Rule], margin: float, work: Preparation
) -> tuple[dict[Rule, list[Choice]], dict[str, Any]]:
    """The choices by each rule among the faces that the detector finds, and how they came about."""
    detector = work.detector(options.detector)
    confidence = {rule: _confidence(options, detector, rule) for rule in rules}
    published = "bgr" if options.detector in _PUBLISHED else "rgb"
    colours = published if options.colours == "auto" else options.colours
    kind = ReversedFrame if colours == "bgr" else Frame
    with (
        contextlib.closing(
            work.find_faces((kind(frame.image) for frame in frames), options.detector, options.workers)
        ) as found,
        work.progress("faces", len(frames)) as advance,
    ):
        faces = []
        for frame in frames:
            faces.append((frame.sequence, next(found)))
            advance(1)
    choices = {rule: list(choose(faces, Rules(rule, confidence[rule], margin, options.jump))) for rule in rules}
    told = {rule: {"confidence": confidence[rule]} for rule in rules}
    return choices, {"detector": detector.identity, "colours": colours, "jump": options.jump, "rules": told}


def _confidence(options: BIWIOptions, detector: FaceDetector, rule: Rule) -> float:
    if options.confidence is not None:
        return options.confidence
    return _PUBLISHED.get(options.detector, {}).get(rule, detector.confidence)
