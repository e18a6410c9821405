"""Whether volumes of a shape have room for a build, and which options would fit if not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.base.errors import UserError
from bench.triplets.align import check_search
from bench.triplets.fitting_tile import TILES, Extent, Extents, fitting_tile, regions_of, sides_of
from bench.triplets.grid import grid_size
from bench.triplets.options import BuildOptions
from bench.triplets.split import BLOCKS, LEARNED_OR_SCORED, depth_blocks, middle_slices, split_names
from bench.triplets.tile_coverage import SMALLEST_CROP
from bench.volumes.volume import check_slices

_COUNT = {3: "three", 4: "four", 5: "five"}
_OTHERS: dict[str, list[dict[str, str]]] = {
    "blocked": [{"split_axis": "z"}, {"split_axis": "x"}, {"split_axis": "y"}, {"split": "paper"}],
    "paper": [{"split": "blocked", "split_axis": "x"}, {"split": "blocked", "split_axis": "y"}],
}


def check_shapes(volumes: Extents, options: BuildOptions) -> None:
    """Refuse a build that cannot work, before a slice is read.

    Raises:
        UserError: tile or search radius do not fit the slices, or a split gets no triplet.
    """
    for volume in volumes:
        if options.tiles is None:
            check_slices(f"'{volume.name}'", volume.shape)
        _check_tile(volume, options)
        if options.align:
            check_search(*volume.shape[1:], options.search)
    _check_depth(volumes, options)


def advice(volumes: Extents, options: BuildOptions) -> str:
    """How a build that does not fit would fit, as the end of a sentence.

    What is asked for comes first, with a smaller tile; another split is named for a larger one.

    Args:
        volumes: that the build reads.
        options: of the build.
    """
    if found := ", or ".join(_choices(volumes, options)):
        return f"give `bench data build` {found}"
    return "it takes more slices, larger ones, or a smaller --search"


def fitting_words(volumes: Extents, options: BuildOptions) -> str:
    """The options of a tile that fits; empty where the tile that is asked for fits."""
    tile = fitting_tile(volumes, options)
    return f"--tile {tile} --stride {tile}" if tile not in (0, options.tile) else ""


def _check_tile(volume: Extent, options: BuildOptions) -> None:
    _, height, width = volume.shape
    where = f"The slices of '{volume.name}' have {height} x {width} pixels"
    tiles = f"a tile of {options.tile}"
    if "tile" not in options.model_fields_set:
        tiles = f"any tile of {', '.join(map(str, TILES[:-1]))} or {TILES[-1]}"
    band = min(min(sides_of(region)) for region in regions_of([volume], options))
    if band < min(options.tile, height, width):
        raise UserError(
            f"{where}, so that split bands along {options.split_axis} are {band} wide, too narrow "
            f"for {tiles}; {advice([volume], options)}."
        )
    if min(height, width) < options.tile:
        raise UserError(f"{where}, too few for {tiles}; {advice([volume], options)}.")


def _check_depth(volumes: Extents, options: BuildOptions) -> None:
    middles = [middle_slices(volume.shape[0], volume.missing, options.gap) for volume in volumes]
    if not any(len(middle) for middle in middles):
        raise UserError(
            f"No {_COUNT[options.slices]} neighbouring slices are left beside those that are "
            "missing; give more slices."
        )
    if options.split == "paper":
        places = [_places(volume, options) for volume in volumes]
        most = sum(len(z) * tiles for z, tiles in zip(middles, places, strict=True))
        if most < BLOCKS:
            raise UserError(
                f"A split at random takes {BLOCKS} {'triplets' if options.gap == 1 else 'gaps'}, "
                f"and there are at most {most}; "
                f"{advice(volumes, options)}."
            )
    elif options.split_axis == "z":
        blocks = [
            depth_blocks(v.shape[0], v.missing, options.gap)[z]
            for v, z in zip(volumes, middles, strict=True)
        ]
        there = split_names(np.concatenate(blocks), options.fold)
        for name in LEARNED_OR_SCORED:
            if name not in there:
                raise UserError(no_whole_triplet(name, volumes, options))


def no_whole_triplet(name: str, volumes: Extents, options: BuildOptions) -> str:
    """The sentence for a split, blocked along an axis, that has no triplet."""
    depth = max(volume.shape[0] - len(volume.missing) for volume in volumes)
    why = "the volume is too small for five such blocks"
    shallowest = options.slices * BLOCKS  # for a whole triplet in each block along z
    if options.split_axis == "z" and depth < shallowest:
        why = f"five blocks take {shallowest} slices and there are {depth}"
    elif options.split_axis == "z" and any(volume.missing for volume in volumes):
        why = "too many slices there are missing"
    return (
        f"The {name} split would be empty: no triplet fits into its block along "
        f"{options.split_axis}, because {why}; "
        f"{advice(volumes, options)}."
    )


def _choices(volumes: Extents, options: BuildOptions) -> Iterator[str]:
    largest = 0
    for change in ({}, *_OTHERS[options.split]):
        tile = fitting_tile(volumes, options.model_copy(update=change))
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


def _places(volume: Extent, options: BuildOptions) -> int:
    regions = regions_of([volume], options)
    return sum(grid_size(region, options.tile, options.stride) for region in regions)
