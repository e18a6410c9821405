"""Which parts of a volume a build reads: all of it, or with ``--tiles`` places drawn evenly.

A place is a run of slices at one tile of the grid, with the margin that the alignment searches. It
is read, aligned and judged by itself, so that slices may be larger than memory.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.triplets.grid import Grid, Region, grid_of, split_regions
from bench.triplets.options import BuildOptions
from bench.triplets.reject import ENOUGH
from bench.triplets.split import BLOCKS, depth_blocks, middle_slices
from bench.volumes.formats.stack import central
from bench.volumes.volume import Volume

if TYPE_CHECKING:
    from scipy.stats.qmc import Halton

_SIDE = 1024  # pixels
_TRIES = 8  # points of the sequence for each cell


class Part(NamedTuple):
    """What of a volume is read at once.

    Attributes:
        volume: that part.
        grids: the grid of tiles in each region of its slices.
    """

    volume: Volume
    grids: Mapping[Region, Grid]


class _Group(NamedTuple):
    """What is drawn from by itself: a block, or all of a volume that is split at random.

    Attributes:
        region: of the slices.
        middles: first slices of its gaps: of gaps of one slice, the middles of its triplets.
        block: its number.
        tiles: that are wanted of it.
    """

    region: Region
    middles: NDArray[np.intp]
    block: int
    tiles: int


def parts_of(volume: Volume, options: BuildOptions) -> list[Part]:
    """The whole volume, or the places that are drawn from it."""
    regions = split_regions(*volume.shape[1:], options.split, options.split_axis)
    if options.tiles is None:
        return [Part(volume, {r: grid_of(r, options.tile, options.stride) for r in regions})]
    from scipy.stats.qmc import Halton  # a second to load, for no other build

    sequence = Halton(3, scramble=False)
    sequence.fast_forward(1)  # the first point is the corner
    return [
        part
        for group in _groups(volume, regions, options)
        for part in _drawn(volume, group, sequence, options)
    ]


def digest_of(parts: Sequence[Volume], digests: Sequence[str]) -> str:
    """The digest of what a build reads of a volume.

    Args:
        parts: of the volume.
        digests: of their grey values.
    """
    if len(parts) == 1:
        return digests[0]
    lines = (f"{part.corner} {each}\n" for part, each in zip(parts, digests, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def looked_at(volume: Volume, options: BuildOptions) -> Volume:
    """What checks of the labels look at: the volume, or the middle of what is labelled of it."""
    if options.tiles is None:
        return volume
    y, x = (central(side, _SIDE) for side in volume.label_box[1:])
    return volume.crop((slice(0, volume.shape[0]), y, x))


def _groups(volume: Volume, regions: Sequence[Region], options: BuildOptions) -> Iterator[_Group]:
    wanted, depth = options.tiles or 0, volume.shape[0]
    middles = middle_slices(depth, volume.missing, options.gap)
    if options.split == "paper":
        yield _Group(regions[0], middles, 0, wanted)
        return
    of_each = -(-wanted // BLOCKS)
    for block in range(BLOCKS):
        if options.split_axis == "z":
            inside = np.flatnonzero(depth_blocks(depth, volume.missing, options.gap) == block)
            yield _Group(regions[0], inside, block, of_each)
        else:
            yield _Group(regions[block], middles, block, of_each)


def _drawn(
    volume: Volume, group: _Group, sequence: Halton, options: BuildOptions
) -> Iterator[Part]:
    """Places of a group that hold as many triplets as are wanted of it, or all that there are."""
    runs, wanted = _runs(group.middles), group.tiles
    rows, columns = grid_of(group.region, options.tile, options.stride)
    for run, row, column in _evenly((len(runs), len(rows), len(columns)), sequence):
        if wanted <= 0:
            return
        wanted -= len(runs[run]) * options.gap
        yield _place(volume, group, runs[run], (rows[row], columns[column]), options)


def _runs(middles: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Slices that follow one another, in runs long enough to tell what is usual in them."""
    stretches = np.split(middles, np.flatnonzero(np.diff(middles) > 1) + 1)
    return [
        run
        for stretch in stretches
        if len(stretch)
        for run in np.array_split(stretch, max(1, len(stretch) // ENOUGH))
    ]


def _evenly(sides: tuple[int, int, int], sequence: Halton) -> Iterator[tuple[int, int, int]]:
    """The cells of a box, each once, in an order of which every beginning is spread evenly."""
    count = math.prod(sides)
    seen = set[tuple[int, int, int]]()
    for _ in range(_TRIES * count):
        [point] = (sequence.random(1) * sides).astype(int).tolist()
        cell = point[0], point[1], point[2]
        if cell not in seen:
            seen.add(cell)
            yield cell
    for z, y, x in product(*map(range, sides)):
        if (z, y, x) not in seen:
            yield z, y, x


def _place(
    volume: Volume,
    group: _Group,
    run: NDArray[np.intp],
    corner: tuple[int, int],
    options: BuildOptions,
) -> Part:
    """A run of triplets at one tile, with as much around it as its neighbours are searched in."""
    region, side = group.region, options.tile + options.reach
    top, height = _within(corner[0], region.top, region.bottom, side, options)
    left, width = _within(corner[1], region.left, region.right, side, options)
    box = (
        slice(int(run[0]) - 1, int(run[-1]) + options.gap + 1),
        slice(top, top + height),
        slice(left, left + width),
    )
    tile = (
        range(corner[0] - top, corner[0] - top + 1),
        range(corner[1] - left, corner[1] - left + 1),
    )
    return Part(volume.crop(box), {Region(0, height, 0, width, group.block): tile})


def _within(corner: int, low: int, high: int, side: int, options: BuildOptions) -> tuple[int, int]:
    """Where a window around a tile begins within a region, and how long it is."""
    side = min(side, high - low)
    return min(max(corner - options.reach // 2, low), high - side), side
