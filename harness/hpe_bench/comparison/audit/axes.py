"""Are an estimator's axes right? What it predicted is read in every way in which it may have been converted wrongly.

A hypothesis is a map from the rotations that were given to those that were meant. It is chosen on one half of the
clusters and judged on the other, both ways, so that among so many none can win by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hpe_bench import pose
from hpe_bench.comparison.audit.paired import Paired, paired
from hpe_bench.metrics import geodesic_error
from hpe_bench.pose import ANGLES

Array = NDArray[np.float64]
Verdict = Literal["right", "wrong", "undecided"]

#: With fewer predictions, or clusters of them, nothing is said.
FEWEST, FEWEST_CLUSTERS = 20, 4
#: A hypothesis explains an error where it lowers GE beyond chance, and by this share. Less is what another reading of
#: the angles may gain by the estimator's own faults.
LEAST_GAIN, CHANCE = 0.1, 0.001
#: Random rotations have a mean GE of 126.5 degrees.
AS_RANDOM = 115.0

_PYR, _YPR = "X(-pitch) Y(yaw) Z(roll)", "Y(yaw) X(-pitch) Z(-roll)"


@dataclass(frozen=True)
class Hypothesis:
    """One thing that may have gone wrong: in words, how to mend it, and the map that undoes it.

    ``name`` is short and stable. ``cost`` is the number of mistakes that it takes: 0 for none. What cannot be undone
    has a map ``spoil`` from true rotations to what becomes of them, and predictions are compared with that.
    ``of_small_labels``: it is possible only where no label is as large as a head's turn in radians can be.
    """

    name: str
    sentence: str
    mend: str
    cost: int
    correct: Callable[[Array], Array]
    spoil: Callable[[Array], Array] | None = None
    of_small_labels: bool = False

    def errors(self, truth: Array, prediction: Array) -> Array:
        """GE (N,), degrees, of predictions (N, 3, 3) if this is what went wrong."""
        expected = truth if self.spoil is None else self.spoil(truth)
        return np.asarray(geodesic_error(expected, self.correct(prediction)))


@dataclass(frozen=True)
class Reading:
    """What GE a hypothesis gives, degrees, mean over all samples that have a prediction."""

    name: str
    sentence: str
    ge: float


@dataclass(frozen=True)
class Axes:
    """What the predictions say about the axes.

    ``given`` is the GE as predicted and ``corrected`` as the hypothesis has it, degrees. ``gain`` is their difference
    over the samples, each under the hypothesis that the other half chose; None where the halves chose none. ``rivals``
    are hypotheses that do as well as the one chosen. ``readings`` are the best, in order.
    """

    verdict: Verdict
    hypothesis: Hypothesis
    sentence: str
    n: int
    clusters: int
    given: float
    corrected: float
    gain: Paired | None
    rivals: tuple[str, ...]
    readings: tuple[Reading, ...]


def hypotheses() -> list[Hypothesis]:
    """All of them, the first being that nothing is wrong."""
    return [*_permuted(), *_transposed(), *_other_order("made"), *_other_order("read"), *_other_unit()]


def judge_axes(truth: Array, prediction: Array, clusters: NDArray[np.int64]) -> Axes:
    """Judge predictions (N, 3, 3) by true rotations (N, 3, 3) and the number (N,) of each sample's cluster.

    Samples without a prediction (NaN) are left out.
    """
    found = np.isfinite(prediction).all(axis=(-2, -1))
    truth, prediction, clusters = truth[found], prediction[found], np.unique(clusters[found], return_inverse=True)[1]
    every = [hypothesis for hypothesis in hypotheses() if not hypothesis.of_small_labels or _are_small(truth)]
    errors = np.array([hypothesis.errors(truth, prediction) for hypothesis in every])
    n, count = len(truth), len(np.unique(clusters))
    means = errors.mean(axis=1) if n else np.full(len(every), np.nan)
    order = sorted(range(len(every)), key=lambda place: (means[place], every[place].cost))
    readings = tuple(Reading(every[place].name, every[place].sentence, float(means[place])) for place in order[:5])

    def axes(verdict: Verdict, place: int, sentence: str, gain: Paired | None, rivals: Sequence[int] = ()) -> Axes:
        given, corrected = float(means[0]), float(means[place])
        if verdict == "undecided" and n >= FEWEST and given > AS_RANDOM:
            sentence += "; the error is that of random rotations: such are degrees that are taken for radians"
        names = tuple(every[rival].name for rival in rivals)
        return Axes(verdict, every[place], sentence, n, count, given, corrected, gain, names, readings)

    if n < FEWEST or count < FEWEST_CLUSTERS:
        return axes("undecided", 0, f"too few to tell: predictions {n}, clusters of samples {count}", None)
    half = np.random.default_rng(0).permutation(count)[clusters] < count // 2
    chosen = [_choose(errors[:, own], clusters[own], every) for own in (half, ~half)]
    if chosen[0] != chosen[1]:
        two = " or ".join(f"'{every[place].name}'" for place in chosen)
        return axes("undecided", 0, f"the halves of the samples disagree: {two}", None, chosen)
    (place,) = set(chosen)
    if place == 0:
        rivals = [
            rival
            for rival, other in enumerate(every)
            if other.cost == 1 and not _beyond_chance(errors[rival] - errors[0], clusters)
        ]
        if rivals:
            listed = ", ".join(every[rival].name for rival in rivals)
            return axes("undecided", 0, f"the predictions do not tell; as good would be: {listed}", None, rivals)
        return axes("right", 0, "the axes are right: no other reading of them does better", None)
    gain = paired(errors[0] - errors[place], clusters)
    if gain.p < CHANCE and gain.mean >= LEAST_GAIN * means[0]:
        rivals = [
            rival
            for rival in range(len(every))
            if rival != place and not _beyond_chance(errors[rival] - errors[place], clusters)
        ]
        return axes("wrong", place, every[place].sentence, gain, rivals)
    sentence = f"nothing explains the error: '{every[place].name}' does best, but its gain is small, or chance"
    return axes("undecided", 0, sentence, gain, [place])


def _are_small(truth: Array) -> bool:
    """Whether all angles are such as angles in radians that were taken for degrees."""
    return bool((np.abs(pose.euler_from_rotation(truth)) <= np.pi).all())


def _choose(errors: Array, clusters: NDArray[np.int64], every: Sequence[Hypothesis]) -> int:
    """The simplest of the hypotheses that are not worse than the best beyond chance; of the simplest ones the best."""
    clusters = np.unique(clusters, return_inverse=True)[1]
    means = errors.mean(axis=1)
    best = int(means.argmin())
    near = [
        place
        for place in range(len(every))
        if place == best or not _beyond_chance(errors[place] - errors[best], clusters)
    ]
    return min(near, key=lambda place: (every[place].cost, means[place]))


def _beyond_chance(differences: Array, clusters: NDArray[np.int64]) -> bool:
    """Whether differences of errors are above 0 by more than chance explains."""
    return paired(differences, clusters).p < CHANCE


def _permuted() -> Iterator[Hypothesis]:
    """The 48 signed permutations of yaw, pitch and roll; among them A and V, which negate two angles."""
    for order, signs in _signed_permutations():
        name, cost = _in_words(order, signs)
        sentence = f"your {name}" if cost else "nothing is wrong"
        if signs == (-1, 1, -1) and order == (0, 1, 2):
            name, cost = "convention A", 1
            sentence = "your yaw and roll are negated: the matrix is in convention A (3DDFA)"
        elif signs == (-1, -1, 1) and order == (0, 1, 2):
            name, cost = "convention V", 1
            sentence = "your yaw and pitch are negated: the matrix is in convention V (TriNet, NLML-HPE's script)"
        convention = name.removeprefix("convention ") if name.startswith("convention") else ""
        mend = f'pose.from_convention(matrix, "{convention}")' if convention else _angles_mend(order, signs)
        yield Hypothesis(name, sentence, mend if cost else "", cost, _euler_map(order, signs, "as they stand"))


def _transposed() -> Iterator[Hypothesis]:
    """The matrices that are another's transpose."""
    yield Hypothesis(
        "transposed", "your matrix is transposed", "matrix.swapaxes(-1, -2)", 1, lambda r: np.swapaxes(r, -1, -2)
    )
    yield Hypothesis(
        "convention G",
        "your matrix is in convention G (6DRepNet, TokenHPE)",
        'pose.from_convention(matrix, "G")',
        1,
        lambda r: pose.from_convention(r, "G"),
    )
    yield Hypothesis(
        "convention V, transposed",
        "your matrix is in convention V, and transposed",
        'pose.from_convention(matrix.swapaxes(-1, -2), "V")',
        2,
        lambda r: pose.from_convention(np.swapaxes(r, -1, -2), "V"),
    )


def _other_order(fault: Literal["made", "read"]) -> Iterator[Hypothesis]:
    """Angles of the grids' other convention that were taken as ours ("made"), and the other way round ("read"); signed,
    permuted.

    To second order in the angles both faults do the same to a rotation. The second one costs more: nobody takes angles
    for those of the other convention without asking for it.
    """
    for order, signs in _signed_permutations():
        words, cost = _in_words(order, signs)
        own = 1 if fault == "made" else 2
        also = f", and {words}" if cost else ""
        if fault == "made":
            sentence = f"your angles are in the convention yaw-pitch-roll, {_YPR}, and were taken as {_PYR}{also}"
            name, mend = f"yaw-pitch-roll{also}", 'pose.rotation_from_grid(angles, "yaw-pitch-roll")'
        else:
            sentence = f"your angles are those of {_PYR}, and were taken as yaw-pitch-roll, {_YPR}{also}"
            name, mend = f"pitch-yaw-roll{also}", "pose.rotation_from_euler(angles)"
        mend = f"{mend}, of {_angles_mend(order, signs)}" if cost else mend
        yield Hypothesis(name, sentence, mend, cost + own, _euler_map(order, signs, fault))


def _other_unit() -> Iterator[Hypothesis]:
    """Angles in radians that were taken for degrees, and the other way round; and labels that were, beside which right
    angles are 57 times too large."""
    ours, euler = pose.rotation_from_euler, pose.euler_from_rotation
    yield Hypothesis(
        "angles in radians",
        "your angles are in radians, and were taken for degrees",
        "pose.rotation_from_euler(np.degrees(angles))",
        1,
        lambda r: ours(np.degrees(euler(r))),
    )
    yield Hypothesis(
        "angles in degrees",
        "your angles are in degrees, and were taken for radians",
        "np.radians(angles) where radians are asked for, or pose.rotation_from_euler(angles)",
        1,
        lambda r: r,
        lambda truth: ours(np.degrees(euler(truth))),
    )
    yield Hypothesis(
        "angles 57 times those of the labels",
        "your angles are 57 times those of the labels, which seem to be radians that were taken for degrees",
        "degrees in the labels",
        2,
        lambda r: ours(np.radians(euler(r))),
        of_small_labels=True,  # of others this is nearly the zero pose, which is better than many predictions
    )


def _euler_map(
    order: tuple[int, ...], signs: tuple[int, ...], fault: Literal["as they stand", "made", "read"]
) -> Callable[[Array], Array]:
    def correct(rotation: Array) -> Array:
        given = pose.grid_from_rotation(rotation, "yaw-pitch-roll" if fault == "read" else "pitch-yaw-roll")
        meant = given[..., list(order)] * np.array(signs)
        return pose.rotation_from_grid(meant, "yaw-pitch-roll" if fault == "made" else "pitch-yaw-roll")

    return correct


def _signed_permutations() -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Which angle each of yaw, pitch, roll is taken from, and its sign; as they stand first."""
    yield from product(permutations(range(3)), product((1, -1), repeat=3))


def _in_words(order: tuple[int, ...], signs: tuple[int, ...]) -> tuple[str, int]:
    """What is wrong with angles that have to be taken so, and how many mistakes it takes."""
    moved = [ANGLES[place] for place in range(3) if order[place] != place]
    negated = [ANGLES[source] for source, sign in zip(order, signs, strict=True) if sign < 0]
    words, cost = [], len(negated)
    if len(moved) == 2:
        words.append(f"{moved[0]} and {moved[1]} are exchanged")
        cost += 1
    elif moved:
        words.append(f"{', '.join(ANGLES[source] for source in order)} are the true yaw, pitch, roll")
        cost += 2
    if negated:
        words.append(f"{_and(negated)} {'is' if len(negated) == 1 else 'are'} negated")
    return ", ".join(words) or "as predicted", cost


def _angles_mend(order: tuple[int, ...], signs: tuple[int, ...]) -> str:
    taken = ("-" * (sign < 0) + ANGLES[source] for source, sign in zip(order, signs, strict=True))
    return f"yaw, pitch, roll = {', '.join(taken)}"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
