"""What a volume has room for, as far as its shape tells: tiles, splits, and what to advise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from bench.base.errors import UserError
from bench.triplets.align import check_search
from bench.triplets.options import LEAST_TILE, BuildOptions
from bench.triplets.split import (
    BLOCKS,
    Region,
    depth_blocks,
    grid_size,
    middle_slices,
    split_names,
    split_regions,
)
from bench.triplets.tile_coverage import SMALLEST_CROP, STEP, better_tile

SHALLOWEST = 3 * BLOCKS  # slices, for a whole triplet in each block along z
TILES = (512, 256, 128)  # of which the largest that fits is taken where none is given
_OTHERS: dict[str, list[dict[str, str]]] = {
    "blocked": [{"split_axis": "z"}, {"split_axis": "x"}, {"split_axis": "y"}, {"split": "paper"}],
    "paper": [{"split": "blocked", "split_axis": "x"}, {"split": "blocked", "split_axis": "y"}],
}


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
    most = _largest(_regions(volumes, options), options)
    tile = next((tile for tile in TILES if tile <= most), None)
    if tile is None:
        return options
    stride = options.stride if "stride" in options.model_fields_set else tile
    return options.model_copy(update={"tile": tile, "stride": stride})


def check_shapes(volumes: Extents, options: BuildOptions) -> None:
    """Refuse what no slice has to be read for.

    Raises:
        UserError: tile or search radius do not fit the slices, or a split gets no triplet.
    """
    for volume in volumes:
        _check_tile(volume, options)
        if options.align:
            check_search(*volume.shape[1:], options.search)
    _check_depth(volumes, options)


def advice(volumes: Extents, options: BuildOptions) -> str:
    """The end of a sentence on a build that does not fit: the options with which it would.

    What is asked for comes first, with a smaller tile; another split is named for a larger one.

    Args:
        volumes: that the build reads.
        options: of the build.
    """
    if found := ", or ".join(_choices(volumes, options)):
        return f"give `bench data build` {found}"
    return "it takes more slices, larger ones, or a smaller --search"


def fitting_words(volumes: Extents, options: BuildOptions) -> str:
    """The words to add for a tile that fits; empty where the one asked for does."""
    tile = _fitting_tile(volumes, options)
    return f"--tile {tile} --stride {tile}" if tile not in (0, options.tile) else ""


def _check_tile(volume: Extent, options: BuildOptions) -> None:
    _, height, width = volume.shape
    where = f"The slices of '{volume.name}' have {height} x {width} pixels"
    tiles = f"a tile of {options.tile}"
    if "tile" not in options.model_fields_set:
        tiles = f"any tile of {', '.join(map(str, TILES[:-1]))} or {TILES[-1]}"
    band = min(min(_sides(region)) for region in _regions([volume], options))
    if band < min(options.tile, height, width):
        raise UserError(
            f"{where}, so that split bands along {options.split_axis} are {band} wide, too narrow "
            f"for {tiles}; {advice([volume], options)}."
        )
    if min(height, width) < options.tile:
        raise UserError(f"{where}, too few for {tiles}; {advice([volume], options)}.")


def _check_depth(volumes: Extents, options: BuildOptions) -> None:
    middles = [middle_slices(volume.shape[0], volume.missing) for volume in volumes]
    if not any(len(middle) for middle in middles):
        raise UserError(
            "No three neighbouring slices are left beside those that are missing; give more slices."
        )
    if options.split == "paper":
        places = [_places(volume, options) for volume in volumes]
        most = sum(len(z) * tiles for z, tiles in zip(middles, places, strict=True))
        if most < BLOCKS:
            raise UserError(
                f"A split at random takes {BLOCKS} triplets, and there are at most {most}; "
                f"{advice(volumes, options)}."
            )
    elif options.split_axis == "z":
        blocks = [
            depth_blocks(v.shape[0], v.missing)[z] for v, z in zip(volumes, middles, strict=True)
        ]
        there = split_names(np.concatenate(blocks), options.fold)
        for name in ("train", "validation", "test"):
            if name not in there:
                raise UserError(no_whole_triplet(name, volumes, options))


def no_whole_triplet(name: str, volumes: Extents, options: BuildOptions) -> str:
    """A sentence on a split, blocked along an axis, into which no triplet falls."""
    depth = max(volume.shape[0] - len(volume.missing) for volume in volumes)
    why = "the volume is too small for five such blocks"
    if options.split_axis == "z" and depth < SHALLOWEST:
        why = f"five blocks take {SHALLOWEST} slices and there are {depth}"
    elif options.split_axis == "z" and any(volume.missing for volume in volumes):
        why = "too many slices there are missing"
    return (
        f"No triplet lies whole within the {name} block along {options.split_axis}, as {why}; "
        f"{advice(volumes, options)}."
    )


def _choices(volumes: Extents, options: BuildOptions) -> Iterator[str]:
    largest = 0
    for change in ({}, *_OTHERS[options.split]):
        tile = _fitting_tile(volumes, options.model_copy(update=change))
        if tile <= largest:
            continue
        largest = tile
        words = [f"--{name.replace('_', '-')} {value}" for name, value in change.items()]
        if tile != options.tile:
            words.append(f"--tile {tile} --stride {tile}")
        yield " ".join(words) + _drawback(tile, options, change)


def _drawback(tile: int, options: BuildOptions, change: dict[str, str]) -> str:
    if tile < min(SMALLEST_CROP, options.tile):
        return f" (too small to train networks, which takes {SMALLEST_CROP})"
    return " (then splits share pixels)" if change.get("split") == "paper" else ""


def _fitting_tile(volumes: Extents, options: BuildOptions) -> int:
    """The tile, up to the one asked for, that fits whatever the shifts; 0 if none does."""
    if not _deep_enough(volumes, options):
        return 0
    regions = _regions(volumes, options)
    most = _largest(regions, options)
    if most >= options.tile:
        return options.tile
    if most >= SMALLEST_CROP:
        return better_tile(regions, options.tile, _reach(options))
    return most - most % STEP if most >= LEAST_TILE else 0


def _deep_enough(volumes: Extents, options: BuildOptions) -> bool:
    """Whether every block gets a triplet."""
    depths = [(volume.shape[0], volume.missing) for volume in volumes]
    if options.split == "blocked" and options.split_axis == "z":
        return {*range(BLOCKS)} <= set(np.concatenate([depth_blocks(*d) for d in depths]).tolist())
    most = sum(len(middle_slices(*depth)) for depth in depths)
    return most >= (BLOCKS if options.split == "paper" else 1)


def _largest(regions: list[Region], options: BuildOptions) -> int:
    """The side of the largest tile that fits every region whatever the shifts."""
    return min(side for region in regions for side in _sides(region)) - _reach(options)


def _reach(options: BuildOptions) -> int:
    # Neighbours may lie as far from the middle as is searched, each on its own side.
    return 2 * options.search if options.align else 0


def _places(volume: Extent, options: BuildOptions) -> int:
    regions = _regions([volume], options)
    return sum(grid_size(region, options.tile, options.stride) for region in regions)


def _regions(volumes: Extents, options: BuildOptions) -> list[Region]:
    return [
        region
        for volume in volumes
        for region in split_regions(*volume.shape[1:], options.split, options.split_axis)
    ]


def _sides(region: Region) -> tuple[int, int]:
    return region.bottom - region.top, region.right - region.left
