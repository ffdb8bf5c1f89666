"""What the network is shown of a sample: a random view to learn from, or what it is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpe_bench import augmentation
from hpe_bench.crops import Box, cut, resolve_box
from hpe_bench.errors import UsageError
from hpe_bench.estimators import Images
from hpe_bench.image_training.options import ImageTraining
from hpe_bench.image_training.samples import Samples
from hpe_bench.images import Pixels, resize, size_by_shorter_side


@dataclass(frozen=True)
class View:
    """An image (height, width, 3) with its rotation (3, 3), R, and its yaw, pitch and roll (3,) in degrees."""

    image: Pixels
    rotation: NDArray[np.float64]
    euler: NDArray[np.float64]


def check_view(options: ImageTraining, inputs: Images) -> None:
    """:class:`UsageError` where an estimator's images cannot be made, or not as the options ask."""
    if inputs.size is None:
        raise UsageError("an estimator that is trained on images asks for one size of them: Images(size=...)")
    if options.view == "random-crop" and options.resize < max(inputs.size):
        raise UsageError(f"-o resize={options.resize}: the images of {max(inputs.size)} pixels are cut out of it")


def validation_view(samples: Samples, place: int, inputs: Images) -> View:
    """A sample as it is seen when it is tested on."""
    image, box = _read(samples, place, None)
    return View(inputs.fit(cut(image, box)), samples.rotation[place], samples.euler[place])


def learning_view(
    samples: Samples, place: int, inputs: Images, options: ImageTraining, random: np.random.Generator
) -> View:
    """A sample as it is seen once: cropped, blurred by chance, a random part of it, mirrored by chance.

    Where ``inputs`` ask for an antialiased image, it is torch's filter that resizes it, as it does torchvision's
    tensors: Pillow's up to one grey level, in a third of the time.
    """
    image, box = _read(samples, place, random)
    if random.random() < options.blur:
        image = augmentation.blur(cut(image, box))
        box = (0, 0, image.shape[1], image.shape[0])
    shown = _part(image, box, inputs, options, random)
    rotation, euler = samples.rotation[place], samples.euler[place]
    if random.random() < options.mirror:  # at last: what the network is shown is small
        shown, rotation, euler = (
            augmentation.mirror_image(shown),
            augmentation.mirror_rotation(rotation),
            euler * (-1, 1, -1),
        )
    return View(shown, rotation, euler)


def _read(samples: Samples, place: int, random: np.random.Generator | None) -> tuple[Pixels, Box]:
    """The whole image of a sample, and the box of its crop."""
    source, points = samples.read(place)
    piece, id = samples.piece(place)
    pixels = source.pixels()
    return pixels, resolve_box(piece.rule, points, pixels.shape[1], pixels.shape[0], f"sample {id}", random)


def _part(image: Pixels, box: Box, inputs: Images, options: ImageTraining, random: np.random.Generator) -> Pixels:
    """What the network is shown of a crop, which is cut out no larger than it has to be."""
    size = inputs.size
    assert size is not None
    if options.view == "random-resized-crop":
        left, top, right, bottom = box
        part = augmentation.random_resized_box(right - left, bottom - top, options.least, random)
        begin, end, above, below = left + part[0], left + part[2], top + part[1], top + part[3]
        shown = _resized(cut(image, (begin, above, end, below)), size, inputs)
    elif options.view == "random-crop":
        crop = cut(image, box)
        whole = _resized(crop, size_by_shorter_side(crop, options.resize), inputs)
        shown = cut(whole, augmentation.random_place(whole.shape[1], whole.shape[0], size, random))
    else:
        return inputs.fit(cut(image, box))
    return inputs.ordered(shown)


def _resized(image: Pixels, size: tuple[int, int], inputs: Images) -> Pixels:
    if inputs.interpolation != "antialias":
        return resize(image, size, inputs.interpolation)
    import torch

    # A batch before its axes are turned, or torch does not see that its channels are last, and takes twice as long.
    values = torch.from_numpy(np.ascontiguousarray(image))[None].permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(values, (size[1], size[0]), mode="bilinear", antialias=True)
    return np.asarray(resized[0].permute(1, 2, 0).numpy(), dtype=np.uint8)
