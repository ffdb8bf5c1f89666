"""Heads rendered and written in the layouts of the official datasets, so that their readers are tested on images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hpe_bench import MissingError, augmentation, canonical_face, pose

ICT = Path(__file__).resolve().parents[3] / "shared" / "data" / "ict-facekit" / "ict_facekit.npz"

CAL = """525 0 319.5
0 525 239.5
0 0 1

0 0 0 0

{rotation}

-24.0 5.5 -13.0

640 480
"""


def pose_text(rotation, centre=(60.0, 30.0, 880.0)):
    """The content of a pose.txt, with the six digits that official ones have."""
    rows = [" ".join(f"{number:.6g}" for number in row) + " " for row in np.asarray(rotation)]
    return "\n".join([*rows, "", " ".join(f"{number:.6g}" for number in centre), ""])


def pose_bytes(rotation, centre=(60.0, 30.0, 880.0)):
    """The content of a pose.bin: the angles of Z(roll) Y(yaw) X(pitch), worked out from that product's entries."""
    r = np.asarray(rotation)
    pitch, yaw, roll = np.arctan2(r[2, 1], r[2, 2]), np.arcsin(-r[2, 0]), np.arctan2(r[1, 0], r[0, 0])
    return np.array([*centre, *np.degrees([pitch, yaw, roll])], dtype="<f4").tobytes()


class Studio:
    """Pictures of one head, and trees of them. Rotations are the truth that readers have to give back."""

    def __init__(self, head, renderers, look):
        self._head, self._renderers, self._look = head, renderers, look

    def picture(self, euler, size, **look):
        """An image (size, size, 3), R, and the face's points (2, 468) in its pixels."""
        from hpe_bench_plugins.datasets.facescape.rendering.scene import Renderer, project

        if size not in self._renderers:
            self._renderers[size] = Renderer(size, smooth=1, threads=1).__enter__()
        rotation, seen = pose.rotation_from_euler(euler), self._look(**look)
        image = self._renderers[size].render(self._head, rotation, seen)
        # The centre of the renderer's first pixel is 0.5, that of a picture's is 0.
        return image, rotation, project(canonical_face().points, rotation, seen, size).T - 0.5

    def aflw2000(self, root, angles):
        """imageNNNNN.jpg and .mat; returns the rotations by id."""
        return {f"image{i:05d}": self._pair(root / f"image{i:05d}", euler, 21) for i, euler in enumerate(angles)}

    def w300lp(self, root, photos, angles):
        """Every photo, such as AFW/AFW_1_1, at every pose, and its mirror images in the _Flip folders."""
        made = {}
        for photo in photos:
            folder, name = photo.split("/")
            for turn, euler in enumerate(angles):
                for flip in ("", "_Flip"):
                    id = f"{folder}{flip}/{name}_{turn}"
                    made[id] = self._pair(root / id, euler, 68, mirrored=bool(flip))
        for strange in ("Code/ModelGeneration/model.mat", "landmarks/AFW/AFW_1_1_0_pts.mat"):
            (root / strange).parent.mkdir(parents=True, exist_ok=True)
            (root / strange).write_bytes(b"not a sample")
        return made

    def biwi(self, root, sequences, calibration=None, binary=False):
        """hpdb/NN/frame_NNNNN_rgb.png and poses, with rgb.cal and depth.cal; returns the rotations by id."""
        made = {}
        for sequence, angles in sequences.items():
            folder = root / "hpdb" / sequence
            folder.mkdir(parents=True, exist_ok=True)
            for name, rotation in (
                ("depth.cal", np.eye(3)),
                ("rgb.cal", np.eye(3) if calibration is None else calibration),
            ):
                rows = "\n".join(" ".join(f"{number:.8f}" for number in row) for row in rotation)
                (folder / name).write_text(CAL.format(rotation=rows))
            for frame, euler in enumerate(angles, start=3):
                image, rotation, _ = self.picture(euler, 640, distance=90.0, field=110.0)
                stem = folder / f"frame_{frame:05d}"
                cv2.imwrite(f"{stem}_rgb.png", image[80:560, :, ::-1])
                if binary:
                    Path(f"{stem}_pose.bin").write_bytes(pose_bytes(rotation))
                else:
                    Path(f"{stem}_pose.txt").write_text(pose_text(rotation))
                made[f"{sequence}/frame_{frame:05d}"] = rotation
        return made

    def _pair(self, stem, euler, count, mirrored=False):
        import scipy.io

        image, rotation, points = self.picture(euler, 450)
        points = points[:, np.linspace(0, 467, count).astype(int)]
        if mirrored:
            image, rotation = augmentation.mirror_image(image), augmentation.mirror_rotation(rotation)
            points = augmentation.mirror_points(points, 450)
        stem.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(f"{stem}.jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        yaw, pitch, roll = np.radians(pose.euler_from_rotation(rotation))
        content = {"Pose_Para": np.array([[pitch, yaw, roll, 60.0, 80.0, 0.0, 1e-3]]), "pt2d": points}
        scipy.io.savemat(f"{stem}.mat", content)
        return rotation


def canonical_obj():
    """The canonical face as an OBJ file: y up, z to the viewer, mm."""
    face = canonical_face()
    points = face.points * (10, -10, -10)
    lines = [f"v {x:.4f} {y:.4f} {z:.4f}" for x, y, z in points]
    return "\n".join([*lines, *(f"f {a + 1} {b + 1} {c + 1}" for a, b, c in face.triangles)])


@pytest.fixture(scope="session")
def _renderers():
    opened = {}
    yield opened
    for renderer in opened.values():
        renderer.close()


def _studio(models, renderers):
    from hpe_bench_plugins.datasets.facescape.rendering.appearance import Look
    from hpe_bench_plugins.datasets.facescape.rendering.heads import open_models

    studio = Studio(open_models(models).head(0), renderers, Look)
    try:
        studio.picture((0, 0, 0), 450)
    except MissingError as error:
        pytest.skip(str(error))
    return studio


@pytest.fixture(scope="session")
def studio(_renderers, tmp_path_factory):
    """Pictures of a head that FaceMesh takes for one, else of the canonical face, and trees of them."""
    models = ICT
    if not models.is_file():
        models = tmp_path_factory.mktemp("heads")
        (models / "face.obj").write_text(canonical_obj())
    return _studio(models, _renderers)


@pytest.fixture(scope="session")
def real_heads():
    """Skips where the head of the studio is no head that FaceMesh finds."""
    if not ICT.is_file():
        pytest.skip("no heads that look like people are here")
