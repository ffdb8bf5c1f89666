"""Writes what the commands of docs/original-commands.md work on: trees of made-up images, and the originals' files.

python originals_inputs.py FOLDER PLUGIN, in a process of its own: the plugin makes the networks small.
"""

from __future__ import annotations

import itertools
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import scipy.io

from hpe_bench import pose

ANGLES = [(10.0, 5, -5), (-30, 10, 0), (25, -15, 20), (0, 20, 10)]


def _picture(random, height, width):
    return random.integers(0, 255, (height, width, 3), dtype=np.uint8)


def _pairs(root: Path, names: list[str]) -> None:
    random = np.random.default_rng(0)
    for name, (yaw, pitch, roll) in zip(names, itertools.cycle(ANGLES), strict=False):
        stem = root / name
        stem.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(f"{stem}.jpg", _picture(random, 90, 90))
        radians = np.radians([pitch, yaw, roll, 0, 0, 0, 0])
        points = np.concatenate([[[20.0, 70.0], [20.0, 70.0]], random.uniform(20, 70, (2, 19))], axis=1)
        scipy.io.savemat(f"{stem}.mat", {"Pose_Para": radians[None], "pt2d": points})
    (root.parent / f"{root.name}.txt").write_text("\n".join(names[1:]))


def _kinect(root: Path) -> None:
    for sequence, frame in itertools.product(range(1, 25), (3, 4)):
        folder = root / "hpdb" / f"{sequence:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        image = np.full((480, 640, 3), 8 * sequence + frame, np.uint8)
        cv2.imwrite(str(folder / f"frame_{frame:05d}_rgb.png"), image)
        rotation = pose.rotation_from_euler((sequence - 12.0, frame, -5))
        rows = "\n".join(" ".join(f"{number:.6f}" for number in row) for row in rotation)
        (folder / f"frame_{frame:05d}_pose.txt").write_text(f"{rows}\n\n10 20 900\n")


def _grid(root: Path) -> None:
    for person, yaw, pitch, roll in itertools.product(range(1, 7), (-20, 0, 20), (-20, 0, 20), (-20, 0, 20)):
        (root / f"{person}").mkdir(parents=True, exist_ok=True)
        image = np.full((64, 64, 3), 96 + person, np.uint8)
        image[:8, :8] = (roll + 32, pitch + 32, yaw + 32)  # BGR
        cv2.imwrite(str(root / f"{person}" / f"ID{person}_({yaw}_{pitch}_{roll}).png"), image)


def _npz(path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 255, (4, 64, 64, 3), dtype=np.uint8)
    np.savez(path, image=images, pose=np.array(ANGLES), img_size=64)


def _film(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (96, 96))
    for level in (40, 80, 120):
        writer.write(np.full((96, 96, 3), level, np.uint8))
    writer.release()


def _image_networks(folder: Path) -> None:
    import torch
    from torch import nn

    from hpe_bench_plugins.estimators.sixdrepnet.network import SixDRepNet
    from hpe_bench_plugins.estimators.tokenhpe.network import TokenHPE

    torch.manual_seed(0)
    for name, network in (("6drepnet", SixDRepNet("training")), ("tokenhpe", TokenHPE(9))):
        optimizer = torch.optim.Adam(network.parameters())
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        content = {"epoch": 3, "model_state_dict": network.state_dict(), "optimizer_state_dict": optimizer.state_dict()}
        torch.save(content, folder / f"{name}.tar")
    state = SixDRepNet("training").state_dict()
    start = {key.replace("layer", "stage", 1): value for key, value in state.items() if key.startswith("layer")}
    torch.save({**start, "linear.weight": torch.zeros(10, 8)}, folder / "RepVGG-B1g2-train.pth")
    vision = TokenHPE(9).feature_extractor
    vision.head = nn.Identity()
    torch.save(vision.state_dict(), folder / "vit_base_patch16_224_in21k.pth")


def _fsanet(folder: Path) -> None:
    from keras_files import random_network, write_keras

    folder.mkdir(parents=True)
    for variant, tail in (("capsule", "21_5"), ("var_capsule", "21_5"), ("noS_capsule", "192_5")):
        write_keras(folder / f"fsanet_{variant}_3_16_2_{tail}.h5", random_network(variant))


def _nlml(folder: Path) -> None:
    import torch
    from torch import nn

    def stack(sizes, last):
        layers = []
        for inputs, outputs in itertools.pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        return nn.Sequential(*layers[:-1], *last)

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = stack((1404, 1024, 512, 256, 128, 64), (nn.Tanh(), nn.Linear(64, 9)))

        def forward(self, x):
            return self.encoder(x)

    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = stack((3, 128, 256, 128, 64), (nn.ReLU(), nn.Linear(64, 1)))

        def forward(self, x):
            return self.model(x)

    class Combined(nn.Module):
        def __init__(self, encoder, yaw, pitch, roll):
            super().__init__()
            self.encoder, self.yaw_network, self.pitch_network, self.roll_network = encoder, yaw, pitch, roll

        def forward(self, x):
            rows = self.encoder(x)
            return self.yaw_network(rows[:, :3]), self.pitch_network(rows[:, 3:6]), self.roll_network(rows[:, 6:])

    torch.manual_seed(0)
    parts = [Encoder(), Head(), Head(), Head()]
    for part, name in zip(parts, ("Encoder", "yaw_network", "pitch_network", "roll_network"), strict=True):
        torch.save(part.state_dict(), folder / f"{name}.pth")
    torch.jit.script(Combined(*parts)).save(str(folder / "combined_model_scripted.pth"))
    random = np.random.default_rng(0)
    curves = {f"optimized_{name}": random.uniform(0.1, 1, (3, 4)) for name in ("yaw", "pitch", "roll")}
    core = random.normal(size=(5, 3, 3, 3, 1404))
    np.savez(folder / "Trained_data.npz", **curves, CoreTensor=core, W=core)
    sizes = {"U_yaw": (11, 3), "U_pitch": (9, 3), "U_roll": (7, 3), "U_id": (240, 5)}
    np.savez(folder / "Factor_Matrices.npz", **{name: random.normal(size=size) for name, size in sizes.items()})


def write(folder: Path, repository: Path) -> None:
    """All of it, into an empty folder."""
    _pairs(folder / "aflw2000", [f"image{number:05d}" for number in range(4)])
    _pairs(folder / "300w_lp", [f"AFW/AFW_{photo}_{turn}" for photo in range(4) for turn in range(2)])
    _kinect(folder / "biwi")
    _grid(folder / "facescape")
    _npz(folder / "crops.npz")
    _film(folder / "video.mp4")
    cv2.imwrite(str(folder / "face.png"), _picture(np.random.default_rng(2), 96, 96))
    shutil.copy(repository / "tests" / "third_party" / "head_net.py", folder)
    _image_networks(folder)
    _fsanet(folder / "pre-trained" / "300W_LP_models")
    _nlml(folder)
    for name in ("network", "tensor"):  # of made-up heads, as they come with the project
        ready = folder / "weights" / "nlml" / "ready" / f"{name}.safetensors"
        ready.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / "weights" / "nlml" / "default" / f"{name}.safetensors", ready)


if __name__ == "__main__":
    import importlib.util

    plugin = importlib.util.spec_from_file_location("tiny", sys.argv[2])
    plugin.loader.exec_module(importlib.util.module_from_spec(plugin))
    write(Path(sys.argv[1]), Path(__file__).resolve().parents[1])
