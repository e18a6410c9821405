"""What a network would reach where it has learned, told by a method that learns nothing.

A network is tried only on slices that it did not learn from. They lie together in one part of the
volume, which may be easier than the rest. A gauge is tried there too, and everywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.cells.variants import parse_variant
from bench.repair.filler import Filler
from bench.repair.trust import Reached
from bench.store.records import NONE

_METHOD = "dis"  # optical flow: fast, for every time, and no worse where tissue moves


def gauge() -> Filler:
    """The method that is tried everywhere."""
    return Filler(parse_variant(_METHOD, "quick"), NONE, "it learns nothing")


def everywhere(
    own: Sequence[Reached], there: Sequence[Reached], anywhere: Sequence[Reached]
) -> tuple[Reached, ...]:
    """What a network would reach in windows of the whole volume.

    That is what the gauge reaches there, and the network's gain over it. The gains are those of the
    windows that the network did not learn from, each in turn, so that they vary as they do.

    Args:
        own: what the network reached in windows that it did not learn from.
        there: what the gauge reached in the same windows.
        anywhere: what the gauge reached in windows of the whole volume.
    """
    gains = [
        {name: score - beside.scores[name] for name, score in each.scores.items()}
        for each, beside in zip(own, there, strict=True)
    ]
    return tuple(
        Reached(
            each.difference,
            {
                name: each.scores[name] + gain
                for name, gain in gains[number * len(gains) // len(anywhere)].items()
            },
            each.scale,
        )
        for number, each in enumerate(anywhere)
    )
