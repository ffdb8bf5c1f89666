"""Figures of what an estimator shows: small maps over the crop, all on one scale, and a matrix with its numbers."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.comparison.plots.style import GREY, caption, plain, styled_figure
from hpe_bench.images import Pixels
from hpe_bench.inference.drawing import DOWN, FRONT, LEFT, axis_ends
from hpe_bench.maps import HeatMaps, Matrix
from hpe_bench.pose import ANGLES, euler_from_rotation

#: Inches: a map, the crop beside the maps, and a cell of a matrix.
_MAP, _CROP, _CELL = 1.4, 2.1, 0.46
_DPI = 160
#: How opaque a map is over the crop, in grey; the frame of the one that is marked.
_OPAQUE, _MARK = 0.62, "#009E73"
_COLOURS, _DIVERGING = "inferno", "RdBu_r"
#: The length of a drawn axis, in shorter sides of the crop.
_AXIS = 0.33


def heat_maps_png(maps: HeatMaps, crop: Pixels, rotation: NDArray[np.float64], name: str) -> bytes:
    """A crop (H, W, 3), RGB, with the axes of its rotation (3, 3), and beside it the maps of that one sample."""
    rows = _rows(maps)
    columns = max(rows)
    tall = max(len(rows) * (_MAP + 0.14 * _lines(maps.names)), _CROP + 0.6)
    with styled_figure(tall + 0.7, _CROP + columns * _MAP + 1.0) as figure:
        figure.suptitle(plain(maps.title), fontsize=10, fontweight="bold", x=0.01, ha="left")
        left, right = figure.subfigures(1, 2, width_ratios=(_CROP, columns * _MAP + 0.8))
        _draw_crop(left.subplots(), crop, rotation, name)
        grey = crop.mean(axis=2) / 255
        low, high = float(maps.values.min()), float(maps.values.max())
        grid, panels, place = right.add_gridspec(len(rows), 2 * columns), [], 0
        for row, count in enumerate(rows):
            for column in range(count):
                begin = columns - count + 2 * column  # a shorter row stands in the middle
                panel = right.add_subplot(grid[row, begin : begin + 2])
                shown = _draw_map(panel, maps, place, grey, (low, high))
                panels.append(panel)
                place += 1
        right.colorbar(shown, ax=panels, label=plain(maps.unit), shrink=0.7, aspect=30).solids.set_alpha(1)
        caption(figure, maps.note)
        return _png(figure)


def matrix_png(matrix: Matrix) -> bytes:
    """A matrix with its numbers, names on both sides."""
    count = len(matrix.names)
    side = max(count * _CELL, 2.0)
    with styled_figure(side + 1.75, side + 2.4) as figure:
        figure.suptitle(plain(matrix.title), fontsize=10, fontweight="bold", x=0.01, ha="left")
        panel = figure.subplots()
        _bare(panel)
        image = panel.imshow(matrix.values, cmap=_DIVERGING, vmin=matrix.low, vmax=matrix.high)
        names = [plain(name.replace("\n", " ")) for name in matrix.names]
        panel.set_xticks(range(count), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
        panel.set_yticks(range(count), names, fontsize=8)
        middle, reach = (matrix.low + matrix.high) / 2, (matrix.high - matrix.low) / 2
        for (row, column), value in np.ndenumerate(matrix.values):
            light = abs(value - middle) > 0.6 * reach
            panel.text(
                column,
                row,
                _signed(f"{round(value, 2) + 0.0:.2f}"),
                ha="center",
                va="center",
                fontsize=7,
                color="white" if light else "black",
            )
        figure.colorbar(image, ax=panel, label=plain(matrix.unit), shrink=0.8)
        caption(figure, matrix.note)
        return _png(figure)


def _draw_crop(panel: Any, crop: Pixels, rotation: NDArray[np.float64], name: str) -> None:
    _bare(panel)
    panel.set_anchor("N")
    panel.imshow(crop)
    panel.set_title(plain(name), fontsize=9, loc="left")
    if not np.isfinite(rotation).all():
        panel.set_xlabel("no answer", fontsize=8)
        return
    height, width = crop.shape[:2]
    middle = np.array([width / 2, height / 2])
    ends = axis_ends(rotation, middle, _AXIS * min(height, width))
    for axis in np.argsort(-(rotation[2] * (1.0, 1.0, -1.0))):
        across, down = np.stack([middle, ends[axis]]).T
        panel.plot(across, down, color="black", linewidth=4, solid_capstyle="round")
        panel.plot(across, down, color=np.array((LEFT, DOWN, FRONT)[axis]) / 255, linewidth=2.5, solid_capstyle="round")
    panel.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    angles = (
        f"{angle} {round(value, 1) + 0.0:+.1f}°"
        for angle, value in zip(ANGLES, euler_from_rotation(rotation), strict=True)
    )
    panel.set_xlabel(_signed("\n".join(angles)), fontsize=8, loc="left", linespacing=1.4)


def _draw_map(panel: Any, maps: HeatMaps, place: int, grey: NDArray[Any], limits: tuple[float, float]) -> Any:
    _bare(panel)
    height, width = grey.shape
    panel.imshow(grey, cmap="gray", vmin=0, vmax=1)
    shown = panel.imshow(
        maps.values[0, place],
        cmap=_COLOURS,
        alpha=_OPAQUE,
        vmin=limits[0],
        vmax=limits[1],
        interpolation="nearest",
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
    )
    first, *more = maps.names[place].split("\n")
    marked = maps.marked is not None and maps.marked[0] == place
    panel.set_title(plain(first), fontsize=9, pad=3, fontweight="bold" if marked else "normal")
    panel.set_xlabel(_signed("\n".join(map(plain, more))), fontsize=7, color=GREY, labelpad=2)
    if marked:
        for spine in panel.spines.values():
            spine.set(visible=True, color=_MARK, linewidth=3)
    return shown


def _bare(panel: Any) -> None:
    """No ticks, no grid and no frame: a picture."""
    panel.set(xticks=[], yticks=[])
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)


def _rows(maps: HeatMaps) -> Sequence[int]:
    """How many maps stand in each row: as it says, else as even a grid as there is."""
    if maps.rows is not None:
        return maps.rows
    count = len(maps.names)
    columns = math.ceil(math.sqrt(count))
    full, rest = divmod(count, columns)
    return [columns] * full + ([rest] if rest else [])


def _lines(names: Sequence[str]) -> int:
    return max(name.count("\n") for name in names) + 1


def _signed(text: str) -> str:
    """With minus signs for the hyphens before numbers."""
    return re.sub(r"-(?=\d)", "\N{MINUS SIGN}", text)


def _png(figure: Any) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DPI)
    return content.getvalue()
