"""The Estimator contract: what an estimator asks for, and what it gives back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hpe_bench.charts import Chart
from hpe_bench.crops import Box
from hpe_bench.declarations import values as declared
from hpe_bench.errors import DeclarationError, UsageError
from hpe_bench.images import Interpolation, Pixels, cut_centre, resize, resize_shorter_side
from hpe_bench.maps import Maps
from hpe_bench.options import Options as OptionsModel
from hpe_bench.reading import writable
from hpe_bench.storage import write_atomically
from hpe_bench.training import Preset, Trained, Training

_LARGEST_SIDE = 16_384


@dataclass(frozen=True)
class Images:
    """Input: images (N, height, width, 3) uint8, cropped by a rule and resized.

    ``crop`` names a family of crop rules, which the dataset resolves; None takes the protocol's. ``size`` is
    (width, height); None leaves the crops as they are, and ``batch.images`` is then a list of arrays. The aspect is not
    kept, unless ``shorter_side`` says how many pixels the shorter side is to have first: then ``size`` is cut out of
    the centre. ``interpolation`` is OpenCV's, but for "antialias": Pillow's bilinear filter, as wide as a smaller image
    needs it, which torchvision resizes with.
    """

    crop: str | None = None
    size: tuple[int, int] | None = None
    order: Literal["RGB", "BGR"] = "RGB"
    interpolation: Interpolation = "linear"
    shorter_side: int | None = None

    def __post_init__(self) -> None:
        """:class:`DeclarationError`, a ValueError, where a field is not what it may be."""
        declared.name("Images", "crop", self.crop, optional=True)
        if self.size is not None:
            object.__setattr__(self, "size", _checked_size(self.size))
        declared.one_of("Images", "order", self.order, ("RGB", "BGR"))
        declared.one_of("Images", "interpolation", self.interpolation, get_args(Interpolation))
        declared.whole("Images", "shorter_side", self.shorter_side, 1, _LARGEST_SIDE, optional=True)
        if self.shorter_side is not None and (self.size is None or max(self.size) > self.shorter_side):
            raise DeclarationError(
                f"Images: no size {self.size} can be cut out of every image with a shorter_side of {self.shorter_side}"
            )

    def fit(self, image: Pixels) -> Pixels:
        """A crop (H, W, 3), RGB, in the size and colour order that is asked for."""
        if self.size is not None and self.shorter_side is not None:
            image = cut_centre(resize_shorter_side(image, self.shorter_side, self.interpolation), self.size)
        elif self.size is not None:
            image = resize(image, self.size, self.interpolation)
        return self.ordered(image)

    def ordered(self, image: Pixels) -> Pixels:
        """An RGB image (H, W, 3) in the colour order that is asked for."""
        return np.ascontiguousarray(image[..., ::-1]) if self.order == "BGR" else image


@dataclass(frozen=True)
class Landmarks:
    """Input: facial landmarks (N, 468, 3) float64, found in the crop, NaN where no face was found.

    In pixels of the crop, so that x, y and z share one scale: x right, y down, z smaller towards the camera. ``crop``
    as for :class:`Images`; ``extractor`` names what finds them. ``units`` "image" are MediaPipe's own: x and z in
    shares of the crop's width, y of its height. Landmarks that a dataset gives itself are of no image: they come as
    they are.
    """

    crop: str | None = None
    extractor: str = "facemesh"
    units: Literal["pixels", "image"] = "pixels"

    def __post_init__(self) -> None:
        """:class:`DeclarationError`, a ValueError, where a field is not what it may be."""
        declared.name("Landmarks", "crop", self.crop, optional=True)
        declared.name("Landmarks", "extractor", self.extractor)
        declared.one_of("Landmarks", "units", self.units, ("pixels", "image"))

    def scaled(self, landmarks: NDArray[Any], boxes: Sequence[Box]) -> NDArray[Any]:
        """Landmarks (N, points, 3) in pixels of the crops of N boxes (left, top, right, bottom), in its units."""
        if self.units == "pixels":
            return landmarks
        sides = np.array([(right - left, bottom - top) for left, top, right, bottom in boxes]).reshape(-1, 2)
        return np.asarray(landmarks / sides[:, None, [0, 1, 0]])


@dataclass(frozen=True)
class Nothing:
    """Input: none; the batch has a length and seeds only."""


Inputs = Images | Landmarks | Nothing


def _checked_size(size: Any) -> tuple[int, int]:
    """The width and height that ``size`` gives."""
    meant = (
        f"(width, height) in pixels: write ({size}, {size})" if isinstance(size, int) else "(width, height) in pixels"
    )
    if isinstance(size, (str, bytes)) or not isinstance(size, Sequence) or len(size) != 2:
        declared.refuse("Images", "size", size, f"{meant}, or None")
    for side in size:
        if isinstance(side, bool) or not isinstance(side, (int, np.integer)) or not 1 <= side <= _LARGEST_SIDE:
            declared.refuse("Images", "size", size, f"{meant}, whole numbers from 1 to {_LARGEST_SIDE}")
    return int(size[0]), int(size[1])


@dataclass(frozen=True)
class Batch:
    """What an estimator sees of N samples: the inputs it declared, and never a label, an id or a path.

    ``seeds`` (N,) uint64 depend on the run's seed and the sample alone: chance that is drawn from them is the same
    whatever the batch size and wherever a run was interrupted.
    """

    seeds: NDArray[np.uint64]
    images: Any = None
    landmarks: Any = None

    def __len__(self) -> int:
        return len(self.seeds)


@dataclass(frozen=True)
class Prediction:
    """Rotations (N, 3, 3) in the harness's frame, NaN where there is no answer, with a confidence (N,) each.

    Confidence may have any scale; larger means surer.
    """

    rotations: NDArray[Any]
    confidence: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        """ValueError where there is not one confidence for each rotation."""
        if self.confidence is not None and np.shape(self.confidence) != np.shape(self.rotations)[:1]:
            raise ValueError(
                f"Prediction: confidence of shape {np.shape(self.confidence)} beside rotations of shape "
                f"{np.shape(self.rotations)}; it has one number a rotation, or is None"
            )


#: What the name of a set of weights may be: the name of a folder, and nothing else.
SET_NAME = r"^\w[\w.-]*$"


@dataclass(frozen=True)
class Card:
    """What a set of checkpoints is: written beside them as ``card.json``.

    ``files`` have their SHA-256. ``licence`` is that of the weights, ``data_licence`` that of what they were trained
    on: either may forbid what the other allows. ``source`` is where the set was fetched, or the command that trained
    it. Of a set that was trained here, ``training`` is the digest of the training, ``figures`` are those of its stages,
    and ``about`` is what the estimator says of it. A set with ``shipped`` came with the project, and is never written
    over.
    """

    estimator: str
    name: str
    files: dict[str, str]
    trained_on: str = ""
    licence: str = ""
    source: str = ""
    origin: dict[str, str] = field(default_factory=dict)
    training: str = ""
    figures: dict[str, dict[str, float | None]] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    shipped: bool = False
    data_licence: str = ""

    FILE: ClassVar[str] = "card.json"
    #: Under which name a card holds the SHA-256 of its numbers; its words anybody may mend.
    CHECKSUM: ClassVar[str] = "checksum"

    def write(self, folder: Path) -> Path:
        """Put it beside the checkpoints in a folder; returns the file."""
        path = folder / self.FILE
        stated = writable(asdict(self))
        stated[self.CHECKSUM] = self.checksum(stated)
        write_atomically(path, json.dumps(stated, indent=1).encode() + b"\n")
        return path

    @staticmethod
    def checksum(stated: Mapping[str, Any]) -> str:
        """SHA-256 of the digests and figures of a card."""
        numbers = [stated.get("files"), stated.get("figures")]
        return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()


class Estimator:
    """A way to get a head's rotation from an image or from facial landmarks.

    The least that a subclass gives is ``inputs`` and :meth:`predict`. Its module should import heavy packages inside
    :meth:`load`, so that it can be asked about itself cheaply.
    """

    #: What it asks for; :meth:`find_weights` may set it anew, where that depends on the checkpoint.
    inputs: Inputs = Nothing()
    Options: ClassVar[type[OptionsModel]] = OptionsModel
    #: Packages beside the harness's own without which it cannot run, and the extra that brings them.
    requires: ClassVar[tuple[str, ...]] = ()
    #: Device kinds it can use: "cpu", "cuda".
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    extra: ClassVar[str] = ""
    #: The folder of its checkpoints below the weights folder, where it is not its own name.
    weights_folder: ClassVar[str] = ""
    #: Options of its training; None where it cannot be trained.
    TrainingOptions: ClassVar[type[OptionsModel] | None] = None
    #: Options of importing its weights, which :meth:`import_weights` is given as ``options=`` then; None for none.
    ImportOptions: ClassVar[type[OptionsModel] | None] = None
    #: Ways to train by name, the first being the default.
    presets: ClassVar[Mapping[str, Preset]] = {}
    #: Estimators that a series over growing training sets shows beside it: those that load the same weights, and
    #: those that are trained on the same identities.
    companions: ClassVar[tuple[str, ...]] = ()
    #: The names of what :meth:`predict_with_maps` shows; none where it has none.
    maps: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: OptionsModel | None = None) -> None:
        self.options: Any = options if options is not None else self.Options()

    def find_weights(self, folder: Path) -> Mapping[str, Path]:
        """The checkpoint files it will load, by role, from ``folder``: weights/``weights_folder``, or its own name.

        Raises :class:`MissingError` that says what to fetch or to train, and where to put it. It is asked again with
        the folder of what the project ships, where the user has none.
        """
        return {}

    def load(self, weights: Mapping[str, Path], device: str) -> None:
        """Get ready to predict on "cpu" or "cuda", with the files that :meth:`find_weights` named."""

    def parameters(self) -> int | None:
        """How many numbers it learned, of what :meth:`load` loaded; None where it does not say."""
        return None

    def predict(self, batch: Batch) -> NDArray[Any] | Prediction:
        """Rotations (N, 3, 3) of a batch, head to camera, camera axes x right, y down, z forward; NaN for no answer."""
        raise TypeError(f"{type(self).__name__} has no predict()")

    def predict_with_maps(self, batch: Batch) -> tuple[NDArray[Any] | Prediction, Mapping[str, Maps]]:
        """The answers of :meth:`predict`, unchanged, and what ``maps`` names, of the computation that gave them."""
        raise UsageError(f"{type(self).__name__} has no maps")

    def charts(self, weights: Mapping[str, Path]) -> Sequence[Chart]:
        """What ``hpe-bench plot model`` draws of the files ``weights``, by role, which :meth:`find_weights` named;
        nothing is loaded before."""
        return ()

    @classmethod
    def train(cls, training: Training) -> Trained:
        """Learn from ``training.datasets``, by ``training.options``, resuming from what an interrupted try saved.

        An estimator that is trained has an option ``weights``, the name of the set that it loads.
        """
        raise UsageError("this estimator cannot be trained")

    @classmethod
    def import_weights(
        cls, paths: Sequence[Path], folder: Path, name: str | None, report: Callable[[str], None]
    ) -> Sequence[Path]:
        """Convert official checkpoint files into ``folder``/``name``; returns what was written.

        One that has :attr:`ImportOptions` takes them as another argument, ``options``.
        """
        raise UsageError("this estimator has no weights to import")

    @classmethod
    def deploy_weights(cls, weights: Mapping[str, Path], report: Callable[[str], None]) -> Mapping[str, bytes]:
        """The files by name of a set that predicts the same as ``weights``, by role, with less work."""
        raise UsageError("this estimator has no other form to deploy")
