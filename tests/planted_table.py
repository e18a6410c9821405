"""How much planted damage is found, and how much where there is none: docs/explanation/damage.md.

python tests/planted_table.py --source VOLUME [--every N] [--slices FIRST:LAST] [--only WHAT]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from planted import PLACES, WHOLE, Planted

from bench.repair.find import SEARCH, place_limits
from bench.repair.finding import Finding
from bench.repair.limits import Limits
from bench.repair.places import Seen, find_regions
from bench.repair.regions import Region, joined
from bench.repair.whole import find_whole, look
from bench.triplets.align import Aligner
from bench.volumes.sources import open_volume
from bench.volumes.stack_volume import ArrayVolume
from bench.volumes.thinned import thinned

SIZES: dict[str, tuple[float, ...]] = {
    "fold": (8, 12, 20, 40),
    "crack": (4, 8, 16),
    "stain": (24, 48, 96),
    "tear": (60, 120, 240),
    "streak": (8, 16),
    "blur": (1, 1.5, 2, 3),
    "blank": (0, 128),
    "duplicate": (0, 3),
    "elsewhere": (0,),
}
_EACH = 8  # slices that a kind and size is planted into, one at a time
_APART = 9  # slices between two that are damaged as a whole at once
_CALLED = {"streak": "crack", "elsewhere": "continuity"}
_HALF = 0.5  # of the planted pixels: found


def slices_of(source: str, every: int, part: slice) -> np.ndarray:
    """Grey values of a part of a volume, ZYX."""
    with open_volume(source) as volume:
        taken = thinned(volume, every)
        return np.stack([taken.slice(z) for z in range(taken.shape[0])[part]])


def place_rows(grey: np.ndarray, limits: Limits) -> Iterator[str]:
    """A row for each kind of damage in places, and one for sound slices."""
    volume = ArrayVolume("planted", grey)
    aligner = Aligner(*grey.shape[1:], SEARCH)
    seen = [look(volume, z, aligner) for z in range(len(grey))]
    inner = range(1, len(grey) - 1)
    sound = {z: _regions(seen, z, seen[z], aligner) for z in inner}
    beyond = place_limits(list(sound.values()), limits)
    alarms = [len(joined(z, grey.shape[1:], sound[z], beyond)) for z in inner]
    for z in inner:
        for each in joined(z, grey.shape[1:], sound[z], beyond):
            yield f"alarm: slice {z} {each.reason} {each.number:.0f} {each.place.box}"
    limit = f"limits {beyond['departure']:.0f} and {beyond['texture']:.0f}"
    yield f"{limit}; places in {len(alarms)} unplanted slices: {sum(alarms)}"
    chosen = np.unique(np.linspace(1, len(grey) - 2, _EACH).astype(int)).tolist()
    for kind, plant in PLACES.items():
        for size in SIZES[kind]:
            rows = []
            for seed, z in enumerate(chosen):
                damaged = plant(grey[z], np.random.default_rng(seed), size)
                one = look(ArrayVolume("one", np.stack([damaged.grey] * 3)), 0, aligner)
                found = joined(z, grey.shape[1:], _regions(seen, z, one, aligner), beyond)
                rows.append(_overlap(damaged, found, kind))
            shares, excess, named = np.array(rows).T
            hits = shares >= _HALF
            yield (
                f"| {kind} | {size:g} | {hits.sum()} of {len(hits)} | "
                f"{_mean(shares[hits])} | {_mean(excess[hits])} | {_mean(named[hits])} |"
            )


def whole_rows(grey: np.ndarray, limits: Limits) -> Iterator[str]:
    """A row for each kind of damage of whole slices, and one for sound slices."""
    aligner = Aligner(*grey.shape[1:], SEARCH)

    def found(values: np.ndarray) -> list[Finding]:
        return find_whole(ArrayVolume("planted", values), aligner, limits, lambda: None)

    before = found(grey)
    yield f"unplanted: {[(each.z, each.reason, round(each.number or 0, 1)) for each in before]}"
    known = {each.z for each in before}
    for kind, plant in WHOLE.items():
        for size in SIZES[kind]:
            hits, others, numbers = list[bool](), 0, list[float]()
            for start in range(3, 3 + _APART):
                chosen = range(start, len(grey) - 3, _APART)
                if len(hits) >= _EACH or not chosen:
                    break
                damaged = grey.copy()
                for seed, z in enumerate(chosen):
                    what = grey[z + 1] if kind == "duplicate" else grey[z]
                    damaged[z] = plant(what, np.random.default_rng(seed), size).grey
                after = {each.z: each for each in found(damaged) if each.z not in known}
                right = {z for z in chosen if z in after and after[z].reason == called(kind)}
                hits += [z in right for z in chosen]
                others += len(after) - len(right)
                numbers += [after[z].number or 0.0 for z in right]
            number = f"{np.median(numbers):.1f}" if numbers else "-"
            yield f"| {kind} | {size:g} | {sum(hits)} of {len(hits)} | {number} | {others} |"


def called(kind: str) -> str:
    """The reason that a kind of damage is to be found for."""
    return _CALLED.get(kind, kind)


def _regions(seen: Sequence[Seen], z: int, middle: Seen, aligner: Aligner) -> list[Region]:
    return find_regions(middle, (seen[z - 1], seen[z + 1]), aligner)


def _overlap(damaged: Planted, found: Sequence[Finding], kind: str) -> tuple[float, float, bool]:
    """Share of the planted pixels that is found, what is found beside them, and its name."""
    inside, beside, named = 0, 0, False
    for each in found:
        assert each.place is not None
        mask = each.place.within(damaged.mask.shape)  # type: ignore[arg-type]
        if (mask & damaged.mask).any():
            inside += int((mask & damaged.mask).sum())
            beside += int((mask & ~damaged.mask).sum())
            named |= each.reason == called(kind)
    planted = int(damaged.mask.sum())
    return inside / planted, beside / planted, named


def _mean(values: Any) -> str:
    return f"{np.mean(values):.2f}" if len(values) else "-"


def main() -> None:
    """Print the table of one volume."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--source", required=True)
    words.add_argument("--every", type=int, default=1)
    words.add_argument("--slices", default=":")
    words.add_argument("--only", choices=["places", "whole"])
    told = words.parse_args()
    first, last = (int(word) if word else None for word in told.slices.split(":"))
    grey = slices_of(told.source, told.every, slice(first, last))
    for name, rows in (("places", place_rows), ("whole", whole_rows)):
        for row in rows(grey, Limits()) if told.only in (None, name) else ():
            sys.stdout.write(f"{row}\n")


if __name__ == "__main__":
    main()
