"""What 300W-LP and AFLW2000 share: a jpg beside a mat for every sample, lists of samples, and the labels in the mat."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from hpe_bench import (
    Check,
    CropRule,
    DataError,
    Dataset,
    ImageFile,
    MissingError,
    Options,
    Sample,
    SampleError,
    UsageError,
    crops,
    file_digest,
    pose,
    write_atomically,
)
from hpe_bench_plugins.datasets import WITHIN_99
from hpe_bench_plugins.datasets.fsanet_npz import npz_ids, npz_sample
from hpe_bench_plugins.datasets.mat_labels import read_label
from hpe_bench_plugins.datasets.sample_lists import read_list

LIST_NAME = "files.txt"
_IMAGES, _LABELS = (".jpg", ".jpeg"), (".mat",)
#: Where no sample is, whatever the dataset.
_NO_FOLDERS = frozenset({"__MACOSX"})
_COPY = re.compile(r" \(\d+\)$| - Copy(?: \(\d+\))?$| copy(?: \d+)?$")


class MatPairs(Dataset):
    """Samples by their path below the root, without suffix: <id>.jpg beside <id>.mat."""

    class Options(Options):
        """The list of samples, or what to take instead of the tree."""

        files: Path | None = Field(
            None,
            description="a list of samples, one a line without suffix, relative to the root, as prepare writes",
        )
        npz: Path | None = Field(
            None, description="a file of crops as FSA-Net prepares them, with image and pose, instead of the tree"
        )

        def idle(self, purpose: str) -> Mapping[str, str]:
            whole = "prepare lists the samples of the whole folder"
            return dict.fromkeys(type(self).model_fields, whole) if purpose == "prepare" else {}

    #: As registered.
    name: ClassVar[str]
    #: Whether there are samples in folders below the root, and those that have none.
    subfolders: ClassVar[bool] = False
    other_folders: ClassVar[frozenset[str]] = frozenset()
    crops: ClassVar[Mapping[str, CropRule]] = {
        rule.name: rule for rule in (crops.SIXDREPNET_TEST, crops.NLML_TEST, crops.FSANET_POINTS, crops.WHOLE)
    }

    def __init__(self, root: Path, options: Any = None) -> None:
        super().__init__(root, options)
        if self.options.npz is not None and self.options.files is not None:
            raise UsageError("an npz has no names of samples: it goes with no list (files)")

    def variant(self) -> Mapping[str, Any]:
        # Which samples of a tree there are shows in the labels.
        return {} if self._npz is None else {"images": "npz", "content": file_digest(self._npz)}

    def crop_rules(self) -> Mapping[str, CropRule]:
        """All that is known of what was cropped before is the whole of it."""
        return self.crops if self._npz is None else dict.fromkeys(self.crops, crops.WHOLE)

    def labels_follow_from(self) -> Any:
        return [] if self._npz is None else None

    def ids(self) -> Sequence[str]:
        if self._npz is not None:
            return npz_ids(self._npz)
        root = self.require_root()
        return self._there if self.options.files is None else self._listed(root)

    def sample(self, id: str) -> Sample:
        if self._npz is not None:
            return npz_sample(self._npz, id)
        image, label = self._file(id, _IMAGES), self._file(id, _LABELS)
        for path, twin in ((image, label), (label, image)):
            if not path.is_file():
                raise SampleError(f"{path} is missing, the twin of {twin.name}")
        euler, points = read_label(label)
        return Sample(
            id=id,
            rotation=pose.rotation_from_euler(euler),
            euler=euler,
            image=ImageFile(image),
            points=points,
            person=self.person(id),
            files=(image, label),
        )

    def notes(self) -> Sequence[str]:
        if self._npz is not None:
            return [f"the crops of {self._npz.name}, as they were cut out before"]
        copies = self._copies
        return [f"{len(copies):,} copies left out, such as '{copies[0]}'"] if copies else []

    def checks(self) -> Sequence[Check]:
        if self._npz is not None:
            return []
        return [Check("copies of samples, left out", len(self._copies))] if self._copies else []

    def _file(self, id: str, suffixes: Sequence[str]) -> Path:
        """A file of a sample, whatever the case of its suffix; the first where there is none."""
        usual = self.root / f"{id}{suffixes[0]}"
        if usual.is_file():
            return usual
        others = (
            self.root / f"{id}{spelt}" for suffix in suffixes for spelt in (suffix, suffix.upper(), suffix.title())
        )
        return next((path for path in others if path.is_file()), usual)

    def person(self, id: str) -> str:
        """Who is in a sample, or what samples of one face have in common; "" where nobody knows."""
        return ""

    def prepare(self, report: Callable[[str], None]) -> Sequence[Path]:
        """Write files.txt: the samples with every |angle| at most 99 degrees, as the peers' scripts list them.

        :class:`UsageError` where a list of other samples is there already.
        """
        labels = type(self)(self.root).labels()
        kept = [f"./{id}" for id, keep in zip(labels.ids, WITHIN_99.mask(labels), strict=True) if keep]
        path = self.require_root() / LIST_NAME
        content = "\n".join(kept).encode()
        if path.is_file() and path.read_bytes() != content:
            raise UsageError(f"{path} is there already, a list of other samples: rename or remove it first")
        write_atomically(path, content)
        report(f"{len(kept):,} of {len(labels):,} samples listed; the others have an angle beyond 99 degrees")
        return [path]

    @functools.cached_property
    def _npz(self) -> Path | None:
        """The file that is given: as it is given, else below the root."""
        path: Path | None = self.options.npz
        return path if path is None or path.is_absolute() or path.is_file() else self.root / path

    @functools.cached_property
    def _there(self) -> list[str]:
        """The samples below the root, at least one, without copies."""
        copies = set(self._copies)
        return [id for id in sorted(self._found) if id not in copies]

    @functools.cached_property
    def _found(self) -> set[str]:
        found = set(_stems(self.require_root(), "", self.other_folders if self.subfolders else None))
        if not found:
            inside = None if self.subfolders else _nested(self.root)
            mend = f"{inside} does: point to it with --root {inside}" if inside else self.how_to_get
            raise MissingError(f"{self.root} holds no jpg and no mat. {mend}")
        return found

    @functools.cached_property
    def _copies(self) -> list[str]:
        """What a file manager made of samples that are here as well."""
        return [] if self.options.files is not None else [id for id in self._found if _original(id) in self._found]

    def _listed(self, root: Path) -> Sequence[str]:
        path = self.options.files
        path = path if path.is_absolute() or path.is_file() else root / path
        return read_list(path, root, f"hpe-bench prepare {self.name} writes one")


def _original(id: str) -> str:
    """What a sample's name was before it was copied; "" where that is no copy's name."""
    return next((id[: match.start()] for match in [_COPY.search(id)] if match), "")


def _nested(root: Path) -> Path | None:
    """A folder in the root that holds samples, where the root has none."""
    try:
        folders = sorted(entry.path for entry in os.scandir(root) if entry.is_dir() and entry.name not in _NO_FOLDERS)
    except OSError:
        return None
    return next((Path(folder) for folder in folders if next(_stems(Path(folder), "", None), None)), None)


def _stems(folder: Path, inside: str, other: frozenset[str] | None) -> Iterator[str]:
    """The paths of what is a jpg or a mat, without suffix: in a folder, and unless ``other`` is None in those below it
    that have another name."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                stem, suffix = os.path.splitext(entry.name)
                if suffix.lower() in (*_IMAGES, *_LABELS):
                    yield inside + stem
                elif other is not None and entry.is_dir() and entry.name not in other | _NO_FOLDERS:
                    yield from _stems(folder / entry.name, f"{inside}{entry.name}/", other)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror or error})") from error
