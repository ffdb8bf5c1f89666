"""The loop: epochs on one device or on several, validation after each, a checkpoint, and the choice of the best."""

from __future__ import annotations

import contextlib
import copy
import math
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from hpe_bench import metrics, pose
from hpe_bench.errors import DataError, MissingError, RunFailed, UsageError
from hpe_bench.image_training.loading import Batches, Loaded, Loader, Share, learning_loader, validation_loader
from hpe_bench.image_training.logs import open_logs
from hpe_bench.image_training.options import ImageTraining
from hpe_bench.image_training.recipe import ImageRecipe, ImageTarget
from hpe_bench.image_training.samples import Samples, read_samples
from hpe_bench.image_training.state import CHECKPOINT, State
from hpe_bench.image_training.views import check_view
from hpe_bench.training import Trained, Training

STAGE = "training"
#: Steps after which it is looked whether the loss is a number still, and after which it is logged.
_LOOK_EVERY = 50


def fit(training: Training, recipe: ImageRecipe) -> Trained:
    """The files and the card of a trained network; see :func:`~hpe_bench.train_image_network`."""
    options: ImageTraining = training.options
    check_view(options, recipe.inputs)
    # Before other processes start: they then find the index of the labels.
    learned = read_samples(training, recipe.inputs, "train")
    validation = read_samples(training, recipe.inputs, "validation")
    if learned is None:
        raise MissingError(f"nothing is left to learn from of {', '.join(training.datasets)}")
    if validation is None:
        _require_none_needed(options)
    if len(learned) < options.processes:
        raise UsageError(f"{len(learned)} samples are too few for {options.processes} processes: -o devices=1")
    fabric = _fabric(training)
    with _launched(fabric, options.processes), _repeatable(fabric.device):
        return _Fit(training, recipe, fabric, learned, validation).run()


def _fabric(training: Training) -> Fabric:
    options: ImageTraining = training.options
    narrow = options.precision == "bfloat16" or (options.precision == "auto" and training.device == "cuda")
    return Fabric(
        accelerator=training.device,
        devices=options.devices,
        num_nodes=options.nodes,
        # A network may have parts that its loss does not reach.
        strategy=DDPStrategy(find_unused_parameters=True) if options.processes > 1 else "auto",
        precision="bf16-mixed" if narrow else "32-true",
    )


class _Fit:
    """One training, in one of its processes."""

    def __init__(
        self, training: Training, recipe: ImageRecipe, fabric: Fabric, learned: Samples, validation: Samples | None
    ) -> None:
        self.training, self.recipe, self.fabric = training, recipe, fabric
        self.learned, self.validation = learned, validation
        self.options: ImageTraining = training.options
        self.best = self.options.keep == "best" and validation is not None
        self.share = Share(fabric.global_rank, fabric.world_size)
        torch.manual_seed(_stream(training.seed))
        self.network = recipe.network()
        self.optimizer = _optimizer(self.network, self.options)
        self.module: Any = fabric.setup(self.network, self.optimizer)[0]

    def run(self) -> Trained:
        """All epochs, from the last checkpoint on."""
        training, options, device = self.training, self.options, self.fabric.device
        data = f"{self.learned.digest()} {self.validation.digest() if self.validation else ''}"
        state = self._restored(data)
        self.loader, self.batches = learning_loader(
            self.learned, self.recipe.inputs, options, training.seed, self.share, device
        )
        _require_whole_batches(self.network, self.recipe, self.batches, device)
        self.tested: Loader | None = None
        if self.validation is not None:
            self.tested = validation_loader(self.validation, self.recipe.inputs, options, self.share, device)
        per_epoch = len(self.batches)
        done = state.epoch * per_epoch
        with (
            open_logs(training, done) as logs,
            training.progress(STAGE, options.epochs * per_epoch, done) as advance,
        ):
            while not state.done(options.epochs, options.patience):
                started = time.monotonic()
                loss = self._learn(state.epoch, logs, advance)
                seconds = time.monotonic() - started
                figures = {} if self.tested is None else self._validate(self.tested)
                training.record(STAGE, loss=loss, rate=options.rate_at(state.epoch), **_named(figures))
                state.take(figures, self.network)
                if training.leads:
                    training.save(CHECKPOINT, state.to_bytes(self.network, self.optimizer, data))
                told = {"epoch_loss": loss, **_named(figures), "images_a_second": self.batches.seen / seconds}
                for name, value in told.items():
                    logs.add_scalar(name, value, state.epoch * per_epoch)
        return self._trained(state)

    def _restored(self, data: str) -> State:
        content = self.training.restore(CHECKPOINT)
        if self.share.of > 1:
            content = self.fabric.broadcast(content)
        return State() if content is None else State.from_bytes(content, self.network, self.optimizer, data)

    def _learn(self, epoch: int, logs: Any, advance: Any) -> float:
        """The mean loss of an epoch's samples."""
        options, steps = self.options, len(self.batches)
        self.batches.epoch = epoch
        torch.manual_seed(_stream(self.training.seed, epoch, self.share.rank))
        self.module.train()
        total = torch.zeros((), device=self.fabric.device)
        for step, loaded in enumerate(self.loader):
            rate = options.rate_at(epoch + step / steps)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            images, target = self._shown(loaded)
            loss = self.recipe.loss(self.module(images), target)
            self.optimizer.zero_grad()
            self.fabric.backward(loss * self.batches.weight(step))
            if options.clip:
                self.fabric.clip_gradients(self.module, self.optimizer, max_norm=options.clip, error_if_nonfinite=False)
            self.optimizer.step()
            total += loss.detach() * self.batches.own(step)
            if (step + 1) % _LOOK_EVERY == 0 or step + 1 == steps:
                _require_number(float(total), epoch, step)
                logs.add_scalar("loss", float(loss.detach()), epoch * steps + step + 1)
                logs.add_scalar("rate", rate, epoch * steps + step + 1)
            advance(1)
        return float(self._over_processes(total, "sum")) / self.batches.seen

    def _validate(self, tested: Loader) -> dict[str, float]:
        """Mean geodesic error and MAE of the samples to validate on, degrees."""
        self.module.eval()
        sums = torch.zeros(3, dtype=torch.float64)
        with torch.no_grad():
            for loaded in tested:
                images, target = self._shown(loaded)
                # The network itself: processes with shares of different sizes do not wait for each other.
                with self.fabric.autocast():
                    output = self.network(images)
                output = _in_float32(output)
                rotations = output if self.recipe.rotations is None else self.recipe.rotations(output)
                if rotations.shape != target.rotation.shape:
                    raise RunFailed(
                        f"the recipe's rotations are {tuple(rotations.shape)}, not {tuple(target.rotation.shape)}"
                    )
                convention = self.recipe.convention
                predicted = pose.from_convention(rotations.double().cpu().numpy(), convention)
                true = pose.from_convention(target.rotation.double().cpu().numpy(), convention)
                geodesic = metrics.geodesic_error(true, predicted)
                euler = metrics.euler_errors(target.euler.double().cpu().numpy(), predicted)
                sums += torch.tensor([geodesic.sum(), euler.mean(axis=-1).sum(), len(geodesic)])
        geodesic_sum, euler_sum, count = self._over_processes(sums.to(self.fabric.device), "sum").tolist()
        if not math.isfinite(geodesic_sum):
            raise RunFailed("the network's rotations are no numbers any more: lower the learning rate (-o rate=)")
        return {"ge": geodesic_sum / count, "mae": euler_sum / count}

    def _zero(self) -> dict[str, float]:
        """What the zero pose has on the samples to validate on, if any, which a training has to be better than."""
        if self.validation is None:
            return {}
        zero = np.broadcast_to(np.eye(3), self.validation.rotation.shape)
        geodesic = metrics.geodesic_error(self.validation.rotation, zero)
        euler = metrics.euler_errors(self.validation.euler, zero)
        return {"zero_ge_degrees": float(geodesic.mean()), "zero_mae_degrees": float(euler.mean())}

    def _shown(self, loaded: Loaded) -> tuple[Any, ImageTarget]:
        """What the network is given of a batch, and the truth, on its device."""
        if isinstance(loaded, DataError):
            raise loaded
        images, rotations, euler = (part.to(self.fabric.device, non_blocking=True) for part in loaded)
        if self.recipe.convention != "R":
            turned = pose.to_convention(loaded[1].double().numpy(), self.recipe.convention)
            rotations = torch.from_numpy(turned).float().to(self.fabric.device)
        prepared = images if self.recipe.prepare is None else self.recipe.prepare(images)
        return prepared, ImageTarget(rotations, euler)

    def _over_processes(self, own: torch.Tensor, how: Literal["mean", "sum"]) -> torch.Tensor:
        """The mean or the sum of what each process has."""
        return cast(torch.Tensor, self.fabric.all_reduce(own, reduce_op=how))

    def _trained(self, state: State) -> Trained:
        """What is stored, of the epoch that is kept."""
        if not self.training.leads:
            return Trained({})
        if self.best:
            self.network.load_state_dict(state.best_weights)
        figures = state.best if self.best else state.last
        kept = state.best_epoch if self.best else state.epoch
        counts = {"samples": len(self.learned), "validation_samples": len(self.validation or ())}
        self.training.report(STAGE, **_named(figures), **self._zero(), epoch_kept=kept, epochs=state.epoch, **counts)
        files = self.recipe.files(self.network.cpu().eval())
        return Trained(files, {**self.recipe.about, "chosen": self._choice(kept, state.epoch, figures)})

    def _choice(self, kept: int, epochs: int, figures: Mapping[str, float]) -> str:
        if self.validation is None:
            return f"the last of {epochs} epochs: all samples were learned from, and none validated on"
        error = figures["ge"]
        of = ", ".join(piece.name for piece in self.validation.pieces)
        where = f"{len(self.validation):,} samples of {of} that were set aside for validation"
        if not self.best:
            return f"the last of {epochs} epochs, whatever its error ({error:.3f} degrees GE on {where})"
        return (
            f"epoch {kept} of {epochs}, which had the lowest GE, {error:.3f} degrees, on {where}; no test set was used"
        )


def _in_float32(output: Any) -> Any:
    """What a network returned, tensors of half precision made float32, as they are when it is trained."""
    if isinstance(output, torch.Tensor):
        return output.float() if output.is_floating_point() else output
    if isinstance(output, dict):
        return {name: _in_float32(part) for name, part in output.items()}
    return tuple(map(_in_float32, output)) if isinstance(output, (tuple, list)) else output


def _named(figures: Mapping[str, float]) -> dict[str, float]:
    return {f"validation_{name}_degrees": value for name, value in figures.items()}


def _require_none_needed(options: ImageTraining) -> None:
    """:class:`UsageError` where options ask for a validation that there is none for."""
    given = options.model_fields_set
    asked = [
        *(["keep=best"] if options.keep == "best" and "keep" in given else []),
        *([f"patience={options.patience}"] if options.patience else []),
        *([f"validated={options.validated}"] if "validated" in given else []),
    ]
    if asked:
        raise UsageError(
            f"nothing is validated on, and {asked[0]} looks at a validation: leave it out, and the last epoch is kept, "
            "or set samples aside (-d validation=)"
        )


def _require_whole_batches(network: nn.Module, recipe: ImageRecipe, batches: Batches, device: torch.device) -> None:
    """:class:`UsageError` where a step has a single sample and the network's batch norm cannot do with one.

    It is tried on a copy, before anything is learned, rather than found at the end of the first epoch.
    """
    if batches.fewest > 1 or not any(isinstance(module, _BatchNorm) for module in network.modules()):
        return
    assert recipe.inputs.size is not None
    width, height = recipe.inputs.size
    images = torch.zeros((1, height, width, 3), dtype=torch.uint8, device=device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
        try:
            copy.deepcopy(network).train()(images if recipe.prepare is None else recipe.prepare(images))
        except ValueError as error:
            raise UsageError(
                f"a step would have 1 sample, and the network's batch norm needs more ({error}): "
                "-o last=drop leaves an incomplete batch out, another -o batch= divides the samples otherwise"
            ) from error


def _optimizer(network: nn.Module, options: ImageTraining) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if options.optimizer == "sgd":
        return torch.optim.SGD(parameters, options.rate, momentum=0.9, weight_decay=options.decay)
    kind = torch.optim.AdamW if options.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, options.rate, weight_decay=options.decay)


def _require_number(total: float, epoch: int, step: int) -> None:
    if not math.isfinite(total):
        raise RunFailed(
            f"the loss is no longer a number, in step {step + 1} of epoch {epoch + 1} at the latest: "
            "lower the learning rate (-o rate=), or bound the gradient (-o clip=)"
        )


def _stream(seed: int, *numbers: int) -> int:
    """A seed for torch that follows from the training's seed and from what it is for."""
    return int(np.random.default_rng([seed, 2, *numbers]).integers(2**62))


@contextlib.contextmanager
def _launched(fabric: Fabric, processes: int) -> Iterator[None]:
    """All the processes at work; afterwards this one can begin another training."""
    if processes == 1:
        yield
        return
    before = dict(os.environ)
    try:
        fabric.launch()
        yield
        # Not after an error: the others may never come to it.
        torch.distributed.destroy_process_group()
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """The same numbers from the same seed, and the caller's random numbers left as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        if device.type != "cuda":
            yield
            return
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])
