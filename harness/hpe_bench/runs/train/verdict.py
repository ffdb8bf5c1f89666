"""Whether a training learned anything: what it reports of its validation, beside what the zero pose has there."""

from __future__ import annotations

from collections.abc import Iterable

from hpe_bench.runs.train.learning import figure_in_words
from hpe_bench.runs.train.work import Stage

#: Of a measure: its name, the figure of the validation, and that of the zero pose on the same samples.
_FIGURES = tuple(
    (measure.upper(), f"validation_{measure}_degrees", f"zero_{measure}_degrees") for measure in ("mae", "ge")
)
#: One pose for every sample may be a little better than the zero pose by chance.
_BETTER = 0.99


def no_better_than_zero(stages: Iterable[Stage]) -> str:
    """What says that a training is no better than the zero pose, with both figures; "" where it is, or nobody knows.

    Judged is the last stage that reports a measure of both. Better is an error that is lower by more than one percent,
    in each of the measures.
    """
    for stage in reversed(list(stages)):
        known = [figures for figures in _FIGURES if stage.figures.get(figures[2]) is not None]
        told = [(name, stage.figures[own], stage.figures[zero]) for name, own, zero in known if own in stage.figures]
        if not told:
            continue
        worse = [
            f"its validation {name} of {figure_in_words(own)} degrees is no better than the {figure_in_words(zero)} "
            "of the zero pose"
            for name, own, zero in told
            if zero is not None and not (own is not None and own < _BETTER * zero)
        ]
        return "; ".join(worse)
    return ""
