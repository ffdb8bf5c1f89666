"""The Dataset contract: samples by id, each with its true rotation, and what is needed to crop it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from hpe_bench.crops import WHOLE, CropRule, RandomCrop
from hpe_bench.errors import DataError, MissingError, PluginError, SampleError, UnitError, UsageError
from hpe_bench.images import ImageSource, Pixels
from hpe_bench.label_check import checked_label
from hpe_bench.options import Options as OptionsModel
from hpe_bench.text import one_line, printable

if TYPE_CHECKING:
    from hpe_bench.grids import Grid

Array = NDArray[np.float64]

#: Of an id, a person or a sequence, in UTF-8: what is read of a run.
MOST_NAME_BYTES = 2**12
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Sample:
    """One labelled head.

    ``rotation`` (3, 3) is R in camera axes; ``euler`` yaw, pitch, roll in degrees as the dataset states them, derived
    from the rotation where it states none. ``image`` is a path, an RGB array or any image source, ``landmarks``
    (468, 3), or a function of nothing that makes them, is what a dataset without images gives instead. ``points``
    (2, K) are in pixels of the image: facial points, or the corners of the face's box; None where there is no face.
    ``files`` are what the sample was read from: their sizes enter the fingerprint.
    """

    id: str
    rotation: Any
    euler: Any = None
    image: ImageSource | Path | str | Pixels | None = None
    landmarks: Any = None
    points: Any = None
    person: str = ""
    sequence: str = ""
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Fault:
    """A sample that cannot be used, and why; ``unit``: its angles are in another unit than the dataset's."""

    id: str
    reason: str
    unit: bool = False


@dataclass(frozen=True)
class Labels:
    """The labels of many samples, column by column.

    ``digests`` are SHA-256 over all that is known of each sample but its pixels: label, points, clusters, file sizes.
    ``with_points`` (N,) says which samples have points.
    """

    ids: tuple[str, ...]
    rotation: Array
    euler: Array
    person: tuple[str, ...]
    sequence: tuple[str, ...]
    digests: tuple[bytes, ...]
    with_points: NDArray[np.bool_]
    faults: tuple[Fault, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, places: Sequence[int] | NDArray[np.int64]) -> Labels:
        """The labels at some places, in that order."""
        chosen = np.asarray(places, dtype=np.int64)
        return Labels(
            ids=tuple(self.ids[i] for i in chosen),
            rotation=self.rotation[chosen],
            euler=self.euler[chosen],
            person=tuple(self.person[i] for i in chosen),
            sequence=tuple(self.sequence[i] for i in chosen),
            digests=tuple(self.digests[i] for i in chosen),
            with_points=self.with_points[chosen],
            faults=self.faults,
        )


@dataclass(frozen=True)
class Check:
    """One line of what ``verify`` found: ``expected`` is None where any value will do."""

    what: str
    found: Any
    expected: Any = None

    @property
    def passed(self) -> bool:
        return self.expected is None or self.found == self.expected


class Dataset:
    """Samples by id. Picklable, so that worker processes can read samples on their own.

    A subclass gives :meth:`ids` and :meth:`sample`; and, where its labels can be read faster than sample by sample,
    :meth:`labels`.
    """

    Options: ClassVar[type[OptionsModel]] = OptionsModel
    #: The folder's usual name below the datasets folder; "" where the dataset needs none.
    folder: ClassVar[str] = ""
    #: Where to get it and where to put it, for the error that says it is missing.
    how_to_get: ClassVar[str] = ""
    #: What its samples carry: "images", "landmarks".
    provides: ClassVar[frozenset[str]] = frozenset({"images"})
    #: Crop rules by family.
    crops: ClassVar[Mapping[str, CropRule]] = {"whole": WHOLE}
    #: Crop rules to learn from, by family, where they differ from those above.
    random_crops: ClassVar[Mapping[str, RandomCrop]] = {}
    #: The option that says how many people are learned from, more of them always being those of fewer and others, and
    #: the protocol of people who never are: what a series over identities goes through, and is evaluated on. Without
    #: one it is "identities", and the default protocol.
    people_option: ClassVar[str] = ""
    held_out: ClassVar[str] = ""
    #: What it was registered with, where the harness opened it: licence, url, citation.
    registered: Mapping[str, str] = MappingProxyType({})
    #: Its name, likewise.
    registered_as: str = ""

    def __init__(self, root: Path, options: OptionsModel | None = None) -> None:
        self.root = root
        self.options: Any = options if options is not None else self.Options()

    def ids(self) -> Sequence[str]:
        """Every sample's id, unique, in the dataset's fixed order."""
        raise TypeError(f"{type(self).__name__} has no ids()")

    def sample(self, id: str) -> Sample:
        """One sample, its image not read yet; :class:`SampleError` naming the file where the label cannot be read."""
        raise TypeError(f"{type(self).__name__} has no sample()")

    def variant(self) -> Mapping[str, Any]:
        """What the options change that the labels do not show: hashed into every run."""
        return dict(self.options.model_dump(mode="json"))

    def crop_rules(self) -> Mapping[str, CropRule]:
        """The crop rules by family of the dataset as it is opened, where these are not those of the class."""
        return self.crops

    def about(self) -> Mapping[str, Any]:
        """What a run keeps of how its samples came about, JSON-ready: who is in which part of a split, what cropped."""
        return {}

    def data_licence(self) -> str:
        """The licence of what lies at the root, where that is not the one that the dataset is registered with."""
        return ""

    def notes(self) -> Sequence[str]:
        """What a reader of a table has to know, a line each."""
        return ()

    def labels_follow_from(self) -> Any:
        """What labels follow from besides the files of each sample and the code of the class; JSON-ready.

        None, the default: they are read anew every time. Otherwise they are kept in an index, and read again where
        a file of theirs has another size or time.
        """
        return None

    def labels(self, skip_bad: bool = False, progress: Callable[[int, int], None] | None = None) -> Labels:
        """Every sample's label; with ``skip_bad`` the unreadable are listed as faults instead of raised."""
        return read_labels(self, self.ids(), skip_bad, progress)

    def grid(self, part: Literal["train", "validation"]) -> Grid:
        """Landmarks over a grid of poses, to learn from; no identity is in both parts, nor in what is evaluated."""
        raise UsageError(f"{self._called()} has no grid to learn from: name another with --dataset")

    def part(self, part: Literal["train", "validation"]) -> Dataset | None:
        """The samples to learn from, or those to validate on meanwhile, as a dataset of its own.

        Nobody is in both parts, nor in what is held out to be evaluated on. None of "validation" where all is to be
        learned from, and nothing validated on.
        """
        raise UsageError(f"{self._called()} has no part to learn from and none to validate on")

    def checks(self) -> Sequence[Check]:
        """What ``verify`` looks at besides counts, labels and images: quick, without opening an image."""
        return ()

    def prepare(self, report: Callable[[str], None]) -> Sequence[Path]:
        """Write what the dataset needs or its users expect, below its root; returns the files written.

        The command gives a :class:`Preparation`, which is more than a function that tells the user.
        """
        raise UsageError(f"{self._called()} has nothing to prepare: it is used as it lies there")

    def _called(self) -> str:
        """What a user calls it."""
        return f"the dataset {self.registered_as}" if self.registered_as else "this dataset"

    def require_root(self) -> Path:
        """The root, or :class:`MissingError` that says what to download, from where, and where to put it."""
        if not self.root.is_dir():
            raise MissingError(f"no folder {self.root}. {self.how_to_get}".strip())
        return self.root


def _require_unicode(id: str) -> None:
    try:
        id.encode()
    except UnicodeEncodeError:
        raise SampleError(
            f"sample {printable(id)}: the name of its file is not UTF-8; rename it, as convmv does"
        ) from None


def _require_names(id: str, sample: Sample) -> None:
    """:class:`SampleError` where the texts of a sample are none that a run can hold."""
    for what, name in (("id", id), ("person", sample.person), ("sequence", sample.sequence)):
        if _CONTROL.search(str(name)) or len(str(name).encode(errors="replace")) > MOST_NAME_BYTES:
            why = f"holds what is no letter, or is longer than {MOST_NAME_BYTES:,} bytes: no run could hold it"
            raise SampleError(f"sample {one_line(id, 100)}: its {what} {why}")


def _sample_digest(sample: Sample, rotation: Array, euler: Array) -> bytes:
    """SHA-256 of a sample's label (to 1e-9, and a millionth of a degree), points, clusters and file sizes; where it has
    no files, of its image or landmarks, where these are arrays."""
    digest = hashlib.sha256(f"{sample.id}\0{sample.person}\0{sample.sequence}\0".encode())
    digest.update(" ".join(str(path.stat().st_size) for path in sample.files).encode())
    # Adding 0 makes -0 and 0 one number.
    digest.update((np.round(rotation, 9) + 0.0).astype("<f8").tobytes())
    digest.update((np.round(euler, 6) + 0.0).astype("<f8").tobytes())
    if sample.points is not None:
        digest.update(np.asarray(sample.points, dtype="<f8").tobytes())
    if not sample.files:  # nothing else tells what it shows
        for shown in (sample.image, sample.landmarks):
            if isinstance(shown, np.ndarray):
                digest.update(str((shown.shape, shown.dtype.str)).encode() + np.ascontiguousarray(shown).tobytes())
    return digest.digest()


@dataclass
class _Columns:
    ids: list[str] = field(default_factory=list)
    rotation: list[Array] = field(default_factory=list)
    euler: list[Array] = field(default_factory=list)
    person: list[str] = field(default_factory=list)
    sequence: list[str] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    with_points: list[bool] = field(default_factory=list)


def read_labels(
    dataset: Dataset,
    ids: Sequence[str],
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
    read: Callable[[Sample], None] | None = None,
) -> Labels:
    """The labels of the samples named, read one after the other; ``read`` is told of each that can be used."""
    columns, faults = _Columns(), []
    for done, id in enumerate(ids, start=1):
        try:
            _require_unicode(id)
            sample = dataset.sample(id)
            _require_names(id, sample)
            rotation, euler = checked_label(sample)
            digest = _sample_digest(sample, rotation, euler)
            if read is not None:
                read(sample)
        except (DataError, OSError) as error:
            if not skip_bad:
                raise error if isinstance(error, DataError) else SampleError(f"sample {id}: {error}") from error
            faults.append(Fault(printable(id)[:1000], str(error), isinstance(error, UnitError)))
            if progress is not None:
                progress(done, len(ids))
            continue
        columns.ids.append(id)
        columns.rotation.append(rotation)
        columns.euler.append(euler)
        columns.person.append(sample.person)
        columns.sequence.append(sample.sequence)
        columns.digests.append(digest)
        columns.with_points.append(sample.points is not None)
        if progress is not None:
            progress(done, len(ids))
    if len(set(columns.ids)) != len(columns.ids):
        raise PluginError(f"{dataset._called()} gives some ids twice")
    return Labels(
        ids=tuple(columns.ids),
        rotation=np.array(columns.rotation, dtype=np.float64).reshape(-1, 3, 3),
        euler=np.array(columns.euler, dtype=np.float64).reshape(-1, 3),
        person=tuple(columns.person),
        sequence=tuple(columns.sequence),
        digests=tuple(columns.digests),
        with_points=np.array(columns.with_points, dtype=np.bool_),
        faults=tuple(faults),
    )
