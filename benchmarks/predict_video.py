"""hpe-bench predict on a video beside FaceMesh alone, on the same frames, taking turns.

FaceMesh alone is ``mediapipe.solutions.face_mesh`` in its video mode, with one face, and nothing else: once on frames
in memory, once decoding the file as well. Predict decodes, follows the face, asks the estimator, draws and writes an
MP4 and a CSV. Loading models is left out for all.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from hpe_bench.inference.predict import predict
from hpe_bench.inference.quiet import quiet_standard_error
from hpe_bench.inference.request import Request
from hpe_bench.plugins import discover
from hpe_bench.runs.progress import Progress
from hpe_bench.settings import resolve_folders

SIZE, RATE = (640, 480), 30.0


def make_video(images: Sequence[Path], path: Path, frames: int) -> None:
    """A camera that pans, zooms and rolls over one image after the other."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE, SIZE)
    each = -(-frames // len(images))
    for number in range(frames):
        image, phase = cv2.imread(str(images[number // each])), 2 * np.pi * (number % each) / each
        height, width = image.shape[:2]
        scale = SIZE[1] / height * (1.05 + 0.2 * np.sin(phase))
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 8 * np.sin(2 * phase), scale)
        matrix[:, 2] += np.array(SIZE) / 2 - (width / 2, height / 2) + (60 * np.sin(phase), 20 * np.cos(phase) - 20)
        writer.write(cv2.warpAffine(image, matrix, SIZE, borderMode=cv2.BORDER_REFLECT))
    writer.release()


def decode(path: Path) -> Iterator[Any]:
    capture = cv2.VideoCapture(str(path))
    while True:
        there, image = capture.read()
        if not there:
            return
        yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


#: Frames a second, processor time for a frame in milliseconds, and how many frames have a face.
Turn = tuple[float, float, int]


def facemesh_alone(frames: Iterable[Any]) -> Turn:
    import mediapipe

    with quiet_standard_error():
        mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=False, max_num_faces=1)
        mesh.process(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    started, spent = time.perf_counter(), time.process_time()
    found = [mesh.process(frame).multi_face_landmarks is not None for frame in frames]
    seconds, spent = time.perf_counter() - started, time.process_time() - spent
    mesh.close()
    return len(found) / seconds, 1000 * spent / len(found), sum(found)


def predict_on(path: Path, estimator: str, folder: Path, weights: Path | None, draw: Any) -> Turn:
    def go(limit: int | None) -> tuple[Any, float]:
        spent = time.process_time()
        request = Request(
            estimator,
            inputs=[path],
            output=folder,
            csv=folder / "faces.csv",
            draw=draw,
            limit=limit,
            overwrite=True,
        )
        outcome = predict(request, discover(), resolve_folders(weights=weights), Progress(quiet=True))
        return outcome, time.process_time() - spent

    (_, loading), (outcome, spent) = go(1), go(None)  # one frame, for what loading the models takes
    found = sum(record["face"] is not None for record in outcome.records)
    return outcome.frames / outcome.seconds, 1000 * (spent - loading) / (outcome.frames - 1), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="*", type=Path, help="images of faces, over which the made-up video goes")
    parser.add_argument("--video", type=Path, help="a video instead")
    parser.add_argument("--frames", type=int, default=1800, help="of the made-up video")
    parser.add_argument("--repeats", type=int, default=3, help="turns; the medians count")
    parser.add_argument("--estimators", nargs="+", default=["nlml", "procrustes"])
    parser.add_argument("--draw", default="axes", choices=("axes", "cube", "none"))
    parser.add_argument("--weights", type=Path, help="folder of weights")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        video = given.video or Path(folder) / "video.mp4"
        if given.video is None:
            if not given.images:
                parser.error("give images of faces, or --video")
            if unread := [str(path) for path in given.images if cv2.imread(str(path)) is None]:
                parser.error(f"not readable as images: {', '.join(unread)}")
            make_video(given.images, video, given.frames)
        frames = list(decode(video))
        rows: dict[str, list[Turn]] = {}
        for _ in range(given.repeats):
            rows.setdefault("FaceMesh alone", []).append(facemesh_alone(frames))
            rows.setdefault("FaceMesh and decoding", []).append(facemesh_alone(decode(video)))
            for name in given.estimators:
                measured = predict_on(video, name, Path(folder) / "out", given.weights, given.draw)
                rows.setdefault(f"predict {name}", []).append(measured)
    table = Table("what", "frames a second", "of FaceMesh alone", "and decoding", "CPU ms a frame", "faces")
    alone, decoding = (np.array([turn[0] for turn in turns]) for turns in list(rows.values())[:2])
    for name, turns in rows.items():
        rates = np.array([turn[0] for turn in turns])
        table.add_row(
            name,
            f"{np.median(rates):.0f} ({rates.min():.0f}-{rates.max():.0f})",
            f"{np.median(rates / alone):.2f}",
            f"{np.median(rates / decoding):.2f}",
            f"{np.median([turn[1] for turn in turns]):.1f}",
            f"{turns[0][2]} of {len(frames)}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
