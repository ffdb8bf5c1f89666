"""hpe-bench predict"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpe_bench import interrupts
from hpe_bench.cli.common import (
    UserPath,
    find_folders,
    folder_options,
    load_registry,
    overwrite_option,
    plugin_options,
    print_rich,
)

if TYPE_CHECKING:
    from hpe_bench.inference.request import Outcome, Request

_FILE = UserPath()
_STANDARD = Path("-")
#: Rows that are printed; more are for a file.
_ROWS = 20


@click.command("predict")
@click.argument("estimator", metavar="ESTIMATOR[:OPTION=VALUE]...")
@click.argument("inputs", nargs=-1, metavar="[IMAGE|VIDEO|FOLDER|GLOB]...")
@click.option("--camera", type=int, metavar="N", help="The pictures of a camera, until Ctrl-C.")
@click.option("-o", "--option", "pairs", multiple=True, metavar="KEY=VALUE", help="An option of the estimator.")
@click.option(
    "--output", type=_FILE, metavar="PATH", help="A folder, or a file for one input.  [RESULTS/predicted/ESTIMATOR]"
)
@overwrite_option
@click.option(
    "--draw",
    type=click.Choice(["axes", "cube", "angles", "none"]),
    default="axes",
    show_default=True,
    help="What is drawn; angles: yaw, pitch and roll in words alone, which stand below axes and cube too.",
)
@click.option("--maps", type=_FILE, metavar="FOLDER", help="Draw what the estimator shows of its answers, if it does.")
@click.option("--fps", is_flag=True, help="Write onto a video how many frames a second are done.")
@click.option("--csv", type=_FILE, metavar="FILE", help="Write all that was found as CSV; - prints it.")
@click.option("--json", type=_FILE, metavar="FILE", help="Write all that was found as JSON; - prints it.")
@click.option("--show", is_flag=True, help="Show the pictures in a window; q ends it.")
@click.option("--faces", type=int, default=1, show_default=True, metavar="N", help="Most faces in a picture.")
@click.option("--confidence", type=float, default=0.5, show_default=True, help="Above it, the detector has a face.")
@click.option(
    "--redetect",
    type=int,
    default=15,
    show_default=True,
    metavar="N",
    help="Look for more faces in a video every N frames.",
)
@click.option("--smooth", is_flag=True, help="Smooth in time, by the one-euro filter.")
@click.option("--smooth-cutoff", type=float, metavar="HZ", help="Its cutoff at rest; lower is calmer.  [1]")
@click.option("--smooth-growth", type=float, metavar="X", help="Its growth in Hz per degree a second.  [0.1]")
@click.option("--smooth-speed-cutoff", type=float, metavar="HZ", help="The cutoff of the speed.  [1]")
@click.option("--smooth-alpha", type=float, metavar="A", help="Exponential instead: a new frame's share, such as 0.4.")
@click.option("--limit", type=int, metavar="N", help="Only the first N images, or frames of each video.")
@click.option("--every", type=int, default=1, show_default=True, metavar="N", help="Only every Nth image, or frame.")
@click.option("--crop", help="Crop rule, instead of the estimator's.")
@click.option("--extractor", help="Landmark extractor, instead of the estimator's.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of whatever is random.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@folder_options("weights", "results")
@plugin_options
def command(
    pairs: tuple[str, ...],
    smooth: bool,
    smooth_cutoff: float | None,
    smooth_growth: float | None,
    smooth_speed_cutoff: float | None,
    smooth_alpha: float | None,
    output: Path | None,
    csv: Path | None,
    json: Path | None,
    weights: Path | None,
    results: Path | None,
    plugins: tuple[str, ...],
    strict: bool,
    **settings: Any,
) -> None:
    """Find the faces in images, videos or a camera's pictures, and their poses by ESTIMATOR; draw and write them.

    An image stays an image, a video becomes an MP4. A face is followed through a video, and keeps its number. Files
    that are there already are not written over without --overwrite.
    """
    from hpe_bench.errors import UsageError
    from hpe_bench.inference.predict import predict
    from hpe_bench.inference.records import csv_bytes, json_bytes
    from hpe_bench.inference.request import Request
    from hpe_bench.inference.smoothing import smoothing_of
    from hpe_bench.inference.writing import folder_name
    from hpe_bench.options import parse_pairs
    from hpe_bench.runs.progress import Progress

    if csv == json == _STANDARD:
        raise UsageError("--csv - and --json -: one of them can be printed")
    registry = load_registry(plugins, strict)
    folders = find_folders(weights=weights, results=results)
    options = parse_pairs(pairs)
    usual = folders.results / "predicted" / folder_name(registry, settings["estimator"], options)
    request = Request(
        options=options,
        smoothing=smoothing_of(smooth, smooth_cutoff, smooth_growth, smooth_speed_cutoff, smooth_alpha),
        output=output or usual,
        csv=None if csv == _STANDARD else csv,
        json=None if json == _STANDARD else json,
        **settings,
    )
    printed = _STANDARD in (csv, json)
    interrupts.describe("What was finished is there; no half file is.")
    with _aside():
        outcome = predict(request, registry, folders, Progress(quiet=printed))
    if printed:
        content = csv_bytes(outcome.records) if csv == _STANDARD else json_bytes(outcome.records)
        click.echo(content.decode(), nl=False)
    else:
        _report(request, outcome)
    for note in outcome.notes:
        print(note, file=sys.stderr)
    for fault in outcome.faults:
        print(f"Error: {fault}", file=sys.stderr)
    if outcome.faults:
        sys.exit(max(fault.exit_code for fault in outcome.faults))


@contextlib.contextmanager
def _aside() -> Iterator[None]:
    """What plugins print in the block, by themselves or by a process that they start, goes to standard error."""
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of them is closed
        kept = None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def _report(request: Request, outcome: Outcome) -> None:
    from hpe_bench.cli.common import listing

    records = outcome.records
    if 0 < len(records) <= _ROWS:
        print_rich(listing(("file", "frame", "face", "yaw", "pitch", "roll"), [_row(record) for record in records]))
    elif faceless := sorted(
        {record["file"] for record in records if record["face"] is None and record["time"] is None}
    ):
        more = f" and {len(faceless) - 3:,} more" if len(faceless) > 3 else ""
        click.echo(f"no face in {', '.join(faceless[:3])}{more}")
    for line in _summary(request, outcome):
        click.echo(line)


def _row(record: dict[str, Any]) -> list[str]:
    stem = [record["file"], str(record["frame"]) if record["time"] is not None else ""]
    if record["face"] is None:
        return [*stem, "none", "", "", ""]
    if record["rotation"] is None:
        return [*stem, str(record["face"]), "no answer", "", ""]
    return [*stem, str(record["face"]), *(f"{round(record[angle], 1) + 0.0:.1f}" for angle in ("yaw", "pitch", "roll"))]


def _summary(request: Request, outcome: Outcome) -> list[str]:
    from hpe_bench.text import printable

    found = [record for record in outcome.records if record["face"] is not None]
    empty = sum(record["face"] is None for record in outcome.records)
    unanswered = sum(record["rotation"] is None for record in found)
    pieces = [
        _count(outcome.frames, "image" if all(r["time"] is None for r in outcome.records) else "frame"),
        _count(len(found), "face"),
        *([f"{empty:,} without a face"] if empty else []),
        *([f"{_count(unanswered, 'face')} without an answer"] if unanswered else []),
        f"{outcome.frames / max(outcome.seconds, 1e-9):.1f} a second",
    ]
    lines = [", ".join(pieces)]
    if outcome.spare > 0:
        lines.append(f"there are more faces: --faces {request.faces + outcome.spare} takes them too")
    tables = [path for path in outcome.written if path in (request.csv, request.json)]
    maps = [path for path in outcome.written if request.maps is not None and path.parent == request.maps]
    drawn = [path for path in outcome.written if path not in tables and path not in maps]
    if len(drawn) > 3:
        lines.append(f"wrote {len(drawn):,} files to {printable(str(request.output))}")
    else:
        lines += [f"wrote {printable(path)}" for path in drawn]
    if maps:
        lines.append(f"wrote {_count(len(maps), 'map')} to {printable(str(request.maps))}")
    return [*lines, *(f"wrote {printable(path)}" for path in tables)]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
