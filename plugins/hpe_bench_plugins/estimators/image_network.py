"""What networks from images to rotations share as estimators: sets of weights, and the way to the harness's frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray
from pydantic import Field

from hpe_bench import (
    SET_NAME,
    Batch,
    Card,
    Estimator,
    MissingError,
    Options,
    UsageError,
    file_digest,
    pose,
    write_atomically,
)
from hpe_bench_plugins.estimators.data_licences import data_licence

if TYPE_CHECKING:
    from torch import Tensor

    from hpe_bench_plugins.estimators.checkpoints import Forms

NETWORK = "network.safetensors"

#: Of the images of ImageNet, RGB in 0..1.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ImageNetwork(Estimator):
    """A network from RGB images to rotations in the convention G, with its weights in network.safetensors."""

    class Options(Options):
        """Options of an image network."""

        weights: str = Field("300W_LP", pattern=SET_NAME, description="the set: what it was trained on")

    #: As registered; as its authors call it; where they publish checkpoints, and under which licence.
    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    licence: ClassVar[str]

    devices = ("cpu", "cuda")
    requires = ("torch", "safetensors")
    extra = "networks"

    @classmethod
    def forms(cls) -> Forms:
        """The forms in which the network may come, by name, each with what builds it."""
        raise TypeError(f"{cls.__name__} has no forms()")

    def rotations(self, images: Tensor) -> Tensor:
        """Normalised images (N, 3, height, width) to rotations (N, 3, 3) in the convention G."""
        rotations: Tensor = self._network(images)
        return rotations

    def find_weights(self, folder: Path) -> Mapping[str, Path]:
        path = folder / self.options.weights / NETWORK
        if not path.is_file():
            raise MissingError(
                f"no {path}. Fetch an official checkpoint of {self.title} from {self.source} "
                f"and run: hpe-bench weights import {self.name} FILE --as {self.options.weights}; "
                f"or train your own: hpe-bench train {self.name} --as {self.options.weights}"
            )
        return {"network": path}

    def load(self, weights: Mapping[str, Path], device: str) -> None:
        import torch

        from hpe_bench_plugins.estimators.checkpoints import read_network

        self._device = torch.device(device)
        self._network = read_network(weights["network"], self.title, self.forms())[1].to(self._device)

    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._network.parameters())

    def predict(self, batch: Batch) -> NDArray[Any]:
        import torch

        with torch.inference_mode():
            images = normalise(torch.from_numpy(batch.images).to(self._device))
            matrices = self.rotations(images).cpu().numpy()
        return pose.from_convention(matrices, "G")

    @classmethod
    def import_weights(
        cls, paths: Sequence[Path], folder: Path, name: str | None, report: Callable[[str], None]
    ) -> Sequence[Path]:
        """An official PyTorch file to ``folder``/``name``/network.safetensors and card.json."""
        from hpe_bench_plugins.estimators.checkpoints import build, names_of, network_bytes, recognise
        from hpe_bench_plugins.estimators.official_checkpoints import read_official

        if len(paths) != 1 or paths[0].is_dir():
            raise UsageError(f"a set of {cls.title} is made from one checkpoint file: give that file alone")
        if name is None:
            raise UsageError("say what these weights were trained on: --as 300W_LP, or another name")
        (path,) = paths
        state = read_official(path, names_of(cls.forms()))
        form = recognise(path, state, cls.title, cls.forms())
        network = build(cls.forms()[form], state)
        written = folder / name / NETWORK
        write_atomically(written, network_bytes(form, network))
        report(f"{path.name} is {cls.title} ({form}), {sum(p.numel() for p in network.parameters()):,} parameters")
        card = Card(
            estimator=cls.name,
            name=name,
            files={NETWORK: file_digest(written)},
            trained_on=name,
            licence=cls.licence,
            data_licence=data_licence(name),
            source=cls.source,
            origin={path.name: file_digest(path)},
        )
        return [written, card.write(folder / name)]


def normalise(images: Tensor) -> Tensor:
    """RGB images (N, height, width, 3) uint8 as ImageNet's networks expect them: (N, 3, height, width), float32."""
    scaled = images.float() / 255
    return ((scaled - scaled.new_tensor(MEAN)) / scaled.new_tensor(DEVIATION)).permute(0, 3, 1, 2)
