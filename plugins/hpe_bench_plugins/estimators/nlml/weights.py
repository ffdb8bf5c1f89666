"""What NLML-HPE's training leaves: the tensor with its curves, and the network, as safetensors; and what was released.

Numbers and a few words of metadata, nothing that is executed when it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from hpe_bench import SET_NAME, DataError, instead_of, parse_json, pose, read_arrays, require_regular
from hpe_bench_plugins.estimators.nlml.features import SIZE
from hpe_bench_plugins.estimators.nlml.manifold import Sinusoids

if TYPE_CHECKING:
    from hpe_bench_plugins.estimators.nlml.network import Network

TENSOR, NETWORK = "tensor.safetensors", "network.safetensors"
#: Of what landmarks: see :class:`hpe_bench.Landmarks`.
Units = Literal["pixels", "image"]
#: What a set of weights may be called.
RELEASED = "Trained_data.npz"
SOURCE = "https://github.com/MahdiGhafoorian/NLML_HPE"
#: The largest |yaw|, |pitch|, |roll| of the grid that the released tensor was made from, degrees.
RELEASED_LIMITS = (50.0, 40.0, 30.0)
_MAX_NUMBERS = 10_000_000
_CONVENTIONS: tuple[pose.GridConvention, ...] = ("pitch-yaw-roll", "yaw-pitch-roll")


@dataclass(frozen=True)
class Factors:
    """What the curves were fitted to: the ``bins`` of yaw, pitch and roll in degrees, ``rows`` (bins, rank) of each
    factor there; and the ``singular`` values of the tensor's unfoldings, by mode, where they are known."""

    bins: tuple[NDArray[Any], ...]
    rows: tuple[NDArray[Any], ...]
    singular: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class LandmarkTensor:
    """The decomposed grid, without its identities.

    ``w`` (r_id, r_yaw, r_pitch, r_roll, 1404) is the core times the feature factor; ``curves`` give the rows of the
    yaw, pitch and roll factors; ``limits`` (3,) are the largest |yaw|, |pitch|, |roll| of the grid in degrees, and
    ``convention`` says how they make a rotation. ``factors`` are for people to see, where the file has them.
    """

    w: NDArray[Any]
    curves: tuple[Sinusoids, Sinusoids, Sinusoids]
    limits: tuple[float, float, float]
    convention: pose.GridConvention
    factors: Factors | None = None

    def rows(self, angles: NDArray[Any]) -> NDArray[np.float64]:
        """The rows (N, r_yaw + r_pitch + r_roll) of the three factors at angles (N, 3) in radians."""
        return np.concatenate([curve(angles[:, place]) for place, curve in enumerate(self.curves)], axis=-1)


def tensor_bytes(tensor: LandmarkTensor, extractor: str, units: Units = "pixels") -> bytes:
    """The content of a tensor.safetensors file; ``extractor`` is what found the landmarks that it was made from, and
    ``units`` are theirs."""
    from safetensors.numpy import save

    arrays = {"w": np.ascontiguousarray(tensor.w, dtype=np.float32)}
    for angle, curve in zip(pose.ANGLES, tensor.curves, strict=True):
        arrays[f"curve_{angle}"] = np.ascontiguousarray(curve.parameters)
    if tensor.factors is not None:
        for angle, bins, rows in zip(pose.ANGLES, tensor.factors.bins, tensor.factors.rows, strict=True):
            arrays |= {f"bins_{angle}": np.asarray(bins, np.float64), f"factor_{angle}": np.ascontiguousarray(rows)}
        arrays |= {f"singular_{mode}": np.array(values) for mode, values in tensor.factors.singular.items()}
    about = {"limits": tensor.limits, "convention": tensor.convention, "extractor": extractor}
    return bytes(save(arrays, metadata=_about(**about, **_stated(units))))


def read_tensor(path: Path) -> LandmarkTensor:
    """A tensor.safetensors file, or the authors' Trained_data.npz; :class:`DataError` naming what is wrong with it."""
    if path.suffix == ".npz":
        return read_released(path)
    arrays, about = _read_safetensors(path)
    try:
        parameters = [arrays[f"curve_{angle}"] for angle in pose.ANGLES]
        limits = tuple(float(limit) for limit in about["limits"])
        convention = about["convention"]
        w = arrays["w"]
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path}: not a tensor of this program ({error} is missing or wrong); train it anew") from error
    if convention not in _CONVENTIONS or len(limits) != 3:
        raise DataError(f"{path}: its convention or limits are not what they should be ({convention}, {limits})")
    tensor = _checked(path, w, parameters, limits, convention)
    return replace(tensor, factors=_factors(path, arrays, tensor))


def _factors(path: Path, arrays: Mapping[str, NDArray[Any]], tensor: LandmarkTensor) -> Factors | None:
    """The factors that the curves were fitted to; None in a file of before they were kept."""
    names = [f"{kind}_{angle}" for kind in ("bins", "factor") for angle in pose.ANGLES]
    if not any(name in arrays for name in names):
        return None
    bins, rows = ([arrays.get(f"{kind}_{angle}", np.zeros(0)) for angle in pose.ANGLES] for kind in ("bins", "factor"))
    for own, factor, curve in zip(bins, rows, tensor.curves, strict=True):
        if own.ndim != 1 or factor.shape != (len(own), len(curve.parameters)):
            raise DataError(f"{path}: its factors and their bins do not fit its curves; train it anew")
    modes = [name.removeprefix("singular_") for name in arrays if name.startswith("singular_")]
    return Factors(tuple(bins), tuple(rows), {mode: arrays[f"singular_{mode}"].ravel() for mode in modes})


def network_bytes(
    network: Network,
    convention: pose.GridConvention,
    extractor: str,
    near: str | None = None,
    units: Units = "pixels",
) -> bytes:
    """The content of a network.safetensors file; ``extractor`` is what found the landmarks that it learned from, and
    ``units`` are theirs; ``near`` the set whose network answers near the front."""
    from safetensors.torch import save

    about = {"ranks": network.ranks, "convention": convention, "extractor": extractor, "near": near}
    state = {name: value.contiguous().cpu() for name, value in network.state_dict().items()}
    return bytes(save(state, metadata=_about(**about, **_stated(units))))


def read_network(path: Path) -> tuple[Network, pose.GridConvention]:
    """A network.safetensors file; :class:`DataError` naming what is wrong with it."""
    import torch

    from hpe_bench_plugins.estimators.nlml.network import Network

    arrays, about = _read_safetensors(path)
    try:
        ranks = [int(rank) for rank in about["ranks"]]
        convention = about["convention"]
        if len(ranks) != 3 or not all(1 <= rank <= 64 for rank in ranks) or convention not in _CONVENTIONS:
            raise ValueError(f"ranks {ranks}, convention {convention}")
        network = Network(ranks)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{path}: not a network of this program ({error}); train it anew") from error
    return network.eval(), convention


def read_extractor(path: Path) -> str:
    """The extractor whose landmarks a file of weights learned from, and wants."""
    return "facemesh" if path.name == RELEASED else str(read_about(path).get("extractor", "facemesh"))


def read_units(path: Path) -> Units:
    """The units of the landmarks that a file of weights learned from, and wants: pixels where it does not say."""
    units = "pixels" if path.name == RELEASED else read_about(path).get("units", "pixels")
    if units not in get_args(Units):
        raise DataError(
            f"{path}: its landmarks' units are not what they should be ({units!r}); import or train it anew"
        )
    return cast(Units, units)


def read_near(path: Path) -> str | None:
    """The set whose network answers near the front instead of this one, where a network.safetensors file names one."""
    near = read_about(path).get("near")
    if near is not None and not (isinstance(near, str) and re.fullmatch(SET_NAME, near)):
        raise DataError(f"{path}: names no set of weights for what is near the front ({near!r}); train it anew")
    return near


def read_about(path: Path) -> Mapping[str, Any]:
    """What a safetensors file of this program says of itself."""
    from safetensors import SafetensorError, safe_open

    try:
        require_regular(path)
        with safe_open(path, framework="numpy") as file:
            return _parse_about(path, file.metadata())
    except (OSError, SafetensorError) as error:
        why = instead_of(path, "safetensors") or f"{error}; fetch or train it anew"
        raise DataError(f"{path}: not a readable safetensors file: {why}") from error


def _stated(units: Units) -> dict[str, str]:
    """As metadata, where they are not the usual ones: files of before say nothing, and stay what they are."""
    return {"units": units} if units != "pixels" else {}


def _about(**values: Any) -> dict[str, str]:
    """Metadata as one text: of several, safetensors writes now this first, now that, and no file equals another."""
    return {"about": json.dumps(values)}


def _read_safetensors(path: Path) -> tuple[dict[str, NDArray[Any]], Mapping[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        require_regular(path)
        with safe_open(path, framework="numpy") as file:
            sizes = {name: int(np.prod(file.get_slice(name).get_shape())) for name in file.keys()}  # noqa: SIM118
            if sum(sizes.values()) > _MAX_NUMBERS:
                raise DataError(f"{path}: holds {sum(sizes.values()):,} numbers; at most {_MAX_NUMBERS:,} are read")
            arrays = {name: file.get_tensor(name) for name in sizes}
            about = _parse_about(path, file.metadata())
    except (OSError, SafetensorError) as error:
        why = instead_of(path, "safetensors") or f"{error}; fetch or train it anew"
        raise DataError(f"{path}: not a readable safetensors file: {why}") from error
    if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in arrays.values()):
        raise DataError(f"{path}: holds numbers that are not finite; train it anew")
    return arrays, about


def _parse_about(path: Path, metadata: Mapping[str, str] | None) -> Mapping[str, Any]:
    try:
        about = parse_json((metadata or {}).get("about", "{}"))
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise DataError(f"{path}: not a file of this program; train it anew")
    return about


def read_released(path: Path) -> LandmarkTensor:
    """The authors' Trained_data.npz, whatever it is called; :class:`DataError` naming what is wrong with it.

    Its angles make Y(yaw) X(-pitch) Z(-roll): the convention of the renders that it was made from.
    """
    curves = [f"optimized_{angle}" for angle in pose.ANGLES]
    try:
        content = read_arrays(path, ["W", *curves], 8 * _MAX_NUMBERS)
    except (OSError, ValueError, MemoryError) as error:
        why = instead_of(path, "zip") or f"{error}; fetch it anew"
        raise DataError(f"{path}: no tensor as NLML-HPE's {RELEASED} has it: {why}") from error
    return _checked(path, content["W"], [content[name] for name in curves], RELEASED_LIMITS, "yaw-pitch-roll")


def _checked(path: Path, w: Any, parameters: Any, limits: Any, convention: pose.GridConvention) -> LandmarkTensor:
    shapes = [array.shape for array in (w, *parameters)]
    fits = w.ndim == 5 and w.shape[4] == SIZE and w.size <= _MAX_NUMBERS
    if not fits or shapes[1:] != [(rank, 4) for rank in w.shape[1:4]]:
        raise DataError(f"{path}: W and the curves of the three angles have shapes {shapes}, which do not fit together")
    if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in (w, *parameters)):
        raise DataError(f"{path}: holds numbers that are not finite")
    yaw, pitch, roll = (Sinusoids(array.astype(np.float64)) for array in parameters)
    return LandmarkTensor(w, (yaw, pitch, roll), limits, convention)
