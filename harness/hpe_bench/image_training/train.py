"""The way into the training of an image network: looks at what is needed, and imports the rest."""

from __future__ import annotations

import importlib.util

from hpe_bench.errors import MissingError
from hpe_bench.image_training.recipe import ImageRecipe
from hpe_bench.training import Trained, Training


def train_image_network(training: Training, recipe: ImageRecipe) -> Trained:
    """Train a network on the images of ``training.datasets``, by ``training.options``, an :class:`ImageTraining`.

    Every epoch leaves a checkpoint, from which an interrupted training goes on to the weights that it would have had.
    The epoch that is kept is chosen on the datasets' part for validation, and the card says so.

    Raises :class:`MissingError` where packages, images or a part are missing, :class:`UsageError` where options do not
    fit, and :class:`RunFailed` where the loss is no longer a number.
    """
    absent = [name for name in ("torch", "lightning_fabric") if importlib.util.find_spec(name) is None]
    if absent:
        raise MissingError(
            f"image networks are trained with {' and '.join(absent)}, not installed here: "
            "pip install 'hpe-bench[training]'"
        )
    from hpe_bench.image_training.engine import fit

    return fit(training, recipe)
