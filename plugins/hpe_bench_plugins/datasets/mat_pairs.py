"""What 300W-LP and AFLW2000 share: a jpg beside a mat for every sample, lists of samples, and the labels in the mat."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from hpe_bench import (
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
    pose,
    write_atomically,
)
from hpe_bench_plugins.datasets import WITHIN_99

LIST_NAME = "files.txt"


class MatPairs(Dataset):
    """Samples by their path below the root, without suffix: <id>.jpg beside <id>.mat."""

    class Options(Options):
        """The list of samples."""

        files: Path | None = Field(
            None,
            description="a list of samples, one a line without suffix, relative to the root, as prepare writes",
        )

    #: As registered.
    name: ClassVar[str]
    #: Whether there are samples in folders below the root, and those that have none.
    subfolders: ClassVar[bool] = False
    other_folders: ClassVar[frozenset[str]] = frozenset()
    crops: ClassVar[Mapping[str, CropRule]] = {
        rule.name: rule for rule in (crops.SIXDREPNET_TEST, crops.FSANET_POINTS, crops.WHOLE)
    }

    def variant(self) -> Mapping[str, Any]:
        return {}  # which samples there are shows in the labels

    def labels_follow_from(self) -> Any:
        return []

    def ids(self) -> Sequence[str]:
        root = self.require_root()
        return self._there if self.options.files is None else self._listed(root)

    def sample(self, id: str) -> Sample:
        image, label = self.root / f"{id}.jpg", self.root / f"{id}.mat"
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
    def _there(self) -> list[str]:
        """The samples below the root, at least one."""
        found = sorted(set(_stems(self.root, "", self.other_folders if self.subfolders else None)))
        if not found:
            raise MissingError(f"{self.root} holds no jpg and no mat. {self.how_to_get}")
        return found

    def _listed(self, root: Path) -> list[str]:
        path = self.options.files
        path = path if path.is_absolute() or path.is_file() else root / path
        try:
            lines = [line.strip() for line in path.read_text().splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise MissingError(
                f"{path}: the list cannot be read ({error}); hpe-bench prepare {self.name} writes one"
            ) from error
        ids = [line.removeprefix("./") for line in lines if line]
        for id in ids:
            if Path(id).is_absolute() or ".." in Path(id).parts:
                raise DataError(f"{path}: '{id}' leaves the folder of the dataset")
        return list(dict.fromkeys(ids))


def _stems(folder: Path, inside: str, other: frozenset[str] | None) -> Iterator[str]:
    """The paths of what is a jpg or a mat, without suffix: in a folder, and unless ``other`` is None in those below it
    that have another name."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                stem, suffix = os.path.splitext(entry.name)
                if suffix in (".jpg", ".mat"):
                    yield inside + stem
                elif other is not None and entry.is_dir() and entry.name not in other:
                    yield from _stems(folder / entry.name, f"{inside}{entry.name}/", other)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror or error})") from error


def read_label(path: Path) -> tuple[Any, Any]:
    """Yaw, pitch, roll (3,) in degrees and pt2d (2, 21) in pixels of a 300W-LP or AFLW2000 mat file.

    ``Pose_Para`` begins with pitch, yaw, roll in radians. Raises :class:`SampleError` naming the file.
    """
    import scipy.io

    try:
        content = scipy.io.loadmat(path, variable_names=["Pose_Para", "pt2d"])
        pitch, yaw, roll = np.asarray(content["Pose_Para"], dtype=np.float64).ravel()[:3]
        points = np.asarray(content["pt2d"], dtype=np.float64)
    except Exception as error:  # a damaged file makes SciPy's reader raise almost anything
        raise DataError(
            f"{path}: not a readable label file ({type(error).__name__}: {error}); fetch it anew"
        ) from error
    euler = np.degrees([yaw, pitch, roll])
    if not np.isfinite(euler).all():
        raise SampleError(f"{path}: Pose_Para holds a number that is not finite: {euler} degrees")
    if points.ndim != 2 or points.shape[0] != 2 or not np.isfinite(points).all():
        raise SampleError(f"{path}: pt2d is not (2, points) of finite numbers but {points.shape}")
    return euler, points
