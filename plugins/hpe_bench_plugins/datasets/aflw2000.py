"""AFLW2000-3D in its official layout: imageNNNNN.jpg beside imageNNNNN.mat (Zhu et al., CVPR 2016)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    crops,
    pose,
    write_atomically,
)
from hpe_bench_plugins.datasets import WITHIN_99

LIST_NAME = "files.txt"


class AFLW2000(Dataset):
    """2,000 images of 450 x 450 pixels; labels are the pose of a fitted 3-D face."""

    class Options(Options):
        """Options of aflw2000."""

        files: Path | None = Field(
            None,
            description="a list of samples, one a line without suffix, relative to the root, as prepare writes",
        )

    folder = "AFLW2000"
    how_to_get = (
        "Download AFLW2000-3D.zip from http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm, unpack it so "
        "that datasets/AFLW2000/image00002.jpg exists, or point to it with --root"
    )
    crops: ClassVar[Mapping[str, CropRule]] = {
        rule.name: rule for rule in (crops.SIXDREPNET_TEST, crops.FSANET_POINTS, crops.WHOLE)
    }

    def variant(self) -> Mapping[str, Any]:
        return {}  # a list of files shows in the labels

    def ids(self) -> Sequence[str]:
        root = self.require_root()
        if self.options.files is not None:
            return self._listed(root)
        images = {path.stem for path in root.glob("*.jpg")}
        labels = {path.stem for path in root.glob("*.mat")}
        if not images and not labels:
            raise MissingError(f"{root} holds no jpg and no mat. {self.how_to_get}")
        return sorted(images | labels)

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
            files=(image, label),
        )

    def prepare(self, report: Callable[[str], None]) -> Sequence[Path]:
        """Write files.txt: the samples with every |angle| at most 99 degrees, as the peers' scripts list them."""
        labels = type(self)(self.root).labels()
        kept = [f"./{id}" for id, keep in zip(labels.ids, WITHIN_99.mask(labels), strict=True) if keep]
        path = self.require_root() / LIST_NAME
        write_atomically(path, "\n".join(kept).encode())
        report(f"{len(kept):,} of {len(labels):,} samples listed; the others have an angle beyond 99 degrees")
        return [path]

    def _listed(self, root: Path) -> list[str]:
        path = self.options.files
        path = path if path.is_absolute() or path.is_file() else root / path
        try:
            lines = [line.strip() for line in path.read_text().splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise MissingError(
                f"{path}: the list cannot be read ({error}); hpe-bench prepare aflw2000 writes one"
            ) from error
        ids = [line.removeprefix("./") for line in lines if line]
        for id in ids:
            if Path(id).is_absolute() or ".." in Path(id).parts:
                raise DataError(f"{path}: '{id}' leaves the folder of the dataset")
        return list(dict.fromkeys(ids))


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
