"""What an estimator can show of how it came to an answer: maps over what it saw, and a matrix of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpe_bench.errors import RunFailed


@dataclass(frozen=True)
class HeatMaps:
    """Maps over the images of N samples: ``values`` (N, K, h, w), each map as wide and high as the image it lies over.

    ``names`` are those of the K maps, and may have several lines. ``rows`` says how many stand side by side in each
    row, None for as even a grid as there is; ``marked`` (N,) which of them is outlined, and ``note`` what that means.
    """

    title: str
    names: Sequence[str]
    values: NDArray[np.float64]
    unit: str = ""
    rows: Sequence[int] | None = None
    marked: NDArray[np.int64] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        """ValueError where the parts do not fit each other."""
        shape = np.shape(self.values)
        if len(shape) != 4 or shape[1] != len(self.names) or 0 in shape[1:]:
            raise ValueError(f"HeatMaps: values of shape {shape} are not (N, {len(self.names)}, h, w), a map a name")
        if self.rows is not None and sum(self.rows) != len(self.names):
            raise ValueError(f"HeatMaps: rows={tuple(self.rows)} have no place for {len(self.names)} maps")
        if self.marked is not None and np.shape(self.marked) != shape[:1]:
            raise ValueError(
                f"HeatMaps: marked of shape {np.shape(self.marked)}; it is one number for each of {shape[0]}"
            )

    def of(self, sample: int) -> HeatMaps:
        """Those of one sample, N = 1."""
        one = slice(sample, sample + 1)
        return replace(self, values=self.values[one], marked=None if self.marked is None else self.marked[one])


@dataclass(frozen=True)
class Matrix:
    """Numbers (K, K) between ``low`` and ``high`` for each two of K named things of an estimator, whatever it sees."""

    title: str
    names: Sequence[str]
    values: NDArray[np.float64]
    unit: str = ""
    low: float = -1.0
    high: float = 1.0
    note: str = ""

    def __post_init__(self) -> None:
        """ValueError where there is not a number for each two."""
        if np.shape(self.values) != (len(self.names),) * 2:
            raise ValueError(f"Matrix: values of shape {np.shape(self.values)} for {len(self.names)} names")


#: What an estimator shows, by name.
Maps = HeatMaps | Matrix


def checked_maps(shown: Any, names: Sequence[str], count: int, label: str) -> Mapping[str, Maps]:
    """What an estimator shows of ``count`` samples; :class:`RunFailed` where it is not what ``names`` promise."""
    if not isinstance(shown, Mapping) or set(shown) != set(names):
        given = ", ".join(map(str, shown)) if isinstance(shown, Mapping) else type(shown).__name__
        raise RunFailed(f"{label} showed {given or 'nothing'}, where its maps are {', '.join(names)}")
    for name, one in shown.items():
        if not isinstance(one, Maps):
            raise RunFailed(f"{label} showed {type(one).__name__} as {name}, where HeatMaps or a Matrix belong")
        if isinstance(one, HeatMaps) and len(one.values) != count:
            raise RunFailed(f"{label} showed {name} of {len(one.values)} samples, and was asked about {count}")
        if not np.isfinite(one.values).all():
            raise RunFailed(f"{label} showed {name} with values that are no numbers")
    return shown
