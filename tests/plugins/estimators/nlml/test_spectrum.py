"""The singular values of a grid's unfoldings, against NumPy's singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from hpe_bench_plugins.estimators.nlml.spectrum import MODES, shares, singular_values

GRID = np.random.default_rng(3).normal(size=(7, 5, 4, 3, 60)).astype(np.float32) * np.geomspace(1, 1e-4, 60)


def chunked(size, read=None):
    def chunks():
        if read is not None:
            read.append(size)
        for start in range(0, len(GRID), size):
            yield GRID[start : start + size]

    return chunks


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("memory", [2**30, 4 * 7 * 1000])
def test_they_are_those_of_the_unfoldings_however_the_tensor_comes(size, memory):
    found = singular_values(chunked(size), len(GRID), memory=memory)
    assert tuple(found) == MODES
    for mode, values in enumerate(found.values()):
        unfolded = np.moveaxis(GRID.astype(np.float64), mode, 0).reshape(GRID.shape[mode], -1)
        np.testing.assert_allclose(values, np.linalg.svd(unfolded, compute_uv=False), rtol=1e-6)


def test_one_pass_is_enough_for_what_the_memory_holds():
    read = []
    singular_values(chunked(2, read), len(GRID))
    assert len(read) == 1


def test_a_tensor_that_would_have_to_be_read_too_often_has_none_of_the_identities():
    read = []
    found = singular_values(chunked(2, read), len(GRID), memory=4 * 7 * 100, passes=4)
    assert len(read) == 1 and len(found["identity"]) == 0 and [len(found[mode]) for mode in MODES[1:]] == [5, 4, 3]


def test_shares_are_percents_of_the_sum():
    assert shares(np.array([6.0, 3.0, 1.0])).tolist() == [60.0, 30.0, 10.0]
    assert shares(np.zeros(2)).tolist() == [0.0, 0.0]
