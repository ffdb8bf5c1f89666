"""Protocols: a dataset, which of its samples count, how they are cropped and what the headline is, under one name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hpe_bench.datasets import Labels

Cluster = Literal["sample", "person", "sequence"]


@dataclass(frozen=True)
class Selection:
    """Which samples count: those whose stated angles lie in the ranges, degrees, ends included (to 1e-9)."""

    yaw: tuple[float, float] | None = None
    pitch: tuple[float, float] | None = None
    roll: tuple[float, float] | None = None

    def mask(self, labels: Labels) -> NDArray[np.bool_]:
        """Whether each sample (N,) counts."""
        import numpy as np

        from hpe_bench.metrics import below, within

        keep = np.ones(len(labels), dtype=np.bool_)
        for column, limits in enumerate((self.yaw, self.pitch, self.roll)):
            if limits is not None:
                angle = labels.euler[:, column]
                keep &= ~below(angle, limits[0]) & within(angle, limits[1])
        return keep


@dataclass(frozen=True)
class Protocol:
    """How a number comes about, whole. Its hash stands in every run.

    ``name`` is dataset/selection; ``version`` rises with any change of meaning. ``crop`` is what estimators get that
    ask for no crop of their own. ``expected`` is the number of samples of the complete dataset, ``cluster`` the unit
    that statistics resample. ``dataset_options`` choose a variant of the dataset. ``warning`` stands below every table.
    """

    name: str
    dataset: str
    summary: str
    selection: Selection = field(default_factory=Selection)
    crop: str = "whole"
    headline: Literal["mae", "vmae", "ge"] = "mae"
    cluster: Cluster = "sample"
    expected: int | None = None
    dataset_options: Mapping[str, Any] = field(default_factory=dict)
    default: bool = False
    version: int = 1
    warning: str = ""

    def digest(self) -> str:
        """SHA-256 over everything that decides which samples count and how they are cropped."""
        content = {**asdict(self), "selection": [type(self.selection).__name__, asdict(self.selection)]}
        for other in ("summary", "default", "expected", "headline", "cluster", "warning"):
            del content[other]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def whole_dataset(dataset: str) -> Protocol:
    """The protocol of a dataset that registers none: all of its samples, whole images."""
    return Protocol(f"{dataset}/all", dataset, "every sample", default=True)
