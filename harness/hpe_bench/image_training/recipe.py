"""What an image network brings to its training: what differs from network to network, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from hpe_bench.declarations import values as declared
from hpe_bench.estimators import Images
from hpe_bench.pose import Convention

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class ImageTarget:
    """The truth of N images, after they were mirrored, on the device of the network.

    ``rotation`` (N, 3, 3) float32 is in the recipe's convention, ``euler`` (N, 3) float32 is yaw, pitch and roll as the
    dataset states them, in degrees.
    """

    rotation: Tensor
    euler: Tensor


@dataclass(frozen=True)
class ImageRecipe:
    """How an image network learns.

    ``inputs`` are the estimator's, with a size. ``network`` makes a new network; its parameters are drawn with a seed.
    It is given images as ``batch.images`` are, but as a tensor (N, height, width, 3) uint8, or what ``prepare`` makes
    of them. ``loss`` is of what the network returns, and a number. ``rotations`` takes the predicted rotations
    (N, 3, 3) from that, to validate on, where it is not these itself. They and the true ones are in ``convention``.
    ``files`` are what is stored of the trained network, in eval mode on the CPU; ``about`` goes into the card.
    """

    inputs: Images
    network: Callable[[], nn.Module]
    loss: Callable[[Any, ImageTarget], Tensor]
    files: Callable[[nn.Module], Mapping[str, bytes]]
    prepare: Callable[[Tensor], Tensor] | None = None
    rotations: Callable[[Any], Tensor] | None = None
    convention: Convention = "R"
    about: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """:class:`DeclarationError`, a ValueError, where a field is not what it may be."""
        declared.instance("ImageRecipe", "inputs", self.inputs, Images)
        if self.inputs.size is None:
            declared.refuse("ImageRecipe", "inputs", self.inputs, "Images with a size: all in a batch have the same")
        declared.function("ImageRecipe", "network", self.network, ())
        declared.function("ImageRecipe", "loss", self.loss, ("output", "target"))
        declared.function("ImageRecipe", "files", self.files, ("network",))
        declared.function("ImageRecipe", "prepare", self.prepare, ("images",), optional=True)
        declared.function("ImageRecipe", "rotations", self.rotations, ("output",), optional=True)
        declared.one_of("ImageRecipe", "convention", self.convention, get_args(Convention))
        declared.mapping("ImageRecipe", "about", self.about, "text by name")


def geodesic_loss(predicted: Tensor, true: Tensor, margin: float = 1e-7) -> Tensor:
    """The mean angle in radians between rotations (N, 3, 3), whatever their convention.

    The cosine stays ``margin`` away from -1 and 1, where its angle has no derivative (Hempel et al.: 6DRepNet, 2022).
    """
    import torch

    cosine = ((predicted * true).sum(dim=(-2, -1)) - 1) / 2
    return torch.acos(cosine.clamp(-1 + margin, 1 - margin)).mean()
