"""What is learned from and validated on: the samples of the parts of datasets, by their indexed labels."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hpe_bench.crops import CropRule, RandomCrop
from hpe_bench.datasets import Dataset, Labels
from hpe_bench.errors import MissingError, SampleError, UnknownName
from hpe_bench.estimators import Images
from hpe_bench.image_training.options import ImageTraining
from hpe_bench.images import ImageFile, ImageSource, as_source
from hpe_bench.protocols import Selection
from hpe_bench.training import Training
from hpe_bench.workers import shared_zeros

Part = Literal["train", "validation"]

#: Longer paths of images are not remembered, bytes.
_LONGEST = 512


@dataclass(frozen=True)
class Piece:
    """The samples of one dataset's part."""

    name: str
    dataset: Dataset
    labels: Labels
    rule: CropRule | RandomCrop


class Samples:
    """The samples of several datasets' parts, by their place.

    The points of a sample and the path of its image are remembered, so that its label is read once only; processes that
    are forked share what is remembered.
    """

    def __init__(self, pieces: list[Piece]) -> None:
        self.pieces = pieces
        self.rotation = np.concatenate([piece.labels.rotation for piece in pieces])
        self.euler = np.concatenate([piece.labels.euler for piece in pieces])
        self._starts = np.cumsum([0, *(len(piece.labels) for piece in pieces)])
        self._known = np.zeros(len(self), dtype=np.bool_)
        self._paths: NDArray[np.bytes_] | None = None
        self._points: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return int(self._starts[-1])

    def digest(self) -> str:
        """SHA-256 over all that is known of the samples but their pixels."""
        own = (digest for piece in self.pieces for digest in piece.labels.digests)
        return hashlib.sha256(b"".join(own)).hexdigest()

    def piece(self, place: int) -> tuple[Piece, str]:
        """The part that a sample is of, and its id."""
        which = int(np.searchsorted(self._starts, place, side="right")) - 1
        piece = self.pieces[which]
        return piece, piece.labels.ids[place - int(self._starts[which])]

    def share(self) -> None:
        """Make room for what is remembered, which processes that are forked from now on share."""
        piece, id = self.piece(0)
        points = piece.dataset.sample(id).points
        if points is not None:
            self._points = shared_zeros((len(self), *np.shape(points)), np.float64)
            self._paths = shared_zeros((len(self),), f"S{_LONGEST}")
            self._known = shared_zeros((len(self),), np.bool_)

    def read(self, place: int) -> tuple[ImageSource, NDArray[np.float64] | None]:
        """Where a sample's pixels come from, and its points (2, K)."""
        points, paths = self._points, self._paths
        if points is not None and paths is not None and self._known[place]:
            return ImageFile(os.fsdecode(paths[place])), points[place]
        piece, id = self.piece(place)
        sample = piece.dataset.sample(id)
        if sample.image is None:
            raise SampleError(f"sample {id} has no image")
        source = as_source(sample.image)
        own = None if sample.points is None else np.asarray(sample.points, dtype=np.float64)
        if isinstance(source, ImageFile) and points is not None and paths is not None and own is not None:
            path = os.fsencode(source.path)
            same = source == ImageFile(source.path) and own.shape == points.shape[1:]
            if same and len(path) <= _LONGEST:
                points[place], paths[place] = own, path
                self._known[place] = True  # last: another process takes both to be whole then
        return source, own


def read_samples(training: Training, inputs: Images, part: Part) -> Samples | None:
    """The samples of one part of the datasets to learn from.

    Heads with too large an angle are left out, and those in whose image no face was found. Those to validate on are
    cropped as they are when they are tested on, and are so many as the options say at most, evenly spread; None at all
    where no dataset sets any aside.
    """
    options: ImageTraining = training.options
    pieces = []
    for name, whole in training.datasets.items():
        if "images" not in whole.provides:
            raise MissingError(f"it learns from images, and the dataset {name} has none")
        dataset = whole.part(part)
        if dataset is None:
            continue
        family = options.crop or inputs.crop or "whole"
        tested = _rule(name, dataset, family)
        rule = dataset.random_crops.get(family, tested) if part == "train" else tested
        labels = training.labels(dataset)
        within = (-options.largest, options.largest)
        keep = Selection(yaw=within, pitch=within, roll=within).mask(labels)
        if tested.faceless:
            keep &= labels.with_points
        chosen = np.flatnonzero(keep)
        if not len(chosen):
            raise MissingError(
                f"none of the {len(labels):,} samples of {name} for {part} can be learned from: no face in any, or "
                f"angles beyond {options.largest:g} degrees (-o largest=)"
            )
        pieces.append(Piece(name, dataset, labels.take(chosen), rule))
    if not pieces:
        return None
    if part == "validation":
        total = sum(len(piece.labels) for piece in pieces)
        pieces = [_thinned(piece, options.validated / total) for piece in pieces]
    return Samples(pieces)


def _thinned(piece: Piece, share: float) -> Piece:
    n = len(piece.labels)
    if share >= 1:
        return piece
    places = np.linspace(0, n - 1, max(1, round(n * share))).round().astype(np.int64)
    return Piece(piece.name, piece.dataset, piece.labels.take(places), piece.rule)


def _rule(name: str, dataset: Dataset, family: str) -> CropRule:
    """The crop of a family to test with."""
    rules = dataset.crop_rules()
    if family not in rules:
        raise UnknownName("crop", family, rules, f" (dataset {name}; choose with -o crop=)")
    return rules[family]
