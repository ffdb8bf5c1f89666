"""The bundled datasets and their protocols; each is imported when it is used."""

from collections.abc import Callable

from hpe_bench import Protocol, Selection, hookimpl

_HERE = "hpe_bench_plugins.datasets"
#: What the field usually tests and trains on.
WITHIN_99 = Selection(yaw=(-99, 99), pitch=(-99, 99), roll=(-99, 99))
_ZHU = (
    "Zhu, Lei, Liu, Shi, Li: Face Alignment Across Large Poses: A 3D Solution, CVPR 2016, doi:10.1109/CVPR.2016.23, "
    "arXiv:1511.07212"
)
_EVERY_FRAME = {"labels": None, "frames": "all", "part": "all", "calibrated": False}
_NLML = Selection(yaw=(-50, 51), pitch=(-40, 41), roll=(-30, 31))


@hookimpl
def register_datasets(register: Callable[..., None]) -> None:
    """Add the bundled datasets."""
    register(
        "300w_lp",
        f"{_HERE}.w300lp:W300LP",
        summary="300W-LP: 122,450 faces of 300W in rotated and mirrored copies, to learn from (Zhu et al., CVPR 2016)",
        licence="research only",
        url="http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm",
        citation=_ZHU,
    )
    register(
        "aflw2000",
        f"{_HERE}.aflw2000:AFLW2000",
        summary="AFLW2000-3D: 2,000 faces in the wild (Zhu et al., CVPR 2016)",
        licence="research only",
        url="http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm",
        citation=_ZHU,
    )
    register(
        "biwi",
        f"{_HERE}.biwi.dataset:BIWI",
        summary="BIWI Kinect: 15,678 frames of 20 people, 24 sequences (Fanelli et al., IJCV 2013)",
        licence="research only",
        url="https://icu.ee.ethz.ch/research/datsets.html",
        citation="Fanelli, Dantone, Gall, Fossati, Van Gool: Random Forests for Real Time 3D Face Analysis, IJCV 101, "
        "2013, doi:10.1007/s11263-012-0549-0",
    )
    register(
        "facescape",
        f"{_HERE}.facescape.dataset:FaceScape",
        summary="renders of 3-D heads over a grid of poses, as the reference work lays FaceScape out",
        licence="research only (FaceScape's own heads)",
        url="https://facescape.nju.edu.cn",
        citation="Yang, Zhu, Wang, Huang, Shen, Yang, Cao: FaceScape: a Large-scale High Quality 3D Face Dataset and "
        "Detailed Riggable 3D Face Prediction, CVPR 2020, arXiv:2003.13989",
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
            "300w_lp/99",
            "300w_lp",
            "every |angle| at most 99 degrees",
            selection=WITHIN_99,
            crop="6drepnet",
            cluster="person",
            dataset_options={"part": "all"},
            default=True,
        ),
        Protocol(
            "300w_lp/all",
            "300w_lp",
            "all images",
            crop="6drepnet",
            cluster="person",
            expected=122_450,
            dataset_options={"part": "all"},
        ),
        Protocol(
            "300w_lp/validation",
            "300w_lp",
            "the photos that are not learned from, every |angle| at most 99 degrees",
            selection=WITHIN_99,
            crop="6drepnet",
            cluster="person",
            dataset_options={"part": "validation"},
        ),
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
            expected=1467,
        ),
        Protocol(
            "biwi/15678",
            "biwi",
            "every frame",
            crop="face",
            cluster="sequence",
            expected=15_678,
            dataset_options=_EVERY_FRAME,
            default=True,
        ),
        Protocol(
            "biwi/13219",
            "biwi",
            "the frames in which FSA-Net's detector found a face",
            crop="face",
            cluster="sequence",
            expected=13_219,
            dataset_options={**_EVERY_FRAME, "frames": "with-face"},
        ),
        Protocol(
            "biwi/15678-calibrated",
            "biwi",
            "every frame, rotations in the frame of the colour camera",
            crop="face",
            cluster="sequence",
            expected=15_678,
            dataset_options={**_EVERY_FRAME, "calibrated": True},
        ),
        Protocol(
            "biwi/70_30",
            "biwi",
            "8 sequences of people who are in none of the 16 to learn from, every frame, the last box kept",
            crop="face",
            cluster="sequence",
            expected=5_157,
            dataset_options={**_EVERY_FRAME, "part": "test", "by": "person", "split": 0, "rule": "carry"},
            version=2,
        ),
        Protocol(
            "biwi/70_30-sequences",
            "biwi",
            "8 sequences, by chance, of people who may be in the 16 to learn from as well, the last box kept",
            crop="face",
            cluster="sequence",
            expected=5_022,
            dataset_options={**_EVERY_FRAME, "part": "test", "by": "sequence", "split": 0, "rule": "carry"},
            version=2,
            warning="drawn by sequence, as the field does it: four people have two, and can be on both sides",
        ),
        Protocol(
            "biwi/plus",
            "biwi",
            "every frame by Biwi+: its boxes, and its rotations in the frame of the colour camera",
            crop="face",
            cluster="sequence",
            expected=15_678,
            dataset_options={**_EVERY_FRAME, "labels": "Biwi_plus.npz"},
            angles="roll-yaw-pitch",
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
