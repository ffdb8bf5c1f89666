"""The bundled estimators, registered by name; each is imported when it is used."""

from collections.abc import Callable

from hpe_bench import hookimpl

_HERE = "hpe_bench_plugins.estimators"
_NLML = "https://github.com/MahdiGhafoorian/NLML_HPE"


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
        "6drepnet",
        f"{_HERE}.sixdrepnet.estimator:SixDRepNetEstimator",
        summary="6DRepNet (Hempel et al., ICIP 2022), RepVGG-B1g2 to the 6D representation of rotations",
        licence="MIT",
        url="https://github.com/thohemp/6DRepNet",
    )
    register(
        "tokenhpe",
        f"{_HERE}.tokenhpe.estimator:TokenHPEEstimator",
        summary="TokenHPE (Zhang et al., CVPR 2023), a vision transformer with orientation tokens",
        licence="MIT",
        url="https://github.com/zc2023/TokenHPE",
    )
    register(
        "nlml",
        f"{_HERE}.nlml.estimator:NLML",
        summary="NLML-HPE's network: landmarks to the manifold of a tensor, and from there to the angles",
        licence="MIT (weights too)",
        url=_NLML,
    )
    register(
        "nlml-tensor",
        f"{_HERE}.nlml.estimator:NLMLTensor",
        summary="NLML-HPE's landmark tensor, solved for the angles; no network",
        licence="MIT (weights too; those of its authors as they released them)",
        url=_NLML,
    )
    register(
        "landmark-mlp",
        f"{_HERE}.nlml.estimator:LandmarkMLP",
        summary="a plain network of the size of NLML-HPE's, trained on angles alone: its baseline",
        licence="MIT",
    )
