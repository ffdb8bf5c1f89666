"""Made-up heads as a dataset: to evaluate on, and as a grid to learn from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from hpe_bench import (
    DataError,
    Dataset,
    Grid,
    GridAxes,
    GridFile,
    MissingError,
    Options,
    Sample,
    SampleError,
    UsageError,
    pose,
    write_grid,
)
from hpe_bench_plugins.datasets.synthetic.grid import Recipe, SyntheticGrid, head_name

Part = Literal["test", "train", "validation"]

#: Where the numbers of the heads begin: no head is in two parts.
FIRST: Mapping[Part, int] = {"test": 0, "train": 1_000_000, "validation": 2_000_000}
_MOST_HEADS = 1_000_000
_MOST_CELLS = 1_000_000
_MOST_SAMPLES = 10_000_000


class Synthetic(Dataset):
    """Identities x yaw x pitch x roll, in the order of the loops; 468 landmarks each, in pixels of a square image.

    An identity is the canonical face under a smooth random deformation. It is turned, seen in perspective, and
    disturbed by white and by smooth noise. Everything follows from ``seed``, the head's number and the angles, so a
    sample of the evaluation is the cell of the grid of its part.
    """

    class Options(Options):
        """Options of synthetic."""

        identities: int = Field(8, ge=1, le=_MOST_HEADS, description="number of heads, of those to learn from too")
        validation: int = Field(8, ge=1, le=_MOST_HEADS, description="number of heads of the part validation")
        part: Literal["test", "train", "validation"] = Field(
            "test", description="which heads are evaluated; no head is in two parts"
        )
        yaw: float = Field(50.0, ge=0, le=180, description="largest |yaw| of the grid, degrees")
        pitch: float = Field(40.0, ge=0, le=180, description="largest |pitch| of the grid, degrees")
        roll: float = Field(30.0, ge=0, le=180, description="largest |roll| of the grid, degrees")
        step: float = Field(10.0, ge=0.01, description="step of the grid, degrees")
        convention: pose.GridConvention = Field(
            "pitch-yaw-roll", description="how yaw, pitch and roll of the grid make the rotation"
        )
        deformation: float = Field(0.25, ge=0, le=2, description="standard deviation of a point's displacement, cm")
        noise: float = Field(0.5, ge=0, description="standard deviation of a landmark's own error, pixels of 256")
        wobble: float = Field(
            0.5, ge=0, description="standard deviation of an error that neighbouring landmarks share, pixels of 256"
        )
        distance: float = Field(60.0, gt=20, description="from the camera to the head, cm")
        spread: float = Field(0.0, ge=0, lt=1, description="share by which the distance varies, either way")
        seed: int = Field(0, ge=0, lt=2**63, description="seed of the heads and of the noise")
        stored: bool = Field(False, description="read the grid to learn from as prepare wrote it")

        def idle(self, purpose: str) -> Mapping[str, str]:
            if purpose == "prepare":
                return dict.fromkeys(("part", "stored"), "prepare writes the heads to learn from and to validate on")
            if purpose != "evaluate":
                return {"part": "a training takes its parts itself"}
            other = "identities" if self.part == "validation" else "validation"
            return {"stored": "what is evaluated is always made anew", other: f"it is not of part={self.part}"}

        @model_validator(mode="after")
        def _sensible(self) -> Any:
            cells = np.prod([2 * (limit // self.step) + 1 for limit in (self.yaw, self.pitch, self.roll)])
            if cells > _MOST_CELLS:
                raise ValueError(f"a grid of {cells:,.0f} cells a head is too large; {_MOST_CELLS:,} are the most")
            if min(self.yaw, self.pitch, self.roll) > 90:
                raise ValueError("yaw, pitch and roll all beyond 90 degrees describe the same rotations twice")
            if self.distance * (1 - self.spread) < 20:
                raise ValueError("the head comes nearer than 20 cm: a larger distance, or a smaller spread")
            return self

    provides: ClassVar[frozenset[str]] = frozenset({"landmarks"})
    people_option = "identities"

    def variant(self) -> Mapping[str, Any]:
        return {name: value for name, value in super().variant().items() if name != "stored"}

    def axes(self) -> GridAxes:
        """The bins of the grid, and its convention."""
        o = self.options
        yaw, pitch, roll = (GridAxes.bins(limit, o.step) for limit in (o.yaw, o.pitch, o.roll))
        return GridAxes(yaw, pitch, roll, o.convention)

    def ids(self) -> Sequence[str]:
        grid, cells = self._evaluated, self._cells
        if len(grid) * len(cells) > _MOST_SAMPLES:
            raise UsageError(f"{len(grid) * len(cells):,} samples are too large a test; {_MOST_SAMPLES:,} are the most")
        return [f"{head}_{cell}" for head in grid.identities for cell in cells]

    def sample(self, id: str) -> Sample:
        head, _, label = id.partition("_")
        place = int(head) - FIRST[self.options.part] if head.isdecimal() else -1
        if label not in self._cells or not 0 <= place < len(self._evaluated) or head_name(int(head)) != head:
            raise SampleError(f"sample {id}: not one of this grid")
        cell = self._cells[label]
        landmarks = functools.partial(self._evaluated.cell, place, cell)
        # The angles that are scored are the harness's, which those of another convention are not.
        return Sample(id, self._rotations[cell], self._angles[cell], landmarks=landmarks, person=head)

    def grid(self, part: Literal["train", "validation"]) -> Grid:
        made = self._made(part)
        return self._stored(part, made) if self.options.stored else made

    def prepare(self, report: Callable[[str], None]) -> Sequence[Path]:
        """Write the grids to learn from, train.h5 and validation.h5, one head at a time."""
        written = []
        for part in ("train", "validation"):
            made = self._made(part)
            with write_grid(self._path(part), made.axes, made.about) as writer:
                for place, head in enumerate(made.identities):
                    writer.add(head, made.read(place, place + 1)[0])
            report(f"{len(made):,} heads of {np.prod(made.axes.shape):,} poses to {part}")
            written.append(self._path(part))
        return written

    def _made(self, part: Part) -> SyntheticGrid:
        o = self.options
        recipe = Recipe(o.seed, o.deformation, o.noise, o.wobble, o.distance, o.spread)
        count = o.validation if part == "validation" else o.identities
        return SyntheticGrid(self.axes(), FIRST[part], count, recipe)

    def _stored(self, part: Part, made: SyntheticGrid) -> Grid:
        """The grid's file, as far as it is asked for, looked at: it says what made it, and its ends are made again."""
        path = self._path(part)
        mend = f"write it anew with hpe-bench prepare synthetic (root {self.root}) and the same options"
        if not path.is_file():
            raise MissingError(f"no grid {path}: {mend}")
        file = GridFile(path)
        if file.about.get("recipe") != made.about["recipe"] or file.axes != made.axes:
            raise DataError(f"{path} was made with other options: {mend}")
        if file.identities[: len(made)] != made.identities:
            raise DataError(f"{path} holds {len(file)} heads where {len(made)} are asked for: {mend}")
        strange = f"{path} does not hold what this program makes: {mend}"
        for place in {0, len(made) - 1}:
            try:
                stored = file.read(place, place + 1)
            except DataError as error:
                raise DataError(strange) from error
            if not np.allclose(stored, made.read(place, place + 1), atol=1e-2):
                raise DataError(strange)
        return file.first(len(made))

    def _path(self, part: Part) -> Path:
        return self.root / f"{part}.h5"

    @functools.cached_property
    def _evaluated(self) -> SyntheticGrid:
        return self._made(self.options.part)

    @functools.cached_property
    def _cells(self) -> dict[str, int]:
        angles = self.axes().angles().reshape(-1, 3)
        return {f"{yaw:+g}_{pitch:+g}_{roll:+g}": cell for cell, (yaw, pitch, roll) in enumerate(angles)}

    @functools.cached_property
    def _rotations(self) -> Any:
        return self.axes().rotations().reshape(-1, 3, 3)

    @functools.cached_property
    def _angles(self) -> Any:
        stated = self.axes().angles().reshape(-1, 3)
        return stated if self.options.convention == "pitch-yaw-roll" else pose.euler_from_rotation(self._rotations)
