"""Where heads come from: ICT-FaceKit's model, or a folder of OBJ files, FaceScape's among them."""

from __future__ import annotations

import operator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from hpe_bench import MissingError, UsageError
from hpe_bench_plugins.datasets.facescape.rendering.head import Head
from hpe_bench_plugins.datasets.facescape.rendering.ict import NEUTRAL_NAME, IctModel, read_folder, read_npz
from hpe_bench_plugins.datasets.facescape.rendering.meshes import read_head
from hpe_bench_plugins.datasets.facescape.rendering.person import make_head
from hpe_bench_plugins.datasets.facescape.rendering.regions import regions_of

#: How many heads a model without end gives.
ENDLESS = 1_000_000
NPZ_NAME = "ict_facekit.npz"
#: Where FaceScape's topologically uniform models keep a person's neutral face.
_FACESCAPE_NEUTRAL = "models_reg/1_neutral.obj"


class HeadModels:
    """Heads by place or name. ``source`` says what they are; ``endless``: there are as many as one asks for."""

    source: str
    endless: bool

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} has no __len__()")

    def name(self, place: int) -> str:
        """The name of the head at a place from 0."""
        raise TypeError(f"{type(self).__name__} has no name()")

    def head(self, identity: int | str, seed: int = 0) -> Head:
        """A head by its place or name; the same one for the same seed."""
        raise TypeError(f"{type(self).__name__} has no head()")

    def names(self, count: int | None = None) -> list[str]:
        """The names of the first ``count`` heads, or of all; :class:`UsageError` where there are not so many."""
        if count is None and self.endless:
            raise UsageError(f"{self.source} gives heads without end: say how many")
        if count is not None and not 1 <= count <= len(self):
            raise UsageError(f"{count} heads of {self.source}, which has {len(self):,}")
        return [self.name(place) for place in range(len(self) if count is None else count)]

    def place(self, identity: int | str) -> int:
        """The place of a head given by place or name; :class:`UsageError` where there is none."""
        place = self._place_of(identity) if isinstance(identity, str) else operator.index(identity)
        if place is None or not 0 <= place < len(self):
            raise UsageError(f"no head '{identity}' in {self.source}, which has {len(self):,}")
        return place

    def _place_of(self, name: str) -> int | None:
        raise TypeError(f"{type(self).__name__} has no _place_of()")


class IctHeads(HeadModels):
    """ICT-FaceKit: each number is another person, "0000", "0001" and so on."""

    endless = True

    def __init__(self, model: IctModel) -> None:
        self.source = f"ICT-FaceKit, {len(model.modes)} modes"
        self._model, self._regions = model, regions_of(model)

    def __len__(self) -> int:
        return ENDLESS

    def name(self, place: int) -> str:
        return f"{place:04d}"

    def head(self, identity: int | str, seed: int = 0) -> Head:
        place = self.place(identity)
        return make_head(self.name(place), self._model, self._regions, (seed, place))

    def _place_of(self, name: str) -> int | None:
        place = int(name) if name.isascii() and name.isdigit() and len(name) < 8 else None
        return place if place is not None and self.name(place) == name else None


class ObjHeads(HeadModels):
    """OBJ files, a head each, named by file, or by folder as FaceScape has them."""

    endless = False

    def __init__(self, paths: dict[str, Path], turn: ArrayLike | None = None) -> None:
        self.source = f"{len(paths):,} OBJ heads"
        self._paths, self._names = paths, list(paths)
        self._turn = np.eye(3) if turn is None else np.asarray(turn, dtype=np.float64)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, place: int) -> str:
        return self._names[place]

    def head(self, identity: int | str, seed: int = 0) -> Head:
        place = self.place(identity)
        name = self._names[place]
        return read_head(name, self._paths[name], self._turn, np.random.default_rng((seed, place)))

    def _place_of(self, name: str) -> int | None:
        return self._names.index(name) if name in self._paths else None


def open_models(path: Path, turn: ArrayLike | None = None) -> HeadModels:
    """The heads at a path.

    An npz file, or a folder with ``ict_facekit.npz``: ICT-FaceKit's model. A folder with ``generic_neutral_mesh.obj``,
    or ``FaceXModel`` in it: the same, as its authors give it. A folder with ``<id>/models_reg/1_neutral.obj``, at any
    depth: FaceScape's neutral faces. Any other folder or OBJ file: every OBJ in it is a head. See :func:`read_head`
    for their axes, and for ``turn`` (3, 3), which does not concern ICT-FaceKit. :class:`MissingError` where there is no
    head, :class:`DataError` where one is damaged.
    """
    path = Path(path)
    if path.is_file():
        return IctHeads(read_npz(path)) if path.suffix.lower() == ".npz" else ObjHeads({path.stem: path}, turn)
    if not path.is_dir():
        raise MissingError(f"no head models at {path}: a folder of OBJ files, or ICT-FaceKit's")
    if (path / NPZ_NAME).is_file():
        return IctHeads(read_npz(path / NPZ_NAME))
    for folder in (path, path / "FaceXModel"):
        if (folder / NEUTRAL_NAME).is_file():
            return IctHeads(read_folder(folder))
    faces = {face.parent.parent.name: face for face in path.rglob(_FACESCAPE_NEUTRAL)}
    if not faces:
        files = [file for file in path.rglob("*") if file.suffix.lower() == ".obj" and file.is_file()]
        faces = {"-".join(file.relative_to(path).with_suffix("").parts): file for file in files}
    if not faces:
        raise MissingError(f"{path} holds no OBJ file: a folder of OBJ files is needed, or ICT-FaceKit's")
    return ObjHeads(dict(sorted(faces.items(), key=_by_number)), turn)


def _by_number(item: tuple[str, Path]) -> tuple[int, int, str]:
    name = item[0]
    return (0, int(name), name) if name.isascii() and name.isdigit() else (1, 0, name)
