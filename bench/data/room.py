"""What a volume has room for: the tiles and splits to advise where those asked for do not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.data.coverage import SMALLEST_CROP, STEP, better_tile
from bench.data.split import BLOCKS, split_regions

if TYPE_CHECKING:
    from bench.data.build import BuildOptions

LEAST_TILE = 32
SHALLOWEST = 3 * BLOCKS  # slices, for a whole triplet in each block along z
_OTHERS: tuple[dict[str, str], ...] = (
    {"split_axis": "z"},
    {"split_axis": "x"},
    {"split_axis": "y"},
    {"split": "paper"},
)
Shapes = Sequence[tuple[int, int, int]]


def advice(shapes: Shapes, options: BuildOptions) -> str:
    """The end of a sentence on a build that does not fit: the options with which it would.

    What is asked for comes first, with a smaller tile; another split is named for a larger one.

    Args:
        shapes: of the volumes (z, y, x).
        options: of the build.
    """
    if found := ", or ".join(_choices(shapes, options)):
        return f"give `bench data build` {found}"
    return "it takes more slices, larger ones, or a smaller --search"


def _choices(shapes: Shapes, options: BuildOptions) -> Iterator[str]:
    largest = 0
    for change in ({}, *_OTHERS):
        tile = _fitting_tile(shapes, options.model_copy(update=change))
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
    return " (then splits share pixels)" if "split" in change else ""


def _fitting_tile(shapes: Shapes, options: BuildOptions) -> int:
    """The tile, up to the one asked for, that fits whatever the shifts; 0 if none does."""
    if not _deep_enough(shapes, options):
        return 0
    regions = [
        region
        for _, height, width in shapes
        for region in split_regions(height, width, options.split, options.split_axis)
    ]
    # Neighbours may lie as far from the middle as is searched, each on its own side.
    room = 2 * options.search if options.align else 0
    most = min(min(r.bottom - r.top, r.right - r.left) for r in regions) - room
    if most >= options.tile:
        return options.tile
    if most >= SMALLEST_CROP:
        return better_tile(regions, options.tile, room)
    return most - most % STEP if most >= LEAST_TILE else 0


def _deep_enough(shapes: Shapes, options: BuildOptions) -> bool:
    """Whether every block gets a triplet."""
    if options.split == "paper":
        return sum(depth - 2 for depth, _, _ in shapes) >= BLOCKS
    return options.split_axis != "z" or max(depth for depth, _, _ in shapes) >= SHALLOWEST
