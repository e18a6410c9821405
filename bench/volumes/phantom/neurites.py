"""Neurites: chains of spheres that grow through the tissue and make room for one another."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bench.volumes.phantom.options import PhantomOptions

Array = NDArray[np.float64]

MARGIN = 300.0  # nm of tissue grown beyond the volume, so that its faces look like its inside
_FILL = 1.1  # share of the tissue that the spheres' tubes occupy before they make room
_RELAXATIONS = 15
_Z_BIAS = 1.4  # neurites run across the sections somewhat more often than along them


class Lengths(NamedTuple):
    """Sizes of one kind of neurite, in nm."""

    radius: float  # median
    spread: float  # standard deviation of log radius
    bending: float  # change of direction over 36 nm
    end: float  # mean length before it ends
    branch: float  # mean length between branches
    swelling: float  # mean length between boutons


_DENDRITE = Lengths(250.0, 0.35, 0.04, 60e3, 8e3, np.inf)
_AXON = Lengths(60.0, 0.42, 0.20, 12e3, 8e3, 1.8e3)
_STEP = 0.4  # of the radius of a path, between spheres
_SPACING = 0.5  # of the radius of a sphere, that thinning leaves
_SPINE_EVERY = 700.0  # nm along a dendrite
_BOUTON_LENGTH = 170.0  # nm, half
_DENDRITE_SHARE = 0.24  # of the tissue


@dataclass
class Neurites:
    """Spheres of all neurites, ordered along their chains; lengths in pixels.

    Attributes:
        centre: (N, 3), z y x.
        radius: (N,).
        owner: (N,) neuron id from 1.
        chain: (N,) number of the chain; branches are chains of the same owner.
        bouton: (N,) 0..1, how much of a vesicle-filled swelling the place is.
        dendrite: (N,) whether the neuron is a dendrite here.
    """

    centre: Array
    radius: Array
    owner: NDArray[np.int64]
    chain: NDArray[np.int64]
    bouton: Array
    dendrite: NDArray[np.bool_]

    def thinned(self) -> Neurites:
        """Without the spheres that hardly show between their neighbours."""
        step = np.linalg.norm(self.centre - self.centre[self.neighbours()[1]], axis=1)
        kept, gone = np.ones(len(step), dtype=bool), 0.0
        for index, length in enumerate(step):
            gone += length
            kept[index] = length == 0.0 or gone > _SPACING * self.radius[index]
            gone = 0.0 if kept[index] else gone
        return Neurites(*(getattr(self, field.name)[kept] for field in fields(self)))

    def tree(self) -> cKDTree:
        """Search tree of the power distance |p - c|^2 - r^2, lifted to four dimensions."""
        top = self.radius.max()
        lift = np.sqrt(np.maximum(top**2 - self.radius**2, 0.0))
        return cKDTree(np.column_stack([self.centre, lift]))

    def tangent(self) -> Array:
        """Unit direction of the chain at every sphere, (N, 3)."""
        ahead, behind = self.neighbours()
        direction = self.centre[ahead] - self.centre[behind]
        length = np.linalg.norm(direction, axis=1, keepdims=True)
        return np.where(length > 1e-6, direction / np.maximum(length, 1e-6), [[1.0, 0.0, 0.0]])

    def neighbours(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Index of the next and the previous sphere of the chain, itself at its ends."""
        index = np.arange(len(self.chain))
        ahead, behind = np.minimum(index + 1, len(index) - 1), np.maximum(index - 1, 0)
        ahead = np.where(self.chain[ahead] == self.chain, ahead, index)
        behind = np.where(self.chain[behind] == self.chain, behind, index)
        return ahead, behind


class _Chain(NamedTuple):
    centre: Array
    radius: Array
    bouton: Array
    owner: int
    dendrite: bool


@dataclass(frozen=True)
class _Space:
    """Where neurites grow.

    Attributes:
        low: lowest corner in pixels (z, y, x).
        high: highest corner.
        nm: pixels in a nanometre.
        rng: what everything random is drawn from.
    """

    low: Array
    high: Array
    nm: float
    rng: np.random.Generator

    def holds(self, place: Array) -> bool:
        """Whether a place lies within."""
        return not (np.any(place < self.low) or np.any(place > self.high))


def grow_neurites(options: PhantomOptions, rng: np.random.Generator) -> Neurites:
    """Dendrites first, then axons into what is still empty, until the tissue is full."""
    low = np.full(3, -MARGIN / options.voxel)
    space = _Space(low, np.array(options.extent) - low, 1.0 / options.voxel, rng)
    volume = float(np.prod(space.high - space.low))
    chains: list[_Chain] = []
    filled, owner = 0.0, 0
    while filled < _FILL * volume:
        dendrite = filled < _DENDRITE_SHARE * _FILL * volume
        owner += 1
        grown = _grow(_empty_place(chains, space), owner, dendrite, space)
        chains += grown
        filled += sum(_volume(chain) for chain in grown)
    return _make_room(_join(chains))


def _empty_place(chains: list[_Chain], space: _Space) -> Array:
    places = space.rng.uniform(space.low, space.high, (12, 3))
    if not chains:
        return np.asarray(places[0])
    free = np.full(len(places), np.inf)
    for chain in chains:
        gap = np.linalg.norm(places[:, None] - chain.centre[None], axis=2) - chain.radius
        free = np.minimum(free, gap.min(axis=1))
    return np.asarray(places[int(np.argmax(free))])


def _grow(start: Array, owner: int, dendrite: bool, space: _Space) -> list[_Chain]:
    """A trunk through a place, its branches and, on a dendrite, its spines."""
    kind = _DENDRITE if dendrite else _AXON
    nm, rng = space.nm, space.rng
    radius = kind.radius * nm * float(np.exp(kind.spread * rng.standard_normal()))
    step = _STEP * radius
    direction = _unit(rng.standard_normal(3) * [_Z_BIAS, 1.0, 1.0])
    forward = _walk(start, direction, kind, step, space)
    backward = _walk(start, -direction, kind, step, space)
    path = np.concatenate([backward[:0:-1], forward])
    trunk = _Chain(path, *_swollen(path, radius, step, kind, space), owner, dendrite)
    chains = [trunk]
    length = step * len(path)
    for _ in range(rng.poisson(length / (kind.branch * nm))):
        at = int(rng.integers(len(trunk.centre)))
        turned = _unit(direction + 1.2 * rng.standard_normal(3))
        path = _walk(trunk.centre[at], turned, kind, step, space)
        swollen = _swollen(path, 0.75 * radius, step, kind, space)
        chains.append(_Chain(path, *swollen, owner, dendrite))
    if dendrite:
        for _ in range(rng.poisson(length / (_SPINE_EVERY * nm))):
            at = int(rng.integers(len(trunk.centre)))
            chains.append(_spine(trunk, at, space))
    return chains


def _walk(start: Array, direction: Array, kind: Lengths, step: float, space: _Space) -> Array:
    """A bending path, until it ends or leaves the space."""
    bending = kind.bending * np.sqrt(step / (36.0 * space.nm))
    reach = max(2, int(space.rng.exponential(kind.end * space.nm) / step))
    path = [start]
    turning = np.zeros(3)
    while len(path) < reach:
        place = path[-1] + step * direction
        if not space.holds(place):
            break
        path.append(place)
        turning = 0.8 * turning + bending * space.rng.standard_normal(3)
        direction = _unit(direction + 0.6 * turning)
    return np.array(path)


def _swollen(
    path: Array, radius: float, step: float, kind: Lengths, space: _Space
) -> tuple[Array, Array]:
    """The radii of a path, slowly swelling and wide at boutons, and where it is a bouton."""
    nm, rng = space.nm, space.rng
    along = step * np.arange(len(path))
    swell = np.zeros(len(path))
    for wave in np.array([1400.0, 600.0]) * nm:
        swell += 0.13 * np.sin(2 * np.pi * (along / wave + rng.random())) * rng.standard_normal()
    bouton = np.zeros(len(path))
    for _ in range(rng.poisson(along[-1] / (kind.swelling * nm) if len(path) > 1 else 0)):
        middle = rng.uniform(0.0, along[-1])
        bouton = np.maximum(bouton, np.exp(-(((along - middle) / (_BOUTON_LENGTH * nm)) ** 2)))
    target = max(200.0 * nm * float(np.exp(0.2 * rng.standard_normal())), radius)
    radii = radius * np.exp(swell)
    return radii + bouton * (target - radii), bouton


def _spine(trunk: _Chain, at: int, space: _Space) -> _Chain:
    """A thin neck and a head, out of the side of a dendrite."""
    nm, rng = space.nm, space.rng
    side = _unit(rng.standard_normal(3))
    length = rng.uniform(300.0, 900.0) * nm
    count = max(4, int((trunk.radius[at] + length) / (36.0 * nm)))
    along = np.linspace(0.5, 1.0, count)[:, None] * (trunk.radius[at] + length)
    path = trunk.centre[at] + along * side
    radius = np.full(count, 55.0 * nm)
    radius[-3:] = rng.uniform(110.0, 190.0) * nm
    return _Chain(path, radius, np.zeros(count), trunk.owner, True)


def _volume(chain: _Chain) -> float:
    if len(chain.centre) < 2:
        return 0.0
    steps = np.linalg.norm(np.diff(chain.centre, axis=0), axis=1)
    return float(np.sum(np.pi * chain.radius[1:] ** 2 * steps))


def _join(chains: list[_Chain]) -> Neurites:
    sizes = [len(chain.centre) for chain in chains]
    return Neurites(
        centre=np.concatenate([chain.centre for chain in chains]),
        radius=np.concatenate([chain.radius for chain in chains]),
        owner=np.repeat([chain.owner for chain in chains], sizes),
        chain=np.repeat(np.arange(len(chains)), sizes),
        bouton=np.concatenate([chain.bouton for chain in chains]),
        dendrite=np.repeat([chain.dendrite for chain in chains], sizes),
    )


def _make_room(neurites: Neurites) -> Neurites:
    """Push overlapping neurites apart, the thin one further, and keep the chains smooth."""
    ahead, behind = neurites.neighbours()
    radius = neurites.radius
    for _ in range(_RELAXATIONS):
        tree = neurites.tree()
        _, near = tree.query(tree.data, k=min(16, len(radius)))
        apart = neurites.centre[:, None] - neurites.centre[near]
        distance = np.maximum(np.linalg.norm(apart, axis=2), 1e-6)
        overlap = np.maximum(radius[:, None] + radius[near] - distance, 0.0)
        overlap[neurites.owner[:, None] == neurites.owner[near]] = 0.0
        yielding = radius[near] ** 2 / (radius[:, None] ** 2 + radius[near] ** 2)
        push = (0.3 * overlap * yielding / distance)[..., None] * apart
        move = push.sum(axis=1)
        # One sphere cannot jump past its neighbours.
        size = np.linalg.norm(move, axis=1, keepdims=True)
        move *= np.minimum(1.0, 0.5 * radius[:, None] / np.maximum(size, 1e-6))
        for _ in range(3):
            move = (move[ahead] + move[behind] + 2.0 * move) / 4.0
        centre = neurites.centre + move
        neurites.centre = 0.8 * centre + 0.1 * (centre[ahead] + centre[behind])
    return neurites


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))
