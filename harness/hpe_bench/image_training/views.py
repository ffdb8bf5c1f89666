"""What the network is shown of a sample: a random view to learn from, or what it is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpe_bench import augmentation
from hpe_bench.crops import cut, resolve_box
from hpe_bench.errors import UsageError
from hpe_bench.estimators import Images
from hpe_bench.image_training.options import ImageTraining
from hpe_bench.image_training.samples import Samples
from hpe_bench.images import Pixels, resize, resize_shorter_side


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
    image = inputs.fit(_crop(samples, place, None))
    return View(image, samples.rotation[place], samples.euler[place])


def learning_view(
    samples: Samples, place: int, inputs: Images, options: ImageTraining, random: np.random.Generator
) -> View:
    """A sample as it is seen once: cropped, mirrored and blurred by chance, and a random part of it."""
    image = _crop(samples, place, random)
    rotation, euler = samples.rotation[place], samples.euler[place]
    if random.random() < options.mirror:
        image = augmentation.mirror_image(image)
        rotation, euler = augmentation.mirror_rotation(rotation), euler * (-1, 1, -1)
    if random.random() < options.blur:
        image = augmentation.blur(image)
    return View(_part(image, inputs, options, random), rotation, euler)


def _crop(samples: Samples, place: int, random: np.random.Generator | None) -> Pixels:
    source, points = samples.read(place)
    piece, id = samples.piece(place)
    pixels = source.pixels()
    return cut(pixels, resolve_box(piece.rule, points, pixels.shape[1], pixels.shape[0], f"sample {id}", random))


def _part(image: Pixels, inputs: Images, options: ImageTraining, random: np.random.Generator) -> Pixels:
    size = inputs.size
    assert size is not None
    if options.view == "whole":
        return inputs.fit(image)
    if options.view == "random-crop":
        image = resize_shorter_side(image, options.resize, inputs.interpolation)
        image = cut(image, augmentation.random_place(image.shape[1], image.shape[0], size, random))
    else:
        box = augmentation.random_resized_box(image.shape[1], image.shape[0], options.least, random)
        image = resize(cut(image, box), size, inputs.interpolation)
    return inputs.ordered(image)
