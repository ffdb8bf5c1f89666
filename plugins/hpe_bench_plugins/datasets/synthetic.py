"""Landmarks of made-up heads over a grid of poses, so that everything can be tried with no data at all."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hpe_bench import Dataset, Options, Sample, canonical_face, pose

Array = NDArray[np.float64]


class Synthetic(Dataset):
    """Identities x yaw x pitch x roll, in the order of the loops; 468 landmarks each, in pixels of a square image.

    An identity is the canonical face under a smooth, left-right symmetric random deformation. It is turned, seen in
    perspective, and disturbed by noise. Everything follows from ``seed`` and the id, so any sample is made on its own.
    """

    class Options(Options):
        """Options of synthetic."""

        identities: int = Field(8, ge=1, description="number of heads")
        first_identity: int = Field(0, ge=0, description="number of the first head: held-out heads begin elsewhere")
        yaw: float = Field(50.0, ge=0, le=180, description="largest |yaw| of the grid, degrees")
        pitch: float = Field(40.0, ge=0, le=90, description="largest |pitch| of the grid, degrees")
        roll: float = Field(30.0, ge=0, le=180, description="largest |roll| of the grid, degrees")
        step: float = Field(10.0, gt=0, description="step of the grid, degrees")
        deformation: float = Field(0.25, ge=0, description="standard deviation of a point's displacement, cm")
        noise: float = Field(0.5, ge=0, description="standard deviation of a landmark's error, pixels of 256")
        distance: float = Field(60.0, gt=20, description="from the camera to the head, cm")
        seed: int = Field(0, ge=0, description="seed of the identities and the noise")

        @model_validator(mode="after")
        def _bounded(self) -> Any:
            cells = self.identities * np.prod(
                [2 * (limit // self.step) + 1 for limit in (self.yaw, self.pitch, self.roll)]
            )
            if cells > 10_000_000:
                raise ValueError(f"a grid of {cells:,.0f} samples is too large; 10,000,000 are the most")
            return self

    provides: ClassVar[frozenset[str]] = frozenset({"landmarks"})

    def ids(self) -> Sequence[str]:
        o = self.options
        angles = [_axis(limit, o.step) for limit in (o.yaw, o.pitch, o.roll)]
        people = range(o.first_identity, o.first_identity + o.identities)
        return [
            f"{person:05d}_{yaw:+g}_{pitch:+g}_{roll:+g}"
            for person in people
            for yaw in angles[0]
            for pitch in angles[1]
            for roll in angles[2]
        ]

    def sample(self, id: str) -> Sample:
        person, *angles = id.split("_")
        euler = np.array([float(angle) for angle in angles])
        rotation = pose.rotation_from_euler(euler)
        landmarks = functools.partial(self._landmarks, id, int(person), rotation)
        return Sample(id=id, rotation=rotation, euler=euler, landmarks=landmarks, person=person)

    def _landmarks(self, id: str, person: int, rotation: Array) -> Array:
        o = self.options
        head = identity(o.seed, person, o.deformation)
        noise = np.random.default_rng([o.seed, *id.encode()]).normal(0.0, o.noise, head.shape)
        return project(head @ rotation.T, o.distance) + noise


def _axis(limit: float, step: float) -> Array:
    half = np.arange(0.0, limit + 1e-9, step)
    return np.concatenate([-half[:0:-1], half])


@functools.lru_cache(maxsize=64)
def identity(seed: int, person: int, deformation: float) -> Array:
    """The points (468, 3) in cm, camera axes, of a made-up head: the canonical face plus a smooth random field.

    The field is a Gaussian process with a squared-exponential kernel of 4 cm, made left-right symmetric, and the head
    is stretched by some 4% along each axis; ``deformation`` is the field's standard deviation in cm.
    """
    face = canonical_face().points
    rng = np.random.default_rng([seed, 7919, person])
    field = _smooth_basis() @ rng.normal(size=(_smooth_basis().shape[1], 3))
    mirrored = field[_mirror_of()] * (-1.0, 1.0, 1.0)
    stretch = 1.0 + 0.04 * rng.normal(size=3) * (deformation > 0)
    return np.asarray(face * stretch + deformation * (field + mirrored) / np.sqrt(2.0))


def project(points: Array, distance: float, size: float = 256.0) -> Array:
    """Points (K, 3) in cm in perspective, as FaceMesh gives them: pixels, z relative to the head on the scale of x."""
    depth = points[:, 2] + distance
    focal = 0.6 * size * distance / 16.0  # a face 16 cm wide takes 60% of the image
    z = points[:, 2] * focal / distance
    return np.stack([points[:, 0] / depth * focal + size / 2, points[:, 1] / depth * focal + size / 2, z], axis=-1)


@functools.cache
def _smooth_basis(length: float = 4.0, components: int = 40) -> Array:
    """A basis (468, components) whose random combinations are samples of the Gaussian process."""
    points = canonical_face().points
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    values, vectors = np.linalg.eigh(np.exp(-squared / (2.0 * length**2)))
    return np.asarray(vectors[:, -components:] * np.sqrt(values[-components:]))


@functools.cache
def _mirror_of() -> NDArray[np.int64]:
    """For each point (468,) the one nearest to its mirror image."""
    points = canonical_face().points
    mirrored = points * (-1.0, 1.0, 1.0)
    return np.asarray(((points[:, None] - mirrored[None]) ** 2).sum(axis=-1).argmin(axis=0))
