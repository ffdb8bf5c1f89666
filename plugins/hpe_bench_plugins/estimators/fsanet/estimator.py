"""FSA-Net as an estimator: official Keras checkpoints, or their safetensors, three networks and their fusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray
from pydantic import Field

from hpe_bench import (
    SET_NAME,
    Batch,
    Card,
    DataError,
    Estimator,
    Images,
    MissingError,
    Options,
    UsageError,
    file_digest,
    pose,
)
from hpe_bench_plugins.estimators.data_licences import data_licence

_VARIANTS = ("capsule", "var_capsule", "noS_capsule")
_SETS = ("300W_LP", "BIWI")
_SOURCE = "https://github.com/shamangary/FSA-Net (pre-trained)"


class FSANetEstimator(Estimator):
    """Yaw, pitch, roll from a 64 x 64 crop (Yang, Chen, Lin, Chuang: FSA-Net, CVPR 2019).

    The fusion is the mean of the three networks' angles. The angles are 300W-LP's, in degrees.
    """

    class Options(Options):
        """Options of fsanet."""

        variant: Literal["fusion", "capsule", "var_capsule", "noS_capsule"] = Field(
            "fusion", description="one of the three networks, or the mean of their angles"
        )
        weights: str = Field("300W_LP", pattern=SET_NAME, description="what they were trained on: 300W_LP, BIWI")

    inputs = Images(crop="fsanet", size=(64, 64), order="BGR")
    devices = ("cpu", "cuda")
    requires = ("torch", "safetensors")
    extra = "networks"

    def find_weights(self, folder: Path) -> Mapping[str, Path]:
        wanted = _VARIANTS if self.options.variant == "fusion" else (self.options.variant,)
        return {variant: self._checkpoint(folder / self.options.weights, variant) for variant in wanted}

    def load(self, weights: Mapping[str, Path], device: str) -> None:
        import torch

        from hpe_bench_plugins.estimators.fsanet.network import FSANet

        self._device = torch.device(device)
        self._networks = []
        self._parameters = 0
        for role, path in weights.items():
            variant, state = _read(path)
            if variant != role:
                raise DataError(f"{path} holds the network {variant}, not {role}; import the official files anew")
            network = FSANet(variant)
            network.load_state_dict(state)
            self._parameters += sum(parameter.numel() for parameter in network.parameters())
            self._networks.append(network.fused().to(self._device))

    def parameters(self) -> int:
        return self._parameters

    def predict(self, batch: Batch) -> NDArray[Any]:
        import torch

        with torch.inference_mode():
            images = torch.from_numpy(batch.images).to(self._device).permute(0, 3, 1, 2).float()
            angles = torch.stack([network(images) for network in self._networks]).double().mean(0)
        return pose.rotation_from_euler(angles.cpu().numpy())

    @classmethod
    def import_weights(
        cls, paths: Sequence[Path], folder: Path, name: str | None, report: Callable[[str], None]
    ) -> Sequence[Path]:
        """Official h5 files to ``folder``/``name``/<variant>.safetensors and card.json."""
        from hpe_bench_plugins.estimators.fsanet.checkpoint import save_safetensors

        files = [file for path in paths for file in (sorted(path.glob("*.h5")) if path.is_dir() else [path])]
        if not files:
            raise MissingError(f"no .h5 file in {', '.join(map(str, paths))}; the official ones are in {_SOURCE}")
        name = name or _training_set(files)
        states = [(file, *_read(file)) for file in files]
        twice = {variant for _, variant, _ in states if sum(v == variant for _, v, _ in states) > 1}
        if twice:
            raise UsageError(f"several files hold the network {', '.join(sorted(twice))}; give one set at a time")
        written = []
        for file, variant, state in states:
            target = folder / name / f"{variant}.safetensors"
            save_safetensors(target, variant, state)
            written.append(target)
            report(f"{file.name} is the network {variant}, {sum(t.numel() for t in state.values()):,} numbers")
        card = Card(
            estimator="fsanet",
            name=name,
            files={path.name: file_digest(path) for path in sorted((folder / name).glob("*.safetensors"))},
            trained_on=name,
            licence="Apache-2.0",
            data_licence=data_licence(name),
            source=_SOURCE,
            origin={file.name: file_digest(file) for file in files},
        )
        return [*written, card.write(folder / name)]

    def _checkpoint(self, folder: Path, variant: str) -> Path:
        converted = folder / f"{variant}.safetensors"
        if converted.is_file():
            return converted
        official = sorted(folder.glob(f"fsanet_{variant}_*.h5"))
        if not official:
            raise MissingError(
                f"no weights of FSA-Net's network {variant} in {folder}. Fetch the official .h5 files from {_SOURCE} "
                f"and run: hpe-bench weights import fsanet FOLDER --as {self.options.weights}"
            )
        return official[0]


def _read(path: Path) -> tuple[Any, Any]:
    from hpe_bench_plugins.estimators.fsanet.checkpoint import read_keras, read_safetensors

    try:
        return read_safetensors(path) if path.suffix == ".safetensors" else read_keras(path)
    except (OSError, ValueError) as error:
        raise DataError(str(error)) from error


def _training_set(files: Sequence[Path]) -> str:
    parts = (part.removesuffix("_models") for file in files for part in file.resolve().parts)
    found = {part for part in parts if part in _SETS}
    if len(found) != 1:
        raise UsageError("say what these weights were trained on: --as 300W_LP or --as BIWI")
    return found.pop()
