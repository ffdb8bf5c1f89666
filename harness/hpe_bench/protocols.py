"""Protocols: a dataset, which of its samples count, how they are cropped and what the headline is, under one name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from hpe_bench.declarations import values as declared
from hpe_bench.orders import DEFAULT_ORDER, EULER_ORDERS, EulerOrder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hpe_bench.datasets import Labels

Cluster = Literal["sample", "person", "sequence"]
Headline = Literal["mae", "vmae", "ge"]


@dataclass(frozen=True)
class Selection:
    """Which samples count: those whose stated angles lie in the ranges, degrees, ends included (to 1e-9)."""

    yaw: tuple[float, float] | None = None
    pitch: tuple[float, float] | None = None
    roll: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """:class:`DeclarationError`, a ValueError, where a range is not two ascending numbers."""
        for name in ("yaw", "pitch", "roll"):
            limits = getattr(self, name)
            if limits is None:
                continue
            meant = "(lowest, highest) in degrees, or None"
            if isinstance(limits, str) or not hasattr(limits, "__len__") or len(limits) != 2:
                declared.refuse("Selection", name, limits, meant)
            for limit in limits:
                declared.number("Selection", name, limit)
            if limits[0] > limits[1]:
                declared.refuse("Selection", name, limits, f"{meant}: this one selects nothing")
            object.__setattr__(self, name, tuple(limits))

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
    ``angles`` is the order of the angles that MAE is counted in; the selection, ranges of yaw and what datasets state
    are in the default order all the same.
    """

    name: str
    dataset: str
    summary: str
    selection: Selection = field(default_factory=Selection)
    crop: str = "whole"
    headline: Headline = "mae"
    cluster: Cluster = "sample"
    expected: int | None = None
    dataset_options: Mapping[str, Any] = field(default_factory=dict)
    default: bool = False
    version: int = 1
    warning: str = ""
    angles: EulerOrder = DEFAULT_ORDER

    def __post_init__(self) -> None:
        """:class:`DeclarationError`, a ValueError, where a field is not what it may be."""
        declared.text("Protocol", "name", self.name, empty=False)
        owner = f"Protocol {declared.shown(self.name)} "
        declared.name(owner, "dataset", self.dataset)
        if not re.fullmatch(rf"{declared.NAME}/{declared.NAME}", self.name) or not self.name.startswith(
            f"{self.dataset}/"
        ):
            declared.refuse("Protocol", "name", self.name, f"dataset/selection, here '{self.dataset}/...'")
        declared.text(owner, "summary", self.summary)
        has_mask = callable(getattr(self.selection, "mask", None))
        if isinstance(self.selection, type) or not is_dataclass(self.selection) or not has_mask:
            declared.refuse(owner, "selection", self.selection, "a Selection, or a dataclass with mask(labels)")
        declared.json_ready(owner, "selection", asdict(self.selection))
        declared.name(owner, "crop", self.crop)
        declared.one_of(owner, "headline", self.headline, get_args(Headline))
        declared.one_of(owner, "cluster", self.cluster, get_args(Cluster))
        declared.whole(owner, "expected", self.expected, 1, optional=True)
        declared.mapping(owner, "dataset_options", self.dataset_options)
        declared.json_ready(owner, "dataset_options", dict(self.dataset_options))
        declared.flag(owner, "default", self.default)
        declared.whole(owner, "version", self.version, 1)
        declared.text(owner, "warning", self.warning)
        declared.one_of(owner, "angles", self.angles, EULER_ORDERS)

    def digest(self) -> str:
        """SHA-256 over everything that decides which samples count, how they are cropped and what MAE is of."""
        content = {**asdict(self), "selection": [type(self.selection).__name__, asdict(self.selection)]}
        for other in ("summary", "default", "expected", "headline", "cluster", "warning"):
            del content[other]
        if self.angles == DEFAULT_ORDER:  # the digests of before there were others
            del content["angles"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def whole_dataset(dataset: str) -> Protocol:
    """The protocol of a dataset that registers none: all of its samples, whole images."""
    return Protocol(f"{dataset}/all", dataset, "every sample", default=True)
