"""The bundled estimators, registered by name; each is imported when it is used."""

from collections.abc import Callable

from hpe_bench import hookimpl

_HERE = "hpe_bench_plugins.estimators"


@hookimpl
def register_estimators(register: Callable[..., None]) -> None:
    """Add the bundled estimators."""
    register("zero", f"{_HERE}.constant:Zero", summary="always the zero pose, R = identity", licence="MIT")
    register("random", f"{_HERE}.constant:Random", summary="uniformly random rotations, seeded", licence="MIT")
    register(
        "procrustes",
        f"{_HERE}.procrustes:Procrustes",
        summary="landmarks aligned with the canonical face; no training",
        licence="MIT",
    )
    register(
        "fsanet",
        f"{_HERE}.fsanet.estimator:FSANetEstimator",
        summary="FSA-Net (Yang et al., CVPR 2019), three networks and their fusion",
        licence="Apache-2.0 (weights)",
        url="https://github.com/shamangary/FSA-Net",
    )
    register(
        "nlml-tensor",
        f"{_HERE}.nlml.estimator:NLMLTensor",
        summary="NLML-HPE's landmark tensor, solved for the angles",
        licence="as released by its authors (weights)",
        url="https://github.com/MahdiGhafoorian/NLML_HPE",
    )
