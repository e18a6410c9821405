"""What has to be known of what a plan fills: damage that goes on beyond it, or lies beside it.

It is said, and changes nothing that is filled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import cv2
import numpy as np

from bench.base.errors import UserError
from bench.base.progress import Progress
from bench.repair.departure import CELL, shrunk
from bench.repair.finding import Box, Mask, Place
from bench.repair.gaps import Gap, Sound, by_slice, partly
from bench.repair.limits import Limits
from bench.repair.places import Seen, find_regions
from bench.repair.plan import Item, Plan
from bench.repair.regions import Region
from bench.repair.slices import Slice, Slices, Tone, Window
from bench.repair.tiling import TILING
from bench.triplets.align import Aligner
from bench.volumes.tissue import filled, find_tissue
from bench.volumes.volume import Volume

_NEAR = 24.0  # pixels: what is found so near to a place is damage of the same kind


def cautioned(plan: Plan, volume: Volume, search: int, tick: Progress) -> Plan:
    """A plan with what has to be known of what it fills.

    Args:
        plan: of the volume.
        volume: read where places are filled, with the slices that they are filled from.
        search: largest shift of two neighbours along each axis, in pixels.
        tick: called after each slice that is filled in places.
    """
    sound, slices, said = Sound(plan, volume), Slices(volume), dict[int, str]()
    wanted = list(by_slice(plan))
    total, done = sum(bool(partly(items)) for _, items in wanted), 0
    for z, items in wanted:
        if (gap := sound.gap(z, items)) is not None:
            places = partly(item for item in plan.items if item.finding.z == z)
            edges = _Edges(slices, z, gap, places, search)
            for item in items:
                words = [*_through(sound.showing(gap, [item]), plan.first), *edges.beyond(item)]
                said[id(item)] = "; ".join(words)
        if partly(items):
            done += 1
            tick(done, total, "slices")
    told = (replace(item, caution=said.get(id(item), "")) for item in plan.items)
    return replace(plan, items=tuple(told))


def _through(showing: Sequence[Item], first: int) -> Iterator[str]:
    """Which slices something is filled from, whose damage may show through."""
    for z in sorted({item.finding.z for item in showing}):
        [finding, *more] = [item.finding for item in showing if item.finding.z == z]
        what = f"{1 + len(more)} damaged places"
        if not more and finding.place is not None:
            what = f"{finding.reason} at {_where(finding.place.box)}"
        yield f"filled from slice {first + z}, whose {what} may show through"


class _Edges:
    """What the search finds in a slice once places of it are covered.

    They are covered by what the slice before shows there, so that what is found lies outside.

    Args:
        slices: of the volume.
        z: of the slice.
        gap: that it is filled from.
        places: of the slice, all that are known.
        search: largest shift along each axis, in pixels.
    """

    def __init__(
        self, slices: Slices, z: int, gap: Gap, places: Sequence[Place], search: int
    ) -> None:
        self._slices, self._places, self._search = slices, places, search
        self._order = gap.before, z, gap.after
        self._regions = cache(self._found)

    def beyond(self, item: Item) -> Iterator[str]:
        """Where the damage of a place seems to go on; nothing of a whole slice."""
        for place in partly([item]):
            window = self._window(place)
            if window.height * window.width > TILING.limit:
                return
            own = shrunk(_mask([place], window) * np.uint8(255), CELL) > 0
            away = CELL * cv2.distanceTransform((~own).astype(np.uint8), cv2.DIST_L2, 5)
            near = [
                region
                for region in self._regions(window)
                if away[tuple(region.cells.T)].min() <= _NEAR
            ]
            if near:
                worst = max(near, key=lambda region: region.number)
                yield f"damage seems to go on beyond the place, at {_at(worst, window)}"

    def _window(self, place: Place) -> Window:
        """What is searched: the slice, or of a large one what lies around the place."""
        shape = self._slices.shape
        around = Window.of(place.box).grown(TILING.margin, shape)
        return around if TILING.cuts(shape) else self._slices.all

    def _found(self, window: Window) -> list[Region]:
        """The regions of a window that depart as far as damage does in any volume."""
        try:
            aligner = Aligner(window.height, window.width, self._search)
        except UserError:  # too small to be searched
            return []
        greys = [self._slices.read(z, window) for z in self._order]
        before, here, after = map(_seen, self._order, greys, [aligner] * 3)
        match = aligner.match(here.prepared, before.prepared)
        shown = self._slices.read(before.z, window.moved(match.y, match.x))
        covered = _seen(here.z, _covered(here.grey, shown, _mask(self._places, window)), aligner)
        found, limits = find_regions(covered, (before, after), aligner), Limits()
        return [region for region in found if region.number > limits.least(region.rule)]


def _seen(z: int, grey: Slice, aligner: Aligner) -> Seen:
    tissue = find_tissue(grey)
    return Seen(z, grey, tissue, aligner.prepare(filled(grey, tissue)))


def _covered(grey: Slice, other: Slice, mask: Mask) -> Slice:
    """A slice with what another one shows in a mask, as bright as it is around that."""
    if mask.all():
        return other
    here, there = (
        Tone(float(each.mean()), float(each.std())) for each in (grey[~mask], other[~mask])
    )
    cover = np.rint(255 * there.mapped(other, here)).astype(np.uint8)
    return np.where(mask, cover, grey)


def _mask(places: Sequence[Place], window: Window) -> Mask:
    """What of a window lies in places, HW."""
    mask = np.zeros((window.height, window.width), np.bool_)
    for place in places:
        box = Window.of(place.box)
        if (shared := box.shared(window)) is not None:
            mask[shared.within(window)] |= place.mask[shared.within(box)]
    return mask


def _at(region: Region, window: Window) -> str:
    """Where a region of a window lies in the slice."""
    ends = region.cells.min(axis=0), region.cells.max(axis=0) + 1
    (top, left), (bottom, right) = (CELL * end + (window.top, window.left) for end in ends)
    return _where(Box(top, bottom, left, right))


def _where(box: Box) -> str:
    return f"rows {box.top}:{box.bottom}, columns {box.left}:{box.right}"
