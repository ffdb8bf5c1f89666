"""The bundled datasets and their protocols; each is imported when it is used."""

from collections.abc import Callable

from hpe_bench import Protocol, Selection, hookimpl

_HERE = "hpe_bench_plugins.datasets"
#: What the field usually tests and trains on.
WITHIN_99 = Selection(yaw=(-99, 99), pitch=(-99, 99), roll=(-99, 99))
_NLML = Selection(yaw=(-50, 51), pitch=(-40, 41), roll=(-30, 31))


@hookimpl
def register_datasets(register: Callable[..., None]) -> None:
    """Add the bundled datasets."""
    register(
        "aflw2000",
        f"{_HERE}.aflw2000:AFLW2000",
        summary="AFLW2000-3D: 2,000 faces in the wild (Zhu et al., CVPR 2016)",
        licence="research only",
        url="http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm",
    )
    register(
        "facescape",
        f"{_HERE}.facescape.dataset:FaceScape",
        summary="renders of 3-D heads over a grid of poses, as the reference work lays FaceScape out",
        licence="FaceScape: research only; renders of other heads: theirs",
        url="https://facescape.nju.edu.cn",
    )
    register(
        "synthetic",
        f"{_HERE}.synthetic.dataset:Synthetic",
        summary="landmarks of a deformed canonical face over a grid of poses; needs no files",
        licence="MIT (face model Apache-2.0)",
    )


@hookimpl
def register_protocols(register: Callable[..., None]) -> None:
    """Add their protocols."""
    for protocol in (
        Protocol(
            "aflw2000/1969",
            "aflw2000",
            "every |angle| at most 99 degrees: the field's usual test",
            selection=WITHIN_99,
            crop="6drepnet",
            expected=1969,
            default=True,
        ),
        Protocol("aflw2000/2000", "aflw2000", "all images; angles wrap", crop="6drepnet", expected=2000),
        Protocol(
            "aflw2000/nlml",
            "aflw2000",
            "yaw -50..51, pitch -40..41, roll -30..31, as NLML-HPE's script selects",
            selection=_NLML,
            crop="6drepnet",
            expected=1464,
        ),
        Protocol(
            "facescape/holdout",
            "facescape",
            "the people that are never learned from, every image",
            cluster="person",
            dataset_options={"part": "holdout"},
            default=True,
        ),
        Protocol("facescape/all", "facescape", "every image", cluster="person", dataset_options={"part": "all"}),
        Protocol("synthetic/grid", "synthetic", "every cell of the grid", cluster="person", default=True),
    ):
        register(protocol.name, protocol, summary=protocol.summary)
