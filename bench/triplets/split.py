"""Which tile lies where, which split it belongs to, and how much the splits share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BLOCKS = 5
SPLITS = ("train", "validation", "test", "gap")
SplitName = Literal["blocked", "paper"]
Axis = Literal["z", "y", "x"]
Shift = tuple[int, int]  # y, x

_NO_BLOCK = -1


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
    edges = _edges(height if axis == "y" else width)
    bands = enumerate(pairwise(edges))
    if axis == "y":
        return [Region(low, high, 0, width, block) for block, (low, high) in bands]
    return [Region(0, height, low, high, block) for block, (low, high) in bands]


def grid_size(region: Region, tile: int, stride: int) -> int:
    """How many places a region's grid has; 0 where not even one tile fits."""
    rows, columns = _grid(region, tile, stride)
    return len(rows) * len(columns)


def covered(region: Region, tile: int, stride: int) -> int:
    """How many pixels of a region lie in a place of its grid."""
    rows, columns = (
        (len(places) - 1) * min(tile, stride) + tile if places else 0
        for places in _grid(region, tile, stride)
    )
    return rows * columns


def place_tiles(region: Region, shifts: Sequence[Shift], tile: int, stride: int) -> list[Tile]:
    """Lay the grid on the middle slice.

    A tile moves inward where its window in a neighbour would leave the region. Where the
    region is too narrow for the tile and the shifts together, there is no tile; where several
    would come to lie on one place, there is only the one that moved least.

    Args:
        region: where the windows have to stay.
        shifts: of the neighbours against the middle.
        tile: side in pixels.
        stride: step of the grid in pixels.
    """
    reach = np.array([(0, 0), *shifts])
    low = np.array([region.top, region.left]) - reach.min(axis=0)
    high = np.array([region.bottom, region.right]) - tile - reach.max(axis=0)
    if (low > high).any():
        return []
    grid = _grid(region, tile, stride)
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
    """The lines of a grid by their number, each once, at its place between low and high."""
    nearest: dict[int, int] = {}
    for number, place in enumerate(places):
        moved = min(max(place, low), high)
        known = nearest.setdefault(moved, number)
        if abs(moved - place) < abs(moved - places[known]):
            nearest[moved] = number
    return {number: moved for moved, number in nearest.items()}


def middle_slices(depth: int, missing: frozenset[int] = frozenset()) -> NDArray[np.intp]:
    """The z that can be the middle of a triplet: it and both its neighbours have a slice.

    Args:
        depth: of the volume.
        missing: the z that have no slice.
    """
    there = np.ones(depth, dtype=bool)
    there[list(missing)] = False
    return np.flatnonzero(there[:-2] & there[1:-1] & there[2:]) + 1


def depth_blocks(depth: int, missing: frozenset[int] = frozenset()) -> NDArray[np.intp]:
    """For each z the block in which all three slices of its triplet lie, or -1.

    The slices that there are, in order, are cut into five equal blocks.

    Args:
        depth: of the volume.
        missing: the z that have no slice.
    """
    present = np.setdiff1d(np.arange(depth), list(missing))
    block_of = np.full(depth, _NO_BLOCK, dtype=np.intp)
    for block, (low, high) in enumerate(pairwise(_edges(len(present)))):
        block_of[present[low:high]] = block
    blocks = np.full(depth, _NO_BLOCK, dtype=np.intp)
    middle = middle_slices(depth, missing)
    inside = middle[block_of[middle - 1] == block_of[middle + 1]]
    blocks[inside] = block_of[inside]
    return blocks


def random_blocks(rejected: NDArray[np.bool_], seed: int) -> NDArray[np.intp]:
    """Five random blocks of equal size, drawn for kept and rejected triplets apart."""
    random = np.random.default_rng(seed)
    blocks = np.empty(len(rejected), dtype=np.intp)
    for group in (np.flatnonzero(~rejected), np.flatnonzero(rejected)):
        blocks[random.permutation(group)] = np.arange(len(group)) * BLOCKS // max(len(group), 1)
    return blocks


def split_names(blocks: NDArray[np.intp], fold: int) -> NDArray[np.str_]:
    """Three blocks are training, one is validation, one is test.

    In fold 0 the last is test and the one before it validation; each further fold moves
    both on by one block. A triplet in no block is in the gap.
    """
    names = np.full(len(blocks), "train", dtype="<U10")
    names[blocks == (BLOCKS - 1 + fold) % BLOCKS] = "test"
    names[blocks == (BLOCKS - 2 + fold) % BLOCKS] = "validation"
    names[blocks == _NO_BLOCK] = "gap"
    return names


def split_words(split: SplitName, axis: Axis, fold: int) -> str:
    """How triplets were split, for somebody who reads the counts below."""
    if split == "paper":
        return f"at random, as in the paper, fold {fold}"
    return f"blocked along {axis}, fold {fold}; in the gap, in no split: what crosses two blocks"


def measured_leakage(keys: pd.DataFrame, tile: int | pd.Series[int]) -> float:
    """Share of test triplets that share a pixel with a training or validation triplet.

    Counted over kept triplets, on the windows of all three slices as they were read.

    Args:
        keys: a row for each triplet.
        tile: side of a window, of all triplets or of each.

    Returns:
        Between 0 and 1; 0 without test triplets.
    """
    kept = keys[keys["reason"] == ""]
    tested = kept["split"] == "test"
    if not tested.any():
        return 0.0
    kept = kept.assign(tile=tile)
    windows = pd.concat([_windows(kept, name, step) for name, step in _SLICES])
    shared: set[int] = set()
    for _, there in windows.groupby(["volume", "slice"]):
        test = there[there["split"] == "test"]
        known = there[there["split"].isin(("train", "validation"))]
        overlap = _overlap(test, known, "y") & _overlap(test, known, "x")
        shared.update(test["triplet"].to_numpy()[overlap.any(axis=1)])
    return len(shared) / int(tested.sum())


def _overlap(some: pd.DataFrame, others: pd.DataFrame, axis: str) -> NDArray[np.bool_]:
    """Whether each window of some shares a line with each of others along an axis."""
    step = others[axis].to_numpy()[None] - some[axis].to_numpy()[:, None]
    overlap: NDArray[np.bool_] = (step < some["tile"].to_numpy()[:, None]) & (
        -step < others["tile"].to_numpy()[None]
    )
    return overlap


_SLICES = (("before", -1), ("middle", 0), ("after", 1))


def _windows(keys: pd.DataFrame, name: str, step: int) -> pd.DataFrame:
    still = name == "middle"
    return pd.DataFrame(
        {
            "triplet": keys.index,
            "volume": keys["volume"],
            "split": keys["split"],
            "tile": keys["tile"],
            "slice": keys["z"] + step,
            "y": keys["y"] if still else keys["y"] + keys[f"shift_{name}_y"],
            "x": keys["x"] if still else keys["x"] + keys[f"shift_{name}_x"],
        }
    )


def _edges(length: int) -> list[int]:
    return [length * block // BLOCKS for block in range(BLOCKS + 1)]


def _grid(region: Region, tile: int, stride: int) -> tuple[range, range]:
    rows = range(region.top, region.bottom - tile + 1, stride)
    return rows, range(region.left, region.right - tile + 1, stride)
