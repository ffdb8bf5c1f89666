"""One pass over images, or over a video or a camera: read, find faces, ask the estimator, draw and write.

A frame goes through four threads: one reads, one finds faces, one asks the estimator, and the caller's own draws and
writes. OpenCV, MediaPipe and PyTorch leave Python to the others while they work.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hpe_bench import interrupts
from hpe_bench.inference.ahead import ahead
from hpe_bench.inference.drawing import draw
from hpe_bench.inference.estimating import Answered, Asker, Seen
from hpe_bench.inference.faces import FaceFinder
from hpe_bench.inference.film import film_at
from hpe_bench.inference.frames import Frame, Input
from hpe_bench.inference.maps import write_maps
from hpe_bench.inference.pace import Pace
from hpe_bench.inference.reels import Reel, open_reel
from hpe_bench.inference.request import Outcome, Request
from hpe_bench.inference.smoothing import Smoother, Smoothing, smoother_of
from hpe_bench.inference.sources import is_animated, read_images
from hpe_bench.inference.tracking import Follower
from hpe_bench.inference.window import shown
from hpe_bench.inference.writing import write_picture
from hpe_bench.runs.progress import Progress

#: Frames that the estimator is shown at once, and that may wait for it; fewer where they are large.
_HELD, _HELD_BYTES = 16, 64 * 2**20


@dataclass(frozen=True)
class Pass:
    """What a pass works with, and where what it finds goes; ``stems`` are those of maps, by the ``id`` of an image."""

    request: Request
    finder: FaceFinder
    asker: Asker
    outcome: Outcome
    progress: Progress
    stems: Mapping[int, Path] = field(default_factory=dict)


def pass_images(work: Pass, pairs: Sequence[tuple[Input, Path | None]]) -> None:
    """Images, each with where its picture goes."""
    request, outcome = work.request, work.outcome
    targets = {id(source): target for source, target in pairs}
    inputs = [source for source, _ in pairs]

    def look(frames: Iterable[Frame]) -> Iterator[Seen]:
        for frame in frames:
            squares = work.finder.detect_all(frame.image)
            outcome.spare = max(outcome.spare, len(squares) - request.faces)
            faces = [work.finder.settle(frame.image, square) for square in squares[: request.faces]]
            yield Seen(frame, list(enumerate(faces, start=1)))

    run = _run(read_images(inputs, outcome.faults.append), look, work.asker, held=4, at_once=_HELD)
    with contextlib.closing(run), work.progress.task("images", len(inputs)) as advance:
        for answered in run:
            outcome.add(answered)
            source = answered.frame.source
            if source.path is not None and is_animated(source.path):
                outcome.notes.append(f"{source.name}: an animation, of which the first picture is taken")
            if id(source) in work.stems:
                for answer in answered.answers:
                    if answer.looked is not None:
                        where = (work.stems[id(source)], answer.id, request.faces, outcome.written)
                        outcome.written += write_maps(answer.looked, answer.rotation, *where)
            target = targets[id(source)]
            if target is not None or request.show:
                image = draw(answered, request.draw, len(answered.answers) > 1)
                if target is not None:
                    write_picture(target, image)
                    outcome.written.append(target)
                if request.show and not shown(image, source.name, wait=True):
                    return
            advance(1)


def pass_film(work: Pass, source: Input, target: Path | None) -> None:
    """A video, or a camera until it is interrupted, and where the video with what was found goes."""
    request, outcome, live = work.request, work.outcome, source.kind == "camera"
    with contextlib.ExitStack() as stack:
        reel = open_reel(source)
        stack.callback(reel.close)
        film = stack.enter_context(film_at(target, reel.rate / request.every)) if target is not None else None
        follower = Follower(work.finder, request.faces, request.redetect)

        def look(frames: Iterable[Frame]) -> Iterator[Seen]:
            for frame in frames:
                yield Seen(frame, follower.follow(frame.image))

        held = 1 if live else min(max(_HELD_BYTES // reel.frame_bytes, 2), _HELD)
        advance, stopped = _counter(work, reel, stack), False
        pace = Pace() if request.fps else None
        run = _run(reel.frames(request.limit, request.every), look, work.asker, held, held)
        stack.callback(run.close)
        try:
            for answered in _smoothed(run, request.smoothing):
                outcome.add(answered)
                if film is not None or request.show:
                    image = draw(answered, request.draw, request.faces > 1, _in_words(pace.tick() if pace else None))
                    if film is not None:
                        film.add(image, answered.frame.time)
                    if request.show and not shown(image, source.name):
                        stopped = True
                        break
                advance(1)
        except KeyboardInterrupt:
            if not live:
                raise
            interrupts.forgive()  # it was the order to end the film
            stopped = True
        if film is not None and not stopped:
            film.end = reel.end
        outcome.spare = max(outcome.spare, follower.spare)
        outcome.notes += [f"{source.name}: {note}" for note in reel.notes]
    if target is not None:
        outcome.written.append(target)


def _in_words(rate: float | None) -> str:
    return "" if rate is None else f"FPS {rate:.1f}"


def _counter(work: Pass, reel: Reel, stack: contextlib.ExitStack) -> Callable[[int], None]:
    """What counts frames for a person to see; nothing where nobody knows how many there will be."""
    total = work.request.limit
    if reel.count is not None:
        total = min(-(-reel.count // work.request.every), total or reel.count)
    if total is None:
        work.progress.note(f"{reel.source.name}: Ctrl-C ends it")
        return lambda steps: None
    return stack.enter_context(work.progress.task(reel.source.name, total))


def _run(
    frames: Iterator[Frame],
    look: Callable[[Iterable[Frame]], Iterator[Seen]],
    asker: Asker,
    held: int,
    at_once: int,
) -> Generator[Answered, None, None]:
    """The frames with their answers, each step in a thread of its own; ``held`` frames may wait between two steps."""
    return ahead(asker.ask(ahead(look(ahead(frames, held)), held), at_once), held)


def _smoothed(run: Iterator[Answered], smoothing: Smoothing | None) -> Iterator[Answered]:
    """The frames with every face's rotations smoothed in time, where that is wanted."""
    filters: dict[int, Smoother] = {}
    for answered in run:
        if smoothing is None:
            yield answered
            continue
        answers = []
        for answer in answered.answers:
            smoother = filters.setdefault(answer.id, smoother_of(smoothing))
            rotation = smoother.smooth(answer.rotation, answered.frame.time or 0.0)
            answers.append(replace(answer, rotation=rotation))
        yield Answered(answered.frame, answers)
