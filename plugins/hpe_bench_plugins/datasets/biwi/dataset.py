"""BIWI as a dataset: whole frames of the Kinect tree, faces cut out of them, or FSA-Net's npz."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hpe_bench import (
    Check,
    CropRule,
    DataError,
    Dataset,
    MissingError,
    Preparation,
    Sample,
    SampleError,
    UsageError,
    crops,
    file_digest,
)
from hpe_bench_plugins.datasets.biwi.boxes import Boxes, read_boxes
from hpe_bench_plugins.datasets.biwi.faces import FILE, CroppedFace, Faces
from hpe_bench_plugins.datasets.biwi.notes import found_by, notes_on_boxes
from hpe_bench_plugins.datasets.biwi.options import BIWIOptions
from hpe_bench_plugins.datasets.biwi.plus import Plus, read_plus
from hpe_bench_plugins.datasets.biwi.preparing import prepare_faces
from hpe_bench_plugins.datasets.biwi.rules import PIXEL, Choice, Rule, choose_given
from hpe_bench_plugins.datasets.biwi.split import Split, split
from hpe_bench_plugins.datasets.biwi.tree import SUBJECTS, Frame, Tree, read_calibration, read_pose, read_tree
from hpe_bench_plugins.datasets.fsanet_npz import npz_ids, npz_sample
from hpe_bench_plugins.datasets.parts import first_people

#: The families that FSA-Net's crops of BIWI stand for: other networks are tested on the same ones.
_FAMILIES = ("face", "fsanet", "6drepnet", "nlml")


def _all(points: Any, width: int, height: int) -> crops.Box:
    return 0, 0, width, height


#: What is cropped already; a frame without a face has none.
CROPPED = CropRule("face", "biwi-cropped/1", "the face as it was cut out before", _all, faceless=True)


class BIWI(Dataset):
    """15,678 frames of 640 x 480 pixels, 24 sequences of 20 people; labels are of a tracked 3-D model of each head.

    Rotations are in the frame of the depth camera, as all publications take them; ``calibrated`` turns them into that
    of the colour camera. A frame without a box of a face is a sample all the same, which nothing is predicted for.
    """

    Options = BIWIOptions
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
        if o.npz is not None and (o.part != "all" or o.boxes or o.labels or o.calibrated):
            raise UsageError("an npz has no names of sequences: it goes with no part, boxes, labels or calibrated")
        if o.boxes is not None and o.images == "faces":
            raise UsageError("boxes are for frames; hpe-bench prepare biwi -d boxes=FILE cuts faces out by them")
        if o.labels is not None and o.images == "faces":
            raise UsageError("the labels of HeadPose+ have boxes of their own: leave out images=faces")
        if o.images == "frames" and o.frames == "with-face" and o.boxes is None and o.labels is None:
            raise UsageError("whole frames have no boxes to choose by: leave out images=frames, or frames=with-face")
        if o.labels is not None and o.calibrated:
            raise UsageError("the labels of HeadPose+ are taken as they stand: leave out calibrated")

    def crop_rules(self) -> Mapping[str, CropRule]:
        """The face, by whatever is known of it; the whole frame where nothing is."""
        if self._npz is not None or self._faces is not None:
            return dict.fromkeys(_FAMILIES, CROPPED)
        rule = crops.WHOLE if self._choices is None else crops.FACE_BOX
        return {**dict.fromkeys(_FAMILIES, rule), "whole": crops.WHOLE}

    def variant(self) -> Mapping[str, Any]:
        crop = self._faces.digest() if self._faces is not None else None
        shown = "npz" if self._npz else "faces" if crop else "frames" if self._choices is None else "boxes"
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
            told["boxes"] = {"file": self._boxes.path.name, "digest": self._boxes.digest, "rule": self._rule}
        if self._plus is not None:
            told["labels"] = {"file": self._plus.path.name, "frames": len(self._plus.rotation)}
        return told

    def notes(self) -> Sequence[str]:
        told = []
        if self.options.part != "all":
            drawn, names = self._split, self._split.of(self.options.part)
            told.append(f"split by {drawn.by}, seed {drawn.seed}, {drawn.digest[:10]}: sequences {', '.join(names)}")
            if both := drawn.shared_people():
                told.append(f"{', '.join(both)} are in both parts of the split")
        if self._plus is not None:
            boxes = "" if self.options.boxes is not None else ", and faces are cropped by its boxes"
            told.append(f"rotations are those of {self._plus.path.name}{boxes}")
        if self._npz is None and self._choices is None:
            told.append("whole frames are shown: hpe-bench prepare biwi finds the faces, or -d boxes=FILE names them")
        elif self._choices is not None:
            shown = {id: self._choices.get(id, Choice(None, np.nan)) for id in self.ids()}
            by = "" if self._faces is None else found_by(self._faces.about)
            told += notes_on_boxes(shown, self._rule, by, lambda id: self.sample(id).rotation)
        if self.options.calibrated:
            told.append("rotations are in the frame of the colour camera, not as published")
        return told

    def ids(self) -> Sequence[str]:
        if self._npz is not None:
            return npz_ids(self._npz)
        o = self.options
        names = set(SUBJECTS if o.part == "all" else self._split.of(o.part))
        if self._learned is not None:
            names = set(self._learned_from(self._learned))
        known = self._choices is not None  # or an error, where faces are wanted that are not there
        if o.frames == "with-face" and not known:
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
            return npz_sample(self._npz, id)
        person, sequence = SUBJECTS[id[:2]], id[:2]
        box = self._box(id)
        corners = None if box is None else np.array(box).reshape(2, 2).T
        if (faces := self._faces) is not None:
            place = faces.place[id]
            crop = None if box is None else CroppedFace(faces.path, int(faces.row[place]))
            rotation = self._seen_from(sequence, faces.rotation[place])
            return Sample(id, rotation, None, crop, None, corners, person, sequence)
        tree = self._tree
        image = tree.image(id)
        if self._plus is not None:
            return Sample(id, self._plus.rotation[id], None, Frame(image), None, corners, person, sequence, (image,))
        label = tree.pose(id)
        rotation = self._seen_from(sequence, read_pose(label))
        return Sample(id, rotation, None, Frame(image), None, corners, person, sequence, (image, label))

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

    def part(self, part: Literal["train", "validation"]) -> BIWI | None:
        if self._npz is not None:
            raise UsageError("an npz does not say who is in its images: learn from the tree, or name another dataset")
        if part == "validation" and not self.options.validation:
            return None
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
        for what, named in (
            ("frames of the box file", None if self._boxes is None else self._boxes.corners),
            ("frames with labels", None if self._plus is None else self._plus.rotation),
        ):
            if named is not None:
                there = self._tree.files or self._every
                found.append(Check(f"{what} that are missing", len(set(named) - set(there)), 0))
        if self._choices is not None:
            found.append(Check("frames with a face", sum(map(self._seen, self._every))))
        return found

    def prepare(self, report: Callable[[str], None]) -> Sequence[Path]:
        """Write faces.h5: the face of every frame, found by the detector or given by boxes, cut out.

        What the detector finds is kept as it is found: the same command after an interruption finds only the rest.
        """
        work = report if isinstance(report, Preparation) else Preparation(report)
        o = self.options
        if o.npz or o.labels or o.part != "all" or o.frames != "all" or o.calibrated:
            raise UsageError(
                "prepare takes every frame of the tree as it is: leave out npz, labels, part, frames, calibrated"
            )
        if not self._tree.files:
            raise MissingError(f"{self.require_root()} holds no sequence. {self.how_to_get}")
        prepare_faces(self.root / FILE, self._tree, o, self._boxes, self._margin, work)
        return [self.root / FILE]

    def _box(self, id: str) -> Any:
        choice = None if self._choices is None else self._choices.get(id)
        return None if choice is None else choice.box

    def _seen(self, id: str) -> bool:
        return self._box(id) not in (None, PIXEL)

    def _seen_from(self, sequence: str, rotation: Any) -> Any:
        """A rotation of the depth camera's frame, in that of the options."""
        return read_calibration(self._calibration(sequence)) @ rotation if self.options.calibrated else rotation

    def _calibration(self, sequence: str) -> Path:
        return self._tree.folder / sequence / "rgb.cal"

    @property
    def _rule(self) -> Rule:
        rule: Literal["auto", "notrack", "carry"] = self.options.rule
        if rule == "auto":
            return "notrack" if self.options.part == "all" else "carry"
        return rule

    @property
    def _margin(self) -> float:
        given: float | None = self.options.margin
        known = self.options.boxes is not None or self.options.labels is not None
        return given if given is not None else 0.0 if known else 0.4

    @functools.cached_property
    def _tree(self) -> Tree:
        return read_tree(self.require_root())

    @functools.cached_property
    def _every(self) -> Sequence[str]:
        """All frames, whatever the options; at least one."""
        if self._plus is not None:
            found = [id for id in self._tree.files if id in self._plus.rotation]
            if self._tree.files and not found:
                raise MissingError(f"{self.root} holds none of the frames that {self._plus.path} names")
        else:
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
        if self.options.boxes is None:
            return None
        path = self._given(self.options.boxes)
        return read_plus(path).boxes if path.suffix == ".npz" else read_boxes(path)

    @functools.cached_property
    def _plus(self) -> Plus | None:
        if self.options.labels is None:
            return None
        self.require_root()
        return read_plus(self._given(self.options.labels))

    @functools.cached_property
    def _choices(self) -> Mapping[str, Choice] | None:
        """What is cropped of every frame, by id; None where nothing is known of any."""
        if self._faces is not None:
            return self._faces.choices()
        boxes = self._boxes if self._plus is None or self._boxes is not None else self._plus.boxes
        if self._npz is not None or boxes is None:
            return None
        frames = [(id[:2], id) for id in self._every]
        chosen = choose_given(frames, boxes, self._margin, self._rule)
        return {id: choice for (_, id), choice in zip(frames, chosen, strict=True)}

    @functools.cached_property
    def _faces(self) -> Faces | None:
        """The faces that were cut out, where they are and are wanted; :class:`DataError` where they are of others."""
        o, path = self.options, self.root / FILE
        if o.npz is not None or o.boxes is not None or o.labels is not None or o.images == "frames":
            return None
        if not path.is_file():
            if o.images == "faces":
                raise MissingError(f"no {path}; hpe-bench prepare biwi makes it")
            return None
        faces = Faces(path, self._rule)
        tree = self._tree
        try:
            same = not tree.files or (faces.about.get("tree") == tree.digest() and faces.ids == list(tree.files))
        except SampleError as error:  # of the whole file, not of a sample that could be left out
            raise DataError(f"{path} is not of the frames that are there now: {error}") from error
        if not same:
            raise DataError(f"{path} is not of the frames that are there now; hpe-bench prepare biwi makes it anew")
        return faces

    def _given(self, path: Path) -> Path:
        """A path as given, else below the root."""
        return path if path.is_absolute() or path.is_file() else self.root / path
