"""From faces in frames to rotations: what the estimator asks for is cut out, and its answers are checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.crops import FACE_BOX, FSANET_POINTS, NLML_TEST, SIXDREPNET_TEST, WHOLE, Box, CropRule, cut, resolve_box
from hpe_bench.errors import HpeBenchError, RunFailed, SampleError, UnknownName
from hpe_bench.estimators import Batch, Estimator, Images, Inputs, Landmarks, Nothing
from hpe_bench.faults import error_in_words, faults_of
from hpe_bench.images import Pixels
from hpe_bench.inference.faces import Face
from hpe_bench.inference.frames import Frame
from hpe_bench.landmarks.extractor import Extractor
from hpe_bench.maps import HeatMaps, Maps, checked_maps
from hpe_bench.runs.answers import answers_of

#: The families of crop rules, by what the face's points enclose.
RULES: Mapping[str, CropRule] = {
    "6drepnet": SIXDREPNET_TEST,
    "nlml": NLML_TEST,
    "fsanet": FSANET_POINTS,
    "face": FACE_BOX,
    "whole": WHOLE,
}
#: The family for an estimator that names none.
_FAMILY = "6drepnet"

_BATCH_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Seen:
    """The faces of a frame, each with its number."""

    frame: Frame
    faces: Sequence[tuple[int, Face]]


@dataclass(frozen=True, eq=False)
class Looked:
    """What an estimator shows of one face: ``crop`` (H, W, 3), RGB, and ``maps`` by name, heat maps of it alone."""

    crop: Pixels
    maps: Mapping[str, Maps]


@dataclass(frozen=True, eq=False)
class Answer:
    """What is known of a face: the rotation (3, 3) is NaN for no answer, the confidence for none given.

    ``looked`` is what the estimator shows of its answer, where that is asked for.
    """

    id: int
    face: Face
    rotation: NDArray[np.float64]
    confidence: float
    looked: Looked | None = None


@dataclass(frozen=True, eq=False)
class Answered:
    """A frame with all that is known of its faces."""

    frame: Frame
    answers: Sequence[Answer]


def find_rule(inputs: Inputs, override: str | None) -> CropRule:
    """The crop rule of what an estimator asks for; :class:`UnknownName` where predicting knows no such family."""
    family = override or getattr(inputs, "crop", None) or _FAMILY
    if family not in RULES:
        raise UnknownName("crop", family, RULES, " (choose with --crop)")
    return RULES[family]


class Asker:
    """Asks an estimator about faces. ``extractor`` finds landmarks in the crop, where FaceMesh's are not wanted.

    ``maps`` are those of the estimator that answers come with.
    """

    def __init__(
        self,
        label: str,
        estimator: Estimator,
        rule: CropRule,
        extractor: Extractor | None = None,
        seed: int = 0,
        maps: Sequence[str] = (),
    ) -> None:
        self._label, self._estimator, self._rule = label, estimator, rule
        self._extractor, self._seed, self._maps = extractor, seed, maps

    def ask(self, frames: Iterable[Seen], at_once: int) -> Iterator[Answered]:
        """The frames with their answers. Frames are gathered, so that the estimator has several faces at a time."""
        group: list[Seen] = []
        for seen in frames:
            group.append(seen)
            if len(group) >= at_once or sum(one.frame.image.nbytes for one in group) >= _BATCH_BYTES:
                yield from self._answer(group)
                group = []
        if group:
            yield from self._answer(group)

    def _answer(self, group: Sequence[Seen]) -> Iterator[Answered]:
        faces = [(seen.frame, id, face) for seen in group for id, face in seen.faces]
        crops = [self._crop(frame, face) for frame, _, face in faces]
        shown = [place for place, crop in enumerate(crops) if crop is not None]
        rotations, confidence = np.full((len(faces), 3, 3), np.nan), np.full(len(faces), np.nan)
        looked: dict[int, Looked] = {}
        if shown:
            asked = [(*face, box) for face, box in zip(faces, crops, strict=True) if box is not None]
            batch = self._batch(asked)
            predicted, maps = self._predict(batch)
            rotations[shown], *given = answers_of(predicted, len(shown), self._label)
            if given:
                confidence[shown] = given[0]
            if maps is not None:
                for number, (place, (frame, _, _, box)) in enumerate(zip(shown, asked, strict=True)):
                    own = {name: one.of(number) if isinstance(one, HeatMaps) else one for name, one in maps.items()}
                    looked[place] = Looked(self._seen(batch, number, frame, box), own)
        place = 0
        for seen in group:
            answers = []
            for id, face in seen.faces:
                answers.append(Answer(id, face, rotations[place], float(confidence[place]), looked.get(place)))
                place += 1
            yield Answered(seen.frame, answers)

    def _predict(self, batch: Batch) -> tuple[Any, Mapping[str, Maps] | None]:
        """What the estimator gave, and what it shows of that, where maps are asked for."""
        try:
            with faults_of(self._label):
                if not self._maps:
                    return self._estimator.predict(batch), None
                predicted, shown = self._estimator.predict_with_maps(batch)
        except HpeBenchError:
            raise
        except Exception as error:
            raise RunFailed(f"{self._label} failed: {error_in_words(error)}") from error
        return predicted, checked_maps(shown, self._maps, len(batch), self._label)

    def _seen(self, batch: Batch, place: int, frame: Frame, box: Box) -> Pixels:
        """What maps lie over (H, W, 3), RGB: the image that the estimator saw, or the crop of its landmarks."""
        inputs = self._estimator.inputs
        if isinstance(inputs, Images):
            return inputs.ordered(batch.images[place])  # to turn BGR round once more is RGB
        return cut(frame.image, box)

    def _crop(self, frame: Frame, face: Face) -> Box | None:
        """The box of the crop; None where it lies outside the picture."""
        height, width = frame.image.shape[:2]
        try:
            return resolve_box(self._rule, face.points, width, height, frame.source.name)
        except SampleError:
            return None

    def _batch(self, shown: Sequence[tuple[Frame, int, Face, Any]]) -> Batch:
        inputs = self._estimator.inputs
        seeds = np.array([_seed(self._seed, frame, id) for frame, id, _, _ in shown], dtype=np.uint64)
        if isinstance(inputs, Nothing):
            return Batch(seeds)
        if isinstance(inputs, Landmarks):
            found = np.stack([self._landmarks(frame, face, box) for frame, _, face, box in shown])
            return Batch(seeds, landmarks=inputs.scaled(found, [box for *_, box in shown]))
        images: Any = [inputs.fit(cut(frame.image, box)) for frame, _, _, box in shown]
        return Batch(seeds, images=np.stack(images) if inputs.size is not None else images)

    def _landmarks(self, frame: Frame, face: Face, box: Box) -> NDArray[np.float64]:
        if self._extractor is not None:
            with faults_of(f"the extractor {type(self._extractor).__name__}"):
                found = self._extractor.find(cut(frame.image, box))
            return np.full((self._extractor.points, 3), np.nan) if found is None else np.asarray(found)
        if face.landmarks is None:
            return np.full((468, 3), np.nan)
        return face.landmarks - (box[0], box[1], 0.0)


def _seed(seed: int, frame: Frame, id: int) -> int:
    text = f"{seed}\0{frame.source.place}\0{frame.index}\0{id}"
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).digest()  # a name may be of any bytes
    return int.from_bytes(digest[:8], "little")
