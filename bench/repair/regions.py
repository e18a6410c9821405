"""Regions of cells: blocks of pixels in which damage is looked for, made places in pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from scipy import ndimage

from bench.repair.departure import CELL
from bench.repair.finding import Box, Finding, Mask, Place

_MARGIN = 2  # cells around a region that are filled with it
_TOUCHING = np.ones((3, 3))  # cells that meet at a corner are one region


Rule = Literal["departure", "texture"]


@dataclass(frozen=True)
class Region:
    """Cells of a slice that may be damaged.

    Attributes:
        rows: in which of the slice's cells they lie.
        columns: likewise.
        cells: HW of these rows and columns.
        rule: by which they were found; the name of its limit.
        reason: what such damage is called.
        number: what was measured.
    """

    rows: slice
    columns: slice
    cells: Mask
    rule: Rule
    reason: str
    number: float


def regions_of(mask: Mask) -> Iterator[tuple[slice, slice, Mask]]:
    """The rows, columns and cells of each region of a mask."""
    labels, _ = ndimage.label(mask, _TOUCHING)
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        yield rows, columns, labels[rows, columns] == number


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
        The findings, each with the reason and number of its strongest region: by departure, where
        one was found so, for that says how it looks. The one furthest beyond its limit is first.
    """
    beyond = [each for each in regions if each.number > limits[each.rule]]
    beyond.sort(key=lambda each: each.number / limits[each.rule], reverse=True)
    owner = np.zeros((shape[0] // CELL, shape[1] // CELL), np.int32)  # the strongest, from 1
    for rank in range(len(beyond), 0, -1):
        region = beyond[rank - 1]
        owner[region.rows, region.columns][region.cells] = rank
    found = list[tuple[int, Finding]]()
    for rows, columns, cells in regions_of(_widened(owner > 0)):
        here = owner[rows, columns][cells]
        rank = int(here[here > 0].min())
        parts = [beyond[each - 1] for each in np.unique(here[here > 0])]
        named = next((each for each in parts if each.rule == "departure"), parts[0])
        place = _place(rows, columns, cells, shape)
        found.append((rank, Finding(z, named.reason, named.number, limits[named.rule], place)))
    return [finding for _, finding in sorted(found, key=lambda pair: pair[0])]


def _widened(mask: Mask) -> Mask:
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _MARGIN + 1, 2 * _MARGIN + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), around), np.bool_)


def _place(rows: slice, columns: slice, cells: Mask, shape: tuple[int, int]) -> Place:
    """Cells in pixels, with a smooth outline; the last ones have what is left over at the edge."""
    box = Box(*_pixels(rows, shape[0]), *_pixels(columns, shape[1]))
    size = box.right - box.left, box.bottom - box.top
    fine = cv2.resize(cells.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return Place(box, np.asarray(fine >= 0.5))


def _pixels(cells: slice, length: int) -> tuple[int, int]:
    last = cells.stop == length // CELL
    return cells.start * CELL, length if last else cells.stop * CELL
