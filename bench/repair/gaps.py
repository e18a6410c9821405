"""The gaps of a volume: slices that are to be filled, and the nearest sound ones around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from bench.base.errors import UserError
from bench.repair.finding import Place
from bench.repair.plan import LONGEST, Item, Plan, unsound
from bench.repair.slices import Window
from bench.volumes.volume import Volume


@dataclass(frozen=True)
class Gap:
    """What lies between two sound slices.

    Attributes:
        before: position of the sound slice before it.
        after: position of the sound slice after it.
    """

    before: int
    after: int

    @property
    def size(self) -> int:
        """How many slices are between."""
        return self.after - self.before - 1

    @property
    def slices(self) -> range:
        """The positions between."""
        return range(self.before + 1, self.after)

    def time(self, z: int) -> float:
        """Where a position lies between before, 0, and after, 1."""
        return (z - self.before) / (self.after - self.before)


@dataclass(frozen=True)
class Task:
    """A slice that is filled, as a whole or in places.

    Attributes:
        z: its position.
        gap: that it is filled from.
        items: of the plan: the slice, or its places.
    """

    z: int
    gap: Gap
    items: tuple[Item, ...]

    @property
    def whole(self) -> bool:
        """Whether all of the slice is synthesised."""
        return self.items[0].action == "fill slice"


class Sound:
    """Which slices of a volume others are filled from.

    Args:
        plan: that says which slices are filled, or show another section, and where others are
            damaged.
        volume: of the plan.
    """

    def __init__(self, plan: Plan, volume: Volume) -> None:
        self._unsound, self._depth = unsound(plan.items, volume), volume.shape[0]
        self._places = dict[int, list[Item]]()
        for item in plan.items:
            if item.finding.place is not None and item.finding.z not in self._unsound:
                self._places.setdefault(item.finding.z, []).append(item)

    def beside(self, z: int) -> tuple[int | None, int | None]:
        """The nearest slices before and after one that show their own section, if any does."""
        return self._nearest(z, self._unsound)

    def gap(self, z: int, items: Sequence[Item]) -> Gap | None:
        """What a slice, or places of it, are filled from; None where one side has nothing.

        Places are filled from slices that are not damaged there, where some are near enough.

        Args:
            z: of the slice.
            items: of the plan that fill it.
        """
        nearest = _gap(self.beside(z))
        if not partly(items):
            return nearest
        around = range(z - LONGEST, z + LONGEST + 1)
        bad = {one for one in around if any(map(_is_damaged, self._shared(one, items)))}
        clear = _gap(self._nearest(z, self._unsound | bad))
        return clear if clear and clear.size <= LONGEST else nearest

    def showing(self, gap: Gap, items: Sequence[Item]) -> list[Item]:
        """Places of the slices beside a gap that may show through in what is filled from them.

        Args:
            gap: as ``gap`` gives it.
            items: likewise.
        """
        return [
            each
            for z in (gap.before, gap.after)
            for each in self._shared(z, items)
            if _is_damaged(each) or each.action == "look"
        ]

    def _shared(self, z: int, items: Sequence[Item]) -> list[Item]:
        """The places of a slice where another one would be filled from it."""
        places, there = partly(items), self._places.get(z, [])
        if not places:
            return there
        return [one for one in there if any(overlap(partly([one])[0], place) for place in places)]

    def _nearest(self, z: int, without: Set[int]) -> tuple[int | None, int | None]:
        before = next((one for one in range(z - 1, -1, -1) if one not in without), None)
        return before, next((one for one in range(z + 1, self._depth) if one not in without), None)


def _gap(beside: tuple[int | None, int | None]) -> Gap | None:
    before, after = beside
    return None if before is None or after is None else Gap(before, after)


def _is_damaged(item: Item) -> bool:
    """Whether somebody has said that a place is damaged."""
    return item.action == "fill place" or item.finding.number is None


def partly(items: Iterable[Item]) -> list[Place]:
    """The places of items that fill no whole slice."""
    places = (item.finding.place for item in items if item.action != "fill slice")
    return [place for place in places if place is not None]


def overlap(one: Place, other: Place) -> bool:
    """Whether two places have a pixel in common."""
    box, its = Window.of(one.box), Window.of(other.box)
    if (shared := box.shared(its)) is None:
        return False
    return bool((one.mask[shared.within(box)] & other.mask[shared.within(its)]).any())


def tasks_of(plan: Plan, volume: Volume) -> list[Task]:
    """What a plan has filled, by slice.

    Raises:
        UserError: a slice that is to be filled has no sound one on one of its sides.
    """
    sound, tasks = Sound(plan, volume), list[Task]()
    for z, items in by_slice(plan):
        gap = sound.gap(z, items)
        if gap is None:
            raise UserError(
                f"Slice {plan.first + z} has no sound slice on one of its sides to be filled from; "
                'write a plan with --plan-out, set its action to "leave", and give it with --plan.'
            )
        tasks.append(Task(z, gap, items))
    return tasks


def sound_slices(plan: Plan, volume: Volume) -> list[int]:
    """The slices in which nothing is missing or damaged, in order."""
    named = {item.finding.z for item in plan.items} | volume.missing
    return [z for z in range(volume.shape[0]) if z not in named]


def by_slice(plan: Plan) -> Iterator[tuple[int, tuple[Item, ...]]]:
    """The items of each slice that is filled; its places do not count where all of it is."""
    wanted = [item for item in plan.items if item.fills]
    for z in sorted({item.finding.z for item in wanted}):
        here = [item for item in wanted if item.finding.z == z]
        whole = [item for item in here if item.action == "fill slice"]
        yield z, tuple(whole[:1] or here)
