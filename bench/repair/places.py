"""Damaged places in a slice that has two sound neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.repair.departure import (
    BAND,
    CELL,
    LEAST_GREY,
    LEAST_TEXTURE,
    SPOT,
    Map,
    departure,
    differences,
    shrunk,
    texture_differences,
)
from bench.repair.finding import Mask
from bench.repair.regions import Region, Rule, regions_of
from bench.triplets.align import Aligner, Match, Prepared
from bench.volumes.tissue import Tissue, filled

_OUTSIDE = 2.5  # robust standard deviations: cells that depart less belong to no place
_CORE = 0.35  # of the strongest cell's departure: what departs less is a halo
_LEAST = 5.0  # what departs less, as nearly every slice does somewhere, is no candidate
_MARKED = 5.0  # grey levels: what is less darker or brighter is called neither
_LONG = 3.0  # times as long as wide: a band

Slice = NDArray[np.uint8]


class Seen(NamedTuple):
    """A slice of the three in memory.

    Attributes:
        z: its position in the volume.
        grey: HW.
        tissue: where it shows tissue.
        prepared: for the alignment.
    """

    z: int
    grey: Slice
    tissue: Tissue
    prepared: Prepared


class _Laid(NamedTuple):
    """A slice that lies on the middle; ``tissue`` is a mask of cells."""

    grey: Slice
    tissue: Mask


def find_regions(middle: Seen, neighbours: Sequence[Seen], aligner: Aligner) -> list[Region]:
    """The regions of a slice that may be damaged, however little.

    Args:
        middle: the slice.
        neighbours: the nearest sound slice on each side.
        aligner: that prepared them.
    """
    here = _laid(middle, Match(0, 0, 1.0))
    laid = [_laid(each, aligner.match(middle.prepared, each.prepared)) for each in neighbours]
    greys = here.grey, laid[0].grey, laid[1].grey
    known = laid[0].tissue & laid[1].tissue
    brightness = _within(known & here.tissue, differences(*greys))
    texture = _within(known, texture_differences(*greys))  # what is torn off has none
    found = list[Region]()
    for shape in (BAND, SPOT):
        there = departure(*brightness, shape, LEAST_GREY)
        found += _regions(there.darker, "departure", brightness)
        found += _regions(there.brighter, "departure", brightness)
    smooth = departure(*texture, SPOT, LEAST_TEXTURE).darker
    return [*found, *_regions(smooth, "texture", brightness)]


def _regions(values: Map, rule: Rule, brightness: Sequence[Map]) -> Iterator[Region]:
    """Where a map is far above 0, and the sum of each region by the root of its cells' number."""
    for rows, columns, cells in regions_of(values > _OUTSIDE):
        inside = values[rows, columns][cells]
        number = float(inside.sum() / np.sqrt(inside.size))
        if number > _LEAST:
            core = cells & (values[rows, columns] > _CORE * inside.max())
            one, other = (float(np.median(each[rows, columns][core])) for each in brightness)
            reason = _reason(core, one, other)  # its halo is neither darker nor brighter
            yield Region(
                rows, columns, core if rule == "departure" else cells, rule, reason, number
            )


def _within(known: Mask, both: tuple[Map, Map]) -> tuple[Map, Map]:
    """No difference where a slice shows no tissue."""
    one, other = (np.where(known, each, np.float32(0)) for each in both)
    return one, other


def _reason(cells: Mask, one: float, other: float) -> str:
    """What damage of such a shape and brightness is called."""
    if min(one, other) > _MARKED:
        return "crack" if _is_long(cells) else "tear"
    if max(one, other) < -_MARKED:
        return "fold" if _is_long(cells) else "stain"
    return "flat"


def _is_long(cells: Mask) -> bool:
    points = np.argwhere(cells).astype(np.float64)
    if len(points) < 2:
        return False
    narrow, wide = np.linalg.eigvalsh(np.cov(points.T))
    return bool(wide >= _LONG**2 * max(narrow, 1 / 12))


def _laid(seen: Seen, match: Match) -> _Laid:
    """A slice moved on to the middle; no tissue where it does not reach."""
    grey = filled(seen.grey, seen.tissue)
    tissue = (
        np.full(grey.shape, 255, np.uint8) if seen.tissue is None else seen.tissue * np.uint8(255)
    )
    if match.y or match.x:
        back = np.array([[1, 0, -match.x], [0, 1, -match.y]], np.float32)
        size = grey.shape[1], grey.shape[0]
        grey = np.asarray(cv2.warpAffine(grey, back, size, borderMode=cv2.BORDER_REPLICATE))
        tissue = np.asarray(cv2.warpAffine(tissue, back, size))
    return _Laid(grey, shrunk(tissue, CELL) == 255)
