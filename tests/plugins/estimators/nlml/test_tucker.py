"""The streamed Tucker decomposition: against tensorly, on tensors whose answer is known, and in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from hpe_bench_plugins.estimators.nlml.tucker import reconstruct, tucker

RANKS = (4, 3, 2, 3)


def chunked(tensor, size=3):
    return lambda: (tensor[start : start + size] for start in range(0, len(tensor), size))


@pytest.fixture
def tensor():
    """Low rank and noise, 10 x 8 x 6 x 7 x 40."""
    rng = np.random.default_rng(0)
    shape = (10, 8, 6, 7, 40)
    core = rng.normal(size=(*RANKS, 40))
    for mode, rank in enumerate(RANKS):
        core = np.moveaxis(np.tensordot(core, rng.normal(size=(shape[mode], rank)), axes=(mode, 1)), -1, mode)
    return core + 4.0 * rng.normal(size=shape)


def relative_error(tensor, decomposition):
    return np.linalg.norm(tensor - reconstruct(decomposition)) / np.linalg.norm(tensor)


def test_it_is_as_good_as_tensorly(tensor):
    tensorly = pytest.importorskip("tensorly")
    from tensorly.decomposition import tucker as reference

    core, factors = reference(tensorly.tensor(tensor), rank=[*RANKS, 40], n_iter_max=200, tol=1e-12)
    theirs = np.linalg.norm(tensor - tensorly.tucker_to_tensor((core, factors))) / np.linalg.norm(tensor)
    ours = tucker(chunked(tensor), RANKS, rounds=50, tolerance=1e-10)
    assert relative_error(tensor, ours) == pytest.approx(theirs, rel=1e-6)
    for found, expected in zip(ours.factors, factors, strict=False):
        cosines = np.linalg.svd(found.T @ np.asarray(expected), compute_uv=False)
        np.testing.assert_allclose(cosines, 1, atol=1e-5)


def test_the_error_it_states_is_the_error_it_makes(tensor):
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        found = tucker(chunked(tensor.astype(dtype)), RANKS)
        assert found.relative_error == pytest.approx(relative_error(tensor, found), rel=tolerance)


def test_a_tensor_of_low_rank_is_given_back(tensor):
    exact = reconstruct(tucker(chunked(tensor), RANKS))
    found = tucker(chunked(exact), RANKS)
    assert found.relative_error < 1e-6
    np.testing.assert_allclose(reconstruct(found), exact, atol=1e-9)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_torch_gives_what_numpy_gives(tensor, device):
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    here, there = tucker(chunked(tensor), RANKS), tucker(chunked(tensor), RANKS, device=device)
    assert there.relative_error == pytest.approx(here.relative_error, rel=1e-6)
    np.testing.assert_allclose(reconstruct(there), reconstruct(here), atol=1e-4 * np.abs(tensor).max())


def test_the_chunks_do_not_matter(tensor):
    one, other = (tucker(chunked(tensor, size), RANKS, rounds=50, tolerance=1e-12) for size in (10, 1))
    assert one.relative_error == pytest.approx(other.relative_error, rel=1e-8)


def test_the_factors_have_orthonormal_columns(tensor):
    for factor, rank in zip(tucker(chunked(tensor), RANKS).factors, RANKS, strict=True):
        np.testing.assert_allclose(factor.T @ factor, np.eye(rank), atol=1e-12)


@pytest.mark.parametrize(
    ("ranks", "message"), [((11, 3, 2, 3), "fewer than the rank 11"), ((4, 9, 2, 3), "rank 9 does not fit")]
)
def test_a_rank_that_does_not_fit_is_refused(tensor, ranks, message):
    with pytest.raises(ValueError, match=message):
        tucker(chunked(tensor), ranks)


@pytest.mark.parametrize("place", [0, 9])
def test_a_missing_cell_is_refused(tensor, place):
    tensor[place, 3, 3, 3, 3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        tucker(chunked(tensor), RANKS)


def test_an_empty_tensor_is_refused():
    with pytest.raises(ValueError, match="empty"):
        tucker(lambda: iter(()), RANKS)


def test_memory_is_bounded_by_what_is_in_flight():
    """200 identities are 200 x 8 MB; what is held is a chunk, and the projections of 20 x 40 numbers an identity."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(50, 50, 10, 40)).astype(np.float32)

    def chunks():
        for number in range(200):
            yield (base * np.float32(1 + 0.1 * np.cos(number)))[None]

    tracemalloc.start()
    tucker(chunks, (1, 5, 2, 2), rounds=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * base.nbytes
