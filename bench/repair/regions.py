"""Regions of cells: blocks of pixels in which damage is looked for, made places in pixels.

Cells are kept one by one, as rows and columns of the slice: few of a slice are damaged, and what
crosses the border of a window is one region all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bench.repair.departure import CELL
from bench.repair.finding import Box, Finding, Place

_MARGIN = 2  # cells around a region that are filled with it
_FORWARD = ((0, 1), (1, -1), (1, 0), (1, 1))  # cells that meet at a corner are one region
_WIDEST = np.int64(2**31)  # cells of a row
_EXACT = 2**26  # pixels: outlines of smaller boxes are drawn in 32 bits

Cells = NDArray[np.int32]  # N2: rows and columns of a slice's cells, in the order of a page
Rule = Literal["departure", "texture", "void"]
RULES: tuple[Rule, ...] = ("void", "departure", "texture")  # the first that found it names a place


@dataclass(frozen=True)
class Region:
    """Cells of a slice that may be damaged.

    Attributes:
        cells: N2, their rows and columns.
        rule: by which they were found; the name of its limit.
        reason: what such damage is called.
        number: what was measured.
    """

    cells: Cells
    rule: Rule
    reason: str
    number: float


def regions_of(cells: Cells) -> Iterator[NDArray[np.intp]]:
    """Which cells belong to each region, in the order of a page.

    Args:
        cells: N2, each once, in the order of a page.
    """
    if not len(cells):
        return
    numbers = _numbers(cells)
    pairs = [_beside(numbers, row, column) for row, column in _FORWARD]
    one, other = np.concatenate(pairs, axis=1)
    links = coo_array((np.ones(len(one), np.bool_), (one, other)), shape=(len(cells), len(cells)))
    count, labels = connected_components(links, directed=False)
    order = np.argsort(labels, kind="stable")
    regions = np.split(order, np.searchsorted(labels[order], np.arange(1, count)))
    yield from sorted(regions, key=lambda region: int(region[0]))


def _numbers(cells: Cells) -> NDArray[np.int64]:
    """A number for each cell, ascending in the order of a page."""
    return cells[:, 0] * _WIDEST + cells[:, 1]


def _beside(numbers: NDArray[np.int64], row: int, column: int) -> NDArray[np.intp]:
    """Which cells have one so many rows and columns further, and which that is."""
    wanted = numbers + (row * _WIDEST + column)
    at = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
    there = np.flatnonzero(numbers[at] == wanted)
    return np.stack([there, at[there]])


def joined(
    z: int, shape: tuple[int, int], regions: Sequence[Region], limits: Mapping[Rule, float]
) -> list[Finding]:
    """Regions beyond their limits as places; those that touch are one.

    Args:
        z: of the slice.
        shape: of the slice in pixels.
        regions: of the slice.
        limits: of each rule.

    Returns:
        The findings, each with the reason and number of its strongest region: of one grey value,
        or by departure, where one was found so, for that says how it looks. The one furthest beyond
        its limit is first.
    """
    beyond = [each for each in regions if each.number > limits[each.rule]]
    beyond.sort(key=lambda each: each.number / limits[each.rule], reverse=True)
    if not beyond:
        return []
    cells, ranks = _owned(beyond)
    around = _widened(cells, (shape[0] // CELL, shape[1] // CELL))
    owner = np.full(len(around), len(beyond))
    owner[np.searchsorted(_numbers(around), _numbers(cells))] = ranks
    found = list[tuple[int, Finding]]()
    for place in regions_of(around):
        here = np.unique(owner[place])
        parts = [beyond[rank] for rank in here if rank < len(beyond)]
        named = min(parts, key=lambda each: RULES.index(each.rule))
        finding = Finding(
            z, named.reason, named.number, limits[named.rule], _place(around[place], shape)
        )
        found.append((int(here[0]), finding))
    return [finding for _, finding in sorted(found, key=lambda pair: pair[0])]


def _owned(regions: Sequence[Region]) -> tuple[Cells, NDArray[np.intp]]:
    """The cells of all regions, each once, and which of the regions is the first to have it."""
    cells = np.concatenate([each.cells for each in regions])
    ranks = np.repeat(np.arange(len(regions)), [len(each.cells) for each in regions])
    _, first = np.unique(_numbers(cells), return_index=True)
    return cells[first], ranks[first]


def _widened(cells: Cells, shape: tuple[int, int]) -> Cells:
    """Cells and those around them, within a slice of so many."""
    numbers, side = _numbers(cells), 2 * _MARGIN + 1
    inner = np.zeros(len(cells), np.int8)
    for row, column in product((-1, 0, 1), repeat=2):
        inner[_beside(numbers, row, column)[0]] += 1
    edge = cells[inner < 9]  # what lies further in widens nothing
    around = np.argwhere(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))) - _MARGIN
    wide = (edge[:, None] + around).reshape(-1, 2)
    wide = wide[((wide >= 0) & (wide < shape)).all(axis=1)]
    once = np.union1d(numbers, _numbers(wide))
    return np.stack([once // _WIDEST, once % _WIDEST], axis=1).astype(np.int32)


def _place(cells: Cells, shape: tuple[int, int]) -> Place:
    """Cells in pixels, with a smooth outline; the last ones have what is left over at the edge."""
    (top, left), (bottom, right) = cells.min(axis=0), cells.max(axis=0) + 1
    box = Box(*_pixels(int(top), int(bottom), shape[0]), *_pixels(int(left), int(right), shape[1]))
    size = box.right - box.left, box.bottom - box.top
    # In 8 bits it takes a quarter of the memory; what lies on the outline is rounded.
    kind = np.float32 if size[0] * size[1] <= _EXACT else np.uint8
    coarse = np.zeros((bottom - top, right - left), kind)
    coarse[cells[:, 0] - top, cells[:, 1] - left] = 64
    fine = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    return Place(box, np.asarray(fine >= 32))


def _pixels(first: int, stop: int, length: int) -> tuple[int, int]:
    last = stop == length // CELL
    return first * CELL, length if last else stop * CELL
