"""300W-LP in its official layout: faces of 300W, rotated in steps, and their mirror images (Zhu et al., CVPR 2016)."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

from pydantic import Field

from hpe_bench import Check, MissingError, RandomCrop, UsageError, crops
from hpe_bench_plugins.datasets.mat_pairs import MatPairs
from hpe_bench_plugins.datasets.parts import Parts, split

FOLDERS = ("AFW", "HELEN", "IBUG", "LFPW")


class W300LP(MatPairs):
    """122,450 images of 450 x 450 pixels in AFW, HELEN, IBUG, LFPW and their _Flip; or jpg and mat in any folders.

    A sample's person is its photo: the file's name but for the number of the rotation, whatever the folder. Rotated
    copies and mirror images of one photo are always in one part.
    """

    class Options(MatPairs.Options):
        """The list of samples, and which part of the photos."""

        part: Literal["all", "train", "validation"] = Field("all", description="the photos to take")
        validation: float = Field(0.1, ge=0, le=1, description="share of the photos to validate on; 0: none")
        split: int = Field(0, ge=0, description="seed of the division of the photos")

        def idle(self, purpose: str) -> Mapping[str, str]:
            if purpose == "prepare":
                return super().idle(purpose)
            if purpose == "evaluate":
                undivided = dict.fromkeys(("validation", "split"), "part=all divides nothing")
                return undivided if self.part == "all" else {}
            return {"part": "a training takes its parts itself"}

    name = "300w_lp"
    folder = "300W_LP"
    how_to_get = (
        "Download 300W-LP.zip from http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm, unpack it so "
        "that datasets/300W_LP/AFW exists, or point to it with --root"
    )
    subfolders = True
    other_folders = frozenset({"Code", "landmarks"})
    random_crops: ClassVar[Mapping[str, RandomCrop]] = {crops.SIXDREPNET_TRAIN.name: crops.SIXDREPNET_TRAIN}

    def __init__(self, root: Path, options: Any = None) -> None:
        super().__init__(root, options)
        if self.options.npz is not None and self.options.part != "all" and self.options.validation:
            raise UsageError("an npz does not say which of its images are of one photo: it goes with no part")

    def ids(self) -> Sequence[str]:
        part = self.options.part
        found = super().ids()
        if part == "all":
            return found
        photos = set(self._parts.of(part))
        chosen = [id for id in found if self.person(id) in photos]
        if not chosen:
            raise MissingError(f"{self.root}: none of {len(self._photos)} photos is left for {part}; change validation")
        return chosen

    def part(self, part: Literal["train", "validation"]) -> W300LP | None:
        if part == "validation" and not self.options.validation:
            return None
        if self.options.npz is not None and self.options.validation:
            raise UsageError(
                "an npz does not say which of its images are of one photo, and the two parts of a training share none: "
                "learn from the tree, or from all of it with -d validation=0"
            )
        return W300LP(self.root, self.options.model_copy(update={"part": part}))

    def person(self, id: str) -> str:
        return PurePosixPath(id).name.rpartition("_")[0]

    def about(self) -> Mapping[str, Any]:
        if self.options.part == "all":
            return {}
        parts = {"train": len(self._parts.train), "validation": len(self._parts.validation)}
        return {"split": {"by": "photo", "seed": self.options.split, "part": self.options.part, "photos": parts}}

    def checks(self) -> Sequence[Check]:
        if self.options.npz is not None:
            return super().checks()
        found = [PurePosixPath(id).parts[0] for id in super().ids()]
        official = set(FOLDERS) & set(found)
        expected = 1 if official else None
        checks = [*super().checks(), Check("photos", len(self._photos))]
        for folder in FOLDERS if official else ():
            plain, mirrored = found.count(folder), found.count(f"{folder}_Flip")
            checks.append(Check(f"folder {folder}", int(plain > 0), expected))
            checks.append(Check(f"mirror images in {folder}_Flip", mirrored, plain))
        return checks

    @functools.cached_property
    def _photos(self) -> list[str]:
        return sorted({self.person(id) for id in super().ids()})

    @functools.cached_property
    def _parts(self) -> Parts:
        return split(self._photos, 0, self.options.validation, self.options.split)
