"""The phantom: tissue, cut and imaged."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.volumes.phantom.imaging import draw_exposures, expose
from bench.volumes.phantom.neurites import grow_neurites
from bench.volumes.phantom.options import PhantomOptions
from bench.volumes.phantom.organelles import place_organelles
from bench.volumes.phantom.sections import BLOCK, Tissue, blocks
from bench.volumes.phantom.texture import Field, smooth_noise


class Phantom(NamedTuple):
    """A synthetic volume.

    Attributes:
        raw: (z, y, x) grey levels 0..255.
        ids: (z, y, x) neuron ids from 1, at the middle of each section. Every pixel has one:
            membranes lie where ids change.
    """

    raw: NDArray[np.uint8]
    ids: NDArray[np.uint32]


def phantom_volume(options: PhantomOptions) -> Phantom:
    """Make the phantom of these options; equal options make equal phantoms.

    Every part draws from a stream of its own, so one dial leaves what the others made alone.
    """
    growth, filling, stain, residue, microscope, detector = (
        np.random.default_rng(seed) for seed in np.random.SeedSequence(options.seed).spawn(6)
    )
    neurites = grow_neurites(options, growth)
    tissue = Tissue(options, neurites, place_organelles(neurites, options, filling), stain)
    residues = draw_residues(options, residue)
    exposures = draw_exposures(options, microscope)
    shape = (options.depth, options.height, options.width)
    phantom = Phantom(np.empty(shape, np.uint8), np.empty(shape, np.uint32))
    for index, section in enumerate(tissue.sections(residues)):
        phantom.raw[index] = expose(section.grey, exposures[index], options, detector)
        phantom.ids[index] = section.ids
    return phantom


def draw_residues(options: PhantomOptions, rng: np.random.Generator) -> list[Field]:
    """The shift and smooth deformation that alignment left in each section."""
    rows, columns = blocks(options)
    shape = (rows + 1, columns + 1)
    residues = []
    for _ in range(options.depth):
        knots = np.stack([smooth_noise(shape, 90.0 / BLOCK, rng) for _ in range(2)])
        shift = rng.standard_normal((2, 1, 1))
        total = options.deformation * knots + options.drift * shift
        residues.append(np.asarray(total, np.float32))
    return residues
