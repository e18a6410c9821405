"""How much of each slice the tiles of a dataset cover, and which tiles would cover more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.triplets.grid import Region, covered, grid_size, split_regions
from bench.triplets.options import BuildOptions

STEP = 8  # pixels, between tile sizes that are thought of
SMALLEST_CROP = 128  # no preset trains on less
_ENOUGH = 0.95  # of the area; what is left at the edges then is no news


def drawn_words(triplets: int, runs: int, options: BuildOptions) -> list[str]:
    """Where tiles that were drawn lie; nothing where that was not asked for.

    Args:
        triplets: that were drawn.
        runs: of slices that they lie in.
        options: of the build.
    """
    if options.tiles is None:
        return []
    drawn = f"{triplets} triplets in {runs} runs of slices, each at one place"
    if triplets < options.tiles:
        return [f"{drawn}: the volume has no more for --tiles {options.tiles}"]
    return [
        f"{drawn}, spread evenly: whole runs, one a block at least, for --tiles {options.tiles}"
    ]


def poor_coverage(shapes: Iterable[Sequence[int]], options: BuildOptions) -> list[str]:
    """One line for each size of slice that tiles cover badly: how much they cover.

    Args:
        shapes: of the volumes (z, y, x).
        options: of the build; where tiles are drawn, nobody asks.
    """
    if options.tiles is not None:
        return []
    sizes = dict.fromkeys((height, width) for _, height, width in shapes)
    return [line for size in sizes if (line := _line(*size, options))]


def _line(height: int, width: int, options: BuildOptions) -> str:
    tile, stride = options.tile, options.stride
    regions = split_regions(height, width, options.split, options.split_axis)
    share = _share(regions, tile, stride)
    if share >= _ENOUGH:
        return ""
    count = sum(grid_size(region, tile, stride) for region in regions)
    words = (
        f"{_percent(share)} of each slice of {height} x {width}, by {count} "
        f"{'tile' if count == 1 else 'tiles'} of {tile} x {tile}"
    )
    better = better_tile(regions, tile, options.reach)
    found = _share(regions, better, better)
    if found <= share:
        return words
    return f"{words}; --tile {better} --stride {better} would make it {_percent(found)}"


def better_tile(regions: list[Region], tile: int, room: int) -> int:
    """The largest tile, up to this one, that covers enough; or else the one that covers most."""
    sides = (side for r in regions for side in (r.bottom - r.top, r.right - r.left))
    most = min(tile, min(sides) - room)
    tiles = range(most - most % STEP, SMALLEST_CROP - 1, -STEP)
    return max(tiles, key=lambda side: min(_share(regions, side, side), _ENOUGH), default=tile)


def _share(regions: list[Region], tile: int, stride: int) -> float:
    area = sum((r.bottom - r.top) * (r.right - r.left) for r in regions)
    return sum(covered(region, tile, stride) for region in regions) / area


def _percent(share: float) -> str:
    return f"{int(100 * share)} %"  # rounded down: 100 % is all of it
