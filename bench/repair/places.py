"""Damaged places in a slice that has two sound neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.repair.departure import (
    BAND,
    CELL,
    HALF,
    LEAST_GREY,
    LEAST_TEXTURE,
    SPOT,
    Level,
    Map,
    Tails,
    departure,
    differences,
    less_background,
    level_of,
    shrunk,
    tails_of,
    texture_differences,
    usual_units,
)
from bench.repair.finding import Mask
from bench.repair.regions import Cells, Region, Rule, regions_of
from bench.repair.void import void_in
from bench.triplets.align import Aligner, Match, Prepared
from bench.volumes.tissue import Tissue, filled

_OUTSIDE = 2.5  # robust standard deviations: cells that depart less belong to no place
_CORE = 0.35  # of the strongest cell's departure: what departs less is a halo
_LEAST = 5.0  # what departs less, as nearly every slice does somewhere, is no candidate
_MARKED = 5.0  # grey levels: what is less darker or brighter is called neither
_ENOUGH = 0.5  # of a window: tissue that says what is usual
_LONG = 3.0  # times as long as wide: a band

Slice = NDArray[np.uint8]


class Seen(NamedTuple):
    """A slice of the three in memory.

    Attributes:
        z: its position in the volume.
        grey: HW.
        tissue: where it shows tissue.
        prepared: for the alignment.
        void: what of the rest is tissue in both of its neighbours; None where there is none.
    """

    z: int
    grey: Slice
    tissue: Tissue
    prepared: Prepared
    void: Mask | None = None


class Usual(NamedTuple):
    """What is usual in a slice and its neighbours, where it is looked at in windows.

    Attributes:
        tails: of the slice, of that before and of that after.
        brightness: how both neighbours differ from it.
        texture: likewise.
        band: how much the neighbours differ, in each direction of ``BAND``.
        spot: likewise, of ``SPOT``.
        smooth: likewise, of texture.
    """

    tails: tuple[Tails, ...]
    brightness: tuple[Level, ...]
    texture: tuple[Level, ...]
    band: tuple[float, ...]
    spot: tuple[float, ...]
    smooth: tuple[float, ...]


class Marks(NamedTuple):
    """Cells that depart, in one of six ways.

    Attributes:
        rule: by which they are regions.
        cells: N2, in the order of a page.
        values: N, how far they depart.
        brightness: N2, how they differ from the slice before and after.
    """

    rule: Rule
    cells: Cells
    values: Map
    brightness: Map

    def of(self, some: NDArray[np.intp]) -> Marks:
        """Some of them."""
        return Marks(self.rule, self.cells[some], self.values[some], self.brightness[some])


class _Laid(NamedTuple):
    """A slice that lies on the middle; ``tissue`` is a mask of cells."""

    grey: Slice
    tissue: Mask


class _Compared(NamedTuple):
    """A slice less each of its neighbours, in cells.

    Attributes:
        brightness: what differs slowly is among it.
        texture: likewise.
        shown: where all three show tissue.
    """

    brightness: tuple[Map, Map]
    texture: tuple[Map, Map]
    shown: Mask


def find_regions(middle: Seen, neighbours: Sequence[Seen], aligner: Aligner) -> list[Region]:
    """The regions of a slice that may be damaged, however little.

    Args:
        middle: the slice.
        neighbours: the nearest sound slice on each side.
        aligner: that prepared them.
    """
    matches = [aligner.match(middle.prepared, each.prepared) for each in neighbours]
    middle = middle._replace(void=void_in(middle.tissue, [each.tissue for each in neighbours]))
    usual = None
    if any(each.tissue is not None for each in (middle, *neighbours)):
        tails = tuple(_tails(each) for each in (middle, *neighbours))
        usual = usual_in(middle, neighbours, matches, tails)
    marked = find_marks(middle, neighbours, matches, usual)
    return [region for marks in marked for region in regions(marks)]


def find_marks(
    middle: Seen,
    neighbours: Sequence[Seen],
    matches: Sequence[Match],
    usual: Usual | None = None,
) -> list[Marks]:
    """The cells of a slice, or of a window of it, that depart from both neighbours.

    Args:
        middle: the slice.
        neighbours: the nearest sound slice on each side.
        matches: where they continue it.
        usual: in the slice; what is usual in what is seen, if not given.
    """
    compared = _compared(middle, neighbours, matches, None if usual is None else usual.tails)
    brightness, texture = _levelled(compared, usual)
    found = list[Marks]()
    for shape, units in ((BAND, usual and usual.band), (SPOT, usual and usual.spot)):
        there = departure(*brightness, shape, LEAST_GREY, units)
        found.append(_marks(there.darker, "departure", brightness))
        found.append(_marks(there.brighter, "departure", brightness))
    smooth = departure(*texture, SPOT, LEAST_TEXTURE, usual and usual.smooth).darker
    return [*found, _marks(smooth, "texture", brightness), _void(middle, compared, usual)]


def usual_in(
    middle: Seen,
    neighbours: Sequence[Seen],
    matches: Sequence[Match],
    tails: tuple[Tails, ...],
) -> Usual | None:
    """What is usual in a window; None where less than half of it is tissue in all three slices.

    Args:
        middle: the slice.
        neighbours: the nearest sound slice on each side.
        matches: where they continue it.
        tails: of the three whole slices.
    """
    compared = _compared(middle, neighbours, matches, tails)
    known = compared.shown
    if np.count_nonzero(known) < _ENOUGH * known.size:
        return None
    one, other = (level_of(each[known]) for each in compared.brightness)
    before, after = (level_of(each[known]) for each in compared.texture)
    usual = Usual(tails, (one, other), (before, after), (), (), ())
    brightness, texture = _levelled(compared, usual)
    return usual._replace(
        band=tuple(usual_units(*brightness, BAND, known)),
        spot=tuple(usual_units(*brightness, SPOT, known)),
        smooth=tuple(usual_units(*texture, SPOT, known)),
    )


def regions(marks: Marks) -> Iterator[Region]:
    """The regions of cells, each with the sum of its departures by the root of their number."""
    for region in regions_of(marks.cells):
        inside = marks.values[region]
        number = number_of(inside)
        if number > _LEAST:
            # What shows one grey value has no halo.
            core = inside >= (0 if marks.rule == "void" else _CORE * inside.max())
            one, other = (float(each) for each in np.median(marks.brightness[region][core], axis=0))
            cells = marks.cells[region]
            reason = _reason(cells[core], one, other)  # its halo is neither darker nor brighter
            kept = cells[core] if marks.rule == "departure" else cells
            yield Region(kept, marks.rule, reason, number)


def number_of(values: Map) -> float:
    """The number of a region, by how far its cells depart."""
    return float(values.sum() / np.sqrt(values.size))


def _tails(seen: Seen) -> Tails:
    """The tails of a slice's tissue."""
    half = shrunk(seen.grey, HALF)
    if seen.tissue is None:
        return tails_of(half)
    inside = shrunk(seen.tissue * np.uint8(255), HALF) == 255
    return tails_of(half[inside] if inside.any() else half)


def _compared(
    middle: Seen,
    neighbours: Sequence[Seen],
    matches: Sequence[Match],
    tails: Sequence[Tails] | None,
) -> _Compared:
    here = _laid(middle, Match(0, 0, 1.0))
    one, other = (_laid(each, by) for each, by in zip(neighbours, matches, strict=True))
    greys = here.grey, one.grey, other.grey
    shown = here.tissue & one.tissue & other.tissue
    return _Compared(differences(*greys, tails), texture_differences(*greys), shown)


def _levelled(compared: _Compared, usual: Usual | None) -> tuple[tuple[Map, Map], tuple[Map, Map]]:
    """Differences of brightness and of texture that are 0 where nothing is damaged."""
    levels, centres = _levels(compared, usual)
    return (
        _within(compared.shown, map(less_background, compared.brightness, levels)),
        _within(compared.shown, _centred(compared.texture, centres)),
    )


def _levels(
    compared: _Compared, usual: Usual | None
) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """The levels of brightness and of texture."""
    if usual is not None:
        return usual.brightness, usual.texture
    one, other = (
        tuple(level_of(each) for each in both) for both in (compared.brightness, compared.texture)
    )
    return one, other


def _centred(both: tuple[Map, Map], levels: Sequence[Level]) -> Iterator[Map]:
    """Differences less their levels."""
    return (each - level.centre for each, level in zip(both, levels, strict=True))


def _void(middle: Seen, compared: _Compared, usual: Usual | None) -> Marks:
    """The cells of what shows one grey value, and how far it departs from both neighbours.

    All of it is damaged, however far. It was compared as if it had the slice's mean grey value, for
    the flow follows tissue.
    """
    if middle.void is None:
        return _marks(np.zeros(compared.shown.shape, np.float32), "void", compared.brightness)
    there = shrunk(middle.void * np.uint8(255), CELL) > 0
    told = filled(middle.grey, middle.tissue)
    hidden = shrunk(middle.grey.astype(np.float32), CELL) - shrunk(told.astype(np.float32), CELL)
    levels, centres = _levels(compared, usual)
    brightness = _within(there, (each + hidden for each in _centred(compared.brightness, levels)))
    texture = _within(there, _centred(compared.texture, centres))
    known = _levelled(compared, usual)
    grey = departure(*_summed(known[0], brightness), SPOT, LEAST_GREY, usual and usual.spot)
    smooth = departure(*_summed(known[1], texture), SPOT, LEAST_TEXTURE, usual and usual.smooth)
    far = np.maximum(np.maximum(grey.darker, grey.brighter), smooth.darker)
    cells = np.argwhere(there).astype(np.int32)
    return Marks("void", cells, far[there], np.stack([each[there] for each in brightness], axis=1))


def _summed(one: tuple[Map, Map], other: tuple[Map, Map]) -> tuple[Map, Map]:
    """Differences of tissue and of what is none: each is 0 where the other is not."""
    return one[0] + other[0], one[1] + other[1]


def _marks(values: Map, rule: Rule, brightness: Sequence[Map]) -> Marks:
    """Where a map is far above 0."""
    far = values > _OUTSIDE
    cells = np.argwhere(far).astype(np.int32)
    return Marks(rule, cells, values[far], np.stack([each[far] for each in brightness], axis=1))


def _within(known: Mask, both: Iterable[Map]) -> tuple[Map, Map]:
    """No difference where a slice shows no tissue."""
    one, other = (np.where(known, each, np.float32(0)) for each in both)
    return one, other


def _reason(cells: Cells, one: float, other: float) -> str:
    """What damage of such a shape and brightness is called."""
    if min(one, other) > _MARKED:
        return "crack" if _is_long(cells) else "tear"
    if max(one, other) < -_MARKED:
        return "fold" if _is_long(cells) else "stain"
    return "flat"


def _is_long(cells: Cells) -> bool:
    points = (cells - cells.min(axis=0)).astype(np.float64)
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
