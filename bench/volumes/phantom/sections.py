"""Cutting the tissue into sections: which neuron is where, and how much stain lies there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from bench.volumes.phantom.neurites import Neurites
from bench.volumes.phantom.options import PhantomOptions
from bench.volumes.phantom.organelles import Organelles
from bench.volumes.phantom.staining import Cut, Stain
from bench.volumes.phantom.texture import Field, enlarge, smooth_noise

Index = NDArray[np.int64]

BLOCK = 8  # pixels that share their candidate spheres and one knot of every displacement
_CUTS = 3  # depths within a section that are averaged
_RADIUS_CLASSES = np.array([40.0, 60.0, 90.0, 150.0, 250.0])  # nm, borders between classes
_SEARCHED = 24  # nearest spheres of each class, around four blocks
_SHORTLIST = 28  # of them, those with the nearest surface
_CANDIDATES = 14  # that are compared at every pixel
_PER_NEURITE = 5  # of them, at most
_FAR = 60.0  # pixels; distances to the border are cut off here
# nm: correlation length across and along the sections, amplitude. The last makes whole
# neighbourhoods run aslant together, as bundles do.
_WARPS = ((60.0, 60.0, 9.0), (220.0, 220.0, 50.0), (300.0, 700.0, 155.0))


def blocks(options: PhantomOptions) -> tuple[int, int]:
    """Rows and columns of blocks that cover a section; both even."""
    return -(-options.height // (2 * BLOCK)) * 2, -(-options.width // (2 * BLOCK)) * 2


class Section(NamedTuple):
    """One section before the microscope; HW."""

    ids: NDArray[np.uint32]
    grey: Field


class Tissue:
    """Neurites and organelles, bent a little everywhere, ready to be cut."""

    def __init__(
        self,
        options: PhantomOptions,
        neurites: Neurites,
        organelles: Organelles,
        rng: np.random.Generator,
    ) -> None:
        """Prepare what all sections share."""
        self._options = options
        self._rows, self._columns = blocks(options)
        spheres = neurites.thinned()
        self._centre = spheres.centre.astype(np.float32)
        self._radius = spheres.radius.astype(np.float32)
        self._owner = spheres.owner
        self._trees = _class_trees(spheres, _RADIUS_CLASSES / options.voxel)
        self._warp = self._draw_warp(rng)
        self._stain = Stain(neurites, organelles, options, rng)

    def sections(self, residues: list[Field]) -> Iterator[Section]:
        """Every section in order.

        Args:
            residues: what alignment left in each: the displacement along y and x in pixels
                at the corners of the blocks, (2, rows + 1, columns + 1).
        """
        for index, residue in enumerate(residues):
            yield self._section(index, residue)

    def _section(self, index: int, residue: Field) -> Section:
        spacing = self._options.spacing
        top = index * spacing
        near = self._candidates(self._knots(top + 0.5 * spacing, residue))
        cuts = (
            self._cut(self._knots(top + (part + 0.5) / _CUTS * spacing, residue), near)
            for part in range(_CUTS)
        )
        grey = np.zeros((self._rows * BLOCK, self._columns * BLOCK), dtype=np.float32)
        ids = np.zeros(grey.shape, dtype=np.uint32)
        for part, cut in enumerate(cuts):
            grey += self._stain.grey(cut) / _CUTS
            if part == _CUTS // 2:
                ids[:] = cut.owner
                grey += self._stain.grain(cut)
        window = np.s_[: self._options.height, : self._options.width]
        return Section(ids[window], grey[window])

    def _draw_warp(self, rng: np.random.Generator) -> Field:
        """Smooth displacement of the tissue that bends every border, (3, z, y, x) knots.

        Weaker across the sections, where it would smear membranes.
        """
        voxel = self._options.voxel
        planes = int(self._options.depth * self._options.spacing / BLOCK) + 3
        shape = (planes, self._rows + 1, self._columns + 1)
        warp = np.zeros((3, *shape), dtype=np.float32)
        for axis, share in enumerate((0.3, 1.0, 1.0)):
            for across, along, size in _WARPS:
                knot = voxel * BLOCK
                noise = smooth_noise(shape, (across / knot, along / knot, along / knot), rng)
                warp[axis] += np.float32(share * size / voxel) * noise
        return warp

    def _knots(self, z: float, residue: Field) -> Field:
        """Tissue coordinates of a plane at the corners of its blocks, z y x first."""
        low, part = divmod(z / BLOCK, 1.0)
        below, above = self._warp[:, int(low)], self._warp[:, int(low) + 1]
        warp = below + np.float32(part) * (above - below)
        # The warp belongs to the tissue, so the residue displaces it like all else.
        place = np.indices(residue.shape[1:], dtype=np.float32) + residue / BLOCK
        knots = np.stack([ndimage.map_coordinates(axis, place, mode="nearest") for axis in warp])
        knots[0] += np.float32(z)
        knots[1:] += place * BLOCK
        return knots

    def _candidates(self, knots: Field) -> Index:
        """The spheres that may own a pixel of each block, (rows, columns, candidates)."""
        fours = knots[:, 1::2, 1::2].reshape(3, -1).T  # the middles of two by two blocks
        found = [spheres[tree.query(fours, ranks)[1]] for spheres, tree, ranks in self._trees]
        grid = np.concatenate(found, axis=1).reshape(self._rows // 2, self._columns // 2, -1)
        near = grid.repeat(2, axis=0).repeat(2, axis=1).reshape(self._rows * self._columns, -1)
        across = knots[:, :-1] + knots[:, 1:]
        middle = ((across[:, :, :-1] + across[:, :, 1:]) / 4.0).reshape(3, -1).T
        gap = np.linalg.norm(middle[:, None] - self._centre[near], axis=2) - self._radius[near]
        first = np.argpartition(gap, min(_SHORTLIST, gap.shape[1] - 1), axis=1)[:, :_SHORTLIST]
        order = np.argsort(np.take_along_axis(gap, first, axis=1), axis=1, kind="stable")
        near = np.take_along_axis(near, np.take_along_axis(first, order, axis=1), axis=1)
        # Spheres of one neurite must not crowd its neighbours out.
        owner = self._owner[near]
        better = np.tri(near.shape[1], k=-1, dtype=bool)
        repeats = ((owner[:, :, None] == owner[:, None, :]) & better).sum(axis=2)
        chosen = np.argsort(repeats >= _PER_NEURITE, axis=1, kind="stable")[:, :_CANDIDATES]
        near = np.take_along_axis(near, chosen, axis=1)
        return np.asarray(near).reshape(self._rows, self._columns, -1)

    def _cut(self, knots: Field, near: Index) -> Cut:
        """Give every pixel to the neurite whose surface is nearest, deepest inside first."""
        place = enlarge(knots, BLOCK)
        shape = (self._rows, BLOCK, self._columns, BLOCK)
        z, y, x = (axis.reshape(shape) for axis in place)
        best = np.full(shape, np.inf, dtype=np.float32)
        second = np.full(shape, np.inf, dtype=np.float32)
        owner = np.zeros(shape, dtype=np.int64)
        for rank in range(near.shape[2]):
            sphere = near[:, None, :, None, rank]
            at = self._centre[sphere]
            gap = np.sqrt((z - at[..., 0]) ** 2 + (y - at[..., 1]) ** 2 + (x - at[..., 2]) ** 2)
            gap -= self._radius[sphere]
            whose = self._owner[sphere]
            np.minimum(second, np.maximum(gap, best), out=second, where=whose != owner)
            np.copyto(owner, whose, where=gap < best)
            np.minimum(best, gap, out=best)
        depth = np.minimum(0.5 * (second - best), np.float32(_FAR))
        return Cut(place, owner.reshape(place[0].shape), depth.reshape(place[0].shape))


def _class_trees(
    neurites: Neurites, borders: NDArray[np.float64]
) -> list[tuple[Index, cKDTree, list[int]]]:
    """Search trees by radius: among like spheres the nearest centre has the nearest surface."""
    group = np.digitize(neurites.radius, borders)
    trees: list[tuple[Index, cKDTree, list[int]]] = []
    for number in np.unique(group):
        spheres = np.flatnonzero(group == number).astype(np.int64)
        ranks = list(range(1, min(_SEARCHED, len(spheres)) + 1))
        trees.append((spheres, cKDTree(neurites.centre[spheres]), ranks))
    return trees
