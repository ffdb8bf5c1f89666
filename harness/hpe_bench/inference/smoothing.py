"""Smoothing of rotations in time: the one-euro filter (Casiez, Roussel, Vogel: CHI 2012), and exponential smoothing."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import DeclarationError, UsageError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Smoothing:
    """How much is smoothed: the cutoff at rest in Hz, how much it grows with speed (Hz per degree a second), and the
    cutoff of the speed itself in Hz. A lower cutoff is calmer, a higher growth follows fast turns more closely.

    With ``alpha`` it is exponential smoothing instead, and the others count for nothing: each frame takes that share of
    its own rotation, and the rest of the one before, whatever time has passed.
    """

    cutoff: float = 1.0
    growth: float = 0.1
    speed_cutoff: float = 1.0
    alpha: float | None = None

    def __post_init__(self) -> None:
        """:class:`DeclarationError`, a UsageError, where a field is not what it may be."""
        given = (self.cutoff, self.growth, self.speed_cutoff)
        numbers = all(isinstance(value, Real) and value < np.inf for value in given)
        if not (numbers and self.cutoff > 0 and self.growth >= 0 and self.speed_cutoff > 0):
            shown = ", ".join(map(repr, given))
            raise DeclarationError(
                f"smoothing needs a cutoff above 0, a growth of at least 0 and a speed_cutoff above 0, not {shown}"
            )
        if self.alpha is not None and not (isinstance(self.alpha, Real) and 0 < self.alpha <= 1):
            raise DeclarationError(f"smoothing's alpha is a share, above 0 and at most 1, not {self.alpha!r}")


class Smoother(Protocol):
    """A filter of one head."""

    def smooth(self, rotation: Array, time: float) -> Array:
        """The smoothed rotation (3, 3) at a time in seconds; one of NaN stays, and changes nothing."""


def smoother_of(smoothing: Smoothing) -> Smoother:
    """A new filter of one head."""
    return OneEuro(smoothing) if smoothing.alpha is None else Exponential(smoothing.alpha)


class Exponential:
    """Exponential smoothing: from the last smoothed rotation to the new one by the share ``alpha`` of the way.

    For a head that turns about one axis it is the usual one of that angle.
    """

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha
        self._rotation: Array | None = None

    def smooth(self, rotation: Array, time: float) -> Array:
        from scipy.spatial.transform import Rotation

        if not np.isfinite(rotation).all():
            return rotation
        if self._rotation is None:
            self._rotation = np.array(rotation)
            return self._rotation
        way = Rotation.from_matrix(rotation @ self._rotation.T).as_rotvec()
        self._rotation = np.asarray(Rotation.from_rotvec(self._alpha * way).as_matrix() @ self._rotation)
        return self._rotation


class OneEuro:
    """The filter of one head. The state is a rotation, so that no angle wraps.

    As published, with the difference of two numbers replaced by the rotation from one to the other, as a vector of
    degrees about the camera's axes, and a step of a share of it by the rotation by that share. For a head that turns
    about one axis it is the published filter of that angle.
    """

    def __init__(self, smoothing: Smoothing) -> None:
        self._smoothing = smoothing
        self._rotation: Array | None = None
        self._speed = np.zeros(3)
        self._time = 0.0

    def smooth(self, rotation: Array, time: float) -> Array:
        """The smoothed rotation (3, 3) at a time in seconds; one of NaN stays, and changes nothing."""
        from scipy.spatial.transform import Rotation

        if not np.isfinite(rotation).all():
            return rotation
        passed = time - self._time
        if self._rotation is None or passed <= 0:
            self._rotation, self._speed, self._time = np.array(rotation), np.zeros(3), time
            return self._rotation
        step = np.degrees(Rotation.from_matrix(rotation @ self._rotation.T).as_rotvec())
        self._speed = self._speed + _share(passed, self._smoothing.speed_cutoff) * (step / passed - self._speed)
        cutoff = self._smoothing.cutoff + self._smoothing.growth * float(np.linalg.norm(self._speed))
        share = np.radians(_share(passed, cutoff) * step)
        self._rotation = np.asarray(Rotation.from_rotvec(share).as_matrix() @ self._rotation)
        self._time = time
        return self._rotation


def _share(passed: float, cutoff: float) -> float:
    """How much of the new value is taken, after so many seconds, at a cutoff in Hz."""
    return 1.0 / (1.0 + 1.0 / (2 * np.pi * cutoff * passed))


def smoothing_of(
    wanted: bool, cutoff: float | None, growth: float | None, speed_cutoff: float | None, alpha: float | None = None
) -> Smoothing | None:
    """The smoothing of options, of which any means that it is wanted; :class:`UsageError` for one that cannot be."""
    given = {"cutoff": cutoff, "growth": growth, "speed_cutoff": speed_cutoff, "alpha": alpha}
    chosen = {name: value for name, value in given.items() if value is not None}
    if alpha is not None and len(chosen) > 1:
        raise UsageError("--smooth-alpha is exponential smoothing, which has no cutoffs and no growth: leave them out")
    return Smoothing(**chosen) if wanted or chosen else None
