"""The bundled estimators, registered by name; each is imported when it is used."""

from collections.abc import Callable

from hpe_bench import hookimpl

_HERE = "hpe_bench_plugins.estimators"
_NLML = "https://github.com/MahdiGhafoorian/NLML_HPE"
_NLML_PAPER = (
    "Ghafourian, Sukno: NLML-HPE: Head Pose Estimation with Limited Data via Manifold Learning, 2025, arXiv:2507.18429"
)


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
        licence="MIT (code here); Apache-2.0 (its authors' code and weights)",
        url="https://github.com/shamangary/FSA-Net",
        citation="Yang, Chen, Lin, Chuang: FSA-Net: Learning Fine-Grained Structure Aggregation for Head Pose "
        "Estimation from a Single Image, CVPR 2019, doi:10.1109/CVPR.2019.00118",
    )
    register(
        "6drepnet",
        f"{_HERE}.sixdrepnet.estimator:SixDRepNetEstimator",
        summary="6DRepNet (Hempel et al., ICIP 2022), RepVGG-B1g2 to the 6D representation of rotations",
        licence="MIT",
        url="https://github.com/thohemp/6DRepNet",
        citation="Hempel, Abdelrahman, Al-Hamadi: 6D Rotation Representation for Unconstrained Head Pose Estimation, "
        "ICIP 2022, arXiv:2202.12555",
    )
    register(
        "tokenhpe",
        f"{_HERE}.tokenhpe.estimator:TokenHPEEstimator",
        summary="TokenHPE (Zhang et al., CVPR 2023), a vision transformer with orientation tokens",
        licence="MIT",
        url="https://github.com/zc2023/TokenHPE",
        citation="Zhang, Liu, Deng, Xie, Li: TokenHPE: Learning Orientation Tokens for Efficient Head Pose Estimation "
        "via Transformers, CVPR 2023, doi:10.1109/CVPR52729.2023.00859",
    )
    register(
        "nlml",
        f"{_HERE}.nlml.estimator:NLML",
        summary="NLML-HPE's network: landmarks to the manifold of a tensor, and from there to the angles",
        licence="MIT (the weights that come with it too)",
        url=_NLML,
        citation=_NLML_PAPER,
    )
    register(
        "nlml-tensor",
        f"{_HERE}.nlml.estimator:NLMLTensor",
        summary="NLML-HPE's landmark tensor, solved for the angles; no network",
        licence="MIT (the weights that come with it too; those of its authors as they released them)",
        url=_NLML,
        citation=_NLML_PAPER,
    )
    register(
        "landmark-mlp",
        f"{_HERE}.nlml.estimator:LandmarkMLP",
        summary="a plain network of the size of NLML-HPE's, trained on angles alone: its baseline",
        licence="MIT",
    )
