"""What a reader of a table has to know of the boxes that faces were cropped by."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
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
    stale = sum(bool(choice.why) and choice.box not in (None, PIXEL) for choice in choices.values())
    pixels = sum(choice.box == PIXEL for choice in choices.values())
    if found_by or stale or pixels:
        told.append(f"faces by the rule {rule}" + (f": {found_by}" if found_by else ", from a file of boxes"))
    if stale:
        told.append(f"{stale:,} of {len(choices):,} frames have no sure face, and show where an earlier frame's was")
    if pixels:
        told.append(f"{pixels:,} frames show one pixel: no face was known yet in their sequences")
    blind = [id for id, choice in choices.items() if choice.box is None]
    if blind:
        told.append(f"{len(blind):,} frames in which no face was found count as without a prediction")
        if (each := _zero_pose(blind, rotation)) is not None:
            share = each * len(blind) / len(choices)
            told[-1] += f"; as the zero pose, with an MAE of {each:.1f}, they are {share:.2f} of every row's MAE"
    return told


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
