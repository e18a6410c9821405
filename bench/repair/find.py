"""What is missing or damaged in a volume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bench.repair.finding import Finding
from bench.repair.limits import Limits
from bench.repair.places import Seen, find_regions
from bench.repair.regions import Region, Rule, joined
from bench.repair.whole import find_whole, look
from bench.triplets.align import Aligner
from bench.volumes.volume import Volume, present_slices

SEARCH = 16  # pixels: largest shift of two neighbours along each axis
_SHOWS_ANOTHER = {"blank", "saturated", "duplicate", "continuity"}  # nothing to compare with


def find_defects(
    volume: Volume,
    limits: Limits,
    search: int,
    tick: Callable[[], None],
    given: Sequence[Finding] | None = None,
) -> list[Finding]:
    """Look through a volume twice, three slices in memory: for whole slices, then for places.

    Args:
        volume: the source stack.
        limits: of the rules.
        search: largest shift that is looked for along each axis, in pixels.
        tick: called after every slice of both passes.
        given: the damaged places, where somebody has marked them; then none are searched.

    Returns:
        The findings by slice; those of one slice in order of how far they are beyond the limit.

    Raises:
        UserError: a slice cannot be read, or the search radius does not fit the slices.
    """
    aligner = Aligner(volume.shape[1], volume.shape[2], search)
    whole = find_whole(volume, aligner, limits, tick)
    broken = {finding.z for finding in whole if finding.reason in _SHOWS_ANOTHER}
    if given is not None:
        marked = (each for each in given if each.z not in broken | volume.missing)
        return sorted([*whole, *marked], key=lambda finding: finding.z)
    blurred = {finding.z for finding in whole if finding.reason == "blur"}
    seen, candidates = list[Seen](), dict[int, list[Region]]()
    for z in present_slices(volume):
        tick()
        if z in broken:
            continue
        seen = [*seen[-2:], look(volume, z, aligner)]
        if len(seen) == 3 and seen[1].z not in blurred:
            before, middle, after = seen
            candidates[middle.z] = find_regions(middle, (before, after), aligner)
    places = _unusual(candidates, (volume.shape[1], volume.shape[2]), limits)
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
    return {
        "departure": max(limits.departure, limits.unusual * _usual(candidates, "departure")),
        "texture": max(limits.texture, limits.unusual * _usual(candidates, "texture")),
    }


def _usual(candidates: Sequence[Sequence[Region]], rule: Rule) -> float:
    """The number of the strongest region of a usual slice."""
    strongest = [
        max((each.number for each in regions if each.rule == rule), default=0.0)
        for regions in candidates
    ]
    return float(np.median(strongest)) if strongest else 0.0
