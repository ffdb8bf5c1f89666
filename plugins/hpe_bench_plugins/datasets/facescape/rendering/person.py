"""What a person looks like: skin, hair, brows, lips and eyes at random, painted on ICT-FaceKit's head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpe_bench_plugins.datasets.facescape.rendering.head import EYE, PLAIN, Head, Paint, vertex_normals
from hpe_bench_plugins.datasets.facescape.rendering.ict import IctModel
from hpe_bench_plugins.datasets.facescape.rendering.regions import Regions, occlusion, step

Colour = tuple[float, float, float]

#: Linear albedo of skin, from pale to dark, and of hair and irises.
_SKINS = (
    (0.70, 0.49, 0.39), (0.60, 0.39, 0.29), (0.49, 0.30, 0.21), (0.35, 0.20, 0.13), (0.21, 0.112, 0.07),
    (0.11, 0.057, 0.036),
)  # fmt: skip
_HAIRS = (
    (0.010, 0.008, 0.007), (0.03, 0.018, 0.012), (0.08, 0.045, 0.025), (0.17, 0.10, 0.05), (0.34, 0.24, 0.12),
    (0.20, 0.07, 0.03), (0.30, 0.29, 0.28),
)  # fmt: skip
_IRISES = ((0.07, 0.035, 0.015), (0.15, 0.08, 0.03), (0.16, 0.15, 0.06), (0.12, 0.19, 0.27), (0.2, 0.22, 0.22))
_SCLERA = (0.5, 0.47, 0.44)


@dataclass(frozen=True)
class Person:
    """Linear colours 0 to 1; ``brows``, ``lips``, ``blush`` and ``stubble`` are strengths 0 to 1; ``hair_height`` is
    how far the hair stands off in cm, negative for a bald head; ``hairline`` shifts its edge up, in cm."""

    skin: Colour
    hair: Colour
    iris: Colour
    cloth: Colour
    brows: float
    lips: float
    blush: float
    stubble: float
    hair_height: float
    hairline: float


def random_person(rng: np.random.Generator) -> Person:
    """A person at random: skin over the whole range of tones, hair and eyes that go with it."""
    heights = (-1.0, 0.08, rng.uniform(0.2, 0.6), rng.uniform(0.6, 1.3))
    tone = rng.uniform(0, len(_SKINS) - 1)
    skin = np.array([np.interp(tone, range(len(_SKINS)), channel) for channel in zip(*_SKINS, strict=True)])
    dark = rng.random() < tone / 3
    hair = np.array(_HAIRS[rng.choice(2) if dark else rng.choice(len(_HAIRS))])
    iris = np.array(_IRISES[rng.choice(2) if dark else rng.choice(len(_IRISES))])
    return Person(
        skin=_varied(rng, skin, 0.06),
        hair=_varied(rng, hair, 0.15),
        iris=_varied(rng, iris, 0.15),
        cloth=_varied(rng, rng.uniform(0.02, 0.6, 3), 0.0),
        brows=float(rng.uniform(0.45, 0.95)),
        lips=float(rng.uniform(0.35, 0.9)),
        blush=float(rng.uniform(0.0, 0.35)),
        stubble=float(max(0.0, rng.uniform(-0.8, 0.55))),
        hair_height=float(rng.choice(heights, p=(0.1, 0.15, 0.35, 0.4))),
        hairline=float(rng.normal(0.0, 0.5)),
    )


def make_head(name: str, model: IctModel, regions: Regions, seed: tuple[int, ...]) -> Head:
    """A head of the model, shaped and painted at random: the same one for the same seed."""
    rng = np.random.default_rng(seed)
    shape = model.shape(rng)
    person = random_person(rng)
    grain = _noise(rng, model.neutral, 1.2)
    edge = regions.hairline - person.hairline + 0.35 * grain
    hair = step(-0.12, 0.18, edge) if person.hair_height >= 0 else np.zeros(len(shape))
    stand = max(person.hair_height, 0.0) * step(0.0, 2.5, edge) * (1 + 0.25 * grain)
    vertices = shape + (vertex_normals(shape, model.triangles) * stand[:, None]).astype(np.float32)
    colours, gloss = _colours(rng, person, model.neutral, regions, hair)
    surface = np.concatenate([np.zeros((len(shape), 1)), gloss[:, None], regions.gaze], axis=1)
    surface[:, 0] = np.where(regions.eyes > 0, EYE, PLAIN)
    paint = Paint(
        np.asarray(np.clip(colours, 0, 1), dtype=np.float32),
        np.asarray(surface, dtype=np.float32),
        iris=person.iris,
        pupil=(float(rng.uniform(0.13, 0.2)), 0.44),
    )
    return Head(name, vertices, model.triangles, vertex_normals(vertices, model.triangles), paint, closed=True)


def _colours(
    rng: np.random.Generator, person: Person, points: NDArray[np.float64], regions: Regions, hair: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Albedo (V, 3) and gloss (V,)."""
    skin = np.array(person.skin)
    colours = np.tile(skin, (len(points), 1))
    red = np.clip(person.blush * regions.cheeks + 0.25 * regions.ears, 0, 1)
    colours = _mix(colours, skin * (1.0, 0.72, 0.70), red)
    colours = _mix(colours, 0.45 * skin + 0.5 * np.array(person.hair), person.stubble * regions.beard)
    colours = _mix(colours, skin * (0.85, 0.52, 0.52), person.lips * regions.lips)
    mottle = 1 + 0.03 * _noise(rng, points, 2.0) + 0.03 * _noise(rng, points, 0.5)
    colours *= mottle[:, None]
    colours *= occlusion(regions.hollow)[:, None]
    colours = _mix(colours, 0.15 * skin * (1, 0.6, 0.6), 0.75 * regions.mouth_line)
    colours = _mix(colours, np.array(person.hair), person.brows * regions.brow)
    colours = _mix(colours, np.array((0.012, 0.009, 0.008)), 0.8 * regions.lashes)
    strands = 1 + 0.25 * _noise(rng, points * (1.0, 0.3, 1.0), 0.35)
    colours = _mix(colours, np.array(person.hair) * strands[:, None], 0.97 * hair)
    colours = _mix(colours, np.array(person.cloth), regions.cloth)
    colours = _mix(colours, np.array(_SCLERA), regions.eyes)
    gloss = np.where(regions.eyes > 0, 0.9, 0.07 + 0.05 * regions.lips + 0.05 * regions.cheeks)
    gloss = gloss * (1 - regions.cloth) * (1 - 0.5 * hair)
    return colours, gloss


def _mix(below: NDArray[np.float64], above: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(below + (above - below) * weight[:, None])


def _varied(rng: np.random.Generator, colour: NDArray[np.float64], spread: float) -> Colour:
    red, green, blue = colour * (1 + rng.uniform(-spread, spread) + rng.uniform(-spread, spread, 3) / 3)
    return float(red), float(green), float(blue)


def _noise(rng: np.random.Generator, points: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Smooth noise (V,) around 0, mostly within -1 and 1, whose waves are about ``length`` cm long."""
    waves = rng.normal(0, 2 * np.pi / length / np.sqrt(3), (12, 3))
    phases = rng.uniform(0, 2 * np.pi, 12)
    return np.asarray(np.sin(points @ waves.T + phases).sum(axis=1) / np.sqrt(6))
