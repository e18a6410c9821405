"""What one looks at to judge a finding: its place, between the nearest slices of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from bench.repair.finding import Box, Place
from bench.repair.gaps import Sound
from bench.repair.plan import Item, Plan
from bench.volumes.holes import as_ranges
from bench.volumes.volume import Volume

_AROUND = 0.5  # of a place's longer side: what is shown around it
_LEAST = 192  # pixels of the slice that are shown at least


class Panel(NamedTuple):
    """One of the pictures of a scene.

    Attributes:
        name: ``before``, ``damaged`` or ``after``.
        z: position of the slice that it shows; None where there is no such slice.
        words: which slice that is, and what lies between it and the finding.
    """

    name: str
    z: int | None
    words: str


class Scene(NamedTuple):
    """A finding between its neighbours.

    Attributes:
        items: the finding; several where slices that are missing follow each other.
        box: the part of the slices that is shown.
        panels: before, damaged, after.
    """

    items: tuple[Item, ...]
    box: Box
    panels: tuple[Panel, Panel, Panel]

    @property
    def item(self) -> Item:
        """The finding, or the first of them."""
        return self.items[0]

    def called(self, first: int) -> str:
        """Which slices it is of, by the numbers that the source gives them."""
        numbers = [first + item.finding.z for item in self.items]
        return f"slice{'s' * (len(numbers) > 1)} {as_ranges(numbers)}"


def scenes(items: Sequence[Item], plan: Plan, volume: Volume) -> list[Scene]:
    """What one looks at of findings, by slice; missing slices in a row are one.

    Args:
        items: of the plan, those that are looked at.
        plan: all of it.
        volume: of the plan.
    """
    sound = Sound(plan, volume)
    return [_scene(group, plan, volume, sound) for group in _grouped(items)]


def furthest(found: Sequence[Scene], most: int) -> list[Scene]:
    """So many of the scenes that are furthest beyond their limits, by slice."""
    worst = sorted(found, key=lambda scene: scene.item.finding.beyond, reverse=True)
    return sorted(worst[:most], key=lambda scene: scene.item.finding.z)


def around(place: Place | None, shape: tuple[int, int]) -> Box:
    """The part of a slice that is shown: a place and half as much on each side, or all.

    Args:
        place: in the slice; None where it is looked at as a whole.
        shape: of the slice, in pixels.
    """
    height, width = shape
    if place is None:
        return Box(0, height, 0, width)
    top, bottom, left, right = place.box
    side = max(int(max(bottom - top, right - left) * (1 + 2 * _AROUND)), _LEAST)
    rows = _within((top + bottom) // 2, side, height)
    columns = _within((left + right) // 2, side, width)
    return Box(*rows, *columns)


def _within(middle: int, side: int, length: int) -> tuple[int, int]:
    low = min(max(middle - side // 2, 0), max(length - side, 0))
    return low, min(low + side, length)


def _grouped(items: Iterable[Item]) -> Iterator[tuple[Item, ...]]:
    """The items by slice; missing slices in a row that have the same fate together."""
    numbered = enumerate(sorted(items, key=lambda item: item.finding.z))

    def key(pair: tuple[int, Item]) -> tuple[object, ...]:
        number, item = pair
        missing = item.finding.reason == "missing"
        return (item.finding.z - number, item.action, item.note) if missing else (number, "", "")

    for _, group in groupby(numbered, key=key):
        yield tuple(item for _, item in group)


def _scene(items: tuple[Item, ...], plan: Plan, volume: Volume, sound: Sound) -> Scene:
    first, last = items[0].finding, items[-1].finding
    before, _ = sound.beside(first.z)
    _, after = sound.beside(last.z)
    low = -1 if before is None else before
    high = volume.shape[0] if after is None else after
    panels = (
        _panel("before", before, range(low + 1, first.z), plan),
        _panel("damaged", None if first.z in volume.missing else first.z, range(0), plan),
        _panel("after", after, range(last.z + 1, high), plan),
    )
    return Scene(items, around(first.place, (volume.shape[1], volume.shape[2])), panels)


def _panel(name: str, z: int | None, between: Iterable[int], plan: Plan) -> Panel:
    if name == "damaged" and z is None:
        return Panel(name, z, "missing")
    words = f"no sound slice {name}" if z is None else f"slice {plan.first + z}"
    what = {
        item.finding.z: item.finding.reason
        for item in plan.items
        if item.finding.place is None or item.action == "fill slice"
    }
    skipped = [
        f"{as_ranges([plan.first + each for each in group])} {reason}"
        for reason, group in groupby(between, key=lambda each: what.get(each, "missing"))
    ]
    return Panel(name, z, f"{words} ({', '.join(skipped)})" if skipped else words)
