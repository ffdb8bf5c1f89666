"""The streamed Tucker decomposition: against tensorly, on tensors whose answer is known, and in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from hpe_bench_plugins.estimators.nlml import tucker as module
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


def counted(chunks):
    """The chunks, and a list that grows by one whenever they are asked for."""
    passes = []

    def again():
        passes.append(None)
        return chunks()

    return again, passes


def unfolded(tensor, mode):
    return np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)


def leading(matrix, rank):
    return np.linalg.svd(matrix, full_matrices=False)[0][:, :rank]


def same_space(found, expected, tolerance=1e-8):
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=tolerance)


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


def test_the_first_round_is_the_higher_order_svd(tensor):
    """Of a tensor in one chunk: the singular vectors of each angle's unfolding, then those of what is projected."""
    found = tucker(chunked(tensor, 10), RANKS, rounds=1)
    angles = [leading(unfolded(tensor, mode), RANKS[mode]) for mode in (1, 2, 3)]
    for factor, expected in zip(found.factors[1:], angles, strict=True):
        same_space(factor, expected)
    projected = np.einsum("iabcf,ay,bp,cr->iyprf", tensor, *angles)
    same_space(found.factors[0], leading(unfolded(projected, 0), RANKS[0]))


def test_the_second_round_turns_each_factor_to_the_others(tensor):
    """The angles are stationary on the identities of the first round, the identities follow from the angles."""
    first, second = (tucker(chunked(tensor), RANKS, rounds=rounds, tolerance=0.0) for rounds in (1, 2))
    reduced = np.einsum("iabcf,ij->jabcf", tensor, first.factors[0])
    yaw, pitch, roll = second.factors[1:]
    same_space(yaw, leading(unfolded(np.einsum("jabcf,bp,cr->japrf", reduced, pitch, roll), 1), 3), 1e-4)
    same_space(pitch, leading(unfolded(np.einsum("jabcf,ay,cr->jybrf", reduced, yaw, roll), 2), 2), 1e-4)
    same_space(roll, leading(unfolded(np.einsum("jabcf,ay,bp->jypcf", reduced, yaw, pitch), 3), 3), 1e-4)
    projected = np.einsum("iabcf,ay,bp,cr->iyprf", tensor, yaw, pitch, roll)
    same_space(second.factors[0], leading(unfolded(projected, 0), RANKS[0]))


def test_the_core_is_the_tensor_on_the_factors(tensor):
    found = tucker(chunked(tensor), RANKS)
    np.testing.assert_allclose(found.core, np.einsum("iabcf,ij,ay,bp,cr->jyprf", tensor, *found.factors), atol=1e-10)


def test_the_largest_entry_of_each_column_is_positive(tensor):
    for factor in tucker(chunked(tensor), RANKS).factors:
        assert (factor.max(axis=0) == np.abs(factor).max(axis=0)).all()


def test_ranks_as_large_as_the_tensor_give_it_back(tensor):
    found = tucker(chunked(tensor), tensor.shape[:4])
    assert found.core.shape == tensor.shape
    np.testing.assert_allclose(reconstruct(found), tensor, atol=1e-9)


def test_a_rank_of_none_is_refused(tensor):
    with pytest.raises(ValueError, match="rank 0 does not fit"):
        tucker(chunked(tensor), (4, 0, 2, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_error_is_relative_to_the_norm(dtype):
    """10,000 at one corner is kept, 1 at the opposite one is not: 1 in 10,000, of squares that float32 cannot add."""
    tensor = np.zeros((2, 2, 2, 2, 1), dtype=dtype)
    tensor[0, 0, 0, 0], tensor[1, 1, 1, 1] = 10_000, 1
    found = tucker(chunked(tensor, 2), (1, 1, 1, 1))
    assert found.relative_error == pytest.approx(1e-4, rel=1e-3)
    assert found.core == pytest.approx(10_000)


def test_what_is_exact_is_settled_in_the_second_round():
    """A tensor of one number: the second round finds nothing better, so the first stands."""
    chunks, passes = counted(chunked(np.full((1, 1, 1, 1, 1), 2.0)))
    found = tucker(chunks, (1, 1, 1, 1))
    assert (found.relative_error, found.passes, len(passes)) == (0.0, 2, 4)
    assert found.core.item() == 2.0


@pytest.mark.parametrize(("rounds", "expected"), [(0, 2), (1, 2), (2, 4), (3, 6)])
def test_a_round_is_two_passes(tensor, rounds, expected):
    chunks, passes = counted(chunked(tensor, 1))
    assert tucker(chunks, RANKS, rounds=max(rounds, 1), tolerance=0.0).passes == expected == len(passes)
    assert tucker(chunked(tensor, 1), RANKS, rounds=rounds, tolerance=0.0).passes == expected


def test_ten_rounds_are_the_most_unless_told(tensor):
    chunks, passes = counted(chunked(tensor, 1))
    tucker(chunks, RANKS, tolerance=-1.0)
    assert len(passes) == 20


def test_the_rounds_end_when_the_error_falls_by_less_than_the_tolerance(tensor):
    first, second = (tucker(chunked(tensor, 1), RANKS, rounds=rounds).relative_error for rounds in (1, 2))
    fall = (first - second) / first
    assert 1e-5 < fall < 0.5
    assert tucker(chunked(tensor, 1), RANKS, tolerance=1.2 * fall).passes == 4
    assert tucker(chunked(tensor, 1), RANKS, tolerance=0.8 * fall, rounds=3).passes == 6
    assert tucker(chunked(tensor, 1), RANKS, rounds=3).passes == 6


def test_the_identities_are_summed_along_their_factor(tensor):
    factor = np.random.default_rng(1).normal(size=(10, 4))
    summed = module._sum_along(chunked(tensor), factor, np.matmul)
    np.testing.assert_allclose(summed, np.einsum("iabcf,ij->jabcf", tensor, factor), atol=1e-10)


def test_the_angles_turn_until_each_follows_from_the_others():
    """From factors drawn at random, on low rank and noise."""
    rng = np.random.default_rng(2)
    tensor = rng.normal(size=(4, 8, 6, 7, 5)) + 4 * np.einsum(
        "iyprf,ay,bp,cr->iabcf",
        rng.normal(size=(*RANKS, 5)),
        *(np.linalg.qr(rng.normal(size=(size, rank)))[0] for size, rank in zip((8, 6, 7), RANKS[1:], strict=True)),
    )
    drawn = [np.linalg.qr(rng.normal(size=(size, rank)))[0] for size, rank in zip((8, 6, 7), RANKS[1:], strict=True)]
    yaw, pitch, roll = module._iterate_angles(tensor, drawn)
    same_space(yaw, leading(unfolded(np.einsum("jabcf,bp,cr->japrf", tensor, pitch, roll), 1), 3), 1e-5)
    same_space(pitch, leading(unfolded(np.einsum("jabcf,ay,cr->jybrf", tensor, yaw, roll), 2), 2), 1e-5)
    same_space(roll, leading(unfolded(np.einsum("jabcf,ay,bp->jypcf", tensor, yaw, pitch), 3), 3), 1e-5)


def test_angles_that_do_not_turn_are_left_after_one_round(monkeypatch):
    """Cells on a diagonal, the larger the earlier: the first axes lead, and are where it starts."""
    tensor = np.zeros((4, 4, 4, 4, 1))
    tensor[range(4), range(4), range(4), range(4), 0] = 8, 4, 2, 1
    calls, found = [], module._leading
    monkeypatch.setattr(module, "_leading", lambda *given: calls.append(None) or found(*given))
    angles = module._iterate_angles(tensor, [np.eye(4)[:, :2]] * 3)
    assert len(calls) == 3
    for factor in angles:
        np.testing.assert_allclose(factor, np.eye(4)[:, :2], atol=1e-12)


def test_a_gram_matrix_counts_every_column_once():
    rows = np.ones((2, 40_000), dtype=np.float32)
    rows[1] = 2
    assert module._gram(rows).tolist() == [[40_000, 80_000], [80_000, 160_000]]


def test_torch_multiplies_float32_as_numpy_does(tensor):
    pytest.importorskip("torch")
    single = tensor.astype(np.float32)
    here, there = (tucker(chunked(single), RANKS, device=device) for device in (None, "cpu"))
    assert there.relative_error == pytest.approx(here.relative_error, rel=1e-4)
    np.testing.assert_allclose(reconstruct(there), reconstruct(here), atol=1e-3 * np.abs(tensor).max())


def test_numpy_multiplies_unless_a_device_is_named(tensor, monkeypatch):
    monkeypatch.setattr(module, "_torch_multiply", lambda device: pytest.fail(f"torch multiplies on {device}"))
    tucker(chunked(tensor), RANKS, rounds=1)


def test_torch_multiplies_on_the_device_that_is_named(tensor):
    """On PyTorch's device without data, from which there is nothing to fetch."""
    pytest.importorskip("torch")
    with pytest.raises(NotImplementedError, match="meta"):
        tucker(chunked(tensor), RANKS, device="meta")
