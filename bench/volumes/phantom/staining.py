"""How dark every place of the tissue is stained."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.volumes.phantom.neurites import Neurites
from bench.volumes.phantom.options import PhantomOptions
from bench.volumes.phantom.organelles import Body, Organelles, Synapse
from bench.volumes.phantom.texture import Field, Grain, smooth_noise

# Darkness in grey levels below bare cytoplasm; lengths in nm.
_MEMBRANE, _MEMBRANE_WIDTH = 106.0, 7.0
_DENSITY, _DENSITY_WIDTH = 112.0, 15.0
_VESICLE, _VESICLE_RADIUS, _VESICLE_WALL = 95.0, 19.0, 6.0
_GRAIN = 10.0
_FINE_GRAIN, _FINE_SCALE = 16.0, 6.0
_PLASM, _DENDRITE_PALER = 7.0, 12.0
_BODY_GAP = 12.0  # of cytoplasm between an organelle and the membrane
_EDGE = 3.0  # pixels around an organelle that its rim can reach


class Cut(NamedTuple):
    """One plane through the tissue.

    Attributes:
        place: (3, H, W) tissue coordinates z, y, x of every pixel.
        owner: (H, W) neuron id.
        depth: (H, W) distance to the nearest other neuron in pixels.
    """

    place: Field
    owner: NDArray[np.int64]
    depth: Field

    def pixel(self, centre: NDArray[np.float64]) -> NDArray[np.int64]:
        """The pixels (y, x) nearest to places (N, 3) of the tissue; may lie outside the plane."""
        corner = np.array(self.owner.shape) - 1
        at = np.rint(centre[:, 1:]).astype(np.int64)
        for _ in range(4):  # the displacement is smooth, so this converges in two or three
            inside = np.clip(at, 0, corner)
            found = self.place[1:, inside[:, 0], inside[:, 1]].T + (at - inside)
            at = at + np.rint(centre[:, 1:] - found).astype(np.int64)
        return at

    def height(self, pixel: NDArray[np.int64]) -> Field:
        """Tissue coordinate z at pixels (N, 2), the nearest one of the plane where outside."""
        inside = np.clip(pixel, 0, np.array(self.owner.shape) - 1)
        return np.asarray(self.place[0, inside[:, 0], inside[:, 1]])


class Stain:
    """The look of membranes, cytoplasm and organelles."""

    def __init__(
        self,
        neurites: Neurites,
        organelles: Organelles,
        options: PhantomOptions,
        rng: np.random.Generator,
    ) -> None:
        """Draw the grain and the look of every neuron's cytoplasm."""
        self._nm = np.float32(1.0 / options.voxel)
        self._organelles = organelles
        self._body_centre = np.array([body.centre for body in organelles.bodies]).reshape(-1, 3)
        self._body_extent = np.array([body.extent for body in organelles.bodies]).reshape(-1, 3)
        self._synapse_centre = np.array([s.centre for s in organelles.synapses]).reshape(-1, 3)
        self._rng = rng
        scales = {11.0: 1.0, 36.0: 0.5}  # nm
        self._grain = Grain({nm / options.voxel: share for nm, share in scales.items()}, rng)
        self._cristae = Grain({10.0 / options.voxel: 1.0}, rng)
        count = int(neurites.owner.max()) + 1
        dendrite = np.zeros(count)
        np.maximum.at(dendrite, neurites.owner, neurites.dendrite.astype(float))
        plasm = _PLASM * rng.standard_normal(count) + _DENDRITE_PALER * dendrite
        self._plasm = plasm.astype(np.float32)
        self._roughness = (rng.uniform(0.7, 1.2, count) - 0.25 * dendrite).astype(np.float32)

    def grain(self, cut: Cut) -> Field:
        """Texture of the cytoplasm in grey levels: fixed in the tissue, but for the finest.

        What is much smaller than a section is thick differs from each to the next.
        """
        fine = smooth_noise(cut.owner.shape, _FINE_SCALE * float(self._nm), self._rng)
        grain = np.float32(_GRAIN) * self._grain.at(cut.place) + np.float32(_FINE_GRAIN) * fine
        return np.asarray(self._roughness[cut.owner] * grain)

    def grey(self, cut: Cut) -> Field:
        """Grey levels around 0: cytoplasm, minus the darkest of all that is stained there."""
        width = np.float32(_MEMBRANE_WIDTH) * self._nm
        dark = np.float32(_MEMBRANE) * np.exp(np.float32(-0.5) * (cut.depth / width) ** 2)
        self._darken_bodies(dark, cut)
        self._darken_synapses(dark, cut)
        self._darken_vesicles(dark, cut)
        return np.asarray(self._plasm[cut.owner] - dark)

    def _darken_bodies(self, dark: Field, cut: Cut) -> None:
        pixel = cut.pixel(self._body_centre)
        off = np.abs(cut.height(pixel) - self._body_centre[:, 0])
        for index in np.flatnonzero(off < self._body_extent[:, 0] + _EDGE):
            extent = self._body_extent[index, 1:] * 1.2 + 2 * _EDGE
            window = _window(pixel[index], extent, dark.shape)
            if window is not None:
                stain = self._body(cut, window, self._organelles.bodies[index])
                np.maximum(dark[window], stain, out=dark[window])

    def _body(self, cut: Cut, window: tuple[slice, slice], body: Body) -> Field:
        axes = body.axes.astype(np.float32)
        z, y, x = (cut.place[axis][window] - np.float32(body.centre[axis]) for axis in range(3))
        square = sum((row[0] * z + row[1] * y + row[2] * x) ** 2 for row in axes)
        outside = (np.sqrt(square) - 1.0) * np.float32(body.minor)
        # It cannot leave its neurite.
        outside = np.maximum(outside, np.float32(_BODY_GAP) * self._nm - cut.depth[window])
        outside = np.where(cut.owner[window] == body.owner, outside, np.float32(100.0))
        kind = body.kind
        inside = 1.0 / (1.0 + np.exp(np.minimum(2.0 * outside, 30.0)))
        stain = kind.fill * inside
        if kind.rim:
            width = np.float32(kind.rim_width) * self._nm
            stain = np.maximum(stain, kind.rim * np.exp(-0.5 * (outside / width) ** 2))
        if kind.cristae:
            within = inside > 0.05
            texture = self._cristae.at(cut.place[:, *window][:, within])
            stain[within] += kind.cristae * inside[within] * texture
        return np.asarray(stain, np.float32)

    def _darken_synapses(self, dark: Field, cut: Cut) -> None:
        pixel = cut.pixel(self._synapse_centre)
        off = np.abs(cut.height(pixel) - self._synapse_centre[:, 0])
        for index, synapse in enumerate(self._organelles.synapses):
            reach = 1.4 * synapse.radius
            window = _window(pixel[index], np.array([reach, reach]), dark.shape)
            if off[index] < reach and window is not None:
                stain = self._density(cut, window, synapse)
                np.maximum(dark[window], stain, out=dark[window])

    def _density(self, cut: Cut, window: tuple[slice, slice], synapse: Synapse) -> Field:
        square = sum(
            (cut.place[axis][window] - np.float32(synapse.centre[axis])) ** 2 for axis in range(3)
        )
        within = np.exp(-((square / np.float32(synapse.radius) ** 2) ** 2))
        post = cut.owner[window] == synapse.post
        depth = np.where(post, cut.depth[window], -cut.depth[window]) / self._nm
        layer = np.exp(-0.5 * ((depth - _DENSITY_WIDTH) / _DENSITY_WIDTH) ** 2)
        return np.asarray(_DENSITY * within * layer, np.float32)

    def _darken_vesicles(self, dark: Field, cut: Cut) -> None:
        """Stamp rings where the plane crosses the small spheres."""
        centre, owner = self._organelles.vesicles, self._organelles.vesicle_owner
        pixel = cut.pixel(centre)
        here = np.abs(cut.height(pixel) - centre[:, 0]) < (_VESICLE_RADIUS + 6.0) * self._nm
        pixel, centre, owner = pixel[here], centre[here], owner[here]
        reach = int(np.ceil((_VESICLE_RADIUS + 3.0 * _VESICLE_WALL) * self._nm))
        dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        y, x = pixel[:, 0, None, None] + dy, pixel[:, 1, None, None] + dx
        height, width = dark.shape
        valid = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        which = np.broadcast_to(np.arange(len(owner))[:, None, None], y.shape)[valid]
        y, x = y[valid], x[valid]
        free = (cut.owner[y, x] == owner[which]) & (cut.depth[y, x] > _BODY_GAP * self._nm)
        y, x, which = y[free], x[free], which[free]
        apart = cut.place[:, y, x].T - centre[which]
        distance = np.linalg.norm(apart, axis=1) / self._nm
        ring = _VESICLE * np.exp(-0.5 * ((distance - _VESICLE_RADIUS) / _VESICLE_WALL) ** 2)
        np.maximum.at(dark, (y, x), ring.astype(np.float32))


def _window(
    pixel: NDArray[np.int64], extent: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[slice, slice] | None:
    """The part of the plane within `extent` of a pixel, None if there is none."""
    low = np.maximum(pixel - np.ceil(extent), 0).astype(int)
    high = np.minimum(pixel + np.ceil(extent) + 1, shape).astype(int)
    if np.any(low >= high):
        return None
    return slice(low[0], high[0]), slice(low[1], high[1])
