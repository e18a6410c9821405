"""Where a slice departs from both of its neighbours far more than they from each other.

Tissue goes on from slice to slice: what one shows lies between what its neighbours show, and where
it does not, both neighbours differ too. Damage is in one slice alone. So the departure of a pixel
is how far it lies outside of what both neighbours show there, in units of how much they differ.
Membranes are thinner than what is averaged, and an organelle that is cut once is shorter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

CELL = 4  # pixels: side of the blocks that are averaged first
HALF = 2  # pixels: the flow is computed on blocks of this side
_BACKGROUND = 64.0  # pixels: brightness that varies more slowly than this is no damage
_AROUND = 64.0  # pixels: how far around a place its neighbours' difference is looked at
_CLIP = 2.0  # robust standard deviations: what lies beyond does not pull the background
_OUTLIER = 4.0  # likewise, the unit
_TEXTURE = 6.0  # pixels: standard deviation of the window in which texture is measured
_FAINT = 2.0  # grey levels: texture below it is none
TAILS = (10, 50, 90)  # percentiles by which brightness and contrast are matched
_REACH = 2.5  # standard deviations of a Gaussian that are summed

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Slice = NDArray[np.uint8]
Values = TypeVar("Values", NDArray[np.uint8], NDArray[np.float32])


class Shape(NamedTuple):
    """What is averaged before slices are compared: a Gaussian, turned into each direction.

    Attributes:
        short: standard deviation across, in pixels.
        long: standard deviation along, in pixels.
        directions: how many, evenly spread over half a turn.
    """

    short: float
    long: float
    directions: int


LEAST_GREY = 2.0  # grey levels: a difference that nobody sees
LEAST_TEXTURE = 0.05  # of a natural logarithm: likewise
BAND = Shape(4.0, 48.0, 16)
SPOT = Shape(10.0, 10.0, 1)


class Departure(NamedTuple):
    """How far each cell departs, in robust standard deviations, none of it below 0.

    Attributes:
        darker: than both neighbours.
        brighter: than both.
    """

    darker: Map
    brighter: Map


class Tails(NamedTuple):
    """How dark, usual and bright a slice is: grey values at the percentiles 10, 50 and 90."""

    low: float
    middle: float
    high: float


class Level(NamedTuple):
    """How two slices differ where neither is damaged.

    Attributes:
        centre: the median of their difference.
        spread: a standard deviation that outliers do not pull.
    """

    centre: float
    spread: float


def differences(
    middle: Slice, before: Slice, after: Slice, tails: Sequence[Tails] | None = None
) -> tuple[Map, Map]:
    """What the middle has more than each of its neighbours, a value a cell.

    The neighbours are matched in brightness and contrast, and follow the middle's tissue by an
    optical flow. What differs slowly is still among it.

    Args:
        middle: HW, grey values 0..255.
        before: HW, shifted so that it lies on the middle.
        after: likewise.
        tails: of the three slices; what the three show, if not given.

    Returns:
        Both differences, of a cell's mean grey values.
    """
    halves = [shrunk(grey, HALF) for grey in (middle, before, after)]
    small, *others = halves
    here, *there = (tails_of(half) for half in halves) if tails is None else tails
    cells = _coarse(small.astype(np.float32))
    one, other = (
        cells - _followed(small, half, here, its) for half, its in zip(others, there, strict=True)
    )
    return one, other


def texture_differences(middle: Slice, before: Slice, after: Slice) -> tuple[Map, Map]:
    """How much more texture the middle has than each of its neighbours, a value a cell.

    Texture is the logarithm of the standard deviation of grey values around a pixel.

    Args:
        middle: HW, grey values 0..255.
        before: HW, shifted so that it lies on the middle.
        after: likewise.
    """
    here, *there = (_texture(grey) for grey in (middle, before, after))
    one, other = (here - each for each in there)
    return one, other


def level_of(difference: Map) -> Level:
    """The level of a difference, of any shape."""
    return Level(float(np.median(difference)), spread(difference))


def less_background(difference: Map, level: Level) -> Map:
    """A difference without what varies slowly; outliers do not pull it.

    Args:
        difference: HW, in cells.
        level: of it.
    """
    centre, far = level.centre, _CLIP * level.spread
    slow = cv2.GaussianBlur(
        np.clip(difference, centre - far, centre + far), (0, 0), _BACKGROUND / CELL
    )
    return np.asarray(difference - slow, np.float32)


def departure(
    one: Map, other: Map, shape: Shape, least: float, usual: Sequence[float] | None = None
) -> Departure:
    """How far the middle departs from both neighbours, where it is averaged over a shape.

    Args:
        one: the middle less the slice before, in cells.
        other: the middle less the slice after.
        shape: what is averaged; the direction that departs most counts.
        least: unit where both neighbours are alike, or nearly so.
        usual: how much both neighbours differ in the whole slice, of each direction of the shape
            (``usual_units``); what it is in these maps, if not given.
    """
    darker, brighter = np.zeros_like(one), np.zeros_like(one)
    for number, (a, b) in enumerate(_averaged(one, other, shape)):
        unit = _unit(b - a, max(spread(b - a) if usual is None else usual[number], least))
        np.maximum(darker, np.minimum(-a, -b) / unit, out=darker)
        np.maximum(brighter, np.minimum(a, b) / unit, out=brighter)
    return Departure(darker, brighter)


def usual_units(one: Map, other: Map, shape: Shape, known: Mask) -> list[float]:
    """How much both neighbours usually differ, for each direction of a shape.

    Args:
        one: the middle less the slice before, in cells.
        other: the middle less the slice after.
        shape: what is averaged.
        known: the cells that are looked at.
    """
    return [spread((b - a)[known]) for a, b in _averaged(one, other, shape)]


def tails_of(values: Slice) -> Tails:
    """The tails of what a slice shows, of any shape."""
    return Tails(*np.percentile(values, TAILS))


def shrunk(values: Values, side: int) -> Values:
    """Means of blocks of side x side; what is left over at the right and below is left out."""
    height, width = (length // side for length in values.shape)
    whole = values[: height * side, : width * side]
    return cast(Values, cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))


def spread(values: Map) -> float:
    """A standard deviation that outliers do not pull: 1.4826 times the median deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _averaged(one: Map, other: Map, shape: Shape) -> Iterator[tuple[Map, Map]]:
    """Both differences averaged over a shape, in each of its directions."""
    for kernel in _kernels(shape):
        a, b = (cv2.filter2D(d, -1, kernel, borderType=cv2.BORDER_REFLECT) for d in (one, other))
        yield np.asarray(a, np.float32), np.asarray(b, np.float32)


def _unit(neighbours: Map, usual: float) -> Map:
    """How much both neighbours differ: around each cell, and nowhere less than usual."""
    squares = np.minimum(np.abs(neighbours), _OUTLIER * usual) ** 2
    around = np.sqrt(cv2.GaussianBlur(squares, (0, 0), _AROUND / CELL))
    return np.maximum(around, np.float32(usual))


def _followed(middle: Slice, neighbour: Slice, here: Tails, its: Tails) -> Map:
    """A neighbour in cells, each pixel where the middle has what it shows."""
    there = _matched(neighbour, its, here)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    still = np.zeros((*middle.shape, 2), np.float32)
    by = flow.calc(middle, np.clip(there, 0, 255).astype(np.uint8), still)
    y, x = np.indices(middle.shape, np.float32)
    moved = cv2.remap(
        there, x + by[..., 0], y + by[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
    )
    return _coarse(np.asarray(moved, np.float32))


def _matched(values: Slice, its: Tails, to: Tails) -> Map:
    """Brightness and contrast of a slice made those of another."""
    gain = (to.high - to.low) / (its.high - its.low) if its.high > its.low else 1.0
    return np.asarray((values - its.middle) * gain + to.middle, np.float32)


def _texture(grey: Slice) -> Map:
    values = shrunk(grey, HALF).astype(np.float32)
    mean, square = (
        cv2.GaussianBlur(each, (0, 0), _TEXTURE / HALF) for each in (values, values * values)
    )
    return np.log(np.sqrt(np.maximum(_coarse(square - mean**2), 0)) + _FAINT)


def _coarse(half: Map) -> Map:
    return shrunk(half, CELL // HALF)


@cache
def _kernels(shape: Shape) -> list[Map]:
    radius = int(np.ceil(_REACH * shape.long / CELL))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1] * float(CELL)
    kernels = []
    for angle in np.pi * np.arange(shape.directions) / shape.directions:
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        kernel = np.exp(-((along / shape.long) ** 2 + (across / shape.short) ** 2) / 2)
        kernels.append(np.asarray(kernel / kernel.sum(), np.float32))
    return kernels
