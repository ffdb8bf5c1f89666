"""What there is to see of a decomposed grid: its factors with the curves through them, and its singular values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hpe_bench import Chart, Line, Panel, pose
from hpe_bench_plugins.estimators.nlml.spectrum import MODES, shares
from hpe_bench_plugins.estimators.nlml.weights import LandmarkTensor, read_tensor

_WHOLE_TURN = np.arange(-180.0, 181.0)


def tensor_charts(path: Path) -> Sequence[Chart]:
    """The charts of a file of a tensor; none where there is none, such as beside a network that learned without."""
    if not path.is_file():
        return ()
    tensor = read_tensor(path)
    singular = {} if tensor.factors is None else tensor.factors.singular
    return [_factors(tensor), *([_scree(tensor)] if singular else [])]


def _factors(tensor: LandmarkTensor) -> Chart:
    """Each column of the factors of yaw, pitch and roll at the bins, and its sinusoid over a whole turn."""
    ranks = [len(curve.parameters) for curve in tensor.curves]
    panels = []
    for place, angle in enumerate(pose.ANGLES):
        curve, limit = tensor.curves[place], tensor.limits[place]
        values = curve(np.radians(_WHOLE_TURN))
        span = (-limit, limit)
        if tensor.factors is not None:
            span = (float(tensor.factors.bins[place].min()), float(tensor.factors.bins[place].max()))
        for column in range(max(ranks)):
            if column >= ranks[place]:
                panels.append(Panel(f"{angle}, none", (), "angle w (degrees)"))
                continue
            a, b, c, d = curve.parameters[column]
            lines = [Line("sinusoid", _WHOLE_TURN, values[:, column])]
            if tensor.factors is not None:
                bins, rows = tensor.factors.bins[place], tensor.factors.rows[place]
                lines.append(Line("factor, at the bins of the grid", bins, rows[:, column], "points"))
            note = f"{a:.3f} cos({b:.3f} w {_signed(c)}) {_signed(d)}"
            panels.append(Panel(f"{angle}, column {column + 1}", lines, "angle w (degrees)", "value", span, note=note))
    about = "Sinusoids through the columns of the factors, w in radians in their formulas. Grey: the grid's range."
    if tensor.factors is None:
        about += " The file holds the sinusoids alone, without the factors that they were fitted to."
    return Chart("factors", panels, max(ranks), about)


def _signed(number: float) -> str:
    return f"{'-' if number < 0 else '+'} {abs(number):.3f}"


def _scree(tensor: LandmarkTensor) -> Chart:
    """The singular values of the unfoldings, as shares of their sum."""
    assert tensor.factors is not None
    ranks = dict(zip(MODES, tensor.w.shape, strict=False))
    panels = []
    for mode in MODES:
        values = tensor.factors.singular.get(mode, np.zeros(0))
        if not len(values):
            continue
        numbers, share = np.arange(1.0, len(values) + 1), shares(values)
        rank = ranks[mode]
        share = np.where(share > 0, share, np.nan)
        lines = [
            Line("kept by the ranks", numbers[:rank], share[:rank], "both"),
            Line("left out", numbers[rank:], share[rank:], "both"),
        ]
        kept = float(np.nansum(share[:rank]))
        panels.append(
            Panel(
                f"{mode}: {rank} of {len(values)} values hold {kept:.1f}%",
                [line for line in lines if len(line.x)],
                "number of the singular value",
                "share of the sum (%)",
                logarithmic=True,
            )
        )
    return Chart("singular-values", panels, 2, "Singular values of the unfoldings of the grid's features.")
