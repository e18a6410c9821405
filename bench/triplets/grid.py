"""Where triplets are cut: a grid of tiles on the middle slice, within regions of the slice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from bench.triplets.split import Axis, SplitName, block_edges

Shift = tuple[int, int]  # y, x
Grid = tuple[range, range]  # rows and columns of the tiles' corners


class Region(NamedTuple):
    """A rectangle of every slice that no window of its tiles may leave.

    Attributes:
        top: first row.
        bottom: row after the last.
        left: first column.
        right: column after the last.
        block: the block it is, or None where blocks are ranges of z.
    """

    top: int
    bottom: int
    left: int
    right: int
    block: int | None


class Tile(NamedTuple):
    """A place for a triplet: its number in the grid, and its corner on the middle slice."""

    slot: int
    y: int
    x: int


def split_regions(height: int, width: int, split: SplitName, axis: Axis) -> list[Region]:
    """The whole slice, or five bands of it where the blocks lie along y or x."""
    if split == "paper" or axis == "z":
        return [Region(0, height, 0, width, None)]
    edges = block_edges(height if axis == "y" else width)
    bands = enumerate(pairwise(edges))
    if axis == "y":
        return [Region(low, high, 0, width, block) for block, (low, high) in bands]
    return [Region(0, height, low, high, block) for block, (low, high) in bands]


def grid_size(region: Region, tile: int, stride: int) -> int:
    """How many places a region's grid has; 0 where not even one tile fits."""
    rows, columns = grid_of(region, tile, stride)
    return len(rows) * len(columns)


def covered(region: Region, tile: int, stride: int) -> int:
    """How many pixels of a region lie in a place of its grid."""
    rows, columns = (
        (len(places) - 1) * min(tile, stride) + tile if places else 0
        for places in grid_of(region, tile, stride)
    )
    return rows * columns


def place_tiles(region: Region, shifts: Sequence[Shift], tile: int, grid: Grid) -> list[Tile]:
    """Lay a grid on the middle slice.

    A tile moves inward where its window in a neighbour would leave the region. Where the
    region is too narrow for the tile and the shifts together, there is no tile; where several
    would come to lie on one place, there is only the one that moved least.

    Args:
        region: where the windows have to stay.
        shifts: of the neighbours against the middle.
        tile: side in pixels.
        grid: of the region.
    """
    reach = np.array([(0, 0), *shifts])
    low = np.array([region.top, region.left]) - reach.min(axis=0)
    high = np.array([region.bottom, region.right]) - tile - reach.max(axis=0)
    if (low > high).any():
        return []
    rows, columns = (
        _moved_inward(places, int(least), int(most))
        for places, least, most in zip(grid, low, high, strict=True)
    )
    return [
        Tile(row * len(grid[1]) + column, y, x)
        for row, y in rows.items()
        for column, x in columns.items()
    ]


def _moved_inward(places: range, low: int, high: int) -> dict[int, int]:
    """The lines of a grid by number, moved between low and high; no two share a place."""
    nearest: dict[int, int] = {}
    for number, place in enumerate(places):
        moved = min(max(place, low), high)
        known = nearest.setdefault(moved, number)
        if abs(moved - place) < abs(moved - places[known]):
            nearest[moved] = number
    return {number: moved for moved, number in nearest.items()}


def grid_of(region: Region, tile: int, stride: int) -> Grid:
    """Rows and columns of a region's tiles."""
    rows = range(region.top, region.bottom - tile + 1, stride)
    return rows, range(region.left, region.right - tile + 1, stride)
