"""Cutting the tissue into sections: which neuron is where, and how much stain lies there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bench.data.phantom.neurites import Neurites
from bench.data.phantom.options import PhantomOptions
from bench.data.phantom.organelles import Body, Organelles, Synapse
from bench.data.phantom.texture import Field, Grain, enlarge, smooth_noise

BLOCK = 8  # pixels that share their candidate spheres
_SEARCHED = 14  # spheres of each class of radius
_CLASSES = np.array([60.0, 90.0, 150.0, 250.0])  # nm, borders between the classes
_CANDIDATES = 12
_PER_NEURITE = 4
_CUTS = 3  # depths within a section that are averaged
_MEMBRANE = 100.0  # darkness in grey levels
_MEMBRANE_WIDTH = 9.0  # nm from the border to exp(-1/2) of it
_DENSITY = 110.0  # darkness of a postsynaptic density
_VESICLE = 90.0  # darkness of the wall of a vesicle
_BODY_GAP = 12.0  # nm of cytoplasm that stay between a body and the membrane


class Cut(NamedTuple):
    """One plane through the tissue; all HW."""

    place: tuple[Field, Field, Field]  # tissue coordinates z, y, x of every pixel
    owner: NDArray[np.int64]  # neuron id
    depth: Field  # distance to the nearest other neuron, pixels


class Section(NamedTuple):
    """One section before the microscope; HW."""

    ids: NDArray[np.uint32]
    grey: Field


@dataclass(frozen=True)
class Residue:
    """What alignment left in a section: displacement (2, rows + 1, columns + 1), pixels."""

    knots: Field


class Tissue:
    """Neurites, organelles and grain, ready to be cut."""

    def __init__(
        self,
        options: PhantomOptions,
        neurites: Neurites,
        organelles: Organelles,
        rng: np.random.Generator,
    ) -> None:
        """Prepare what all sections share."""
        self._options = options
        self._nm = np.float32(1.0 / options.voxel)
        self._neurites = neurites
        self._organelles = organelles
        self._rows = -(-options.height // BLOCK)
        self._columns = -(-options.width // BLOCK)
        self._trees = _trees(neurites, _CLASSES / options.voxel)
        self._top = float(neurites.radius.max())
        self._warp = self._make_warp(rng)
        self._grain = Grain({1.2: 1.0, 2.2: 0.6, 6.0: 0.4}, rng)
        self._cristae = Grain({1.6: 1.0}, rng)
        count = int(neurites.owner.max()) + 1
        dendrite = np.zeros(count)
        np.maximum.at(dendrite, neurites.owner, neurites.dendrite.astype(float))
        self._plasm = (rng.normal(0.0, 11.0, count) + 18.0 * dendrite).astype(np.float32)
        self._grit = (rng.uniform(0.7, 1.4, count) - 0.3 * dendrite).astype(np.float32)

    def sections(self, residues: list[Residue]) -> Iterator[Section]:
        """Every section in order, displaced by its residue."""
        for index, residue in enumerate(residues):
            yield self._section(index, residue)

    def _section(self, index: int, residue: Residue) -> Section:
        options = self._options
        top = index * options.spacing
        near = self._near(top + 0.5 * options.spacing, residue)
        grey = np.zeros((self._rows * BLOCK, self._columns * BLOCK), dtype=np.float32)
        ids = np.zeros(grey.shape, dtype=np.uint32)
        for part in range(_CUTS):
            z = top + (part + 0.5) / _CUTS * options.spacing
            cut = self._cut(z, residue, near)
            grey += self._stain(cut) / _CUTS
            if part == _CUTS // 2:
                ids = cut.owner.astype(np.uint32)
                grit = self._grit[cut.owner] * self._grain.at(*cut.place)
        grey -= 22.0 * grit
        window = np.s_[: options.height, : options.width]
        return Section(ids[window], grey[window])

    def _make_warp(self, rng: np.random.Generator) -> Field:
        """Smooth displacement of tissue coordinates that bends every border, (3, z, y, x) knots."""
        planes = int(self._options.depth * self._options.spacing / BLOCK) + 3
        shape = (planes, self._rows + 1, self._columns + 1)
        unit = float(self._nm) * 6.0  # amplitudes and scales below are for 6 nm pixels
        warp = np.zeros((3, *shape), dtype=np.float32)
        for axis in range(3):
            for scale, size in ((1.3, 1.6), (4.5, 8.0)):
                warp[axis] += np.float32((0.5 if axis == 0 else 1.0) * size * unit) * smooth_noise(
                    shape, scale * unit, rng
                )
        return warp

    def _knots(self, z: float, residue: Residue) -> tuple[Field, Field, Field]:
        """Tissue coordinates of a plane at the corners of its blocks."""
        plane = z / BLOCK
        low = int(plane)
        part = np.float32(plane - low)
        warp = self._warp[:, low] * (1 - part) + self._warp[:, low + 1] * part
        y = np.arange(self._rows + 1, dtype=np.float32)[:, None] * BLOCK
        x = np.arange(self._columns + 1, dtype=np.float32)[None, :] * BLOCK
        return (
            np.float32(z) + warp[0],
            y + warp[1] + residue.knots[0],
            x + warp[2] + residue.knots[1],
        )

    def _near(self, z: float, residue: Residue) -> NDArray[np.int64]:
        """The spheres that can own a pixel of each block, (rows, columns, candidates)."""
        corners = np.stack(self._knots(z, residue))
        middle = (
            corners[:, :-1, :-1] + corners[:, 1:, :-1] + corners[:, :-1, 1:] + corners[:, 1:, 1:]
        ) / 4.0
        flat = middle.reshape(3, -1).T
        near = np.concatenate(
            [spheres[tree.query(flat, k)[1]] for spheres, tree, k in self._trees], 1
        )
        apart = flat[:, None] - self._neurites.centre[near]
        gap = np.linalg.norm(apart, axis=2) - self._neurites.radius[near]
        near = np.take_along_axis(near, np.argsort(gap, axis=1, kind="stable"), axis=1)
        # Spheres of one neurite must not crowd its neighbours out.
        owner = self._neurites.owner[near]
        same = owner[:, :, None] == owner[:, None, :]
        repeated = np.tril(same, -1).sum(axis=2) >= _PER_NEURITE
        chosen = np.argsort(repeated, axis=1, kind="stable")[:, :_CANDIDATES]
        near = np.take_along_axis(near, chosen, axis=1)
        return np.asarray(near).reshape(self._rows, self._columns, -1)

    def _cut(self, z: float, residue: Residue, near: NDArray[np.int64]) -> Cut:
        place = tuple(enlarge(knots, BLOCK) for knots in self._knots(z, residue))
        blocks = (self._rows, BLOCK, self._columns, BLOCK)
        pz, py, px = (axis.reshape(blocks) for axis in place)
        centre = self._neurites.centre.astype(np.float32)
        radius = self._neurites.radius.astype(np.float32)
        best = np.full(blocks, np.inf, dtype=np.float32)
        second = np.full(blocks, 60.0, dtype=np.float32) + self._top
        owner = np.zeros(blocks, dtype=np.int64)
        for rank in range(near.shape[2]):
            sphere = near[:, None, :, None, rank]
            at = centre[sphere]
            gap = np.sqrt((pz - at[..., 0]) ** 2 + (py - at[..., 1]) ** 2 + (px - at[..., 2]) ** 2)
            gap -= radius[sphere]
            whose = self._neurites.owner[sphere]
            other = whose != owner
            np.minimum(second, np.maximum(gap, best), out=second, where=other)
            np.copyto(owner, whose, where=gap < best)
            np.minimum(best, gap, out=best)
        shape = place[0].shape
        depth = np.minimum(0.5 * (second - best), 60.0).reshape(shape)
        return Cut((place[0], place[1], place[2]), owner.reshape(shape), depth)

    def _stain(self, cut: Cut) -> Field:
        """Grey levels around 0 of one plane: cytoplasm minus everything stained."""
        width = np.float32(_MEMBRANE_WIDTH * self._nm)
        dark: Field = np.float32(_MEMBRANE) * np.exp(-0.5 * (cut.depth / width) ** 2)
        low, high = float(cut.place[0].min()), float(cut.place[0].max())
        for body in self._organelles.bodies:
            if low - body.reach < body.centre[0] < high + body.reach:
                self._stain_body(dark, cut, body)
        for synapse in self._organelles.synapses:
            if low - synapse.radius < synapse.centre[0] < high + synapse.radius:
                self._stain_synapse(dark, cut, synapse)
        self._stain_vesicles(dark, cut)
        return np.asarray(self._plasm[cut.owner] - dark)

    def _window(
        self, cut: Cut, centre: NDArray[np.float64], reach: float
    ) -> tuple[slice, slice] | None:
        """The pixels within `reach` of a place, or None if the plane passes it by."""
        slack = reach + 4.0 * BLOCK * float(self._nm) * 6.0
        height, width = cut.owner.shape
        y0, y1 = int(max(centre[1] - slack, 0)), int(min(centre[1] + slack, height))
        x0, x1 = int(max(centre[2] - slack, 0)), int(min(centre[2] + slack, width))
        if y0 >= y1 or x0 >= x1:
            return None
        z = cut.place[0][y0:y1:BLOCK, x0:x1:BLOCK]
        if z.min() - 4.0 > centre[0] + reach or z.max() + 4.0 < centre[0] - reach:
            return None
        return slice(y0, y1), slice(x0, x1)

    def _stain_body(self, dark: Field, cut: Cut, body: Body) -> None:
        window = self._window(cut, body.centre, body.reach)
        if window is None:
            return
        axes = body.axes.astype(np.float32)
        z, y, x = (
            axis[window] - np.float32(c) for axis, c in zip(cut.place, body.centre, strict=True)
        )
        square = sum((row[0] * z + row[1] * y + row[2] * x) ** 2 for row in axes)
        outside = (np.sqrt(square) - 1.0) * np.float32(body.minor)
        gap = np.float32(_BODY_GAP * self._nm)
        outside = np.maximum(outside, gap - cut.depth[window])
        outside = np.where(cut.owner[window] == body.owner, outside, np.float32(np.inf))
        if outside.min() > 3.0:
            return
        kind = body.kind
        inside = 1.0 / (1.0 + np.exp(np.clip(2.0 * outside, -30.0, 30.0)))
        stain = kind.fill * inside
        if kind.rim:
            stain += kind.rim * np.exp(-0.5 * (outside / (kind.rim_width * self._nm)) ** 2)
        if kind.cristae:
            within = inside > 0.05
            grain = self._cristae.at(*(axis[window][within] for axis in cut.place))
            stain[within] += kind.cristae * inside[within] * np.clip(grain, -1.0, 1.5)
        np.maximum(dark[window], stain, out=dark[window])

    def _stain_synapse(self, dark: Field, cut: Cut, synapse: Synapse) -> None:
        window = self._window(cut, synapse.centre, synapse.radius)
        if window is None:
            return
        square = sum(
            (axis[window] - np.float32(c)) ** 2
            for axis, c in zip(cut.place, synapse.centre, strict=True)
        )
        within = np.exp(-((square / np.float32(synapse.radius) ** 2) ** 2))
        post = cut.owner[window] == synapse.post
        signed = np.where(post, cut.depth[window], -cut.depth[window]) * self._options.voxel
        density = _DENSITY * np.exp(-0.5 * ((signed - 15.0) / 15.0) ** 2)
        np.maximum(dark[window], within * density, out=dark[window])

    def _stain_vesicles(self, dark: Field, cut: Cut) -> None:
        """Stamp rings: the outline of each small sphere where the plane crosses it."""
        centre = self._organelles.vesicles
        outer = 24.0 * float(self._nm)
        z = cut.place[0]
        height, width = z.shape
        # The warp moves a place by less than it varies over a vesicle: one look-up suffices.
        at = np.rint(centre[:, 1:]).astype(np.intp)
        kept = (at >= 0).all(axis=1) & (at[:, 0] < height) & (at[:, 1] < width)
        at, centre, owner = at[kept], centre[kept], self._organelles.vesicle_owner[kept]
        for _ in range(3):
            found = [axis[at[:, 0], at[:, 1]] for axis in cut.place[1:]]
            step = np.rint(centre[:, 1:] - np.column_stack(found)).astype(np.intp)
            at = np.clip(at + step, 0, [height - 1, width - 1])
        here = np.abs(z[at[:, 0], at[:, 1]] - centre[:, 0]) < outer
        at, centre, owner = at[here], centre[here], owner[here]
        reach = int(np.ceil(outer)) + 1
        dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        y = at[:, 0, None, None] + dy
        x = at[:, 1, None, None] + dx
        valid = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
        valid &= cut.owner[y, x] == owner[:, None, None]
        valid &= cut.depth[y, x] > 12.0 * self._nm
        square = sum(
            (axis[y, x] - c[:, None, None]) ** 2
            for axis, c in zip(cut.place, centre.T, strict=True)
        )
        distance = np.sqrt(square) * self._options.voxel
        ring = _VESICLE * np.exp(-0.5 * ((distance - 19.0) / 6.0) ** 2)
        np.maximum.at(dark, (y[valid], x[valid]), ring[valid].astype(np.float32))


def _trees(
    neurites: Neurites, borders: NDArray[np.float64]
) -> list[tuple[NDArray[np.int64], cKDTree, list[int]]]:
    """Search trees of spheres of similar radius: among those the nearest centre has the nearest rim."""
    group = np.digitize(neurites.radius, borders)
    trees = []
    for number in np.unique(group):
        spheres = np.flatnonzero(group == number)
        ranks = list(range(1, min(_SEARCHED, len(spheres)) + 1))
        trees.append((spheres, cKDTree(neurites.centre[spheres]), ranks))
    return trees
