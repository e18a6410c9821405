"""Whether neighbouring slices lie further apart than the alignment looked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.triplets.align import Aligner, Slice, ncc
from bench.triplets.fitting_tile import Extents
from bench.triplets.gap import POSITION
from bench.triplets.options import BuildOptions
from bench.triplets.shape_check import fitting_words
from bench.volumes.tissue import filled, find_tissue
from bench.volumes.volume import Volume

_WIDER = 64  # pixels: the radius that is tried, or twice the one that was
_LEAST_TEMPLATE = 96  # pixels
_SUSPECT = 0.05  # of the triplets: fewer are damage
_LOOKED_AT = 8  # triplets
_BETTER = 0.15  # normalised cross-correlation
_SIDES = {"before": -1, "after": 1}


def drift_words(
    volumes: Extents, parts: Sequence[Volume], table: pd.DataFrame, options: BuildOptions
) -> str:
    """One sentence if neighbours lie further apart than was searched; empty if not.

    Args:
        volumes: of the build.
        parts: those of them that were read.
        table: a row for each triplet, with the number of its part, shifts, peaks and reason.
        options: of the build.
    """
    wider = wider_search(parts, table, options.search) if options.align else 0
    if not wider:
        return ""
    words = fitting_words(volumes, options.model_copy(update={"search": wider}))
    return (
        f"neighbouring slices match further apart than the search radius of {options.search} "
        f"pixels: give --search {wider} {words}".rstrip()
    )


def wider_search(parts: Sequence[Volume], table: pd.DataFrame, search: int) -> int:
    """The search radius that most of the doubtful triplets need; 0 where the radius was enough.

    Doubtful is a triplet without continuity, or with a shift at the edge of what was searched.
    Up to eight, evenly spread, are searched again with a wider radius. It was needed where the
    whole overlap of the two slices, far more than the patch that was searched for, is more
    alike there.

    Args:
        parts: of the volumes, that the table speaks of.
        table: a row for each triplet, with the number of its part, shifts, peaks and reason.
        search: the radius that was searched, in pixels.
    """
    wider, sides = max(_WIDER, 2 * search), list(_SIDES)
    if POSITION in table:  # only the first slice of a gap is matched with that before by itself
        table, sides = table[table[POSITION] == 1], ["before"]
    shifts = table[[f"shift_{side}_{axis}" for side in sides for axis in "yx"]]
    at_the_edge = (shifts.abs() >= search).any(axis=1)
    doubtful = table[(table["reason"] == "continuity") | at_the_edge]
    if len(doubtful) < _SUSPECT * len(table):
        return 0
    slices = doubtful.drop_duplicates(["source", "z"])
    places = np.linspace(0, len(slices) - 1, min(_LOOKED_AT, len(slices))).astype(int)
    found = []
    for _, row in slices.iloc[np.unique(places)].iterrows():
        side = min(sides, key=lambda name: row[f"peak_{name}"])
        found.append(_lies_beyond(parts[row["source"]], row, side, (search, wider)))
    return wider if 2 * sum(found) >= len(found) else 0


def _lies_beyond(volume: Volume, row: pd.Series, side: str, radii: tuple[int, int]) -> bool:
    """Whether the neighbour on a side fits better beyond the search radius, within a wider one."""
    (_, height, width), (search, wider) = volume.shape, radii
    if min(height, width) - 2 * wider < _LEAST_TEMPLATE:
        return False
    middle, neighbour = _grey(volume, row["z"]), _grey(volume, row["z"] + _SIDES[side])
    aligner = Aligner(height, width, wider)
    match = aligner.match(aligner.prepare(middle), aligner.prepare(neighbour))
    if max(abs(match.y), abs(match.x)) <= search:
        return False
    known = _overlap(middle, neighbour, row[f"shift_{side}_y"], row[f"shift_{side}_x"])
    return _overlap(middle, neighbour, match.y, match.x) > known + _BETTER


def _grey(volume: Volume, z: int) -> Slice:
    grey = volume.slice(z)
    return filled(grey, find_tissue(grey, volume.mask(z)))


def _overlap(middle: Slice, neighbour: Slice, y: int, x: int) -> float:
    """How alike the slices are where they overlap at a shift."""
    height, width = middle.shape
    one = middle[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
    other = neighbour[max(0, y) : height - max(0, -y), max(0, x) : width - max(0, -x)]
    return ncc(one, other)
