"""What a dataset is given to prepare itself with: a voice, progress, and landmarks of its images."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import DataError, UsageError
from hpe_bench.images import ImageSource, Pixels, as_source
from hpe_bench.landmarks.extractor import Extractor
from hpe_bench.landmarks.faces import FaceDetector, faces_of
from hpe_bench.runs.progress import Progress
from hpe_bench.settings import Folders, resolve_folders

if TYPE_CHECKING:
    from hpe_bench.plugins import Registry


class Preparation:
    """One preparation of a dataset. Called with a text, it tells the user.

    Its extractors are those of ``registry``. Landmarks that it finds are kept in the cache that evaluations use, below
    the results of ``folders``.
    """

    def __init__(
        self,
        report: Callable[[str], None] = print,
        *,
        registry: Registry | None = None,
        folders: Folders | None = None,
        progress: Progress | None = None,
    ) -> None:
        from hpe_bench.plugins import discover

        self._report = report
        self._registry = registry or discover()
        self._folders = folders or resolve_folders()
        self._progress = progress or Progress(quiet=True)

    def __call__(self, text: str) -> None:
        self._report(text)

    def progress(self, what: str, total: int, done: int = 0) -> AbstractContextManager[Callable[[int], None]]:
        """A bar for a piece of work of ``total`` steps; the function given advances it."""
        return self._progress.task(what, total, done)

    def extractor(self, name: str) -> Extractor:
        """The landmark extractor of a name, not opened; an error that names the mend where it cannot be used here."""
        from hpe_bench.runs.job import load_extractor

        return load_extractor(self._registry, name)

    def find_landmarks(
        self,
        images: Iterable[ImageSource | Path | str | Pixels],
        extractor: str = "facemesh",
        workers: int | None = None,
        faults: dict[int, DataError] | None = None,
    ) -> Generator[NDArray[np.float32], None, None]:
        """Landmarks (points, 3) in pixels of each image, in order, found in worker processes; NaN where no face was.

        They are kept as they are found: the same call after a kill finds only the rest. No more than some hundred
        images are under way at a time. An image that cannot be read raises :class:`DataError`; with ``faults`` its
        place and the error are put there instead. ``workers`` None means as many as there are cores.
        """
        yield from self._find(images, extractor, self.extractor(extractor), workers, faults)

    def detector(self, name: str) -> FaceDetector:
        """The face detector of a name, not opened; an error that names the mend where it cannot be used here."""
        found = self.extractor(name)
        if not isinstance(found, FaceDetector):
            raise UsageError(f"{name} finds landmarks, not faces: mediapipe-faces and mtcnn do")
        return found

    def find_faces(
        self,
        images: Iterable[ImageSource | Path | str | Pixels],
        detector: str,
        workers: int | None = None,
        faults: dict[int, DataError] | None = None,
    ) -> Generator[NDArray[np.float64], None, None]:
        """Left, top, right, bottom in pixels and confidence (M, 5) of the faces in each image, the surest first.

        In all else as :meth:`find_landmarks`.
        """
        for corners in self._find(images, detector, self.detector(detector), workers, faults):
            yield faces_of(corners)

    def _find(
        self,
        images: Iterable[ImageSource | Path | str | Pixels],
        extractor: str,
        finder: Extractor,
        workers: int | None,
        faults: dict[int, DataError] | None,
    ) -> Generator[NDArray[np.float32], None, None]:
        from hpe_bench.crops import WHOLE
        from hpe_bench.landmarks.cache import LandmarkCache
        from hpe_bench.landmarks.find import find_landmarks
        from hpe_bench.landmarks.pool import ExtractionPool
        from hpe_bench.provenance.depends import landmark_identity

        cache = LandmarkCache(self._folders.cache, landmark_identity(finder, WHOLE), finder.points)
        pool = ExtractionPool(extractor, self._registry.paths, finder.points, workers, cache.keep)
        try:
            yield from find_landmarks(map(as_source, images), cache, pool, faults)
        finally:
            pool.close()
            cache.tidy()
