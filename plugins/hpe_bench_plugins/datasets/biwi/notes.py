"""What a reader of a table has to know of the boxes that faces were cropped by."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from hpe_bench import DataError, pose
from hpe_bench_plugins.datasets.biwi.rules import PIXEL, Choice


def notes_on_boxes(
    choices: Mapping[str, Choice], rule: str, found_by: str, rotation: Callable[[str], Any]
) -> list[str]:
    """Which boxes are not those of a face found in the frame, and what the frames without one cost.

    ``choices`` are by id; ``rotation`` of an id is R (3, 3); ``found_by`` is "" of boxes that were given.
    """
    told = []
    stale = [choice for choice in choices.values() if choice.why and choice.box not in (None, PIXEL)]
    pixels = [choice for choice in choices.values() if choice.box == PIXEL]
    if found_by or stale or pixels:
        told.append(f"faces by the rule {rule}" + (f": {found_by}" if found_by else ", from a file of boxes"))
    if stale:
        told.append(
            f"{len(stale):,} of {len(choices):,} frames show where an earlier frame's face was: {reasons(stale)}"
        )
    if pixels:
        told.append(f"{len(pixels):,} frames show one pixel, no box being accepted yet: {reasons(pixels)}")
    blind = [id for id, choice in choices.items() if choice.box is None]
    if blind:
        why = reasons(choices[id] for id in blind)
        told.append(f"{len(blind):,} frames without a box ({why}) count as without a prediction")
        if (each := _zero_pose(blind, rotation)) is not None:
            share = each * len(blind) / len(choices)
            told[-1] += f"; as the zero pose, with an MAE of {each:.1f}, they are {share:.2f} of every row's MAE"
    return told


def reasons(choices: Iterable[Choice]) -> str:
    """Why boxes are not those of faces found in their frames, each reason with how often it is."""
    counts = collections.Counter(_reason(choice) for choice in choices)
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))


def found_by(about: Mapping[str, Any]) -> str:
    """How the boxes of a file of faces came about, in words; "" where they were given."""
    if "detector" not in about:
        return ""
    return f"{about['detector']}, given {about['colours'].upper()}, confidence above {about['confidence']:g}"


def _zero_pose(ids: list[str], rotation: Callable[[str], Any]) -> float | None:
    """The MAE of the zero pose in degrees; None where no label can be read."""
    away = []
    for id in ids:
        with contextlib.suppress(DataError):
            away.append(np.abs(pose.euler_from_rotation(rotation(id))).mean())
    return float(np.mean(away)) if away else None


def _reason(choice: Choice) -> str:
    word = choice.why.partition(" ")[0]
    words = {"a": "jumps", "confidence": "not confident enough", "no": "without a face"}
    return words.get(word, "with none in the box file")
