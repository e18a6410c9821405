"""What neurites contain: mitochondria, reticulum, endosomes, vesicles, and their synapses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bench.volumes.phantom.neurites import Neurites
from bench.volumes.phantom.options import PhantomOptions

Array = NDArray[np.float64]


class Kind(NamedTuple):
    """How a membrane-bound body looks, in grey levels of darkness and nm."""

    fill: float
    rim: float
    rim_width: float
    cristae: float


MITOCHONDRION = Kind(68.0, 98.0, 9.0, 13.0)
RETICULUM = Kind(120.0, 0.0, 10.0, 0.0)
ENDOSOME = Kind(0.0, 85.0, 8.0, 0.0)


@dataclass(frozen=True)
class Body:
    """An ellipsoid within one neurite; lengths in pixels.

    Attributes:
        centre: (3,), z y x.
        axes: (3, 3), rows are directions divided by half axes, so |axes @ (p - c)| = 1 on the rim.
        minor: smallest half axis.
        extent: (3,), half the edges of its bounding box.
        owner: neuron id it lies in.
        kind: how it looks.
    """

    centre: Array
    axes: Array
    minor: float
    extent: Array
    owner: int
    kind: Kind


class Synapse(NamedTuple):
    """A stretch of dense membrane; lengths in pixels."""

    centre: Array
    radius: float
    post: int  # neuron id on whose side the density lies


@dataclass(frozen=True)
class Organelles:
    """Everything inside the neurites; vesicles are (N, 3) centres with (N,) owners."""

    bodies: list[Body]
    vesicles: Array
    vesicle_owner: NDArray[np.int64]
    synapses: list[Synapse]


def place_organelles(
    neurites: Neurites, options: PhantomOptions, rng: np.random.Generator
) -> Organelles:
    """Fill every neurite according to its size and place."""
    nm = 1.0 / options.voxel
    vesicles, vesicle_owner = _vesicles(neurites, nm, rng)
    return Organelles(
        _bodies(neurites, nm, rng),
        vesicles,
        vesicle_owner,
        _synapses(neurites, nm, rng),
    )


def _bodies(neurites: Neurites, nm: float, rng: np.random.Generator) -> list[Body]:
    tangent = neurites.tangent()
    step = np.linalg.norm(neurites.centre[neurites.neighbours()[0]] - neurites.centre, axis=1)
    bodies = []
    for index in range(len(step)):
        radius = neurites.radius[index] / nm
        thick = radius > 200.0
        chance = {
            MITOCHONDRION: step[index] / nm / (1100.0 if thick else 3200.0) * (radius > 75.0),
            RETICULUM: step[index] / nm / (260.0 if thick else 550.0) * (radius > 50.0),
            ENDOSOME: step[index] / nm / (450.0 if thick else 1800.0) * (radius > 90.0),
        }
        for kind, mean in chance.items():
            bodies += [
                _body(neurites, index, tangent[index], kind, nm, rng)
                for _ in range(rng.poisson(mean))
            ]
    return bodies


def _body(
    neurites: Neurites,
    index: int,
    tangent: Array,
    kind: Kind,
    nm: float,
    rng: np.random.Generator,
) -> Body:
    radius = float(neurites.radius[index])
    if kind is MITOCHONDRION:
        minor = min(rng.uniform(0.45, 0.62) * radius, rng.uniform(100.0, 190.0) * nm)
        half = minor * np.array([rng.uniform(2.5, 6.0), rng.uniform(1.0, 1.3), 1.0])
        away = rng.uniform(0.0, 1.0) * max(radius - 1.4 * minor, 0.0)
    elif kind is RETICULUM:
        minor = rng.uniform(11.0, 20.0) * nm
        half = minor * np.array([rng.uniform(6.0, 18.0), rng.uniform(1.0, 2.5), 1.0])
        away = rng.uniform(0.2, 0.8) * radius
    else:
        minor = rng.uniform(28.0, 60.0) * nm
        half = minor * np.array([rng.uniform(1.0, 3.0), rng.uniform(1.0, 1.4), 1.0])
        away = rng.uniform(0.1, 0.7) * radius
    frame = _frame(tangent + 0.15 * rng.standard_normal(3), rng)
    centre = neurites.centre[index] + away * frame[2]
    axes = frame / half[:, None]
    extent = np.sqrt(((frame * half[:, None]) ** 2).sum(axis=0))
    return Body(centre, axes, minor, extent, int(neurites.owner[index]), kind)


def _frame(tangent: Array, rng: np.random.Generator) -> Array:
    first = tangent / np.linalg.norm(tangent)
    second = np.cross(first, rng.standard_normal(3))
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)])


def _vesicles(
    neurites: Neurites, nm: float, rng: np.random.Generator
) -> tuple[Array, NDArray[np.int64]]:
    """Clusters in boutons; two vesicles keep a distance."""
    where = np.flatnonzero((neurites.bouton > 0.35) & (rng.random(len(neurites.bouton)) < 0.8))
    count = rng.poisson(neurites.radius[where] ** 2 * 0.045 / (nm * 6.0) ** 2)
    sphere = np.repeat(where, count)
    offset = rng.standard_normal((len(sphere), 3))
    offset /= np.linalg.norm(offset, axis=1, keepdims=True)
    reach = np.maximum(neurites.radius[sphere] - 30.0 * nm, 0.0)
    offset *= (reach * rng.random(len(sphere)) ** (1.0 / 3.0))[:, None]
    centre = neurites.centre[sphere] + offset
    if len(centre) == 0:
        return centre, neurites.owner[sphere]
    pairs = cKDTree(centre).query_pairs(52.0 * nm, output_type="ndarray")
    crowded = np.zeros(len(centre), dtype=bool)
    crowded[pairs[:, 1]] = True
    return centre[~crowded], neurites.owner[sphere][~crowded]


def _synapses(neurites: Neurites, nm: float, rng: np.random.Generator) -> list[Synapse]:
    """Contacts of boutons with another neurite."""
    tree = neurites.tree()
    sites = np.flatnonzero((neurites.bouton > 0.8) & (rng.random(len(neurites.bouton)) < 0.15))
    synapses = []
    for site in sites:
        near = np.asarray(tree.query(tree.data[site], k=min(40, len(neurites.owner)))[1])
        others = near[neurites.owner[near] != neurites.owner[site]]
        if len(others) == 0:
            continue
        other = rng.choice(others[:4])
        towards = neurites.centre[other] - neurites.centre[site]
        towards /= np.linalg.norm(towards)
        centre = neurites.centre[site] + neurites.radius[site] * towards
        radius = rng.uniform(110.0, 200.0) * nm
        synapses.append(Synapse(centre, radius, int(neurites.owner[other])))
    return synapses
