"""The commands that are killed: what each works on, how its progress and its result are seen."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import h5py
import numpy as np
import scipy.io

from hpe_bench import pose

HERE = Path(__file__).resolve().parent
#: What of a file of results is about how it came about, not about what it says.
_PASSING = {"manifest", "seconds"}


@dataclass(frozen=True)
class Case:
    """One command. ``seconds``: how long after its first finished piece of work it is killed at the latest.

    ``samples``: how many images an undisturbed run looks at; None where it counts none. ``more``: what another run of
    it has besides, that needs the same landmarks: where a kill came after the last image, it takes the journal over.
    """

    name: str
    arguments: Sequence[str]
    write: Callable[[Path], None]
    begun: Callable[[Path], bool]
    result: Callable[[Path], dict[str, str]]
    seconds: float
    share: int
    samples: int | None = None
    more: Sequence[str] = ()


def _faces(root: Path, count: int) -> None:
    """A tree like AFLW2000's, of images that tell a pose by their brightness."""
    root.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(count):
        image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) // 4 + np.uint8(index % 190)
        cv2.imwrite(str(root / f"image{index:05d}.jpg"), image)
        angles = np.radians([*rng.uniform(-30, 30, 3), 0, 0, 0, 0]).astype(np.float32)
        scipy.io.savemat(
            root / f"image{index:05d}.mat", {"Pose_Para": angles[None], "pt2d": rng.uniform(9, 50, (2, 21))}
        )


def _grid(root: Path) -> None:
    """A grid of images as the FaceScape renders are."""
    for person, yaw, pitch in itertools.product(("1", "2"), range(-60, 61, 10), range(-20, 21, 10)):
        image = np.random.default_rng([int(person), yaw + 90, pitch + 90]).integers(0, 256, (48, 48, 3), dtype=np.uint8)
        (root / person).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / person / f"ID{person}_({yaw}_{pitch}_0).png"), image // 2 + np.uint8(yaw + 60))


def _kinect(root: Path) -> None:
    """A Kinect tree of two sequences."""
    for sequence, frame in itertools.product(("03", "07"), range(1, 61)):
        folder = root / "hpdb" / sequence
        folder.mkdir(parents=True, exist_ok=True)
        image = np.random.default_rng([int(sequence), frame]).integers(0, 256, (480, 640, 1), dtype=np.uint8)
        flat = np.repeat(image // 8 + np.uint8(frame), 3, axis=2)
        cv2.imwrite(str(folder / f"frame_{frame:05d}_rgb.png"), flat, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        rotation = pose.rotation_from_euler((frame / 2, -frame / 3, 3))
        rows = "\n".join(" ".join(f"{number:.6f}" for number in row) for row in rotation)
        (folder / f"frame_{frame:05d}_pose.txt").write_text(f"{rows}\n\n10 20 900\n")


def _nothing(root: Path) -> None:
    pass


def _landmarks_begun(folder: Path) -> bool:
    """Whether a landmark is in the cache: a journal's head alone has 64 bytes."""
    cache = folder / "results" / ".cache" / "landmarks"
    return any(path.suffix == ".h5" or path.stat().st_size > 64 for path in cache.glob("*/[!.]*"))


def _training_begun(folder: Path) -> bool:
    return any((folder / "results" / ".cache" / "training").glob("*/*.checkpoint"))


def _arrays(*patterns: str) -> Callable[[Path], dict[str, str]]:
    """A digest of every dataset of the HDF5 files that are meant."""

    def read(folder: Path) -> dict[str, str]:
        found: dict[str, str] = {}
        for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
            with h5py.File(path, "r") as file:

                def note(name: str, node: object, path: Path = path) -> None:
                    if isinstance(node, h5py.Dataset) and not _PASSING.intersection(name.split("/")):
                        value = np.asarray(node[()])
                        content = repr(value.tolist()) if value.dtype.hasobject else value.tobytes().hex()
                        found[f"{path.name}:{name}"] = hashlib.sha256(content.encode()).hexdigest()

                file.visititems(note)
        return found

    return read


def _weights(folder: Path) -> dict[str, str]:
    """A digest of every file of weights, and the card's figures."""
    found = {}
    for path in sorted((folder / "weights").rglob("*")):
        if path.name == "card.json":
            found["card"] = json.dumps(json.loads(path.read_text())["figures"], sort_keys=True)
        elif path.is_file():
            found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def options(text: str) -> list[str]:
    """-o and -d as they are written on one line."""
    return re.split(r"\s+", text.strip())


CASES = [
    Case(
        "eval",
        options("eval killed-turned --dataset aflw2000 --protocol aflw2000/2000 --workers 2 --batch-size 16"),
        lambda folder: _faces(folder / "datasets" / "AFLW2000", 150),
        _landmarks_begun,
        _arrays("results/aflw2000/**/*.h5"),
        seconds=1.6,
        share=90,
        samples=150,
        more=("--seed", "1"),
    ),
    Case(
        "facescape",
        options("prepare facescape -d extractor=killed-face -d workers=2"),
        lambda folder: _grid(folder / "datasets" / "FaceScape"),
        _landmarks_begun,
        _arrays("datasets/FaceScape/*.h5"),
        seconds=1.5,
        share=65,
        samples=130,
    ),
    Case(
        "biwi",
        options("prepare biwi -d detector=killed-box -d workers=2"),
        lambda folder: _kinect(folder / "datasets" / "BIWI"),
        _landmarks_begun,
        _arrays("datasets/BIWI/*.h5"),
        seconds=2.0,
        share=65,
        samples=120,
    ),
    Case(
        "nlml",
        options(
            "train nlml --as killed -d identities=4 -d step=20 "
            "-o encoder_epochs=2 -o head_epochs=2 -o epochs=3 -o validation=50"
        ),
        _nothing,
        _training_begun,
        _weights,
        seconds=4.0,
        share=50,
    ),
    Case(
        "network",
        options("train reader --as killed -o epochs=12 -o tensorboard=false -o workers=2"),
        _nothing,
        _training_begun,
        _weights,
        seconds=2.5,
        share=50,
    ),
]
