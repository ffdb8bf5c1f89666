"""BIWI as a dataset: whole frames of the Kinect tree, faces cut out of them, or FSA-Net's npz."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from hpe_bench import (
    Check,
    CropRule,
    DataError,
    Dataset,
    MissingError,
    Options,
    Preparation,
    Sample,
    UsageError,
    crops,
    file_digest,
    pose,
)
from hpe_bench_plugins.datasets.biwi.boxes import Boxes, read_boxes
from hpe_bench_plugins.datasets.biwi.faces import FILE, CroppedFace, Faces, FrameLabel, write_faces
from hpe_bench_plugins.datasets.biwi.npz import NpzImage, read_npz
from hpe_bench_plugins.datasets.biwi.rules import Choice, Rules, choose, widen
from hpe_bench_plugins.datasets.biwi.split import Split, split
from hpe_bench_plugins.datasets.biwi.tree import SUBJECTS, Frame, Tree, read_calibration, read_pose, read_tree
from hpe_bench_plugins.datasets.parts import first_people

#: The families that FSA-Net's crops of BIWI stand for: other networks are tested on the same ones.
_FAMILIES = ("face", "fsanet", "6drepnet")
_SHOWN = 5


def _all(points: Any, width: int, height: int) -> crops.Box:
    return 0, 0, width, height


#: What is cropped already; a frame without a face has none.
CROPPED = CropRule("face", "biwi-cropped/1", "the face as it was cut out before", _all, faceless=True)


class BIWI(Dataset):
    """15,678 frames of 640 x 480 pixels, 24 sequences of 20 people; labels are of a tracked 3-D model of each head.

    Rotations are in the frame of the depth camera, as all publications take them; ``calibrated`` turns them into that
    of the colour camera. A frame without a box of a face is a sample all the same, which nothing is predicted for.
    """

    class Options(Options):
        """Options of biwi: what is shown of the frames, which frames, and how faces are found."""

        images: Literal["auto", "frames", "faces"] = Field(
            "auto", description="whole frames, or the faces that prepare cut out; auto: these, where they are"
        )
        boxes: Path | None = Field(
            None, description="a table of faces (sequence, frame, x, y, w, h) to crop by, or to prepare from"
        )
        npz: Path | None = Field(None, description="a file of FSA-Net's, with image and pose, instead of the tree")
        frames: Literal["all", "with-face"] = Field("all", description="all, or those in which a face was found")
        part: Literal["all", "train", "test"] = Field("all", description="16 sequences to learn from, 8 to test on")
        by: Literal["person", "sequence"] = Field("person", description="what the two parts do not share")
        split: int = Field(0, ge=0, description="seed of the two parts")
        validation: int = Field(2, ge=1, le=8, description="sequences, of those to learn from, to validate on")
        calibrated: bool = Field(False, description="rotations in the frame of the colour camera, by rgb.cal")
        detector: str = Field("mediapipe-faces", description="what finds the faces: mediapipe-faces, mtcnn")
        confidence: float | None = Field(
            None, ge=0, le=1, description="what a face's must exceed; the detector's own: 0.9 of mtcnn"
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
                found = ("detector", "confidence", "jump", "workers")
                return told | (dict.fromkeys(found, "boxes name the faces") if self.boxes is not None else {})
            told = dict.fromkeys(
                ("detector", "confidence", "jump", "size", "workers"),
                "it is for hpe-bench prepare biwi",
            )
            if self.boxes is None:
                told["margin"] = "it is for boxes, and for hpe-bench prepare biwi"
            if self.npz is not None:
                told |= dict.fromkeys(("images", "frames"), "an npz is taken as it is")
            if purpose != "evaluate":
                return told | {"part": "a training takes its parts itself"}
            told |= dict.fromkeys(("validation", "people"), "it is of a training")
            return told | (dict.fromkeys(("by", "split"), "part=all divides nothing") if self.part == "all" else {})

    crops = {"face": crops.FACE_BOX, "whole": crops.WHOLE}  # noqa: RUF012
    people_option = "people"
    held_out = "70_30"
    folder = "BIWI"
    how_to_get = (
        "Ask for the BIWI Kinect Head Pose Database at https://icu.ee.ethz.ch/research/datsets.html (also on Kaggle: "
        "kmader/biwi-kinect-head-pose-database), unpack it so that datasets/BIWI/hpdb/01/frame_00003_rgb.png exists, "
        "or point to it with --root"
    )

    def __init__(self, root: Path, options: Any = None, learned: Literal["train", "validation"] | None = None) -> None:
        super().__init__(root, options)
        #: Which of the sequences to learn from; None where they are not told apart.
        self._learned = learned
        o = self.options
        if o.npz is not None and (o.part != "all" or o.boxes is not None or o.calibrated):
            raise UsageError("an npz has no names of sequences: it goes with no part, boxes or calibrated")
        if o.boxes is not None and o.images == "faces":
            raise UsageError("boxes are for frames; hpe-bench prepare biwi -d boxes=FILE cuts faces out by them")

    def crop_rules(self) -> Mapping[str, CropRule]:
        """The face, by whatever is known of it; the whole frame where nothing is."""
        if self._faces is not None:
            return dict.fromkeys(_FAMILIES, CROPPED)
        rule = crops.WHOLE if self._boxes is None else crops.FACE_BOX
        return {**dict.fromkeys(_FAMILIES, rule), "whole": crops.WHOLE}

    def variant(self) -> Mapping[str, Any]:
        crop = self._faces.digest() if self._faces is not None else None
        shown = "npz" if self._npz else "faces" if crop else "frames" if self._boxes is None else "boxes"
        told = {"images": shown, "faces": crop, "calibrated": self.options.calibrated}
        cut_out = self._npz or (self._faces.path if self._faces is not None else None)
        return told if cut_out is None else {**told, "content": file_digest(cut_out)}

    def about(self) -> Mapping[str, Any]:
        told: dict[str, Any] = {}
        if self.options.part != "all":
            told["split"] = {**self._split.record(), "part": self.options.part}
        if self._faces is not None:
            told["faces"] = dict(self._faces.about)
        if self._boxes is not None:
            told["boxes"] = {"file": self._boxes.path.name, "digest": self._boxes.digest}
        return told

    def notes(self) -> Sequence[str]:
        told = []
        if self.options.part != "all":
            drawn, names = self._split, self._split.of(self.options.part)
            told.append(f"split by {drawn.by}, seed {drawn.seed}, {drawn.digest[:10]}: sequences {', '.join(names)}")
            if both := drawn.shared_people():
                told.append(f"{', '.join(both)} are in both parts of the split")
        if self._npz is None and self._faces is None and self._boxes is None:
            told.append("whole frames are shown: hpe-bench prepare biwi finds the faces, or -d boxes=FILE names them")
        elif self._npz is None and (blind := sum(not self._seen(id) for id in self.ids())):
            told.append(f"{blind:,} frames in which no face was found count as without a prediction")
        if self.options.calibrated:
            told.append("rotations are in the frame of the colour camera, not as published")
        return told

    def ids(self) -> Sequence[str]:
        if self._npz is not None:
            stem = self._npz.stem
            return [f"{stem}/{row:05d}" for row in range(len(read_npz(self._npz)[0]))]
        o = self.options
        names = set(SUBJECTS if o.part == "all" else self._split.of(o.part))
        if self._learned is not None:
            names = set(self._learned_from(self._learned))
        blind = self._faces is None and self._boxes is None
        if o.frames == "with-face" and blind:
            raise MissingError(
                f"nothing says in which frames of {self.root} a face was found: hpe-bench prepare biwi finds out, and "
                "-d boxes=FILE names them"
            )
        found = [id for id in self._every if id[:2] in names and (o.frames == "all" or self._seen(id))]
        if not found:
            raise MissingError(f"{self.root} holds none of the sequences {', '.join(sorted(names))}. {self.how_to_get}")
        return found

    def sample(self, id: str) -> Sample:
        if self._npz is not None:
            row = int(id.rpartition("/")[2])
            euler = read_npz(self._npz)[1][row]
            return Sample(id, pose.rotation_from_euler(euler), euler, NpzImage(self._npz, row))
        person, sequence = SUBJECTS[id[:2]], id[:2]
        if (faces := self._faces) is not None:
            place = faces.place[id]
            found = faces.row[place] >= 0
            image = CroppedFace(faces.path, int(faces.row[place])) if found else None
            corners = faces.box[place].reshape(2, 2).T if found else None
            rotation = self._seen_from(sequence, faces.rotation[place])
            return Sample(id, rotation, None, image, None, corners, person, sequence)
        tree = self._tree
        files = (tree.image(id), tree.pose(id))
        box = None if self._boxes is None else self._boxes.corners.get(id)
        corners = None if box is None else np.array(widen(box, self._margin) if self._margin else box).reshape(2, 2).T
        rotation = self._seen_from(sequence, read_pose(files[1]))
        return Sample(id, rotation, None, Frame(files[0]), None, corners, person, sequence, files)

    def _learned_from(self, part: Literal["train", "validation"]) -> Sequence[str]:
        """The sequences of a part of those to learn from."""
        o = self.options
        learning = self._split.for_learning(o.validation)
        if part == "validation":
            return learning.validation
        people = sorted({SUBJECTS[name] for name in learning.train})
        try:
            chosen = set(first_people(people, o.people, o.split))
        except ValueError as error:
            raise UsageError(f"dataset biwi: {error}") from error
        return [name for name in learning.train if SUBJECTS[name] in chosen]

    def part(self, part: Literal["train", "validation"]) -> BIWI:
        if self._npz is not None:
            raise UsageError("an npz does not say who is in its images: learn from the tree, or name another dataset")
        return BIWI(self.root, self.options.model_copy(update={"part": "train"}), part)

    def checks(self) -> Sequence[Check]:
        if self._npz is not None:
            return ()
        sequences = {id[:2] for id in self._every}
        found = [
            Check("sequences", len(sequences), len(SUBJECTS)),
            Check("people", len({SUBJECTS[name] for name in sequences}), len(set(SUBJECTS.values()))),
        ]
        if self._tree.files:
            files = self._tree.files.values()
            found.append(Check("colour images", sum("rgb.png" in names for names in files), len(files)))
            found.append(Check("poses", sum(bool(names - {"rgb.png"}) for names in files), len(files)))
            found.append(Check("rgb.cal", sum(self._calibration(name).is_file() for name in sequences), len(sequences)))
        if self._boxes is not None:
            absent = set(self._boxes.corners) - set(self._every)
            found.append(Check("frames of the box file that are missing", len(absent), 0))
        if self._faces is not None or self._boxes is not None:
            found.append(Check("frames with a face", sum(map(self._seen, self._every))))
        return found

    def prepare(self, report: Callable[[str], None]) -> Sequence[Path]:
        """Write faces.h5: the face of every frame, found by the detector or given by boxes, cut out.

        What the detector finds is kept as it is found: the same command after an interruption finds only the rest.
        """
        work = report if isinstance(report, Preparation) else Preparation(report)
        o = self.options
        if o.npz is not None or o.part != "all" or o.frames != "all" or o.calibrated:
            raise UsageError("prepare takes every frame of the tree as it is: leave out npz, part, frames, calibrated")
        tree = self._tree
        if not tree.files:
            raise MissingError(f"{self.require_root()} holds no sequence. {self.how_to_get}")
        frames = []
        with work.progress("labels", len(tree.files)) as advance:
            for id in tree.files:
                frames.append(FrameLabel(id, tree.image(id), SUBJECTS[id[:2]], id[:2], read_pose(tree.pose(id))))
                advance(1)
        boxes = self._boxes
        if boxes is not None:
            choices, by = [self._choice_of(boxes, frame.id) for frame in frames], {"boxes": boxes.digest}
        else:
            choices, by = self._detect(frames, work)
        if not any(choice.box for choice in choices):
            raise DataError(f"{tree.folder}: no face in any of {len(frames):,} frames, the first: {choices[0].dropped}")
        about = {**by, "margin": self._margin, "tree": tree.digest()}
        write_faces(self.root / FILE, frames, choices, o.size, about, work)
        reasons = [choice.dropped.split()[0] for choice in choices if choice.dropped]
        counts = ", ".join(f"{reasons.count(why):,} {_REASONS[why]}" for why in dict.fromkeys(sorted(reasons)))
        work(f"{len(frames) - len(reasons):,} faces in {len(frames):,} frames; dropped: {counts or 'none'}")
        return [self.root / FILE]

    def _detect(self, frames: Sequence[FrameLabel], work: Preparation) -> tuple[list[Choice], dict[str, Any]]:
        o = self.options
        detector = work.detector(o.detector)
        confidence = detector.confidence if o.confidence is None else o.confidence
        rules = Rules(confidence, self._margin, o.jump)
        images = (Frame(frame.image) for frame in frames)
        choices: list[Choice] = []
        with (
            contextlib.closing(work.find_faces(images, o.detector, o.workers)) as found,
            work.progress("faces", len(frames)) as advance,
        ):
            for _, own in itertools.groupby(frames, key=lambda frame: frame.sequence):
                for choice in choose((next(found) for _ in own), rules):
                    choices.append(choice)
                    advance(1)
        return choices, {"detector": detector.identity, "confidence": confidence, "jump": o.jump}

    def _choice_of(self, boxes: Boxes, id: str) -> Choice:
        corners = boxes.corners.get(id)
        if corners is None:
            return Choice(None, np.nan, "none in the box file")
        left, top, right, bottom = widen(corners, self._margin) if self._margin else (int(side) for side in corners)
        return Choice((left, top, right, bottom), boxes.confidence.get(id, np.nan))

    def _seen(self, id: str) -> bool:
        if self._faces is not None:
            return self._faces.found(id)
        return self._boxes is not None and self._boxes.corners.get(id) is not None

    def _seen_from(self, sequence: str, rotation: Any) -> Any:
        """A rotation of the depth camera's frame, in that of the options."""
        return read_calibration(self._calibration(sequence)) @ rotation if self.options.calibrated else rotation

    def _calibration(self, sequence: str) -> Path:
        return self._tree.folder / sequence / "rgb.cal"

    @property
    def _margin(self) -> float:
        given: float | None = self.options.margin
        return given if given is not None else 0.4 if self.options.boxes is None else 0.0

    @functools.cached_property
    def _tree(self) -> Tree:
        return read_tree(self.require_root())

    @functools.cached_property
    def _every(self) -> Sequence[str]:
        """All frames, whatever the options; at least one."""
        found = list(self._tree.files) or (self._faces.ids if self._faces is not None else [])
        if not found:
            raise MissingError(f"{self.root} holds no sequence, neither 01 nor hpdb/01. {self.how_to_get}")
        return found

    @functools.cached_property
    def _split(self) -> Split:
        return split(self.options.by, self.options.split)

    @functools.cached_property
    def _npz(self) -> Path | None:
        return None if self.options.npz is None else self._given(self.options.npz)

    @functools.cached_property
    def _boxes(self) -> Boxes | None:
        return None if self.options.boxes is None else read_boxes(self._given(self.options.boxes))

    @functools.cached_property
    def _faces(self) -> Faces | None:
        """The faces that were cut out, where they are and are wanted; :class:`DataError` where they are of others."""
        o, path = self.options, self.root / FILE
        if o.npz is not None or o.boxes is not None or o.images == "frames":
            return None
        if not path.is_file():
            if o.images == "faces":
                raise MissingError(f"no {path}; hpe-bench prepare biwi makes it")
            return None
        faces = Faces(path)
        if self._tree.files and faces.about.get("tree") != self._tree.digest():
            raise DataError(f"{path} is not of the frames that are there now; hpe-bench prepare biwi makes it anew")
        return faces

    def _given(self, path: Path) -> Path:
        """A path as given, else below the root."""
        return path if path.is_absolute() or path.is_file() else self.root / path


#: The reasons why a frame is dropped, by their first word, as they are counted.
_REASONS = {
    "a": "jumps",
    "confidence": "not confident enough",
    "no": "without a face",
    "none": "not in the box file",
    "outside": "outside the image",
}
