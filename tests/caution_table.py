"""How often it is said that damage goes on beyond a place: of all of it, and of its half.

    python tests/caution_table.py --source train-input.tif --first 5
    python tests/caution_table.py --source vnc/raw

Damage is planted into five slices of a crop, one kind and size at a time.
"""

from __future__ import annotations

import argparse

import numpy as np
import planted

from bench.repair.caution import cautioned
from bench.repair.finding import Finding, Mask, Place
from bench.repair.plan import Item, Plan
from bench.volumes.sources import open_volume
from bench.volumes.stack_volume import ArrayVolume

SIZES = {
    "fold": (12, 20, 28),
    "crack": (8, 14),
    "stain": (60, 90, 120),
    "tear": (60, 140),
    "streak": (16, 24),
}
DAMAGED = range(2, 18, 3)
CORNER, SIDE, DEPTH, SEARCH = 200, 512, 20, 16


def half(mask: Mask) -> Mask:
    """The first half of a place, along its longer side."""
    rows, columns = np.nonzero(mask)
    kept = mask.copy()
    if np.ptp(rows) > np.ptp(columns):
        kept[int(np.median(rows)) :] = False
    else:
        kept[:, int(np.median(columns)) :] = False
    return kept


def told(grey: np.ndarray, masks: dict[int, Mask]) -> int:
    """Of how many places it is said."""
    items = (
        Item(Finding(z, "given", place=Place.of(mask)), "fill place") for z, mask in masks.items()
    )
    plan = Plan("crop", (len(grey), SIDE, SIDE), 0, tuple(items))
    found = cautioned(plan, ArrayVolume("crop", grey), SEARCH, lambda *_: None)
    return sum(bool(item.caution) for item in found.items)


def main() -> None:
    """Print a row for each kind and size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--first", type=int, default=0)
    words = parser.parse_args()
    part = slice(CORNER, CORNER + SIDE)
    with open_volume(words.source) as volume:
        slices = range(words.first, words.first + DEPTH)
        sound = np.stack([volume.slice(z)[part, part] for z in slices])
    print("| damage | size (px) | places | said of all | said of half |\n|---|---|---|---|---|")
    for kind, sizes in SIZES.items():
        for size in sizes:
            grey, masks = sound.copy(), dict[int, Mask]()
            for z in DAMAGED:
                random = np.random.default_rng(7 * z + size)
                grey[z], masks[z] = planted.PLACES[kind](sound[z], random, size)
            halves = {z: half(mask) for z, mask in masks.items()}
            counts = len(masks), told(grey, masks), told(grey, halves)
            print(f"| {kind} | {size} | {' | '.join(map(str, counts))} |", flush=True)


if __name__ == "__main__":
    main()
