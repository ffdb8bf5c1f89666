"""Whether a training learned anything, from what its stages report of their validation."""

from __future__ import annotations

import pytest

from hpe_bench.runs.train.verdict import no_better_than_zero
from hpe_bench.runs.train.work import Stage


def figures(mae=None, ge=None, zero_mae=22.2, zero_ge=41.0):
    told = {"validation_mae_degrees": mae, "validation_ge_degrees": ge}
    told |= {"zero_mae_degrees": zero_mae, "zero_ge_degrees": zero_ge}
    return {name: value for name, value in told.items() if value is not None}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (figures(5.0, 9.0), []),
        (figures(23.2, 39.0), ["MAE of 23.2 degrees is no better than the 22.2 of the zero pose"]),
        (figures(20.0, 41.5), ["GE of 41.5 degrees is no better than the 41 of the zero pose"]),
        (figures(23.2, 41.5), ["MAE of 23.2", "GE of 41.5"]),
        (figures(22.1, 40.9), ["MAE of 22.1", "GE of 40.9"]),  # one pose for all has that by chance
        (figures(21.9, 40.5), []),
        (figures(mae=23.2), ["MAE of 23.2"]),
        (figures(5.0, 9.0, zero_mae=None, zero_ge=None), []),
        (figures(23.2, 41.5, zero_mae=None, zero_ge=None), []),
        ({"loss": 3.0}, []),
        ({}, []),
    ],
)
def test_both_figures_are_named_where_the_zero_pose_is_as_good(told, said):
    text = no_better_than_zero([Stage("fit", told)])
    assert bool(text) == bool(said) and all(part in text for part in said)


def test_an_error_that_is_no_number_is_no_better():
    told = {"validation_mae_degrees": None, "zero_mae_degrees": 20.0}
    assert "MAE of – degrees is no better than the 20" in no_better_than_zero([Stage("fit", told)])


def test_the_last_stage_that_tells_both_is_judged():
    poor, good, silent = (
        Stage("heads", figures(30.0, 50.0)),
        Stage("joint", figures(2.0, 3.0)),
        Stage("end", {"n": 1.0}),
    )
    assert no_better_than_zero([poor, good, silent]) == ""
    assert "30" in no_better_than_zero([good, poor, silent])
