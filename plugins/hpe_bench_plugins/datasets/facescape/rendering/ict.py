"""ICT-FaceKit (Li et al., "Learning Formation of Physically-Based Face Attributes", CVPR 2020): heads without end.

A head is the neutral one plus identity modes, each times a standard normal number. The model comes as its authors'
folder of OBJ files, or as one npz of the same numbers: ``neutral`` (V, 3), ``identity`` (K, V, 3), ``triangles``
(T, 3), ``material`` (T,) and ``material_names``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench import DataError, MissingError, instead_of, pose, read_arrays
from hpe_bench_plugins.datasets.facescape.rendering.alignment import Similarity
from hpe_bench_plugins.datasets.facescape.rendering.obj import read_obj, read_positions

NEUTRAL_NAME = "generic_neutral_mesh.obj"
#: What is seen of a head; the rest is transparent, or within the closed mouth.
SKIN = ("M_Face", "M_BackHead")
EYES = ("M_ScleraLeft", "M_ScleraRight")
#: From the model's place, in cm and camera axes, to the canonical face's: :func:`alignment.facing` of the points that
#: :func:`alignment.landmarks_on` found with MediaPipe 0.10.21 on its neutral head under 12 paints, made symmetric. The
#: model at rest looks 1.4 degrees down from the canonical face (0.5 from paint to paint); this lifts it.
TO_CANONICAL = Similarity(pose.rotation_about("x", -1.38), 1.0371, np.array([0.0, 1.062, 5.853]))
_CAMERA_AXES = np.array([1.0, -1.0, -1.0])
_MAX_BYTES = 2**29
_MAX_MODES = 1000
#: Open edges below this, in cm, are the lower end of the bust; the others are within eyes, nose and mouth.
_RIM_BELOW = 12.0
#: A coefficient beyond this, in standard deviations, is drawn again.
_TRUNCATED = 2.5


@dataclass(frozen=True)
class IctModel:
    """The seen part of the model, in the frame of a :class:`Head`.

    ``neutral`` (V, 3) in cm, ``modes`` (K, V, 3) float32 in cm a standard deviation, ``triangles`` (T, 3) int32,
    ``material`` (V,): the index of the vertex in ``SKIN + EYES``.
    """

    neutral: NDArray[np.float64]
    modes: NDArray[np.float32]
    triangles: NDArray[np.int32]
    material: NDArray[np.uint8]

    def shape(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Vertices (V, 3) in cm of a head drawn at random."""
        numbers = rng.standard_normal(_MAX_MODES)
        while (far := np.abs(numbers) > _TRUNCATED).any():
            numbers[far] = rng.standard_normal(int(far.sum()))
        weights = numbers[: len(self.modes)].astype(np.float32)
        offsets = (weights @ self.modes.reshape(len(weights), -1)).reshape(self.neutral.shape)
        return np.asarray(self.neutral + offsets, dtype=np.float32)


def read_npz(path: Path) -> IctModel:
    """The model of one npz file; :class:`DataError` naming it where it is damaged. Nothing is unpickled."""
    names = ("neutral", "identity", "triangles", "material", "material_names")
    try:
        arrays = read_arrays(path, names, _MAX_BYTES)
    except FileNotFoundError as error:
        raise MissingError(f"no file {path}") from error
    except (OSError, ValueError, MemoryError) as error:
        raise DataError(f"{path}: not a readable npz of ICT-FaceKit: {instead_of(path, 'zip') or error}") from error
    groups = np.asarray(arrays["material_names"]).astype(str)
    material = np.asarray(arrays["material"])
    if groups.ndim != 1 or material.ndim != 1 or material.dtype.kind != "u" or material.max(initial=0) >= len(groups):
        raise DataError(f"{path}: its materials have no names")
    return _seen(path, arrays["neutral"], arrays["identity"], arrays["triangles"], groups[material])


def read_folder(folder: Path) -> IctModel:
    """The model of its authors' folder FaceXModel: the neutral OBJ and every identityNNN.obj beside it."""
    neutral = read_obj(folder / NEUTRAL_NAME)
    files = sorted(folder.glob("identity[0-9][0-9][0-9].obj"))
    if not files:
        raise MissingError(f"{folder} holds {NEUTRAL_NAME} and no identity000.obj: fetch the whole FaceXModel folder")
    modes = np.empty((len(files), *neutral.vertices.shape), dtype=np.float32)
    for row, path in enumerate(files):
        positions = read_positions(path)
        if positions.shape != neutral.vertices.shape:
            raise DataError(f"{path}: {len(positions)} vertices where {NEUTRAL_NAME} has {len(neutral.vertices)}")
        modes[row] = positions - neutral.vertices
    names = np.array(neutral.materials)[neutral.material] if neutral.materials else np.array([""])
    return _seen(folder / NEUTRAL_NAME, neutral.vertices, modes, neutral.triangles, names)


def _seen(path: Path, neutral: Any, modes: Any, triangles: Any, names: NDArray[np.str_]) -> IctModel:
    """The part of the model that is seen, checked and moved to the canonical face's place."""
    kinds = (neutral.dtype.kind, modes.dtype.kind, triangles.dtype.kind)
    count = neutral.shape[0] if neutral.ndim else 0
    if (
        kinds not in (("f", "f", "i"), ("f", "f", "u"))
        or neutral.shape != (count, 3)
        or modes.shape[1:] != (count, 3)
        or not 1 <= len(modes) <= _MAX_MODES
        or triangles.shape != (len(names), 3)
        or triangles.min(initial=0) < 0
        or triangles.max(initial=0) >= count
    ):
        raise DataError(f"{path}: not ICT-FaceKit's arrays ({neutral.shape}, {modes.shape}, {triangles.shape})")
    absent = [name for name in SKIN + EYES if name not in names]
    if absent:
        raise DataError(f"{path}: no triangles of material {absent[0]}: not ICT-FaceKit's full head")
    if not (np.isfinite(neutral).all() and np.isfinite(modes).all()):
        raise DataError(f"{path}: a vertex that is not finite")
    placed = TO_CANONICAL(neutral * _CAMERA_AXES)
    material = np.full(count, len(SKIN + EYES), dtype=np.uint8)
    for index, name in reversed(list(enumerate(SKIN + EYES))):
        material[triangles[names == name]] = index
    drawn = np.isin(names, SKIN + EYES)
    for index in range(len(SKIN), len(SKIN + EYES)):
        of_eye = material == index
        behind = of_eye & (placed[:, 2] > placed[of_eye, 2].mean())
        drawn &= ~behind[triangles].all(axis=1)
    used = np.unique(triangles[drawn])
    place = np.zeros(count, dtype=np.int32)
    place[used] = np.arange(len(used))
    turn = (TO_CANONICAL.scale * TO_CANONICAL.rotation.T * _CAMERA_AXES[:, None]).astype(np.float32)
    turned = np.asarray(modes[:, used], dtype=np.float32) @ turn
    return _capped(IctModel(placed[used], turned, place[triangles[drawn]], material[used]))


def _capped(model: IctModel) -> IctModel:
    """The model with its open lower end closed by a fan around one more vertex, so that nobody looks inside."""
    triangles, neutral = model.triangles, model.neutral
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    codes, backwards = edges @ (len(neutral), 1), edges @ (1, len(neutral))
    rim = edges[~np.isin(codes, backwards) & (neutral[edges, 1] > _RIM_BELOW).all(axis=1)].astype(np.int32)
    if not len(rim):
        return model
    corners, centre = np.unique(rim), np.full(len(rim), len(neutral), dtype=np.int32)
    return IctModel(
        np.concatenate([neutral, neutral[corners].mean(axis=0)[None]]),
        np.concatenate([model.modes, model.modes[:, corners].mean(axis=1)[:, None]], axis=1),
        np.concatenate([triangles, np.stack([rim[:, 1], rim[:, 0], centre], axis=-1)]),
        np.append(model.material, np.uint8(SKIN.index("M_BackHead"))),
    )
