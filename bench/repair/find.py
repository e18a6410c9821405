"""What is missing or damaged in a volume."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

import numpy as np

from bench.repair.finding import Finding
from bench.repair.limits import Limits
from bench.repair.places import Seen, find_regions
from bench.repair.regions import RULES, Region, Rule, joined
from bench.repair.tiling import TILING, Tiling
from bench.repair.whole import find_whole, look
from bench.repair.windowed import Windowed
from bench.triplets.align import Aligner
from bench.volumes.volume import Volume, present_slices

SEARCH = 16  # pixels: largest shift of two neighbours along each axis
_SHOWS_ANOTHER = {"blank", "saturated", "duplicate", "continuity"}  # nothing to compare with


class _Search(Protocol):
    """How slices are looked through: whole, or in windows."""

    def whole(self, tick: Callable[[], None]) -> list[Finding]: ...

    def places(
        self, broken: Collection[int], blurred: Collection[int], tick: Callable[[], None]
    ) -> dict[int, list[Region]]: ...


class _InOnePiece:
    """A search with three slices in memory."""

    def __init__(self, volume: Volume, limits: Limits, search: int) -> None:
        self._volume, self._limits = volume, limits
        self._aligner = Aligner(volume.shape[1], volume.shape[2], search)

    def whole(self, tick: Callable[[], None]) -> list[Finding]:
        """The slices that are missing or damaged as a whole, in order."""
        return find_whole(self._volume, self._aligner, self._limits, tick)

    def places(
        self, broken: Collection[int], blurred: Collection[int], tick: Callable[[], None]
    ) -> dict[int, list[Region]]:
        """The regions of each slice that may be damaged places."""
        seen, found = list[Seen](), dict[int, list[Region]]()
        for z in present_slices(self._volume):
            tick()
            if z in broken:
                continue
            seen = [*seen[-2:], look(self._volume, z, self._aligner)]
            if len(seen) == 3 and seen[1].z not in blurred:
                before, middle, after = seen
                found[middle.z] = find_regions(middle, (before, after), self._aligner)
        return found


def find_defects(
    volume: Volume,
    limits: Limits,
    search: int,
    tick: Callable[[], None],
    given: Sequence[Finding] | None = None,
    tiling: Tiling = TILING,
) -> list[Finding]:
    """Look through a volume twice: for slices damaged as a whole, then for places.

    Three slices are in memory, or three windows of them where slices are large.

    Args:
        volume: the source stack.
        limits: of the rules.
        search: largest shift that is looked for along each axis, in pixels.
        tick: called once for every slice in both passes.
        given: the damaged places, where somebody has marked them; then none are searched.
        tiling: of slices that are searched in windows.

    Returns:
        The findings by slice; those of one slice in order of how far they are beyond the limit.

    Raises:
        UserError: a slice cannot be read, or the search radius does not fit the slices.
    """
    shape = volume.shape[1], volume.shape[2]
    by: _Search = _InOnePiece(volume, limits, search)
    if tiling.cuts(shape):
        by = Windowed(volume, limits, search, tiling)
    whole = by.whole(tick)
    broken = {finding.z for finding in whole if finding.reason in _SHOWS_ANOTHER}
    if given is not None:
        marked = (each for each in given if each.z not in broken | volume.missing)
        return sorted([*whole, *marked], key=lambda finding: finding.z)
    blurred = {finding.z for finding in whole if finding.reason == "blur"}
    places = _unusual(by.places(broken, blurred, tick), shape, limits)
    return sorted([*whole, *places], key=lambda finding: finding.z)


def _unusual(
    candidates: dict[int, list[Region]], shape: tuple[int, int], limits: Limits
) -> Iterator[Finding]:
    """The places that depart further than is usual in the volume."""
    beyond = place_limits(list(candidates.values()), limits)
    for z, regions in candidates.items():
        yield from joined(z, shape, regions, beyond)


def place_limits(candidates: Sequence[Sequence[Region]], limits: Limits) -> dict[Rule, float]:
    """The limit of each rule for places, in a volume of such slices.

    Args:
        candidates: the regions of each slice.
        limits: of the rules.
    """
    return {rule: max(limits.least(rule), _rare(candidates, rule, limits)) for rule in RULES}


def _rare(candidates: Sequence[Sequence[Region]], rule: Rule, limits: Limits) -> float:
    """The number that the strongest region of a sound slice seldom has.

    In small slices the usual one is weak, but the rare one as strong as in large ones: so it is
    taken from how much stronger that of the upper quartile is. As many slices may be damaged, it is
    not followed without end.
    """
    strongest = [
        max((each.number for each in regions if each.rule == rule), default=0.0)
        for regions in candidates
    ]
    if not strongest:
        return 0.0
    usual, upper = (float(each) for each in np.percentile(strongest, (50, 75)))
    rare = usual + limits.rare * (upper - usual)
    return max(limits.unusual * usual, min(rare, limits.most * usual))
