"""NLML-HPE's training: the tensor and its curves, the encoder, the heads, and both together.

Each stage reports its own figure, and leaves a checkpoint from which an interrupted training goes on.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hpe_bench import Grid, Trained, Training, UsageError, pose
from hpe_bench_plugins.estimators.nlml.augmentation import Augmentation
from hpe_bench_plugins.estimators.nlml.cells import Cells
from hpe_bench_plugins.estimators.nlml.features import SIZE, landmark_features
from hpe_bench_plugins.estimators.nlml.fitting import Held, Schedule, fit, pose_weights, torch_features, weighted_mean
from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids, fit_sinusoids
from hpe_bench_plugins.estimators.nlml.network import Network, predict_rotations
from hpe_bench_plugins.estimators.nlml.rotations import (
    angles_from_rotation,
    geodesic,
    rotation_from_angles,
)
from hpe_bench_plugins.estimators.nlml.spectrum import MODES, shares, singular_values
from hpe_bench_plugins.estimators.nlml.tucker import tucker
from hpe_bench_plugins.estimators.nlml.weights import (
    NETWORK,
    TENSOR,
    Factors,
    LandmarkTensor,
    network_bytes,
    tensor_bytes,
)

_HEAD_STEP = np.radians(0.1)


def train_nlml(training: Training) -> Trained:
    """All stages; the files are the tensor with its curves, and the network."""
    options = training.options
    grids = [dataset.grid("train") for dataset in training.datasets.values()]
    held = [dataset.grid("validation") for dataset in training.datasets.values()]
    tensor = _decompose(grids[0], training)
    cells, validation = Cells(grids), Held.of(Cells(held), options.validation, tensor.convention, options.likely)
    torch.manual_seed(training.seed)
    network = _network(tensor, cells, options).to(training.device)
    learner = _Learner(network, tensor, training, cells, validation)
    learner.fit_encoder()
    learner.fit_heads()
    if options.joint:
        learner.fit_jointly()
    return Trained(
        {
            TENSOR: tensor_bytes(tensor, options.extractor),
            NETWORK: network_bytes(network, tensor.convention, options.extractor, options.near),
        },
        about={
            "convention": tensor.convention,
            "range": _range_in_words(training.datasets, grids),
            "extractor": options.extractor,
        },
    )


def train_plain(training: Training) -> Trained:
    """The network alone, on angles, from a random start: no tensor, no curves, no separate heads."""
    grids = [dataset.grid("train") for dataset in training.datasets.values()]
    held = [dataset.grid("validation") for dataset in training.datasets.values()]
    options, axes = training.options, grids[0].axes
    cells, validation = Cells(grids), Held.of(Cells(held), options.validation, axes.convention, options.likely)
    torch.manual_seed(training.seed)
    network = Network()
    _standardise_features(network, cells)
    network.limits.copy_(torch.tensor(np.radians([max(map(abs, bins)) for bins in (axes.yaw, axes.pitch, axes.roll)])))
    network.to(training.device)
    fit_angles("network", network, axes.convention, cells, validation, training)
    content = network_bytes(network, axes.convention, options.extractor)
    about = {
        "convention": axes.convention,
        "range": _range_in_words(training.datasets, grids),
        "extractor": options.extractor,
    }
    return Trained({NETWORK: content}, about=about)


def _range_in_words(datasets: Iterable[str], grids: Sequence[Grid]) -> str:
    """How far the grids reach that were learned from, each by its dataset where there are several."""
    told = {}
    for name, grid in zip(datasets, grids, strict=True):
        ends = [(angle, min(bins), max(bins)) for angle in pose.ANGLES for bins in (getattr(grid.axes, angle),)]
        told[name] = ", ".join(
            f"{angle} +-{high:g}" if low == -high else f"{angle} {low:g} to {high:g}" for angle, low, high in ends
        )
    return next(iter(told.values())) if len(told) == 1 else "; ".join(f"{name}: {text}" for name, text in told.items())


def fit_angles(
    stage: str, network: Network, convention: pose.GridConvention, cells: Cells, validation: Held, training: Training
) -> None:
    """Fit the whole network on the angle between predicted and true rotation."""
    options = training.options

    def loss(features: Tensor, rotations: Tensor) -> Tensor:
        apart = geodesic(rotation_from_angles(network(features), convention), rotations)
        return weighted_mean(apart, pose_weights(rotations, convention, options.likely))

    def score() -> dict[str, float]:
        return _validate(network, convention, validation)

    schedule = Schedule(options.epochs, options.batch, options.rate, options.decay, patience=options.patience)
    augmentation = _augmentation(options)
    found = fit(stage, network, loss, score, cells, augmentation, schedule, training)
    training.report(stage, **{f"validation_{name}": value for name, value in found.items()})


class _Learner:
    """The stages after the tensor, on one network."""

    def __init__(
        self, network: Network, tensor: LandmarkTensor, training: Training, cells: Cells, validation: Held
    ) -> None:
        self.network, self.tensor, self.training = network, tensor, training
        self.cells, self.validation, self.options = cells, validation, training.options
        self._curves = [_TorchCurve(curve, training.device) for curve in tensor.curves]

    def fit_encoder(self) -> None:
        """The encoder on the standardised rows of the factors at the true angles."""
        o, network = self.options, self.network
        augmentation = _augmentation(o)

        def loss(features: Tensor, rotations: Tensor) -> Tensor:
            apart = (network.encode(features) - self._rows(rotations)).square().mean(dim=-1)
            return weighted_mean(apart, pose_weights(rotations, self.tensor.convention, o.likely))

        features = torch.from_numpy(self.validation.features).to(self.training.device)
        rows = self._rows(torch.from_numpy(self.validation.rotations.astype(np.float32)).to(self.training.device))

        weights = torch.from_numpy(self.validation.weights).to(self.training.device)

        def score() -> dict[str, float]:
            with torch.inference_mode():
                squares = (network.encode(features) - rows).square().mean(dim=-1)
                return {"row_error": float(weighted_mean(squares, weights).sqrt())}

        schedule = Schedule(
            o.encoder_epochs, o.batch, o.encoder_rate, o.decay, o.optimizer, patience=o.patience, clip=o.clip
        )
        found = fit("encoder", network.encoder, loss, score, self.cells, augmentation, schedule, self.training)
        self.training.report("encoder", validation_row_rmse=found["row_error"])

    def fit_heads(self) -> None:
        """Each head on its angle's curve, at 0.1 degrees over the grid's range and the margin around it."""
        o, device = self.options, self.training.device
        generator = torch.Generator().manual_seed(self.training.seed + 1)
        figures = {}
        limits = np.radians(np.array(self.tensor.limits) + o.margin)
        start = 0
        for place, angle in enumerate(pose.ANGLES):
            head, rank = self.network.heads[place], self.network.ranks[place]
            part = slice(start, start + rank)
            start += rank
            targets = torch.arange(-limits[place], limits[place] + 1e-9, float(_HEAD_STEP)).float()
            rows = self._curves[place](targets.to(device))
            rows = (rows - self.network.row_centre[part]) / self.network.row_spread[part]
            targets = (targets.to(device) / self.network.limits[place])[:, None]
            optimizer = torch.optim.Adam(head.parameters(), lr=o.head_rate, weight_decay=1e-5)
            steps = o.head_epochs * -(-len(rows) // 256)
            for step in range(steps):
                for group in optimizer.param_groups:
                    group["lr"] = o.head_rate * (0.5 + 0.5 * np.cos(np.pi * step / steps)) if o.joint else o.head_rate
                chosen = torch.randint(len(rows), (256,), generator=generator).to(device)
                loss = (head(rows[chosen]) - targets[chosen]).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.inference_mode():
                off = (head(rows) - targets).abs().mean() * self.network.limits[place]
            figures[f"{angle}_error_degrees"] = float(np.degrees(float(off)))
        found = _validate(self.network, self.tensor.convention, self.validation)
        self.training.report("heads", **figures, **{f"validation_{name}": value for name, value in found.items()})

    def fit_jointly(self) -> None:
        """Encoder and heads on the rotation itself."""
        fit_angles("joint", self.network, self.tensor.convention, self.cells, self.validation, self.training)

    def _rows(self, rotations: Tensor) -> Tensor:
        angles = angles_from_rotation(rotations, self.tensor.convention)
        rows = torch.cat([curve(angles[:, place]) for place, curve in enumerate(self._curves)], dim=-1)
        return self.network.standardise(rows)


class _TorchCurve:
    """An angle's sinusoids in torch."""

    def __init__(self, curve: Sinusoids, device: str) -> None:
        self._parameters = torch.as_tensor(curve.parameters.T, dtype=torch.float32, device=device)

    def __call__(self, angles: Tensor) -> Tensor:
        a, b, c, d = self._parameters
        rows: Tensor = a * torch.cos(b * angles[:, None] + c) + d
        return rows


def _decompose(grid: Grid, training: Training) -> LandmarkTensor:
    options = training.options
    stored = training.restore("tensor.npz")
    if stored is not None:
        with np.load(io.BytesIO(stored), allow_pickle=False) as content:
            core, factors, error = content["core"], [content[f"factor{i}"] for i in range(3)], float(content["error"])
            singular: Mapping[str, NDArray[Any]] = {mode: content[f"singular_{mode}"] for mode in MODES}
    else:
        if not grid.regular:
            raise UsageError("a tensor needs a grid whose poses are not scattered: name such a dataset first")
        ranks = (min(options.ranks[0], len(grid)), *options.ranks[1:])
        if any(rank > bins for rank, bins in zip(ranks[1:], grid.axes.shape, strict=True)):
            raise UsageError(f"ranks {ranks} do not fit a grid of {grid.axes.shape} bins of yaw, pitch and roll")
        with training.progress("tensor", 2) as advance:
            found = tucker(feature_chunks(grid), ranks, device=None if training.device == "cpu" else training.device)
            advance(1)
            singular = singular_values(feature_chunks(grid), len(grid))
            advance(1)
        _record_singular_values(singular, training)
        core, factors, error = found.core, list(found.factors[1:]), found.relative_error
        buffer = io.BytesIO()
        arrays = {f"factor{i}": factor for i, factor in enumerate(factors)}
        arrays |= {f"singular_{mode}": values for mode, values in singular.items()}
        np.savez(buffer, core=core, error=error, **arrays)
        training.save("tensor.npz", buffer.getvalue())
    ranks = (core.shape[0], *(factor.shape[1] for factor in factors))
    kept = {
        f"{mode}_energy_percent": float(shares(singular[mode])[:rank].sum())
        for mode, rank in zip(MODES, ranks, strict=True)
        if len(singular[mode])
    }
    training.report("tensor", relative_error=error, identities=len(grid), **kept)
    axes = (grid.axes.yaw, grid.axes.pitch, grid.axes.roll)
    curves, residuals = [], {}
    for angle, factor, bins in zip(pose.ANGLES, factors, axes, strict=True):
        curve, residual = fit_sinusoids(factor, np.radians(bins))
        curves.append(curve)
        residuals[f"{angle}_relative_residual"] = residual / float(np.sqrt(np.mean(np.square(factor))))
    training.report("curves", **residuals)
    limits = tuple(float(max(map(abs, bins))) for bins in axes)
    fitted = Factors(tuple(map(np.array, axes)), tuple(factors), singular)
    return LandmarkTensor(core.astype(np.float32), tuple(curves), limits, grid.axes.convention, fitted)  # type: ignore[arg-type]


def _record_singular_values(singular: Mapping[str, NDArray[Any]], training: Training) -> None:
    """Of every mode each singular value, and its share of their sum."""
    for place in range(max(map(len, singular.values()))):
        point: dict[str, float] = {}
        for mode, values in singular.items():
            if place < len(values):
                point |= {mode: values[place], f"{mode}_percent": shares(values)[place]}
        training.record("singular_values", **point)


def feature_chunks(grid: Grid) -> Callable[[], Iterator[NDArray[np.float32]]]:
    """The grid's features (n, Y, P, R, 1404), chunk by chunk, as often as they are wanted."""

    def chunks() -> Iterator[NDArray[np.float32]]:
        for landmarks in grid.chunks():
            yield landmark_features(landmarks.reshape(-1, *landmarks.shape[-2:])).reshape(*landmarks.shape[:-2], SIZE)

    return chunks


def _validate(network: Network, convention: pose.GridConvention, validation: Held) -> dict[str, float]:
    return validation.errors(predict_rotations(network, validation.features, convention))


def _network(tensor: LandmarkTensor, cells: Cells, options: Any) -> Network:
    network = Network([curve.parameters.shape[0] for curve in tensor.curves])
    if options.standardise:
        _standardise_features(network, cells)
        limits = np.radians(tensor.limits)
        network.limits.copy_(torch.from_numpy(limits))
        rows = tensor.rows(np.linspace(-limits, limits, 201))
        network.row_centre.copy_(torch.from_numpy(rows.mean(axis=0)))
        network.row_spread.copy_(torch.from_numpy(rows.std(axis=0)))
    return network


def _augmentation(o: Any) -> Augmentation:
    return Augmentation(o.turn, o.tilt, o.expression, o.deform, o.noise, o.mirror)


def _standardise_features(network: Network, cells: Cells) -> None:
    points, _ = cells.spread(2000)
    features = torch_features(torch.from_numpy(points))
    spread = features.std(dim=0)
    network.centre.copy_(features.mean(dim=0))
    # A point that hardly moves, such as the nose tip itself, is not blown up.
    network.spread.copy_(spread.clamp(min=float(spread.median()) * 0.1))
