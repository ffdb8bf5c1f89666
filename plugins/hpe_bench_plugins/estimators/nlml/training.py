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
from torch import Tensor, nn

from hpe_bench import Grid, Trained, Training, UsageError, pose
from hpe_bench_plugins.estimators.nlml.augmentation import Augmentation
from hpe_bench_plugins.estimators.nlml.cells import Cells
from hpe_bench_plugins.estimators.nlml.features import SIZE, landmark_features
from hpe_bench_plugins.estimators.nlml.fitting import Held, Schedule, fit, pose_weights, torch_features, weighted_mean
from hpe_bench_plugins.estimators.nlml.given import Made, TorchCurve, check_covered, read_given, relative
from hpe_bench_plugins.estimators.nlml.heads import fit_by_draws, fit_by_passes
from hpe_bench_plugins.estimators.nlml.manifold import fit_sinusoids
from hpe_bench_plugins.estimators.nlml.network import Network, predict_rotations
from hpe_bench_plugins.estimators.nlml.rotations import geodesic, rotation_from_angles
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

#: Between which the reference work's weights start, all of one sign.
_SMALL = (1e-5, 1e-3)


def train_nlml(training: Training) -> Trained:
    """All stages; the files are the tensor with its curves, and the network."""
    options = training.options
    grids = [dataset.grid("train") for dataset in training.datasets.values()]
    held = [dataset.grid("validation") for dataset in training.datasets.values()]
    made = _make_tensor(grids, held, training)
    tensor = made.tensor
    cells, validation = Cells(grids), Held.of(Cells(held), options.validation, tensor.convention, options.likely)
    torch.manual_seed(training.seed)
    network = _network(tensor, cells, options).to(training.device)
    learner = _Learner(network, made, training, cells, validation)
    if options.joint:
        learner.fit_encoder()
        learner.fit_heads()
        learner.fit_jointly()
    else:  # with the heads there, every epoch of the encoder has its error in degrees
        learner.fit_heads()
        learner.fit_encoder()
    return Trained(
        {
            TENSOR: tensor_bytes(tensor, options.extractor),
            NETWORK: network_bytes(network, tensor.convention, options.extractor, options.near),
        },
        about={
            "convention": tensor.convention,
            "range": _range_in_words(training.datasets, grids),
            "extractor": options.extractor,
            **({"tensor": f"not made here: {options.tensor.name}"} if options.tensor else {}),
            **_left_out(tensor),
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
    training.report(stage, **validation.reported(found))


class _Learner:
    """The stages after the tensor, on one network."""

    def __init__(self, network: Network, made: Made, training: Training, cells: Cells, validation: Held) -> None:
        self.network, self.tensor, self.training = network, made.tensor, training
        self.cells, self.validation, self.options = cells, validation, training.options
        self._factor_rows = made.rows(training.device)

    def fit_encoder(self) -> None:
        """The encoder on the standardised rows of the factors at the true angles."""
        o, network = self.options, self.network
        augmentation = _augmentation(o)

        def loss(features: Tensor, rotations: Tensor) -> Tensor:
            squares = (network.encode(features) - self._rows(rotations)).square()
            if o.row_loss == "mean":
                apart = squares.mean(dim=-1)
            else:
                parts = [part.mean(dim=-1) for part in torch.split(squares, list(network.ranks), dim=-1)]
                apart = torch.stack(parts).sum(dim=0)
            return weighted_mean(apart, pose_weights(rotations, self.tensor.convention, o.likely))

        features = torch.from_numpy(self.validation.features).to(self.training.device)
        rows = self._rows(torch.from_numpy(self.validation.rotations.astype(np.float32)).to(self.training.device))

        weights = torch.from_numpy(self.validation.weights).to(self.training.device)

        def score() -> dict[str, float]:
            with torch.inference_mode():
                squares = (network.encode(features) - rows).square().mean(dim=-1)
                found = {"row_error": float(weighted_mean(squares, weights).sqrt())}
            return found if o.joint else {**found, **self._validate()}

        schedule = Schedule(
            o.encoder_epochs,
            o.batch,
            o.encoder_rate,
            o.decay,
            o.optimizer,
            patience=o.patience,
            clip=o.clip,
            momentum=o.momentum,
            step=o.step,
            zero_gradients=o.zero_gradients,
            keep=o.keep,
        )
        found = fit("encoder", network.encoder, loss, score, self.cells, augmentation, schedule, self.training)
        row_error = found.pop("row_error")
        told = self.validation.reported(found) if found else {}
        self.training.report("encoder", validation_row_rmse=row_error, **told)

    def fit_heads(self) -> None:
        """Each head on its angle's curve, in small steps over the grid's range and the margin around it."""
        o, device = self.options, self.training.device
        generator = torch.Generator().manual_seed(self.training.seed + 1)
        figures = {}
        limits = np.radians(np.array(self.tensor.limits) + o.margin)
        start = 0
        for place, angle in enumerate(pose.ANGLES):
            head, rank = self.network.heads[place], self.network.ranks[place]
            part = slice(start, start + rank)
            start += rank
            targets = torch.arange(-limits[place], limits[place] + 1e-9, float(np.radians(o.head_step))).float()
            rows = TorchCurve(self.tensor.curves[place], device)(targets.to(device))
            rows = (rows - self.network.row_centre[part]) / self.network.row_spread[part]
            targets = (targets.to(device) / self.network.limits[place])[:, None]
            learn = fit_by_draws if o.heads == "draws" else fit_by_passes
            learn(head, rows, targets, o, generator)
            with torch.inference_mode():
                off = (head(rows) - targets).abs().mean() * self.network.limits[place]
            figures[f"{angle}_error_degrees"] = float(np.degrees(float(off)))
        found = self._validate() if o.joint else {}
        self.training.report("heads", **figures, **{f"validation_{name}": value for name, value in found.items()})

    def fit_jointly(self) -> None:
        """Encoder and heads on the rotation itself."""
        fit_angles("joint", self.network, self.tensor.convention, self.cells, self.validation, self.training)

    def _rows(self, rotations: Tensor) -> Tensor:
        return self.network.standardise(self._factor_rows(rotations))

    def _validate(self) -> dict[str, float]:
        return _validate(self.network, self.tensor.convention, self.validation)


def _make_tensor(grids: Sequence[Grid], held: Sequence[Grid], training: Training) -> Made:
    """The tensor that the options ask for: read, or of the first grid. :class:`UsageError` where the ``grids`` that are
    learned from, or those that are ``held`` out, have poses for which it has no rows."""
    options = training.options
    tensor = _decompose(grids[0], training) if options.tensor is None else read_given(options.tensor, options, training)
    made = Made(tensor, tensor.factors if options.rows == "factors" else None)
    if options.tensor is not None or options.rows == "factors":
        for grid in [*grids, *held]:
            check_covered(grid, made, options)
    return made


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
        if options.rotation_features and not all(0.0 in getattr(grid.axes, angle) for angle in pose.ANGLES):
            raise UsageError("rotation_features=true turns the frontal cell, and this grid has none at 0, 0, 0")
        chunks = feature_chunks(grid, options.rotation_features)
        with training.progress("tensor", 2) as advance:
            found = tucker(chunks, ranks, device=None if training.device == "cpu" else training.device)
            advance(1)
            singular = singular_values(chunks, len(grid))
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
        f"{mode}_energy_percent": float(shares(singular[mode])[:rank].sum()) if len(singular[mode]) else float("nan")
        for mode, rank in zip(MODES, ranks, strict=True)
    }
    training.report("tensor", relative_error=error, identities=len(grid), **kept)
    axes = (grid.axes.yaw, grid.axes.pitch, grid.axes.roll)
    curves, residuals = [], {}
    for angle, factor, bins in zip(pose.ANGLES, factors, axes, strict=True):
        curve, residual = fit_sinusoids(factor, np.radians(bins))
        curves.append(curve)
        residuals[f"{angle}_relative_residual"] = relative(residual, factor)
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


def _left_out(tensor: LandmarkTensor) -> dict[str, str]:
    """For the card, where a training has not all singular values."""
    absent = [mode for mode, values in (tensor.factors.singular if tensor.factors else {}).items() if not len(values)]
    why = "left out: the grid would have to be read too often for them"
    return {"singular_values": f"those of {' and '.join(absent)} are {why}"} if absent else {}


def feature_chunks(grid: Grid, frontal: bool = False) -> Callable[[], Iterator[NDArray[np.float32]]]:
    """The grid's features (n, Y, P, R, 1404), chunk by chunk, as often as they are wanted.

    ``frontal``: those of each identity's cell at 0, 0, 0, turned as each cell is, whatever the cell itself holds.
    """

    def chunks() -> Iterator[NDArray[np.float32]]:
        for landmarks in grid.chunks():
            yield landmark_features(landmarks.reshape(-1, *landmarks.shape[-2:])).reshape(*landmarks.shape[:-2], SIZE)

    def turned() -> Iterator[NDArray[np.float32]]:
        yaw, pitch, roll = (getattr(grid.axes, angle).index(0.0) for angle in pose.ANGLES)
        rotations = grid.axes.rotations().astype(np.float32)
        for landmarks in grid.chunks():
            faces = landmark_features(landmarks[:, yaw, pitch, roll]).reshape(len(landmarks), -1, 3)
            cells = faces[:, None, None, None] @ np.swapaxes(rotations, -1, -2)
            yield cells.reshape(*landmarks.shape[:-2], SIZE).astype(np.float32)

    return turned if frontal else chunks


def _validate(network: Network, convention: pose.GridConvention, validation: Held) -> dict[str, float]:
    return validation.errors(predict_rotations(network, validation.features, convention))


def _network(tensor: LandmarkTensor, cells: Cells, options: Any) -> Network:
    network = Network([curve.parameters.shape[0] for curve in tensor.curves])
    if options.start == "small":
        for layer in network.encoder.modules():
            if isinstance(layer, nn.Linear):
                nn.init.uniform_(layer.weight, *_SMALL)
                nn.init.zeros_(layer.bias)
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
