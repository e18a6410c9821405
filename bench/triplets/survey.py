"""The first pass over a volume: shifts, places, measures and histograms; no pixel is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.triplets.align import Aligner, Match, Prepared
from bench.triplets.gap import POSITION
from bench.triplets.grid import Region, Shift, Tile, place_tiles
from bench.triplets.histogram import grey_counts
from bench.triplets.options import BuildOptions
from bench.triplets.parts import Part
from bench.triplets.split import depth_blocks
from bench.triplets.window_measures import measure
from bench.volumes.tissue import Padding, Tissue, filled, find_tissue
from bench.volumes.volume import Volume, grey_digest, present_slices

Slice = NDArray[np.uint8]
Values = TypeVar("Values", NDArray[np.uint8], NDArray[np.bool_], NDArray[np.uint64])
Row = dict[str, Any]


@dataclass(frozen=True)
class Survey:
    """What the first pass learns of a part of a volume.

    Attributes:
        table: a row for each candidate triplet.
        counts: grey counts of the tissue of each slice and region, z x region x 256.
        digest: SHA-256 of the grey values.
        padding: what shows no tissue.
        no_room: grid places where the tile and the shifts together do not fit, or where they
            would bring a tile on to its neighbour.
        columns: grid places of each slice.
    """

    table: pd.DataFrame
    counts: NDArray[np.int64]
    digest: str
    padding: Padding
    no_room: int
    columns: int


class Source(NamedTuple):
    """A part of a volume and what the first pass learns of it."""

    volume: Volume  # of the part
    seen: Survey


class _Chain(NamedTuple):
    """How slices that follow one another lie: shifts against one of them, peaks of the links."""

    shifts: Sequence[Shift]
    peaks: Sequence[float]


class _Seen(NamedTuple):
    """A slice of those in memory."""

    z: int
    grey: Slice
    tissue: Tissue
    prepared: Prepared


def survey(
    part: Part, options: BuildOptions, first_column: int, tick: Callable[[], None]
) -> Survey:
    """Read a part of a volume once, with the slices around one gap in memory at a time.

    Args:
        part: of the source stack.
        options: of the build.
        first_column: number of the part's first grid column.
        tick: called after every slice.

    Raises:
        UserError: a slice cannot be read, or the search radius does not fit the slices.
    """
    volume, grids = part
    depth, height, width = volume.shape
    regions = list(grids)
    sizes = [len(rows) * len(columns) for rows, columns in grids.values()]
    starts = [first_column + sum(sizes[:i]) for i in range(len(sizes))]
    aligner = Aligner(height, width, options.search if options.align else 0)
    counts = np.zeros((depth, len(regions), 256), dtype=np.int64)
    blocks = depth_blocks(depth, volume.missing, options.gap)
    digest, rows, no_room, padding = grey_digest(volume), list[Row](), 0, Padding()
    seen: list[_Seen] = []
    for z in present_slices(volume):
        grey = volume.slice(z)
        digest.update(grey.tobytes())
        tissue = find_tissue(grey, volume.mask(z))
        padding.add(volume.corner[0] + z * volume.every, tissue, grey.shape)
        for number, region in enumerate(regions):
            counts[z, number] = _tissue_counts(grey, tissue, region)
        earlier = seen[-options.gap - 1 :]
        seen = [*earlier, _Seen(z, grey, tissue, aligner.prepare(filled(grey, tissue)))]
        tick()
        if len(seen) < options.slices or seen[0].z != z - options.gap - 1:
            continue
        chain = _chain(aligner, [each.prepared for each in seen], options.reference)
        for number, region in enumerate(regions):
            block = int(blocks[z - options.gap]) if region.block is None else region.block
            tiles = place_tiles(region, chain.shifts, options.tile, grids[region])
            found = list(_rows((volume.name, block), seen, chain, tiles, options))
            no_room += sizes[number] - len(tiles)
            rows.extend(
                {**row, "column": starts[number] + int(row["column"]), "region": number}
                for row in found
            )
    return Survey(pd.DataFrame(rows), counts, digest.hexdigest(), padding, no_room, sum(sizes))


def _tissue_counts(grey: Slice, tissue: Tissue, region: Region) -> NDArray[np.int64]:
    """Grey counts of a region's tissue; of all its pixels where it shows none at all."""
    inside = crop(grey, region)
    if tissue is not None and (there := crop(tissue, region)).any():
        inside = inside[there]
    return grey_counts(inside)


def crop(values: Values, region: Region) -> Values:
    """The region of a slice."""
    return values[region.top : region.bottom, region.left : region.right]


def cut_windows(slices: Sequence[Values], row: Mapping[Any, Any], tile: int) -> Values:
    """The three windows of a triplet, 3HW, each at its offset."""
    y, x = int(row["y"]), int(row["x"])
    shifts = [(0, 0) if name == "middle" else _shift(row, name) for name in _NAMES]
    return np.stack(
        [
            values[y + dy : y + dy + tile, x + dx : x + dx + tile]
            for values, (dy, dx) in zip(slices, shifts, strict=True)
        ]
    )


_NAMES = ("before", "middle", "after")


def _shift(row: Mapping[Any, Any], name: str) -> tuple[int, int]:
    return int(row[f"shift_{name}_y"]), int(row[f"shift_{name}_x"])


def _chain(aligner: Aligner, slices: Sequence[Prepared], reference: int) -> _Chain:
    """Match each slice with the next one on the way from the reference outward; add the shifts."""
    steps = range(len(slices) - 1)
    links = [
        aligner.match(slices[i + 1], slices[i])
        if i < reference
        else aligner.match(slices[i], slices[i + 1])
        for i in steps
    ]
    before = accumulate(reversed(links[:reference]), _onward, initial=(0, 0))
    after = accumulate(links[reference:], _onward, initial=(0, 0))
    return _Chain([*reversed([*before]), *[*after][1:]], [link.peak for link in links])


def _onward(shift: Shift, link: Match) -> Shift:
    return shift[0] + link.y, shift[1] + link.x


def _rows(
    place: tuple[str, int],
    seen: Sequence[_Seen],
    chain: _Chain,
    tiles: Sequence[Tile],
    options: BuildOptions,
) -> Iterator[Row]:
    """A row for each tile and missing slice; its place is the volume and the block."""
    volume, block = place
    for tile in tiles:
        for position in range(1, options.gap + 1):
            row: Row = {
                "volume": volume,
                "z": seen[position].z,
                **_windows_at(chain, tile, position, (0, -1)),
                "peak_before": min(chain.peaks[:position]),
                "peak_after": min(chain.peaks[position:]),
                "column": tile.slot,
                "block": block,
            }
            if options.gap > 1:
                row[POSITION] = position
            yield {**row, **_measured(seen, chain, tile, position, options.tile)}


def _windows_at(chain: _Chain, tile: Tile, middle: int, around: tuple[int, int]) -> Row:
    """Where the window of a slice lies, and how far from it those of a slice before and after."""
    y, x = chain.shifts[middle]
    row: Row = {"y": tile.y + y, "x": tile.x + x}
    for name, number in zip(("before", "after"), around, strict=True):
        there = chain.shifts[number]
        row |= {f"shift_{name}_y": there[0] - y, f"shift_{name}_x": there[1] - x}
    return row


def _measured(
    seen: Sequence[_Seen], chain: _Chain, tile: Tile, position: int, side: int
) -> dict[str, float]:
    """What the rules look at: a missing slice between the slices next to it, missing or not.

    Whether a slice is sound, blank, copied or mixed is seen beside its neighbours; how little
    slices further apart have in common is no defect but what a wider gap asks.
    """
    three = seen[position - 1 : position + 2]
    row = _windows_at(chain, tile, position, (position - 1, position + 1))
    windows = cut_windows([each.grey for each in three], row, side)
    return measure(windows, _tissue_windows(three, row, side))


def _tissue_windows(seen: Sequence[_Seen], row: Row, tile: int) -> NDArray[np.bool_] | None:
    """Where the three windows show tissue, 3HW; None where they show nothing else."""
    if all(each.tissue is None for each in seen):
        return None
    there = [np.ones(e.grey.shape, np.bool_) if e.tissue is None else e.tissue for e in seen]
    windows = cut_windows(there, row, tile)
    return None if windows.all() else windows
