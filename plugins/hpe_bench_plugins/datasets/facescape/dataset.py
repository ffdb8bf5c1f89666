"""A grid of renders as a dataset: its images to evaluate on, the landmarks in them to learn from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from hpe_bench import (
    Check,
    CropRule,
    DataError,
    Dataset,
    Grid,
    GridAxes,
    GridFile,
    ImageFile,
    MissingError,
    Options,
    Preparation,
    Sample,
    SampleError,
    UsageError,
    crops,
    pose,
)
from hpe_bench_plugins.datasets.facescape.layout import Layout, read_layout
from hpe_bench_plugins.datasets.parts import Parts, first_people, split

LANDMARKS = "landmarks.h5"
#: Options of the people, and options that say what is rendered.
_DIVIDING = ("part", "holdout", "validation", "split", "people")
_RENDERING = (
    *("identities", "yaw", "pitch", "roll", "step", "coarse", "scatter"),
    *("size", "look", "framing", "format", "quality", "seed"),
)
_SHOWN = 5


class FaceScape(Dataset):
    """Identities x yaw x pitch x roll, one image a cell, as the reference work renders FaceScape; or other heads.

    Images are RGB of any size; a sample's rotation is that of its cell, or where its image was scattered around the
    cell, that of the image. Cells without an image are no samples, and are made up where landmarks are learned from.
    """

    class Options(Options):
        """Options of facescape: of the images that are there, of the people, and of rendering."""

        convention: pose.GridConvention | None = Field(
            None, description="pitch-yaw-roll or yaw-pitch-roll; as grid.json says, else the former"
        )
        part: Literal["all", "train", "validation", "holdout"] = Field("all", description="the people to evaluate on")
        holdout: float = Field(0.2, ge=0, le=1, description="share of the people that is never learned from")
        validation: float = Field(
            0.1, ge=0, le=1, description="share of the people to validate on; 0: none, or of landmarks those held out"
        )
        split: int = Field(0, ge=0, description="seed of the division of the people")
        people: int | None = Field(None, ge=1, description="people to learn from, of those there are; all")
        extractor: str = Field("facemesh", description="what finds the landmarks to learn from")
        workers: int | None = Field(None, ge=1, description="processes that prepare; as many as cores")
        models: Path | None = Field(None, description="3-D heads to render: ICT-FaceKit, or a folder of obj files")
        identities: int | None = Field(None, ge=1, description="heads to render; all, or 20 where they have no end")
        yaw: int = Field(50, ge=0, le=180, description="largest |yaw| to render, degrees")
        pitch: int = Field(40, ge=0, le=180, description="largest |pitch| to render, degrees")
        roll: int = Field(30, ge=0, le=180, description="largest |roll| to render, degrees")
        step: int = Field(10, ge=1, le=180, description="step of yaw to render, and of pitch and roll, degrees")
        coarse: int | None = Field(None, ge=1, le=180, description="step of pitch and roll, where it is another")
        scatter: float = Field(
            0.0, ge=0, le=1, description="how far the renders' angles leave those of their cells at random, in steps"
        )
        size: int = Field(256, ge=32, le=4096, description="width and height of the images to render, pixels")
        look: Literal["random", "plain"] = Field("random", description="light, background and camera of each image")
        framing: Literal["head", "face"] = Field(
            "head", description="render the whole head; or the face alone, with margins as those of test images"
        )
        format: Literal["jpg", "png"] = Field("jpg", description="format of the images to render")
        quality: int = Field(95, ge=1, le=100, description="quality of jpg images")
        seed: int = Field(0, ge=0, lt=2**31, description="seed of the heads and the looks")

        def idle(self, purpose: str) -> Mapping[str, str]:
            if purpose == "prepare":
                told = dict.fromkeys(_DIVIDING, "prepare takes everybody")
                if self.models is None:
                    return told | dict.fromkeys(_RENDERING, "nothing is rendered without models")
                return told | ({"quality": "png images have none"} if self.format == "png" else {})
            told = dict.fromkeys(
                ("models", "workers", *_RENDERING), "it is for hpe-bench prepare facescape, and the images are there"
            )
            if purpose != "learn-landmarks":
                told["extractor"] = "it says what finds the landmarks to learn from"
            if purpose != "evaluate":
                return told | {"part": "a training takes its parts itself"}
            told["people"] = "it says how many people are learned from"
            if self.part == "all":
                told |= dict.fromkeys(("holdout", "validation", "split"), "part=all divides nothing")
            elif self.part == "holdout":
                told["validation"] = "nobody is validated on in part=holdout"
            return told

    #: NLML-HPE's authors test on whole images.
    crops: ClassVar[Mapping[str, CropRule]] = {"whole": crops.WHOLE, "nlml": crops.WHOLE}
    people_option = "people"
    folder = "FaceScape"
    how_to_get = (
        "Put renders of FaceScape (https://facescape.nju.edu.cn) there as FaceScape/<id>/ID<id>_(<yaw>_<pitch>_<roll>)"
        ".jpg, point to them with --root, or render heads with hpe-bench prepare facescape --models PATH"
    )

    def variant(self) -> Mapping[str, Any]:
        return {}  # people and rotations show in the labels

    def ids(self) -> Sequence[str]:
        layout = self._layout
        found = [
            f"{identity}_{yaw:+d}_{pitch:+d}_{roll:+d}"
            for identity in self._people()
            for yaw, pitch, roll in layout.cells
            if (yaw, pitch, roll) in layout.images[identity]
        ]
        if not found:
            o = self.options
            raise MissingError(f"{self.root}: none of {len(layout.identities)} people is left for {o.part}; add some")
        return found

    def sample(self, id: str) -> Sample:
        identity, *angles = id.rsplit("_", 3)
        try:
            yaw, pitch, roll = (int(angle) for angle in angles)
        except ValueError:
            raise SampleError(f"sample {id}: not <person>_<yaw>_<pitch>_<roll>") from None
        image = self._layout.image(identity, (yaw, pitch, roll))
        if image is None:
            raise SampleError(f"sample {id}: no such image below {self.root}")
        place = self._layout.cells[yaw, pitch, roll]
        rotations, angles = self._poses(identity)
        return Sample(id, rotations[place], angles[place], ImageFile(image), person=identity, files=(image,))

    def part(self, part: Literal["train", "validation"]) -> FaceScape | None:
        if part == "validation" and not self.options.validation:
            return None  # to choose an epoch by those who are held out would be to choose it by the test
        return FaceScape(self.root, self.options.model_copy(update={"part": part}))

    def data_licence(self) -> str:
        """That of the heads that were rendered, where the images or their landmarks say which these are."""
        generator = self._found.manifest.generator if self._found.manifest is not None else None
        path = self.root / LANDMARKS
        if not self._found.images and path.is_file():
            generator = GridFile(path).about.get("generator")
        if not generator:
            return ""
        heads = str(generator.get("models", ""))
        return f"MIT ({heads})" if heads.startswith("ICT-FaceKit") else f"that of the heads rendered: {heads}"

    def checks(self) -> Sequence[Check]:
        layout = self._layout
        return [
            Check("people", len(layout.identities)),
            Check("cells a person", len(layout.cells)),
            Check("images missing from the grid", layout.missing(), 0),
            Check(f"files of other names{_some(layout)}", len(layout.strange), 0),
        ]

    def grid(self, part: Literal["train", "validation"]) -> Grid:
        mend = f"hpe-bench prepare facescape (root {self.root}) makes it from the images"
        path = self.root / LANDMARKS
        if not path.is_file():
            raise MissingError(f"no landmarks {path}: {mend}")
        file = GridFile(path)
        people = file.about.get("people")
        if not isinstance(people, list) or not set(file.identities) <= set(map(str, people)):
            raise DataError(f"{path} does not name the people of its images: {mend}")
        layout = self._found
        # Who has the landmarks alone has nothing that they could contradict.
        if layout.images and file.about.get("images") != layout.digest():
            raise DataError(f"{path} is not of the images that are there now: {mend} anew")
        if self.options.convention not in (None, file.axes.convention):
            raise DataError(f"{path} has the convention {file.axes.convention}, not {self.options.convention}")
        found_by = file.about.get("extractor_name")
        if "extractor" in self.options.model_fields_set and found_by not in (None, self.options.extractor):
            raise UsageError(
                f"{path} holds the landmarks of {found_by}, not of {self.options.extractor}: {mend} anew with -d "
                f"extractor={self.options.extractor}, or leave that option out"
            )
        chosen = set(self._split(people).of(part))
        places = [place for place, identity in enumerate(file.identities) if identity in chosen]
        if not places:
            raise DataError(
                f"{path}: none of its {len(file)} people is left for {part}: render more, or change holdout"
            )
        return file.part(places)

    def prepare(self, report: Callable[[str], None]) -> Sequence[Path]:
        """Render heads where models are given, then write the landmarks of every image, landmarks.h5.

        Both go on where they were interrupted.
        """
        from hpe_bench_plugins.datasets.facescape.extraction import extract

        work = report if isinstance(report, Preparation) else Preparation(report)
        work.extractor(self.options.extractor)
        if self.options.models is not None:
            self._render(work)
        self.__dict__.pop("_found", None)
        layout = self._layout
        if layout.strange:
            report(f"{len(layout.strange):,} files of other names are left out{_some(layout)}")
        extract(layout, self.root / LANDMARKS, self.options.extractor, self.options.workers, work)
        return [self.root / LANDMARKS]

    def _render(self, work: Preparation) -> None:
        from hpe_bench_plugins.datasets.facescape.renders import Recipe, render

        o = self.options
        convention: pose.GridConvention = o.convention or "pitch-yaw-roll"
        if min(o.yaw, o.pitch, o.roll) > 90:
            raise UsageError("yaw, pitch and roll all beyond 90 degrees describe the same rotations twice")
        coarse = o.coarse or o.step
        axes = GridAxes(
            GridAxes.bins(o.yaw, o.step), GridAxes.bins(o.pitch, coarse), GridAxes.bins(o.roll, coarse), convention
        )
        reach = [o.scatter * step for step in (o.step, coarse, coarse)]
        recipe = Recipe(str(o.models), convention, o.size, o.seed, o.look, o.framing, o.format, o.quality, reach)
        render(self.root, axes, recipe, o.identities, o.workers, work)

    def _people(self) -> Sequence[str]:
        part = self.options.part
        return self._layout.identities if part == "all" else self._split(self._layout.identities).of(part)

    def _split(self, people: Sequence[str]) -> Parts:
        o = self.options
        parts = split(people, o.holdout, o.validation, o.split)
        try:
            return replace(parts, train=first_people(parts.train, o.people, o.split))
        except ValueError as error:
            raise UsageError(f"dataset facescape: {error} in {self.root}") from error

    @functools.cached_property
    def _found(self) -> Layout:
        return read_layout(self.require_root(), self.options.convention)

    @property
    def _layout(self) -> Layout:
        """The images that are there, at least one."""
        layout = self._found
        if not layout.images:
            hint = f" {_some(layout)} has another name." if layout.strange else ""
            raise MissingError(f"{self.root} holds no image of a grid.{hint} {self.how_to_get}")
        return layout

    @functools.lru_cache(maxsize=4)  # noqa: B019 - a dataset lives as long as its command
    def _poses(self, identity: str) -> tuple[Any, Any]:
        """Rotations (C, 3, 3) of an identity's cells, and the angles (C, 3) that are scored."""
        stated, convention = self._layout.angles(identity), self._layout.axes.convention
        rotations = pose.rotation_from_grid(stated, convention)
        # The angles that are scored are the harness's, which those of another convention are not.
        return rotations, stated if convention == "pitch-yaw-roll" else pose.euler_from_rotation(rotations)


def _some(layout: Layout) -> str:
    """Some of the files of other names, in brackets."""
    named = ", ".join(f"{path}: {reason}" for path, reason in layout.strange[:_SHOWN])
    return f" ({named}{', ...' if len(layout.strange) > _SHOWN else ''})" if named else ""
