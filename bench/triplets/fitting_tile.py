"""Which tile fits volumes of a shape, whatever the shifts of neighbouring slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from bench.triplets.grid import Region, split_regions
from bench.triplets.options import LEAST_TILE, BuildOptions
from bench.triplets.split import BLOCKS, depth_blocks, middle_slices
from bench.triplets.tile_coverage import SMALLEST_CROP, STEP, better_tile

TILES = (512, 256, 128)  # of which the largest that fits is taken where none is given


class Extent(Protocol):
    """What is known of a volume before a slice is read."""

    @property
    def name(self) -> str:
        """Of the volume."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """Sides z, y, x."""
        ...

    @property
    def missing(self) -> frozenset[int]:
        """The z that have no slice."""
        ...


Extents = Sequence[Extent]


def with_tile(volumes: Extents, options: BuildOptions) -> BuildOptions:
    """The options with a tile that fits where none was given: the largest of 512, 256, 128.

    Where none of them fits, the options stay as they are, for ``check_shapes`` to refuse.

    Args:
        volumes: to be cut into tiles.
        options: of the build; the stride is the tile's side where it was not given either.
    """
    if "tile" in options.model_fields_set:
        return options
    most = _largest(regions_of(volumes, options), options)
    tile = next((tile for tile in TILES if tile <= most), None)
    if tile is None:
        return options
    stride = options.stride if "stride" in options.model_fields_set else tile
    return options.model_copy(update={"tile": tile, "stride": stride})


def fitting_tile(volumes: Extents, options: BuildOptions) -> int:
    """The tile, up to the one asked for, that fits whatever the shifts; 0 if none does."""
    if not _deep_enough(volumes, options):
        return 0
    regions = regions_of(volumes, options)
    most = _largest(regions, options)
    if most >= options.tile:
        return options.tile
    if most >= SMALLEST_CROP:
        return better_tile(regions, options.tile, options.reach)
    return most - most % STEP if most >= LEAST_TILE else 0


def _deep_enough(volumes: Extents, options: BuildOptions) -> bool:
    """Whether every block gets a triplet."""
    depths = [(volume.shape[0], volume.missing, options.gap) for volume in volumes]
    if options.split == "blocked" and options.split_axis == "z":
        return {*range(BLOCKS)} <= set(np.concatenate([depth_blocks(*d) for d in depths]).tolist())
    most = sum(len(middle_slices(*depth)) for depth in depths)
    return most >= (BLOCKS if options.split == "paper" else 1)


def regions_of(volumes: Extents, options: BuildOptions) -> list[Region]:
    """The regions of the slices of all volumes."""
    return [
        region
        for volume in volumes
        for region in split_regions(*volume.shape[1:], options.split, options.split_axis)
    ]


def _largest(regions: list[Region], options: BuildOptions) -> int:
    """The side of the largest tile that fits every region whatever the shifts."""
    return min(side for region in regions for side in sides_of(region)) - options.reach


def sides_of(region: Region) -> tuple[int, int]:
    """Height and width."""
    return region.bottom - region.top, region.right - region.left
