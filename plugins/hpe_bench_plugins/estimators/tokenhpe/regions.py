"""The regions of orientations of TokenHPE: which one an orientation lies in, and what they are called."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

#: Where the rows of regions meet, degrees of pitch; and in each row, from the top, the regions, degrees of yaw.
ROWS = (30.0, -30.0)
COLUMNS: dict[int, tuple[tuple[float, ...], ...]] = {
    9: ((40.0, -40.0), (40.0, -40.0), (40.0, -40.0)),
    11: ((40.0, -40.0), (60.0, 20.0, -20.0, -60.0), (40.0, -40.0)),
}
_UP = ("up", "", "down")
#: By how many regions a row has: where a head looks in the picture, from large yaws on.
_ASIDE = {3: ("left", "", "right"), 5: ("far left", "left", "", "right", "far right")}


def region_of(euler: Tensor, regions: int) -> Tensor:
    """Which of 9 or 11 regions (N,) yaw, pitch and roll (N, 3) in degrees lie in.

    Row by row, large pitches first, and in each row large yaws first. Of 9, three rows have three regions each; of 11,
    the middle row has five. A bound belongs to the region that is nearer to the front.
    """
    import torch

    yaw, pitch, _ = euler.unbind(dim=-1)
    row, first, found = _band(pitch, ROWS), 0, torch.zeros_like(yaw, dtype=torch.long)
    for place, bounds in enumerate(COLUMNS[regions]):
        found = torch.where(row == place, first + _band(yaw, bounds), found)
        first += len(bounds) + 1
    return found


def region_names(regions: int) -> list[str]:
    """Where heads of each region look, left and right as the picture has them: "up left", "ahead"."""
    return [
        " ".join(part for part in (up, aside) if part) or "ahead"
        for up, bounds in zip(_UP, COLUMNS[regions], strict=True)
        for aside in _ASIDE[len(bounds) + 1]
    ]


def region_bounds(regions: int) -> list[str]:
    """The pitches and yaws of each region, in two lines."""
    pitches = _spans("pitch", ROWS)
    return [
        f"{pitch}\n{yaw}"
        for pitch, bounds in zip(pitches, COLUMNS[regions], strict=True)
        for yaw in _spans("yaw", bounds)
    ]


def _spans(angle: str, bounds: tuple[float, ...]) -> list[str]:
    """The spans between falling bounds in words, from above the first on."""
    between = [f"{angle} {low:g} to {high:g}°" for high, low in itertools.pairwise(bounds)]
    return [f"{angle} > {bounds[0]:g}°", *between, f"{angle} < {bounds[-1]:g}°"]


def _band(angle: Tensor, bounds: tuple[float, ...]) -> Tensor:
    """Between which of the falling bounds angles (N,) lie: 0 is above the first."""
    import torch

    below = [angle <= bound if bound > 0 else angle < bound for bound in bounds]
    return torch.stack(below).sum(dim=0)
