"""What is to be predicted, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpe_bench.errors import HpeBenchError
from hpe_bench.images import Pixels
from hpe_bench.inference.drawing import Draw
from hpe_bench.inference.estimating import Answered
from hpe_bench.inference.records import Record, records_of
from hpe_bench.inference.smoothing import Smoothing


@dataclass(frozen=True)
class Request:
    """What to predict on, with what, and what to do with it.

    Pictures go to ``output``, to nowhere where it is None; what the estimator shows of its answers to the folder
    ``maps``. ``every`` takes every so-manieth frame of a video, or image; ``limit`` so many of them. At most ``faces``
    are followed in a video, and where there may be one more, it is looked for every ``redetect`` frames. A face counts
    above the detector's ``confidence``. Files that are there already are replaced only where ``overwrite`` says so.
    ``fps`` writes how many frames a second are done onto those of a video.
    """

    estimator: str
    inputs: Sequence[str | Path | Pixels] = ()
    camera: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    crop: str | None = None
    extractor: str | None = None
    faces: int = 1
    confidence: float = 0.5
    redetect: int = 15
    draw: Draw = "axes"
    smoothing: Smoothing | None = None
    output: Path | None = None
    maps: Path | None = None
    csv: Path | None = None
    json: Path | None = None
    every: int = 1
    limit: int | None = None
    seed: int = 0
    device: str = "auto"
    show: bool = False
    overwrite: bool = False
    fps: bool = False


@dataclass
class Outcome:
    """What was found: a record for each face of each frame, and one for each frame without.

    ``faults`` are the inputs that could not be read, ``notes`` what a person must know of those that could, ``spare``
    how many more faces than asked for were seen in one frame. ``seconds`` leaves out loading the models.
    """

    records: list[Record] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    faults: list[HpeBenchError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    frames: int = 0
    spare: int = 0
    seconds: float = 0.0

    def add(self, answered: Answered) -> None:
        """One more frame."""
        self.records += records_of(answered)
        self.frames += 1
